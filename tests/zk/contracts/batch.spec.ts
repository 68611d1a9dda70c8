import '@ton/test-utils';
import { bls12_381 } from '@noble/curves/bls12-381';
import { beginCell, Cell, toNano } from '@ton/core';
import { g1Bytes, type Groth16Proof, negated, parseG1, SCALAR_ORDER, verifyProof } from '../../../protocol/zk';
import { contextWord } from '../../../protocol/zk';
import {
  Groth16Verifier,
  MAX_PROOFS,
  packSubmitProofs,
  type ProofSubmission,
  requiredProofsValue,
  VERIFIER_ERRORS,
} from '../../../wrappers/zk';
import { multiplyPrices, pricesOf } from '../../support/config';
import { feesOf, sumFees } from '../../support/fees';
import { keyOf, proofFor, trapdoorOf } from '../../support/groth16Simulator';
import { NETWORK_ID } from '../../support/jobWorld';
import { librariesOf, standIn } from '../../support/libraries';
import * as points from '../../support/zkBadPoints';
import { answers, COMMIT, KEY, PRICE, VERDICT, type Wallet, ZkWorld } from '../../support/zkWorld';

const { proofWrong, proofPoint, inputOutOfRange, exoticCell, malformed, valueTooLow, proofCount, keyNotChecked } = VERIFIER_ERRORS;

/** The world's job again for a number of payees: the first is paid, the others get their value back. */
function submissions(world: ZkWorld, count: number): ProofSubmission[] {
  const { prover, rival } = world.wallets;
  return Array.from({ length: count }, (_, index) => submission(world, index % 2 === 0 ? prover : rival));
}
const submission = (world: ZkWorld, payee: Wallet): ProofSubmission => ({
  escrow: world.job.address,
  payee: payee.address,
  proof: world.proof(payee),
  inputs: [COMMIT, VERDICT],
});

const valueOf = (world: ZkWorld, count: number): bigint => requiredProofsValue(count, pricesOf(world.chain));
const submit = (world: ZkWorld, body: Cell, count: number, value = valueOf(world, count)) => world.submit(body, value, world.wallets.stranger);

/** The cells of a list without the SDK's checks. */
function pack(list: readonly ProofSubmission[], change = (cell: Cell): Cell => cell): Cell {
  const bytes = (...parts: Uint8Array[]): Cell => parts.reduce((cell, part) => cell.storeBuffer(Buffer.from(part)), beginCell()).endCell();
  const proofs = list.reduceRight<Cell | null>((next, { escrow, payee, proof, inputs }) => {
    const cell = beginCell()
      .storeBuffer(escrow.hash)
      .storeBuffer(payee.hash)
      .storeRef(bytes(proof.a, proof.c))
      .storeRef(bytes(proof.b))
      .storeRef(inputs.reduce((given, input) => given.storeUint(input, 256), beginCell()).endCell());
    return change((next === null ? cell : cell.storeRef(next)).endCell());
  }, null);
  return beginCell().storeUint(0x0c87, 32).storeRef(proofs!).endCell();
}

