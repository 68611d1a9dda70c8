import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { insecureKey, keyWithoutContribution } from '../../../bench/zk/insecureKey';
import { syntheticCircuit } from '../../../bench/zk/syntheticCircuit';
import { FIELD_MODULUS } from '../../../circuits/field';
import { proveInChild, Prover, ProverProcess, readProvingKey } from '../../../circuits/groth16';
import { readSections, writeSections } from '../../../circuits/iden3File';
import { writeWtns } from '../../../circuits/wtnsFile';
import { CocoonError } from '../../../protocol/errors';
import { negated, verifyProof } from '../../../protocol/zk';

const { r1cs, witness } = syntheticCircuit(200, 7);
const file = insecureKey(r1cs, 'prover.test');
const key = readProvingKey(file);
const wtns = writeWtns(witness);
const prover = new Prover(key, { threads: 2 });
after(() => prover.close());

const code = (expected: string) => (error: unknown) => error instanceof CocoonError && error.code === expected;

test('a proof verifies for its public signals and no others', async () => {
  const { proof, publicSignals } = await prover.prove(wtns);
  assert.deepEqual(publicSignals, witness.slice(1, 4));
  assert.ok(verifyProof(key.verification, proof, publicSignals));
  publicSignals.forEach((_, i) => {
    const others = publicSignals.map((signal, j) => (i === j ? signal + 1n : signal));
    assert.ok(!verifyProof(key.verification, proof, others), `signal ${i}`);
  });
});

test('a changed proof does not verify', async () => {
  const { proof, publicSignals } = await prover.prove(wtns);
  const other = (await prover.prove(wtns)).proof;
  const { alpha, beta } = key.verification;
  const changed = [
    { ...proof, a: negated(proof.a) }, { ...proof, b: negated(proof.b) }, { ...proof, c: negated(proof.c) },
    { ...proof, a: proof.c, c: proof.a }, { ...proof, c: proof.a }, { ...proof, a: alpha }, { ...proof, b: beta }, { ...proof, a: alpha, b: beta },
    { ...proof, a: other.a }, { ...proof, b: other.b }, { ...proof, c: other.c },
  ];
  changed.forEach((one, i) => assert.ok(!verifyProof(key.verification, one, publicSignals), `change ${i}`));
});

test('two proofs of one witness have no point in common', async () => {
  const [first, second] = [(await prover.prove(wtns)).proof, (await prover.prove(wtns)).proof];
  for (const point of ['a', 'b', 'c'] as const) assert.notDeepEqual(first[point], second[point]);
});

test('proofs asked for at once come one after the other, each right', async () => {
  const proven = await Promise.all([wtns, wtns, wtns].map((one) => prover.prove(one)));
  for (const { proof, publicSignals } of proven) assert.ok(verifyProof(key.verification, proof, publicSignals));
});

test('one thread is enough, and three are not too many', async () => {
  for (const threads of [1, 3]) {
    const some = new Prover(key, { threads });
    const { proof, publicSignals } = await some.prove(wtns);
    assert.ok(verifyProof(key.verification, proof, publicSignals), `${threads} threads`);
    await some.close();
  }
});

test('a witness that breaks a constraint gets no proof, and the refusal does not tell what it is', async () => {
  for (const wire of [4, 40, 100, witness.length - 1]) {
    const broken = witness.map((value, i) => (i === wire ? (value + 123456789n) % FIELD_MODULUS : value));
    await assert.rejects(prover.prove(writeWtns(broken)), (error: unknown) => {
      assert.ok(code('prover.unsatisfied')(error));
      assert.ok(!JSON.stringify(error).includes(String(broken[wire])));
      return true;
    });
  }
  assert.ok((await prover.prove(wtns)).proof, 'the next witness is not held back');
});

test('a file that is no witness of the key is refused', async () => {
  const [header, values] = [1, 2].map((type) => {
    const view = readSections(wtns, 'wtns', 2).get(type)!;
    return new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  });
  const sections = (first: Uint8Array, second: Uint8Array) => writeSections('wtns', 2, [{ type: 1, bytes: first }, { type: 2, bytes: second }]);
  const changed = (from: Uint8Array, at: number, byte: number) => from.map((value, i) => (i === at ? byte : value));
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(), 'circuit.file'],
    ['cut', wtns.subarray(0, wtns.length - 1), 'circuit.file'],
    ['another kind', file, 'circuit.file'],
    ['no values', writeSections('wtns', 2, [{ type: 1, bytes: header }]), 'prover.witness'],
    ['another modulus', sections(changed(header, 5, 9), values), 'prover.witness'],
    ['a wire less', writeWtns(witness.slice(0, -1)), 'prover.witness'],
    ['a wire more', writeWtns([...witness, 1n]), 'prover.witness'],
    ['not all the values', sections(header, values.subarray(0, -32)), 'prover.witness'],
    ['0 on wire 0', sections(header, changed(values, 0, 0)), 'prover.witness'],
    ['the order itself', writeWtns(witness.map((value, i) => (i === 9 ? FIELD_MODULUS : value))), 'prover.witness'],
    ['more than the order', sections(header, changed(values, 32 * 9 + 31, 0xff)), 'prover.witness'],
  ];
  for (const [name, bytes, expected] of cases) await assert.rejects(prover.prove(bytes), code(expected), name);
});

test('nothing of a witness is left in the memory after a proof, nor after a refusal', async () => {
  const { memory, layout } = (prover as unknown as { loaded: import('../../../circuits/groth16/keyMemory').KeyMemory }).loaded;
  const isWiped = () => new Uint8Array(memory.buffer, layout.secrets).every((byte) => byte === 0);
  await prover.prove(wtns);
  assert.ok(isWiped());
  await assert.rejects(prover.prove(writeWtns(witness.map((value, i) => (i === 5 ? value + 1n : value)))));
  assert.ok(isWiped());
  for (const workspace of layout.workspaces) assert.ok(new Uint8Array(memory.buffer, workspace + 384, 4096 - 384).every((byte) => byte === 0));
});

test('a process of its own proves, again and again in the memory that it has', async () => {
  const child = await ProverProcess.start(file);
  try {
    let first = 0;
    for (let i = 0; i < 10; i++) {
      const { proof, publicSignals, peakRssMb } = await child.prove(wtns);
      assert.ok(verifyProof(key.verification, proof, publicSignals));
      if (i === 4) first = peakRssMb;
      assert.ok(i < 5 || peakRssMb < first + 40, `${peakRssMb} MB after ${i} proofs, ${first} MB after 5`);
    }
    await assert.rejects(child.prove(wtns.subarray(1)), code('circuit.file'));
    assert.ok((await child.prove(wtns)).proof, 'a refusal ends nothing');
  } finally {
    await child.close();
  }
  await assert.rejects(child.prove(wtns), code('prover.process'));
});

test('proofs under way end with the process', async () => {
  const child = await ProverProcess.start(file);
  const under = assert.rejects(child.prove(wtns), code('prover.process'));
  await child.close();
  await under;
});

test('a process refuses what the reader of keys refuses', async () => {
  await assert.rejects(proveInChild(keyWithoutContribution(r1cs), wtns), code('BAD_KEY_FORGEABLE'));
  await assert.rejects(proveInChild('/nowhere/a.zkey', wtns), code('prover.failed'));
});
