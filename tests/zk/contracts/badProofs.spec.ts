import '@ton/test-utils';
import { type Address, beginCell, type Builder, Cell, toNano } from '@ton/core';
import { contextWord, type Groth16Proof, negated, SCALAR_ORDER } from '../../../protocol/zk';
import { packSubmitProof, VERIFIER_ERRORS } from '../../../wrappers/zk';
import { feesOf } from '../../support/fees';
import { proofFor, proofOf, trapdoorOf } from '../../support/groth16Simulator';
import { NETWORK_ID } from '../../support/jobWorld';
import { librariesOf, standIn } from '../../support/libraries';
import * as points from '../../support/zkBadPoints';
import { COMMIT, TRAPDOOR, VERDICT, ZkWorld } from '../../support/zkWorld';

/** Everything that a submission holds, so that a case changes one of it; the SDK would refuse most. */
interface Parts {
  escrow: Buffer;
  payee: Buffer;
  proof: Groth16Proof;
  inputs: bigint[];
  points(cell: Builder): Builder;
  b(cell: Builder): Builder;
  given(cell: Builder): Builder;
  body(cell: Builder): Builder;
  wrap(cell: Cell, name: 'points' | 'b' | 'inputs'): Cell;
}
type Change = (parts: Parts, world: ZkWorld) => Partial<Parts>;

const same = (cell: Builder): Builder => cell;
const bit = (cell: Builder): Builder => cell.storeBit(false);
const ref = (cell: Builder): Builder => cell.storeRef(new Cell());
const other = (proof: Partial<Groth16Proof>) => (parts: Parts) => ({ proof: { ...parts.proof, ...proof } });
const changed = (change: (proof: Groth16Proof) => Partial<Groth16Proof>): Change => (parts) => ({ proof: { ...parts.proof, ...change(parts.proof) } });
const exotic = (which: string): Change => () => ({ wrap: (cell, name) => (name === which ? standIn(cell) : cell) });

function pack(parts: Parts): Cell {
  const bytes = (...all: Uint8Array[]): Builder => all.reduce((cell, part) => cell.storeBuffer(Buffer.from(part)), beginCell());
  const { proof, inputs, wrap } = parts;
  const given = inputs.reduce((cell, input) => cell.storeUint(input, 256), beginCell());
  const cell = beginCell()
    .storeUint(0x0c81, 32)
    .storeBuffer(parts.escrow)
    .storeBuffer(parts.payee)
    .storeRef(wrap(parts.points(bytes(proof.a, proof.c)).endCell(), 'points'))
    .storeRef(wrap(parts.b(bytes(proof.b)).endCell(), 'b'))
    .storeRef(wrap(parts.given(given).endCell(), 'inputs'));
  return parts.body(cell).endCell();
}

function honest(world: ZkWorld): Parts {
  const { job, wallets } = world;
  return {
    escrow: job.address.hash,
    payee: wallets.prover.address.hash,
    proof: world.proof(),
    inputs: [COMMIT, VERDICT],
    points: same,
    b: same,
    given: same,
    body: same,
    wrap: (cell) => cell,
  };
}

const contextOf = (world: ZkWorld, change: { networkId?: number; verifier?: Buffer; escrow?: Buffer }) => ({
  networkId: NETWORK_ID,
  verifier: world.verifier.address.hash,
  escrow: world.job.address.hash,
  payee: world.wallets.prover.address.hash,
  ...change,
});
const { proofWrong, proofPoint, inputOutOfRange, exoticCell, malformed } = VERIFIER_ERRORS;