describe('several proofs in one message', () => {
  it('are all told to their jobs, and what they did not use returns', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, verifier, wallets } = world;
    const accounts = [job.address, verifier.address, ...Object.values(wallets).map(({ address }) => address)];
    const total = async () => (await Promise.all(accounts.map((address) => world.balance(address)))).reduce((sum, value) => sum + value);
    const [before, held] = [await total(), await world.balance(verifier.address)];
    const { transactions } = await verifier.sendProofs(wallets.stranger.getSender(), { value: toNano('1'), proofs: submissions(world, 2) });
    expect(answers(transactions)).toEqual([{ kind: 'proven', verdict: VERDICT }, { kind: 'unused', reason: 1 }]);
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: (value) => value! >= PRICE });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.rival.address, op: 0x0c85 });
    expect(transactions).toHaveTransaction({ from: verifier.address, to: wallets.stranger.address, op: 0xd53276db, value: (value) => value! > toNano('0.9') });
    expect(before - (await total())).toBe(sumFees(transactions).totalNano);
    expect(await world.balance(verifier.address)).toBe(held);
  });

  it.each([[2, 82_000], [4, 62_500], [MAX_PROOFS, 52_500]])('%d of them take at most %d gas each to check, one alone 107,000', async (count, gas) => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { transactions } = await submit(world, packSubmitProofs(submissions(world, count)), count);
    expect(transactions).toHaveTransaction({ to: world.verifier.address, success: true });
    expect(feesOf(transactions[1]).gas).toBeLessThanOrEqual(BigInt(count * gas));
    expect(answers(transactions)).toHaveLength(count);
  });

  it.each([[2, 1n], [MAX_PROOFS, 1n], [2, 10n], [MAX_PROOFS, 10n]])('%d of them take the least value, one nanoTON less is refused, at %d times the prices', async (count, factor) => {
    const world = await ZkWorld.opened({ isExclusive: false });
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const body = packSubmitProofs(submissions(world, count));
    const short = await submit(world, body, count, valueOf(world, count) - 1n);
    expect(short.transactions).toHaveTransaction({ to: world.verifier.address, success: false, exitCode: valueTooLow });
    const held = await world.balance(world.verifier.address);
    const { transactions } = await submit(world, body, count);
    expect(transactions).toHaveTransaction({ to: world.verifier.address, success: true });
    expect(await world.balance(world.verifier.address)).toBeGreaterThanOrEqual(held);
    expect(transactions).not.toHaveTransaction({ to: world.job.address, success: false });
  });

  it('of the circuit with one more public input are checked too, within the value that they bring', async () => {
    const trapdoor = trapdoorOf('four inputs', 4);
    const world = await ZkWorld.create();
    const { chain, wallets, job } = world;
    const verifier = chain.openContract(await Groth16Verifier.fromIdentity({ key: keyOf(trapdoor), isDevelopment: true, shard: 0 }));
    const context = { networkId: NETWORK_ID, verifier: verifier.address.hash, escrow: job.address.hash, payee: wallets.prover.address.hash };
    const inputs = [COMMIT, VERDICT, 77n];
    const one = { escrow: job.address, payee: wallets.prover.address, proof: proofFor(trapdoor, inputs, context), inputs };
    const early = await verifier.sendProofs(wallets.prover.getSender(), { value: valueOf(world, 2), proofs: [one, one] });
    expect(early.transactions).toHaveTransaction({ to: verifier.address, success: false, exitCode: keyNotChecked });
    await verifier.sendCheckKey(wallets.stranger.getSender(), toNano('0.3'));
    for (const count of [2, MAX_PROOFS]) {
      const proofs = Array.from({ length: count }, () => one);
      const { transactions } = await verifier.sendProofs(wallets.prover.getSender(), { value: valueOf(world, count), proofs });
      expect(transactions).toHaveTransaction({ to: verifier.address, success: true });
      const wrong = [...proofs.slice(1), { ...one, inputs: [COMMIT, VERDICT, 78n] }];
      const refused = await verifier.sendProofs(wallets.prover.getSender(), { value: valueOf(world, count), proofs: wrong });
      expect(refused.transactions).toHaveTransaction({ to: verifier.address, success: false, exitCode: proofWrong });
    }
  });

  it('whose errors cancel without the random numbers are refused: C + D and C - D', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const [first, second] = submissions(world, 2);
    const shift = bls12_381.G1.Point.BASE.multiply(31337n);
    const moved = (proof: Groth16Proof, by: typeof shift) => ({ ...proof, c: g1Bytes(parseG1('C', proof.c).add(by)) });
    const list = [{ ...first, proof: moved(first.proof, shift) }, { ...second, proof: moved(second.proof, shift.negate()) }];
    for (const body of [pack(list), pack([...list].reverse())]) {
      const { transactions } = await submit(world, body, 2);
      expect(transactions).toHaveTransaction({ to: world.verifier.address, success: false, exitCode: proofWrong });
    }
    const context = { networkId: NETWORK_ID, verifier: world.verifier.address.hash, escrow: world.job.address.hash, payee: first.payee.hash };
    expect(verifyProof(KEY, first.proof, [COMMIT, VERDICT, contextWord(context)])).toBe(true);
    expect(verifyProof(KEY, list[0].proof, [COMMIT, VERDICT, contextWord(context)])).toBe(false);
  });

  describe('one of which is bad count nothing together, wherever it stands:', () => {
    const other = (change: (proof: Groth16Proof) => Partial<Groth16Proof>) => (bad: ProofSubmission) => ({ ...bad, proof: { ...bad.proof, ...change(bad.proof) } });
    const CASES: [string, number, (bad: ProofSubmission, world: ZkWorld) => ProofSubmission][] = [
      ['another verdict', proofWrong, (bad) => ({ ...bad, inputs: [COMMIT, VERDICT + 1n] })],
      ['another payee', proofWrong, (bad, { wallets }) => ({ ...bad, payee: wallets.client.address })],
      ['another escrow', proofWrong, (bad, { verifier }) => ({ ...bad, escrow: verifier.address })],
      ['-A', proofWrong, other(({ a }) => ({ a: negated(a) }))],
      ['-B', proofWrong, other(({ b }) => ({ b: negated(b) }))],
      ['-C', proofWrong, other(({ c }) => ({ c: negated(c) }))],
      ['A at infinity', proofWrong, other(() => ({ a: points.infinity(48) }))],
      ['all points at infinity', proofWrong, other(() => ({ a: points.infinity(48), b: points.infinity(96), c: points.infinity(48) }))],
      ['A outside of the subgroup', proofPoint, other(({ a }) => ({ a: points.withTorsion1(a) }))],
      ['B outside of the subgroup', proofPoint, other(({ b }) => ({ b: points.withTorsion2(b) }))],
      ['C outside of the subgroup', proofPoint, other(({ c }) => ({ c: points.withTorsion1(c) }))],
      ['a verdict above the order', inputOutOfRange, (bad) => ({ ...bad, inputs: [COMMIT, VERDICT + SCALAR_ORDER] })],
      ['a commitment above the order', inputOutOfRange, (bad) => ({ ...bad, inputs: [COMMIT + SCALAR_ORDER, VERDICT] })],
      ['an input more', proofWrong, (bad) => ({ ...bad, inputs: [COMMIT, VERDICT, 0n] })],
      ['an input less', proofWrong, (bad) => ({ ...bad, inputs: [COMMIT] })],
      ['C cut short', malformed, other(({ c }) => ({ c: c.subarray(1) }))],
      ['B cut short', malformed, other(({ b }) => ({ b: b.subarray(1) }))],
      ['a byte behind B', malformed, other(({ b }) => ({ b: Buffer.concat([b, Buffer.of(0)]) }))],
    ];
    let world: ZkWorld;
    beforeAll(async () => {
      world = await ZkWorld.opened({ isExclusive: false });
    });

    it.each(CASES)('%s (%d)', async (_, exitCode, change) => {
      for (const place of [0, 2]) {
        const list = submissions(world, 3).map((good, index) => (index === place ? change(good, world) : good));
        const { transactions } = await submit(world, pack(list), 3);
        const codes = exitCode === proofWrong && place === 0 ? [proofWrong, malformed] : [exitCode];
        const failed = transactions[1].description;
        expect(failed.type === 'generic' && failed.computePhase.type === 'vm' && codes.includes(failed.computePhase.exitCode as never)).toBe(true);
        expect(transactions).not.toHaveTransaction({ to: world.job.address });
      }
      expect(await world.job.getData()).toMatchObject({ state: 'open' });
    });
  });

  it('are two to eight, in ordinary cells with nothing more in them', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const list = submissions(world, 3);
    const value = toNano('1');
    const refused = async (body: Cell, exitCode: number): Promise<void> => {
      const { transactions } = await submit(world, body, 3, value);
      expect(transactions).toHaveTransaction({ to: world.verifier.address, success: false, exitCode });
    };
    await refused(pack(list.slice(0, 1)), proofCount);
    await refused(pack(submissions(world, MAX_PROOFS + 1)), proofCount);
    await refused(pack(list, (cell) => cell.asBuilder().storeBit(0).endCell()), malformed);
    await refused(pack(list).asBuilder().storeBit(0).endCell(), malformed);
    await refused(pack(list).asBuilder().storeRef(new Cell()).endCell(), malformed);
    world.chain.libs = librariesOf(pack(list).refs[0], pack(list.slice(2)).refs[0], ...pack(list).refs[0].refs);
    await refused(beginCell().storeUint(0x0c87, 32).storeRef(standIn(pack(list).refs[0])).endCell(), exoticCell);
    await refused(pack(list, (cell) => (cell.refs.length === 3 ? standIn(cell) : cell)), exoticCell);
    await refused(pack(list, (cell) => cell.refs.reduce((copy, ref, at) => copy.storeRef(at === 2 ? standIn(ref) : ref), beginCell().storeBits(cell.bits)).endCell()), exoticCell);
    const code = 'PROOF_COUNT_OUT_OF_RANGE';
    expect(() => packSubmitProofs(list.slice(0, 1))).toThrow(expect.objectContaining({ code }));
    expect(() => packSubmitProofs(submissions(world, MAX_PROOFS + 1))).toThrow(expect.objectContaining({ code }));
  });
});
