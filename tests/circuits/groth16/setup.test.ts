import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { insecureKey, keyWithoutContribution } from '../../../bench/zk/insecureKey';
import { syntheticCircuit } from '../../../bench/zk/syntheticCircuit';
import { readProvingKey } from '../../../circuits/groth16';
import { readContributions } from '../../../circuits/setup/contributions';
import { hashOf, keyRecord } from '../../../circuits/setup/keyRecord';
import { CocoonError } from '../../../protocol/errors';
import { readKeyRecord } from '../../../protocol/zk';

const KEYS = join(__dirname, '../../../circuits/keys');
const NAME = 'digits-8x8.DEVELOPMENT';
const shipped = readFileSync(join(KEYS, `${NAME}.zkey`));
const record: unknown = JSON.parse(readFileSync(join(KEYS, `${NAME}.json`), 'utf8'));
const transcript = JSON.parse(readFileSync(join(KEYS, `${NAME}.transcript.json`), 'utf8')) as { steps: { file: string; sha256: string; name?: string; beacon?: string; phase: number }[] };
const code = (expected: string) => (error: unknown) => error instanceof CocoonError && error.code === expected;

/** Section 10 with one contribution of these parameters. */
function contributions(count: number, kind: number, parameters: number[], claimed = parameters.length): DataView {
  const bytes = new Uint8Array(64 + 4 + 3 * 96 + 192 + 64 + 8 + parameters.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(64, count, true);
  view.setUint32(bytes.length - parameters.length - 8, kind, true);
  view.setUint32(bytes.length - parameters.length - 4, claimed, true);
  bytes.set(parameters, bytes.length - parameters.length);
  return view;
}

test('the shipped key is the one of its record and of its transcript, and named a development key', () => {
  const { key, setup } = readKeyRecord(record);
  assert.deepEqual(key, readProvingKey(shipped).verification);
  assert.equal(setup.kind, 'development');
  assert.equal(setup.zkeyHash, hashOf(shipped));
  assert.equal(setup.contributions, 1);
  const hashes = Object.fromEntries(transcript.steps.map(({ file, sha256 }) => [file, sha256]));
  assert.deepEqual([hashes['phase2-beacon.zkey'], hashes['phase1-prepared.ptau'], hashes['circuit.r1cs']], [setup.zkeyHash, setup.phase1Hash, setup.r1csHash]);
  assert.equal(hashes['phase1-beacon.ptau'], hashOf(readFileSync(join(KEYS, `${NAME}.ptau`))), 'whoever verifies begins with it');
});

test('the shipped key names its contribution and its beacon', () => {
  const found = readContributions(readProvingKey(shipped).contributions);
  assert.deepEqual(found.map(({ name, beacon }) => beacon?.hex ?? name), transcript.steps.filter(({ phase, name, beacon }) => phase === 2 && (name ?? beacon)).map(({ name, beacon }) => beacon ?? name));
});

test('the shipped key is at most 3 MB', () => {
  assert.ok(shipped.length <= 3e6);
});

test('a key becomes that of a ceremony by three contributions and a beacon, and any by at least one', () => {
  const files = { r1cs: new Uint8Array(), phase1: new Uint8Array() };
  const { r1cs } = syntheticCircuit(40, 3);
  assert.throws(() => keyRecord('ceremony', { ...files, zkey: shipped }), code('verification.setup.contributions'));
  assert.throws(() => keyRecord('development', { ...files, zkey: insecureKey(r1cs, 'setup.test') }), code('verification.setup.contributions'));
  assert.throws(() => keyRecord('development', { ...files, zkey: keyWithoutContribution(r1cs) }), code('BAD_KEY_FORGEABLE'));
  assert.equal(keyRecord('development', { ...files, zkey: shipped }).setup.kind, 'development');
});

test('names, iterations and beacons of contributions are read', () => {
  assert.deepEqual(readContributions(contributions(1, 0, [1, 2, 0x6d, 0x65])), [{ name: 'me', beacon: null }]);
  assert.deepEqual(readContributions(contributions(1, 1, [1, 1, 0x62, 2, 10, 3, 2, 0xab, 0xcd])), [{ name: 'b', beacon: { hex: 'abcd', iterationsLog: 10 } }]);
  assert.deepEqual(readContributions(contributions(1, 0, [])), [{ name: '', beacon: null }]);
});

test('contributions that are not all there are refused', () => {
  for (const section of [new DataView(new ArrayBuffer(10)), contributions(2, 0, []), contributions(0xffffffff, 0, []), contributions(0, 0, []), contributions(1, 0, [1, 0], 9), contributions(1, 0, [7, 0])]) {
    assert.throws(() => readContributions(section), code('zkey.contribution'));
  }
});