/** What, exit code, how. */
const CASES: [string, number, Change][] = [
  ['a copy of it for another payee', proofWrong, (_, { wallets }) => ({ payee: wallets.rival.address.hash })],
  ['it for another escrow', proofWrong, (_, { verifier }) => ({ escrow: verifier.address.hash })],
  ['one of another network', proofWrong, (_, world) => ({ proof: proofFor(TRAPDOOR, [COMMIT, VERDICT], contextOf(world, { networkId: -3 })) })],
  ['one for another verifier of the key', proofWrong, (_, world) => ({ proof: proofFor(TRAPDOOR, [COMMIT, VERDICT], contextOf(world, { verifier: world.job.address.hash })) })],
  ['one without the context word', proofWrong, () => ({ proof: proofOf(TRAPDOOR, [COMMIT, VERDICT, 0n]) })],
  ['another verdict', proofWrong, () => ({ inputs: [COMMIT, VERDICT + 1n] })],
  ['another commitment', proofWrong, () => ({ inputs: [COMMIT + 1n, VERDICT] })],
  ['commitment and verdict swapped', proofWrong, () => ({ inputs: [VERDICT, COMMIT] })],
  ['the verdict and the order of the group', inputOutOfRange, () => ({ inputs: [COMMIT, VERDICT + SCALAR_ORDER] })],
  ['the commitment and the order of the group', inputOutOfRange, () => ({ inputs: [COMMIT + SCALAR_ORDER, VERDICT] })],
  ['the order of the group itself', inputOutOfRange, () => ({ inputs: [SCALAR_ORDER, VERDICT] })],
  ['the largest number', inputOutOfRange, () => ({ inputs: [COMMIT, 2n ** 256n - 1n] })],
  ['one of another circuit', proofWrong, (_, world) => ({ proof: proofFor(trapdoorOf('another'), [COMMIT, VERDICT], contextOf(world, {})) })],
  ['-A', proofWrong, changed(({ a }) => ({ a: negated(a) }))],
  ['-B', proofWrong, changed(({ b }) => ({ b: negated(b) }))],
  ['-C', proofWrong, changed(({ c }) => ({ c: negated(c) }))],
  ['A and C swapped', proofWrong, changed(({ a, c }) => ({ a: c, c: a }))],
  ['A in the place of C', proofWrong, changed(({ a }) => ({ c: a }))],
  ['B of another proof', proofWrong, (_, world) => other({ b: proofFor(TRAPDOOR, [COMMIT, VERDICT], contextOf(world, {}), 'second').b })(honest(world))],
  ['A at infinity', proofWrong, other({ a: points.infinity(48) })],
  ['B at infinity', proofWrong, other({ b: points.infinity(96) })],
  ['C at infinity', proofWrong, other({ c: points.infinity(48) })],
  ['all points at infinity', proofWrong, other({ a: points.infinity(48), b: points.infinity(96), c: points.infinity(48) })],
  ['A with a part of the cofactor', proofPoint, changed(({ a }) => ({ a: points.withTorsion1(a) }))],
  ['B with a part of the cofactor', proofPoint, changed(({ b }) => ({ b: points.withTorsion2(b) }))],
  ['C with a part of the cofactor', proofPoint, changed(({ c }) => ({ c: points.withTorsion1(c) }))],
  ['A of order 3', proofPoint, other({ a: points.ORDER_3 })],
  ['C of order 3', proofPoint, other({ c: points.ORDER_3 })],
  ['A off the curve', proofPoint, changed(({ a }) => ({ a: points.offCurve(a) }))],
  ['B off the curve', proofPoint, changed(({ b }) => ({ b: points.offCurve(b) }))],
  ['C off the curve', proofPoint, changed(({ c }) => ({ c: points.offCurve(c) }))],
  ['A without the flag of compression', proofPoint, changed(({ a }) => ({ a: points.withFlags(a, 0x80) }))],
  ['B without the flag of compression', proofPoint, changed(({ b }) => ({ b: points.withFlags(b, 0x80) }))],
  ['A with the flag of infinity', proofPoint, changed(({ a }) => ({ a: points.withFlags(a, 0, 0x40) }))],
  ['infinity with a sign', proofPoint, other({ c: points.withFlags(points.infinity(48), 0, 0x20) })],
  ['x above the field', proofPoint, other({ a: points.unreduced(0n) })],
  ['zeros', proofPoint, other({ a: new Uint8Array(48), b: new Uint8Array(96), c: new Uint8Array(48) })],
  ['a bit behind A and C', malformed, () => ({ points: bit })],
  ['a bit behind B', malformed, () => ({ b: bit })],
  ['a cell below A and C', malformed, () => ({ points: ref })],
  ['a cell below B', malformed, () => ({ b: ref })],
  ['A and C cut short', malformed, changed(({ c }) => ({ c: c.subarray(1) }))],
  ['B cut short', malformed, changed(({ b }) => ({ b: b.subarray(1) }))],
  ['an input too few', malformed, () => ({ inputs: [COMMIT] })],
  ['an input too many', malformed, () => ({ inputs: [COMMIT, VERDICT, 0n] })],
  ['no inputs', malformed, () => ({ inputs: [] })],
  ['a bit behind the inputs', malformed, () => ({ given: bit })],
  ['a cell below the inputs', malformed, () => ({ given: ref })],
  ['a bit behind the message', malformed, () => ({ body: bit })],
  ['a cell below the message', malformed, () => ({ body: ref })],
  ['points in a library', exoticCell, exotic('points')],
  ['B in a library', exoticCell, exotic('b')],
  ['inputs in a library', exoticCell, exotic('inputs')],
];

