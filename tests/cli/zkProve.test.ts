/** `cocoon zk prove`. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { infer, inputCommitment, parseModelText } from '../../circuits';
import { decodeProof, readKeyRecord, verifyProof } from '../../protocol/zk';
import { cocoon, codeOf } from '../support/cocoon';

const root = join(__dirname, '../..');
const MODEL = join(root, 'models/digits-8x8.json');
const KEY = join(root, 'circuits/keys/digits-8x8.DEVELOPMENT');
const model = parseModelText(readFileSync(MODEL, 'utf8'));
const values = Array.from({ length: 64 }, (_, i) => (5 * i) % 16);
const folder = mkdtempSync(join(tmpdir(), 'cocoon-prove-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const input = (value: unknown): string => {
  const file = join(folder, `${Math.random()}.json`);
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
  return file;
};
const prove = (inputFile: string, ...more: string[]) => cocoon(['zk', 'prove', MODEL, '--zkey', `${KEY}.zkey`, '--input', inputFile, '--context', '0x1234', '--json', ...more]);

test('zk prove writes a proof of the verdict on the committed input, which verifies under the published key', async () => {
  const out = join(folder, 'proof.json');
  const run = await prove(input({ values, salt: '0xabcdef' }), '--out', out);
  assert.equal(run.status, 0, run.stderr);
  const proof = JSON.parse(readFileSync(out, 'utf8')) as { proof: string; commit: string; verdict: number; context: string };
  assert.equal((JSON.parse(run.stdout) as { proof: string }).proof, proof.proof);
  assert.equal(proof.verdict, infer(model, values).verdict);
  assert.equal(BigInt(proof.commit), inputCommitment(model, values, 0xabcdefn));
  const { key } = readKeyRecord(JSON.parse(readFileSync(`${KEY}.json`, 'utf8')));
  const signals = [proof.commit, proof.verdict, proof.context].map(BigInt);
  assert.ok(verifyProof(key, decodeProof(Buffer.from(proof.proof, 'hex')), signals));
  assert.ok(!verifyProof(key, decodeProof(Buffer.from(proof.proof, 'hex')), [signals[0], signals[1], signals[2] + 1n]));
});

test('what is wrong about an input is refused without repeating it', async () => {
  const cases: [unknown, string][] = [
    ['{"values": [12345', 'usage.input'], [{ values, salt: 12345 }, 'usage.input'], [{ values: [1.5], salt: '0x12345' }, 'usage.input'],
    [{ values, salt: '0x12345', other: 1 }, 'usage.input'], [{ values: values.slice(1), salt: '0x12345' }, 'input.zk.values'],
    [{ values: values.map((value, i) => (i === 3 ? 12345 : value)), salt: '0x1' }, 'input.zk.values'],
  ];
  for (const [value, code] of cases) {
    const run = await prove(input(value));
    assert.equal(codeOf(run), code, JSON.stringify(value));
    assert.equal(run.status, 2);
    assert.ok(!run.stderr.includes('12345'));
  }
});

test('options that cannot be are refused before anything is proven', async () => {
  const file = input({ values, salt: '0x1' });
  for (const [more, code] of [[['--context', '12'], 'usage.context'], [['--context', `0x${'f'.repeat(63)}`], 'usage.context'], [['--threads', '0'], 'usage.threads'], [['--weights', 'some'], 'usage.weights']] as const) {
    assert.equal(codeOf(await prove(file, ...more)), code);
  }
  assert.equal((await prove(join(folder, 'none.json'))).status, 8);
});

test('a file that is no proving key proves nothing', async () => {
  const run = await cocoon(['zk', 'prove', MODEL, '--zkey', `${KEY}.ptau`, '--input', input({ values, salt: '0x1' }), '--context', '0x1', '--json']);
  assert.equal(codeOf(run), 'circuit.file');
});
