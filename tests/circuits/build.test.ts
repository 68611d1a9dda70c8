/** `cocoon zk build`. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { insecureKey, keyWithoutContribution } from '../../bench/zk/insecureKey';
import { buildCircuit, parseModel, type CircuitRecord } from '../../circuits';
import { readKeyRecord } from '../../protocol/zk/key';
import { sha256 } from '../../protocol/sha256';
import { cocoon, codeOf } from '../support/cocoon';
import { SHIPPED, root } from './support';

const folder = mkdtempSync(join(tmpdir(), 'cocoon-zk-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const small = (weight: number) => ({
  format: 'cocoon-circuit-model-1', name: 'small', input: { height: 1, width: 2, channels: 1, minimum: 0, bits: 2 },
  range: { weightBits: 4, biasBits: 4 }, verdict: 'argmax', layers: [{ kind: 'dense', weights: [[weight, 2], [3, -4]], bias: [1, 0] }],
});
const model = file('small.json', JSON.stringify(small(1)));
const { r1cs } = buildCircuit(parseModel(small(1)));
const zkey = insecureKey(r1cs, 'zk build');
const phase1 = file('phase1.ptau', 'powers of tau');

test('zk build writes constraints and a record with their hash, sizes and widths, the same every time', async () => {
  const out = join(folder, 'out');
  const run = await cocoon(['zk', 'build', SHIPPED, '--out', out, '--json']);
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.equal(report.checkedInputs, 16);
  assert.deepEqual(readdirSync(out).sort(), ['digits-8x8.circuit.json', 'digits-8x8.r1cs']);
  const constraints = readFileSync(String(report.r1cs));
  const record = JSON.parse(readFileSync(String(report.record), 'utf8')) as CircuitRecord;
  assert.equal(record.r1csHash, hex(sha256(constraints)));
  assert.deepEqual([record.weights, record.constraints, record.domain, record.weightCommitment], ['constant', 1782, 2048, null]);
  assert.equal(record.layers[0].openedBits.length, 64);
  assert.ok(record.layers.every(({ lowest, highest }) => lowest < 0 && highest > 0));
  await cocoon(['zk', 'build', SHIPPED, '--out', out, '--json']);
  assert.deepEqual(readFileSync(String(report.r1cs)), constraints);
});

test('with committed weights it writes which weights they are', async () => {
  const run = await cocoon(['zk', 'build', model, '--out', folder, '--weights', 'committed', '--json']);
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.match(String(report.weightCommitment), /^[0-9a-f]{64}$/);
  assert.notEqual(report.r1csHash, buildCircuit(parseModel(small(1))).record.r1csHash);
});

test('with the committed development key it writes the verification key that lies beside it', async () => {
  const keys = join(root, 'circuits/keys/digits-8x8.DEVELOPMENT');
  const run = await cocoon(['zk', 'build', SHIPPED, '--out', folder, '--zkey', `${keys}.zkey`, '--phase1', `${keys}.ptau`, '--json']);
  assert.equal(run.status, 0, run.stderr);
  const report = JSON.parse(run.stdout) as Record<string, unknown>;
  const written = readKeyRecord(JSON.parse(readFileSync(String(report.key), 'utf8')));
  const committed = readKeyRecord(JSON.parse(readFileSync(`${keys}.json`, 'utf8')));
  assert.deepEqual(written.key, committed.key);
  // The committed powers of tau are those before the preparation that snarkjs makes of them.
  assert.deepEqual(written.setup, { ...committed.setup, phase1Hash: hex(sha256(readFileSync(`${keys}.ptau`))) });
  assert.deepEqual([written.setup.kind, written.setup.r1csHash, report.contributions], ['development', report.r1csHash, 1]);
});

test('a key that anyone can forge with, a key of other weights and what cannot be read are refused, each by its exit code', async () => {
  const build = (...args: string[]) => ['zk', 'build', ...args, '--out', join(folder, 'refused'), '--json'];
  let keys = 0;
  const withKey = (bytes: Uint8Array) => build(model, '--zkey', file(`wrong${keys++}.zkey`, bytes), '--phase1', phase1);
  const table: [string, string[], number, string][] = [
    ['no contribution', withKey(keyWithoutContribution(r1cs)), 6, 'BAD_KEY_FORGEABLE'],
    ['secrets of one maker and nobody else', withKey(zkey), 6, 'verification.setup.contributions'],
    ['other weights', withKey(insecureKey(buildCircuit(parseModel(small(2))).r1cs, 'zk build')), 6, 'verification.zk.circuit'],
    ['another circuit', withKey(insecureKey({ ...r1cs, constraints: r1cs.constraints.slice(0, 250) }, 'zk build')), 6, 'verification.zk.circuit'],
    ['no proving key', withKey(new Uint8Array(100)), 6, 'circuit.file'],
    ['a key without its powers', build(model, '--zkey', file('small.zkey', zkey)), 2, 'usage.phase1'],
    ['no such model', build(join(folder, 'none.json')), 8, 'storage.missing'],
    ['no model', build(phase1), 7, 'model.zk.format'],
    ['another mode', build(model, '--weights', 'hidden'), 2, 'usage.command-line'],
  ];
  for (const [name, args, status, code] of table) {
    const run = await cocoon(args);
    assert.equal(run.status, status, `${name}: ${run.stderr}`);
    assert.equal(codeOf(run), code, name);
  }
});