/** Most gas of what is no proof at all, and of what is one of something else. */
const MOST_GAS: Record<number, bigint> = { [malformed]: 15_200n, [proofPoint]: 14_500n, [inputOutOfRange]: 15_200n, [exoticCell]: 3_000n, [proofWrong]: 107_500n };

describe('a bad proof', () => {
  let world: ZkWorld;
  let held: bigint;
  let data: string;
  const stateOf = async (address: Address): Promise<string> => {
    const { account } = await world.chain.getContract(address);
    const state = account.account!.storage.state;
    return state.type === 'active' ? state.state.data!.hash().toString('hex') : state.type;
  };

  beforeAll(async () => {
    world = await ZkWorld.opened({ isExclusive: false });
    held = await world.balance(world.job.address);
    data = await stateOf(world.job.address);
  });

  it.each(CASES)('%s is refused with exit code %d, cheaply, and the job is untouched', async (_, exitCode, change) => {
    const parts = honest(world);
    const body = pack({ ...parts, ...change(parts, world) });
    world.chain.libs = librariesOf(...pack(parts).refs);
    const value = toNano('0.2');
    const { transactions } = await world.submit(body, value);
    expect(transactions).toHaveTransaction({ to: world.verifier.address, success: false, exitCode });
    expect(transactions).not.toHaveTransaction({ to: world.job.address });
    const { gas } = feesOf(transactions[1]);
    expect(gas).toBeLessThanOrEqual(MOST_GAS[exitCode]);
    expect(transactions).toHaveTransaction({ from: world.verifier.address, to: world.wallets.prover.address, inMessageBounced: true });
    expect(await world.balance(world.job.address)).toBe(held);
    expect(await stateOf(world.job.address)).toBe(data);
  });

  it('is none of those that the honest one differs from', async () => {
    const { transactions } = await world.submit(pack(honest(world)));
    expect(transactions).toHaveTransaction({ to: world.job.address, success: true, op: 0x0c82 });
    expect(await world.job.getData()).toMatchObject({ state: 'over' });
  });
});

describe('another form of a good proof', () => {
  it('attack 57: made of it by anybody is worth nothing to him: the same payee is paid, once', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    const proof = points.rerandomised(world.proof(), 12345n);
    const submission = { escrow: job.address, payee: wallets.prover.address, proof, inputs: [COMMIT, VERDICT] };
    const { transactions } = await world.submit(packSubmitProof(submission), world.proofValue, wallets.rival);
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: (paid) => paid! >= world.terms.price });
    const again = await world.prove();
    expect(again.transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, op: 0x0c85 });
  });

  it('the context word is the same on chain and off chain', async () => {
    const world = await ZkWorld.opened();
    const word = contextWord(contextOf(world, {}));
    expect(word).toBeLessThan(2n ** 248n);
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ to: world.job.address, success: true });
  });
});
