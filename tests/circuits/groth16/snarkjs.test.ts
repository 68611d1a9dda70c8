import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { snarkjsProof } from '../../../bench/zk/snarkjsProof';
import { constraintsOf, createCircuit } from '../../../circuits/circuit';
import { proveInChild } from '../../../circuits/groth16';
import { parseModelText, sizeOf } from '../../../circuits/model';
import { writeR1cs } from '../../../circuits/r1csFile';
import { hashOf } from '../../../circuits/setup/keyRecord';
import { SNARKJS_FILE } from '../../../circuits/setup/snarkjs';
import { witnessOf } from '../../../circuits/witness';
import { writeWtns } from '../../../circuits/wtnsFile';
import { readKeyRecord, verifyProof } from '../../../protocol/zk';

const root = join(__dirname, '../../..');
const KEY = join(root, 'circuits/keys/digits-8x8.DEVELOPMENT.zkey');
const { key, setup } = readKeyRecord(JSON.parse(readFileSync(KEY.replace(/zkey$/, 'json'), 'utf8')));
const circuit = createCircuit(parseModelText(readFileSync(join(root, 'models/digits-8x8.json'), 'utf8')));
const folder = mkdtempSync(join(tmpdir(), 'cocoon-snarkjs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function snarkjs(...args: string[]): { said: string; isOk: boolean } {
  const { stdout, status } = spawnSync(process.execPath, [SNARKJS_FILE, ...args], { encoding: 'utf8' });
  return { said: stdout, isOk: status === 0 };
}

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

test('the shipped key is of the constraints that the shipped model becomes', () => {
  assert.equal(hashOf(writeR1cs(constraintsOf(circuit))), setup.r1csHash);
});

test('a proof of ours under a key that snarkjs made verifies there and here, and a changed one does not', async () => {
  const { input } = circuit.model;
  const values = Array.from({ length: sizeOf(input) }, (_, i) => input.minimum + ((7 * i) % 2 ** input.bits));
  const witness = witnessOf(circuit, { values, salt: 999n, context: 31337n });
  const { proof, publicSignals } = await proveInChild(KEY, writeWtns(witness.wires));
  assert.deepEqual(publicSignals, [witness.commit, BigInt(witness.verdict), 31337n]);
  assert.ok(verifyProof(key, proof, publicSignals));

  const verificationKey = join(folder, 'key.json');
  assert.ok(snarkjs('zkey', 'export', 'verificationkey', KEY, verificationKey).isOk);
  const proofFile = write('proof.json', snarkjsProof(proof));
  const verify = (signals: readonly bigint[]) => snarkjs('groth16', 'verify', verificationKey, write('public.json', signals.map(String)), proofFile);
  assert.match(verify(publicSignals).said, /OK!/);
  assert.ok(!verify([publicSignals[0], publicSignals[1] + 1n, publicSignals[2]]).isOk);
});
