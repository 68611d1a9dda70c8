/** `cocoon exact prove` and `exact verify`: one document on stdout, typed errors, the exit code of their kind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cocoon as cocoonHere, codeOf } from '../support/cocoon';

const folder = mkdtempSync(join(tmpdir(), 'cocoon-proof-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const model = join(__dirname, '../../exact/vectors/grouped.cocoon');
const cocoon = (...args: string[]) => cocoonHere(['exact', ...args], { COCOON_DATA_FOLDER: join(folder, 'data') });
const prove = (...args: string[]) => cocoon('prove', '--model', model, '--prompt', 'dog', '--max-tokens', '3', ...args);
const save = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

async function proven(flag: '--commit' | '--inner', leaf: string): Promise<Record<string, unknown>> {
  const run = await prove(flag, leaf, '--json');
  assert.equal(run.status, 0, run.stderr);
  assert.equal(run.stdout.trim().split('\n').length, 1);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

test('what prove prints of the commit tree verifies, and verify says which roots are still to compare', async () => {
  const proof = await proven('--commit', '0/0/1/k8/0');
  const path = save('good.json', proof);
  const alone = await cocoon('verify', path, '--json');
  assert.equal(alone.status, 0, alone.stderr);
  const said = JSON.parse(alone.stdout) as Record<string, unknown>;
  assert.equal(said.valid, true);
  assert.deepEqual(said.address, { block: 0, position: 0, group: 1, slot: 'k8', leaf: 0 });
  assert.deepEqual(said.notCompared, ['modelRoot', 'traceRoot', 'job']);
  const roots = ['--model-root', String(proof.modelRoot), '--trace-root', String(proof.traceRoot).toUpperCase()];
  const compared = await cocoon('verify', path, '--json', ...roots);
  assert.deepEqual((JSON.parse(compared.stdout) as typeof said).notCompared, ['job']);
  const text = await cocoon('verify', path);
  assert.match(text.stdout, /^the proof holds\nblock 0, position 0, group 1, slot k8, leaf 0\n242 bytes/);
  assert.match(text.stdout, /still to compare: modelRoot, traceRoot, job\n$/);
});

test('what prove prints of a position tree verifies against the root of that position', async () => {
  const proof = await proven('--inner', '0/1/2/q/0');
  const path = save('inner.json', proof);
  const alone = JSON.parse((await cocoon('verify', path, '--json')).stdout) as Record<string, unknown>;
  assert.deepEqual([alone.valid, alone.kind, alone.positionRoot], [true, 'inner', proof.positionRoot]);
  assert.deepEqual(alone.notCompared, ['modelRoot', 'positionRoot', 'job']);
  const compared = await cocoon('verify', path, '--json', '--position-root', String(proof.positionRoot));
  assert.deepEqual((JSON.parse(compared.stdout) as typeof alone).notCompared, ['modelRoot', 'job']);
  const text = await cocoon('verify', path);
  assert.match(text.stdout, /^the proof holds\nblock 0, position 1, group 2, slot q, leaf 0\n256 bytes/);
});

test('the trace of prove is the trace of run, with sampling too, and a padding leaf proves as one', async () => {
  const sampling = ['--seed', '5', '--top-k', '9'];
  const proof = await prove('--commit', '0/30/1/v8/0', '--json', ...sampling);
  const ran = await cocoon(
    'run', '--model', model, '--prompt', 'dog', '--max-tokens', '3', '--backend', 'reference', '--json', ...sampling,
  );
  const [a, b] = [proof, ran].map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
  assert.equal(a.traceRoot, b.traceRoot);
  assert.equal(a.bytes, null);
  assert.equal((await cocoon('verify', save('padding.json', a), '--json')).status, 0);
  const text = (await prove('--inner', '0/30/0/token/0')).stdout;
  assert.match(text, /a padding leaf[\s\S]*with --json this prints the proof/);
});

test('a proof that does not hold is refused with exit code 6, bad usage with 2, nothing on stdout', async () => {
  const proof = await proven('--commit', '0/0/1/k8/0');
  const good = save('key.json', proof);
  const bent = (name: string, change: object) => ['verify', save(`${name}.json`, { ...proof, ...change })];
  const zeros = '0'.repeat(64);
  const table: [string[], number, string][] = [
    [bent('bytes', { bytes: '00'.repeat(242) }), 6, 'verification.proof.root'],
    [bent('length', { bytes: '00' }), 6, 'verification.proof.bytes'],
    [bent('path', { path: [] }), 6, 'verification.proof.path'],
    [bent('trace', { traceRoot: zeros }), 6, 'verification.proof.root'],
    [bent('slot', { address: { block: 0, position: 0, group: 1, slot: 'x', leaf: 0 } }), 6, 'verification.proof.slot'],
    [bent('format', { format: 1 }), 6, 'verification.proof.format'],
    [['verify', save('text.json', 'no proof')], 6, 'verification.proof.format'],
    [['verify', good, '--model-root', zeros], 6, 'verification.proof.other-model'],
    [['verify', good, '--trace-root', zeros], 6, 'verification.proof.other-trace'],
    [['verify', good, '--position-root', zeros], 6, 'verification.proof.other-position'],
    [['verify', good, '--trace-root', '12'], 2, 'usage.root'],
    [['verify', join(folder, 'absent.json')], 2, 'usage.proof-file'],
    [['verify'], 2, 'usage.command-line'],
    [['prove', '--model', model, '--prompt', 'dog'], 2, 'usage.leaf'],
    [['prove', '--model', model, '--prompt', 'dog', '--commit', '0/0/1/k8/0', '--inner', '0/0/1/q/0'], 2, 'usage.leaf'],
    [['prove', '--model', model, '--inner', '0/0/1/q/0'], 2, 'usage.prompt-missing'],
    ...['', '0/0/1/q', '0/0/1/q/0/0', '0/0/1/q/-1', '0/0/1//0', '0/0/1/q/1e3'].map((leaf): [string[], number, string] =>
      [['prove', '--model', model, '--prompt', 'dog', '--inner', leaf], 2, 'usage.leaf']),
    [['prove', '--model', model, '--prompt', 'dog', '--inner', '0/32/1/q/0'], 2, 'input.leaf.position'],
    [['prove', '--model', model, '--prompt', 'dog', '--commit', '0/0/1/q/0'], 2, 'input.leaf.slot'],
    [['prove', '--model', join(folder, 'absent'), '--prompt', 'dog', '--inner', '0/0/1/q/0'], 7, 'engine.model-missing'],
  ];
  for (const [args, exitCode, code] of table) {
    const run = await cocoon(...args, '--json');
    assert.deepEqual([run.status, codeOf(run), run.stdout], [exitCode, code, ''], args.slice(-2).join(' '));
  }
});
