/** A ceremony from beginning to end, by snarkjs: `npm run test:setup`. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { syntheticCircuit } from '../../../bench/zk/syntheticCircuit';
import { proveInChild } from '../../../circuits/groth16';
import { writeR1cs } from '../../../circuits/r1csFile';
import { Ceremony, KEY } from '../../../circuits/setup/ceremony';
import { keyRecord } from '../../../circuits/setup/keyRecord';
import { writeWtns } from '../../../circuits/wtnsFile';
import { CocoonError } from '../../../protocol/errors';
import { readKeyRecord, verifyProof } from '../../../protocol/zk';

const skip = process.env.COCOON_SETUP === undefined && 'takes a minute: npm run test:setup';
const folder = mkdtempSync(join(tmpdir(), 'cocoon-ceremony-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const code = (expected: string) => (error: unknown) => error instanceof CocoonError && error.code === expected;

test('three contributors and a beacon for each phase make a key of a ceremony, and whoever changes a file is found out', { skip }, async () => {
  const { r1cs, witness } = syntheticCircuit(40, 3);
  const r1csFile = join(folder, 'a.r1cs');
  writeFileSync(r1csFile, writeR1cs(r1cs));
  const at = join(folder, 'setup');
  await Ceremony.begin(at, r1csFile, 7);
  await assert.rejects(Ceremony.begin(at, r1csFile, 7), code('usage.setup.folder'));
  await assert.rejects(Ceremony.open(at).endPhase('ab'), code('verification.setup.contributions'));
  for (const [phase, beacon] of [[1, '01'.repeat(32)], [2, '02'.repeat(32)]] as const) {
    for (const name of ['ada', 'ben', 'eve']) assert.equal((await Ceremony.open(at).contribute(name)).phase, phase);
    await assert.rejects(Ceremony.open(at).endPhase('no hex'), code('usage.setup.beacon'));
    await Ceremony.open(at).endPhase(beacon);
  }
  await assert.rejects(Ceremony.open(at).contribute('late'), code('usage.setup.over'));
  const ceremony = Ceremony.open(at);
  await ceremony.verify();
  const { key, setup } = readKeyRecord(keyRecord('ceremony', ceremony.files));
  assert.deepEqual([setup.kind, setup.contributions, setup.beacon], ['ceremony', 3, '02'.repeat(32)]);
  const { proof, publicSignals } = await proveInChild(ceremony.read(KEY), writeWtns(witness));
  assert.ok(verifyProof(key, proof, publicSignals));

  const transcript = join(at, 'transcript.json');
  const saved = readFileSync(transcript, 'utf8');
  writeFileSync(transcript, saved.replace(/"name": "eve"/g, '"name": "eva"'));
  await assert.rejects(Ceremony.open(at).verify(), code('verification.setup.transcript'));
  writeFileSync(transcript, saved);
  const changed = ceremony.read(KEY);
  changed[changed.length - 1] ^= 1;
  writeFileSync(join(at, KEY), changed);
  await assert.rejects(Ceremony.open(at).verify(), code('verification.setup.hash'));
});
