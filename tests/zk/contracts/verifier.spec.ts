import '@ton/test-utils';
import { beginCell, type Builder, Cell, contractAddress, Dictionary, toNano } from '@ton/core';
import { Groth16Verifier as GeneratedVerifier } from '../../../build/Suite/Suite_Groth16Verifier';
import { negated, type VerificationKey, verifyProof } from '../../../protocol/zk';
import { Groth16Verifier, keyCheckFee, packSubmitProof, packVerificationKey, VERIFIER_ERRORS } from '../../../wrappers/zk';
import { multiplyPrices, pricesOf } from '../../support/config';
import { cpubOf, g1Of, keyOf, proofFor, trapdoorOf } from '../../support/groth16Simulator';
import { NETWORK_ID } from '../../support/jobWorld';
import { standIn, librariesOf } from '../../support/libraries';
import { bls12_381 } from '@noble/curves/bls12-381';
import * as points from '../../support/zkBadPoints';
import { COMMIT, KEY, TRAPDOOR, VERDICT, ZkWorld } from '../../support/zkWorld';

const { keyForm, keyPoint, keyForgeable, keyNotChecked, valueTooLow, exoticCell, malformed } = VERIFIER_ERRORS;
const bytes = (...parts: Uint8Array[]): Builder => parts.reduce((cell, part) => cell.storeBuffer(Buffer.from(part)), beginCell());

/** The cells of a key, unchecked, so that a case changes one. */
interface KeyCells {
  head: Builder;
  g2: Cell[];
  first: Builder;
  last: Builder;
}
const cellsOf = ({ alpha, beta, gamma, delta, ic }: VerificationKey): KeyCells => ({
  head: bytes(negated(alpha), ic[0]),
  g2: [beta, negated(gamma), negated(delta)].map((point) => bytes(point).endCell()),
  first: bytes(ic[3], ic[1]),
  last: bytes(ic[2]).storeUint(4, 8),
});
const keyCell = ({ head, g2, first, last }: KeyCells): Cell =>
  [...g2, first.storeRef(last).endCell()].reduce((cell, ref) => cell.storeRef(ref), head).endCell();

/** A key without its checks. */
const loose = (change: Partial<VerificationKey>): Cell => keyCell(cellsOf({ ...KEY, ...change }));
const lastOf = (last: Builder): Cell => keyCell({ ...cellsOf(KEY), last });
const icWith = (index: number, point: Uint8Array): Partial<VerificationKey> => ({ ic: KEY.ic.map((old, at) => (at === index ? point : old)) });

const SAME = keyOf({ ...TRAPDOOR, delta: TRAPDOOR.gamma });

const BAD_KEYS: [string, number, () => Cell][] = [
  ['gamma = delta', keyForgeable, () => loose({ delta: KEY.gamma })],
  ['gamma = -delta', keyForgeable, () => loose({ delta: negated(KEY.gamma) })],
  ['beta = gamma', keyForgeable, () => loose({ beta: KEY.gamma })],
  ['beta = -gamma', keyForgeable, () => loose({ beta: negated(KEY.gamma) })],
  ['beta = delta', keyForgeable, () => loose({ beta: KEY.delta })],
  ['alpha at infinity', keyPoint, () => loose({ alpha: negated(points.infinity(48)) })],
  ['beta at infinity', keyPoint, () => loose({ beta: points.infinity(96) })],
  ['gamma at infinity', keyPoint, () => loose({ gamma: negated(points.infinity(96)) })],
  ['delta at infinity', keyPoint, () => loose({ delta: negated(points.infinity(96)) })],
  ['the constant at infinity', keyPoint, () => loose(icWith(0, points.infinity(48)))],
  ['an input that is bound to nothing', keyPoint, () => loose(icWith(2, points.infinity(48)))],
  ['a context that is bound to nothing', keyPoint, () => loose(icWith(3, points.infinity(48)))],
  ['alpha outside of the subgroup', keyPoint, () => loose({ alpha: points.withTorsion1(KEY.alpha) })],
  ['beta outside of the subgroup', keyPoint, () => loose({ beta: points.withTorsion2(KEY.beta) })],
  ['gamma outside of the subgroup', keyPoint, () => loose({ gamma: points.withTorsion2(KEY.gamma) })],
  ['delta outside of the subgroup', keyPoint, () => loose({ delta: points.withTorsion2(KEY.delta) })],
  ["an input's point outside of the subgroup", keyPoint, () => loose(icWith(1, points.withTorsion1(KEY.ic[1])))],
  ["an input's point off the curve", keyPoint, () => loose(icWith(2, points.offCurve(KEY.ic[2])))],
  ['beta off the curve', keyPoint, () => loose({ beta: points.offCurve(KEY.beta) })],
  ['another number of points than it says', keyForm, () => lastOf(bytes(KEY.ic[2]).storeUint(5, 8))],
  ['no number of points', malformed, () => lastOf(bytes(KEY.ic[2]))],
  ['a cell below the last', malformed, () => lastOf(bytes(KEY.ic[2]).storeUint(4, 8).storeRef(new Cell()))],
  ['a bit behind alpha', keyForm, () => keyCell({ ...cellsOf(KEY), head: bytes(KEY.alpha, KEY.ic[0]).storeBit(0) })],
  ['a bit behind beta', keyForm, () => keyCell({ ...cellsOf(KEY), g2: cellsOf(KEY).g2.map((cell, at) => (at === 0 ? cell.asBuilder().storeBit(0).endCell() : cell)) })],
  ['a cell below delta', keyForm, () => keyCell({ ...cellsOf(KEY), g2: cellsOf(KEY).g2.map((cell, at) => (at === 2 ? cell.asBuilder().storeRef(new Cell()).endCell() : cell)) })],
  ['one public input beside the context', malformed, () => keyCell({ ...cellsOf(KEY), last: beginCell().storeUint(3, 8) })],
  ['five public inputs', keyForm, () => lastOf(bytes(KEY.ic[2]).storeRef(bytes(KEY.ic[1]).storeRef(bytes(KEY.ic[1]).storeUint(6, 8))))],
  ['a library in the place of beta', exoticCell, () => keyCell({ ...cellsOf(KEY), g2: cellsOf(KEY).g2.map((cell, at) => (at === 0 ? standIn(cell) : cell)) })],
  ['nothing', keyForm, () => new Cell()],
];

/** The first message, with whatever key. */
async function deployTo(world: ZkWorld, key: Cell, value = toNano('0.3')) {
  const { init } = await GeneratedVerifier.fromInit(false, true, 0n, key);
  const address = contractAddress(0, init!);
  const body = beginCell().storeUint(0x0c80, 32).endCell();
  const { transactions } = await world.wallets.stranger.send({ to: address, value, body, init });
  return { address, transactions };
}

describe('the first message to a verifier', () => {
  let world: ZkWorld;
  beforeEach(async () => {
    world = await ZkWorld.create();
  });

  it.each(BAD_KEYS)('refuses a key with %s (%d), and proofs under it afterwards', async (_, exitCode, make) => {
    const key = make();
    world.chain.libs = librariesOf(...packVerificationKey(KEY).refs);
    const { address, transactions } = await deployTo(world, key);
    expect(transactions).toHaveTransaction({ to: address, success: false, exitCode });
    const { job, wallets } = world;
    const body = packSubmitProof({ escrow: job.address, payee: wallets.prover.address, proof: world.proof(), inputs: [COMMIT, VERDICT] });
    const later = await wallets.prover.send({ to: address, value: world.proofValue, body });
    expect(later.transactions).toHaveTransaction({ to: address, success: false, exitCode: keyNotChecked });
  });

  it('takes the least value and leaves five years of rent; one nanoTON less is refused', async () => {
    const key = packVerificationKey({ ...KEY, ic: [...KEY.ic].reverse() });
    const rent = toNano('0.0673');
    const { address, transactions } = await deployTo(world, key, toNano('0.3'));
    expect(transactions).toHaveTransaction({ from: address, to: world.wallets.stranger.address, op: 0xd53276db });
    const kept = await world.balance(address);
    expect(kept).toBeGreaterThan(0n);
    expect(kept).toBeLessThan(rent);
    const least = kept + keyCheckFee(pricesOf(world.chain));
    const other = packVerificationKey({ ...KEY, ic: [KEY.ic[1], KEY.ic[0], KEY.ic[2], KEY.ic[3]] });
    const { init } = await GeneratedVerifier.fromInit(false, true, 0n, other);
    const to = contractAddress(0, init!);
    expect((await deployTo(world, other, least - 1n)).transactions).toHaveTransaction({ to, success: false, exitCode: valueTooLow });
    expect((await deployTo(world, other, least)).transactions).toHaveTransaction({ to, success: true });
    const verifier = world.chain.openContract(Groth16Verifier.fromAddress(address));
    expect(await verifier.getPaidUntil()).toBeGreaterThan(world.now + 5 * 31_536_000 - 86_400);
  });

  it('covers its gas at ten times the prices too', async () => {
    world.chain.setConfig(multiplyPrices(world.chain.config, 10n));
    const key = packVerificationKey({ ...KEY, ic: [...KEY.ic].reverse() });
    const kept = (await deployTo(world, key, toNano('5'))).address;
    const least = (await world.balance(kept)) + keyCheckFee(pricesOf(world.chain));
    const other = packVerificationKey(keyOf(trapdoorOf('at ten times the prices', 4)));
    const { address, transactions } = await deployTo(world, other, least + toNano('0.1'));
    expect(transactions).toHaveTransaction({ to: address, success: true });
  });

  it('twice is no harm: the key stays checked and the value returns', async () => {
    const { verifier, wallets } = world;
    const before = await world.balance(verifier.address);
    const { transactions } = await verifier.sendCheckKey(wallets.rival.getSender(), toNano('0.3'));
    expect(transactions).toHaveTransaction({ to: wallets.rival.address, op: 0xd53276db, value: (value) => value! > toNano('0.27') });
    expect(await world.balance(verifier.address)).toBe(before);
  });
});

describe('a verifier', () => {
  it('says whether its key is a development key, and which key it is', async () => {
    const { verifier } = await ZkWorld.create();
    const keyHash = packVerificationKey(KEY).hash();
    expect(await verifier.getSetup()).toEqual({ isDevelopment: true, isChecked: true, shard: 7, keyHash });
  });

  it('of the same key has another address for each shard and for a key of a ceremony', async () => {
    const addresses = await Promise.all(
      [{ isDevelopment: true, shard: 0 }, { isDevelopment: true, shard: 1 }, { isDevelopment: false, shard: 0 }].map(
        async (named) => (await Groth16Verifier.fromIdentity({ key: KEY, ...named })).address.toRawString(),
      ),
    );
    expect(new Set(addresses).size).toBe(3);
  });

  it('finding 11: takes the network from the chain that it runs on', async () => {
    const networkId = 2026;
    const world = await ZkWorld.create({ networkId, isExclusive: false });
    const { chain, job, verifier, wallets } = world;
    const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), chain.config);
    parameters.set(19, beginCell().storeInt(networkId, 32).endCell());
    chain.setConfig(beginCell().storeDictDirect(parameters).endCell());
    expect((await world.open()).transactions).toHaveTransaction({ to: job.address, success: true });
    const foreign = await world.prove();
    expect(foreign.transactions).toHaveTransaction({ to: verifier.address, success: false, exitCode: VERIFIER_ERRORS.proofWrong });
    const context = { networkId, verifier: verifier.address.hash, escrow: job.address.hash, payee: wallets.prover.address.hash };
    const submission = { escrow: job.address, payee: wallets.prover.address, proof: proofFor(TRAPDOOR, [COMMIT, VERDICT], context), inputs: [COMMIT, VERDICT] };
    const { transactions } = await world.submit(packSubmitProof(submission));
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0x0c84 });
  });

  it('takes rent from anybody', async () => {
    const { verifier, wallets } = await ZkWorld.create();
    const { transactions } = await wallets.stranger.send({ to: verifier.address, value: toNano('0.1') });
    expect(transactions).toHaveTransaction({ to: verifier.address, success: true });
  });

  it('takes a circuit with one more public input', async () => {
    const trapdoor = trapdoorOf('four inputs', 4);
    const identity = { key: keyOf(trapdoor), isDevelopment: true, shard: 0 };
    const { address } = await Groth16Verifier.fromIdentity(identity);
    const world = await ZkWorld.create({ verifier: address, others: [77n] });
    const { chain, wallets, job } = world;
    const verifier = chain.openContract(await Groth16Verifier.fromIdentity(identity));
    await verifier.sendCheckKey(wallets.stranger.getSender(), toNano('0.3'));
    await world.open(world.createValue, wallets.client, identity);
    const inputs = [COMMIT, VERDICT, 77n];
    const context = { networkId: NETWORK_ID, verifier: address.hash, escrow: job.address.hash, payee: wallets.prover.address.hash };
    const submission = { value: world.proofValue, escrow: job.address, payee: wallets.prover.address };
    // Another value for it is proven, and is not what the job asks.
    const unasked = { ...submission, proof: proofFor(trapdoor, [COMMIT, VERDICT, 78n], context), inputs: [COMMIT, VERDICT, 78n] };
    const refused = await verifier.sendProof(wallets.prover.getSender(), unasked);
    expect(refused.transactions).toHaveTransaction({ to: wallets.prover.address, op: 0x0c85, body: beginCell().storeUint(0x0c85, 32).storeUint(4, 8).endCell() });
    const { transactions } = await verifier.sendProof(wallets.prover.getSender(), { ...submission, proof: proofFor(trapdoor, inputs, context), inputs });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0x0c84 });
  });
});

/** facts: A = alpha, B = beta, C = -cpub. */
describe('the forgery under a key without a contribution', () => {
  const inputs = [COMMIT, 9n, 31337n];
  const forged = (key: VerificationKey, trapdoor = TRAPDOOR) => ({
    a: key.alpha,
    b: key.beta,
    c: g1Of(bls12_381.fields.Fr.neg(cpubOf(trapdoor, inputs))),
  });

  /** The equation alone, as contracts elsewhere check it. */
  function satisfies(key: VerificationKey): boolean {
    const { a, b, c } = forged(key);
    const { G1, G2, fields, pairingBatch } = bls12_381;
    const g1 = (point: Uint8Array) => G1.Point.fromHex(Buffer.from(point).toString('hex'));
    const g2 = (point: Uint8Array) => G2.Point.fromHex(Buffer.from(point).toString('hex'));
    const cpub = g1(g1Of(cpubOf(TRAPDOOR, inputs)));
    const pairs = [
      { g1: g1(a), g2: g2(b) },
      { g1: g1(key.alpha).negate(), g2: g2(key.beta) },
      { g1: cpub.negate(), g2: g2(key.gamma) },
      { g1: g1(c).negate(), g2: g2(key.delta) },
    ];
    return fields.Fp12.eql(pairingBatch(pairs), fields.Fp12.ONE);
  }

  it('satisfies the equation for any public inputs, and not after a contribution', () => {
    expect(satisfies(SAME)).toBe(true);
    expect(satisfies(KEY)).toBe(false);
  });

  it('reaches no job: the first message refuses the key, and then every proof under it', async () => {
    const key = keyCell(cellsOf(SAME));
    const { init } = await GeneratedVerifier.fromInit(false, true, 0n, key);
    const world = await ZkWorld.create({ verifier: contractAddress(0, init!), isExclusive: false });
    const { address, transactions } = await deployTo(world, key);
    expect(transactions).toHaveTransaction({ to: address, success: false, exitCode: keyForgeable });
    const { job, wallets } = world;
    const body = beginCell().storeUint(0x0c86, 32).storeBuffer(key.hash()).storeUint(key.depth(), 16).storeBit(true).storeUint(0, 8).endCell();
    const created = await world.send(wallets.client, world.createValue, body);
    expect(created.transactions).toHaveTransaction({ to: job.address, success: true });
    const { a, b, c } = forged(SAME);
    const proof = bytes(a, c).endCell();
    const given = beginCell().storeUint(inputs[0], 256).storeUint(inputs[1], 256).endCell();
    const submission = beginCell().storeUint(0x0c81, 32).storeBuffer(job.address.hash).storeBuffer(wallets.rival.address.hash);
    const sent = await wallets.rival.send({ to: address, value: world.proofValue, body: submission.storeRef(proof).storeRef(bytes(b)).storeRef(given).endCell() });
    expect(sent.transactions).toHaveTransaction({ to: address, success: false, exitCode: keyNotChecked });
    expect(await job.getData()).toMatchObject({ state: 'open' });
  });

  it('never gets so far: the SDK refuses the key before anything is sent', async () => {
    const code = 'BAD_KEY_FORGEABLE';
    await expect(Groth16Verifier.fromIdentity({ key: SAME, isDevelopment: true, shard: 0 })).rejects.toMatchObject({ code });
    expect(() => verifyProof(SAME, forged(SAME), inputs)).toThrow(expect.objectContaining({ code }));
    expect(verifyProof(KEY, forged(KEY), inputs)).toBe(false);
  });
});
