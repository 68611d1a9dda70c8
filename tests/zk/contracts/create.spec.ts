import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { SCALAR_ORDER } from '../../../protocol/zk';
import {
  Groth16Verifier,
  MAX_DEVELOPMENT_PRICE,
  packCreateZkJob,
  packZkJob,
  parseZkJob,
  parseZkJobMessage,
  ZK_JOB_ERRORS,
  ZkJobEscrow,
  type ZkJobTerms,
} from '../../../wrappers/zk';
import { multiplyPrices } from '../../support/config';
import { librariesOf, standIn } from '../../support/libraries';
import { IDENTITY, KEY, PRICE, ZkWorld } from '../../support/zkWorld';

const { created, notClient, deadline, valueTooLow, form, developmentPrice } = ZK_JOB_ERRORS;

describe('create', () => {
  it('opens the job and locks the price', async () => {
    const world = await ZkWorld.opened();
    const { job, terms } = world;
    const data = await job.getData();
    expect(data).toMatchObject({ state: 'open', reservation: null });
    expect(packZkJob((data as { terms: ZkJobTerms }).terms)).toEqualCell(packZkJob(terms));
    expect(await world.balance(job.address)).toBeGreaterThan(PRICE);
  });

  it('by anybody but the client is refused, and the client can still create', async () => {
    const world = await ZkWorld.create();
    const { job, wallets } = world;
    const { transactions } = await world.open(world.createValue, wallets.stranger);
    expect(transactions).toHaveTransaction({ to: job.address, success: false, exitCode: notClient });
    expect((await world.open()).transactions).toHaveTransaction({ to: job.address, success: true });
  });

  it('a second time is refused and its value returns', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    const { transactions } = await world.open();
    expect(transactions).toHaveTransaction({ to: job.address, success: false, exitCode: created });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, inMessageBounced: true });
  });

  it('of a job that is over is refused', async () => {
    const world = await ZkWorld.opened();
    await world.prove();
    const { transactions } = await world.open();
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: created });
  });

  it('at the deadline is refused, so nothing revives a proof', async () => {
    const world = await ZkWorld.create();
    world.now = world.terms.deadline;
    const { transactions } = await world.open();
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: deadline });
  });

  it.each([1n, 10n])('with the least value opens the job, one nanoTON less is refused, at %d times the prices', async (factor) => {
    const world = await ZkWorld.create();
    world.chain.setConfig(multiplyPrices(world.chain.config, factor));
    const short = await world.open(world.createValue - 1n);
    expect(short.transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: valueTooLow });
    const enough = await world.open(world.createValue);
    expect(enough.transactions).toHaveTransaction({ to: world.job.address, success: true });
    const paid = await world.prove();
    expect(paid.transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.prover.address, success: true, value: (value) => value! >= PRICE });
    expect(paid.transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.client.address, success: true, op: 0x0c84 });
  });

  it.each([
    ['another shard', { ...IDENTITY, shard: 8 }],
    ['another flag', { ...IDENTITY, isDevelopment: false }],
    ['another key', { ...IDENTITY, key: { ...KEY, ic: [...KEY.ic].reverse() } }],
  ])('with %s than the verifier that the address pins is refused', async (_, identity) => {
    const world = await ZkWorld.create();
    const { transactions } = await world.open(world.createValue, world.wallets.client, identity);
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: form });
    await expect(world.job.sendCreate(world.wallets.client.getSender(), { value: 1n, verifier: identity })).rejects.toMatchObject({ code: 'BAD_VERIFIER' });
  });

  it('on another network than the address pins is refused', async () => {
    const world = await ZkWorld.create({ networkId: -3 });
    const { transactions } = await world.open();
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: form });
  });

  it('attack 58: above 1 TON is refused under a development key, by the contract and by the SDK', async () => {
    const most = await ZkWorld.create({ price: MAX_DEVELOPMENT_PRICE });
    expect((await most.open()).transactions).toHaveTransaction({ to: most.job.address, success: true });
    const world = await ZkWorld.create({ price: MAX_DEVELOPMENT_PRICE + 1n });
    const { transactions } = await world.open();
    expect(transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: developmentPrice });
    const value = toNano('2');
    await expect(world.job.sendCreate(world.wallets.client.getSender(), { value, verifier: IDENTITY })).rejects.toMatchObject({ code: 'BAD_DEVELOPMENT_PRICE' });
  });

  it('attack 58: the flag is in the address of the verifier, so a development key that says it is none has another', async () => {
    const identity = { ...IDENTITY, isDevelopment: false };
    const { address } = await Groth16Verifier.fromIdentity(identity);
    const world = await ZkWorld.create({ price: toNano('5'), verifier: address });
    expect(address.equals(world.verifier.address)).toBe(false);
    const honest = await world.open(world.createValue, world.wallets.client, identity);
    expect(honest.transactions).toHaveTransaction({ to: world.job.address, success: true });
  });

  it('of a job whose data is not as it should be is refused', async () => {
    const world = await ZkWorld.create();
    const { client } = world.wallets;
    const data = packZkJob(world.terms);
    const code = world.job.init!.code;
    const cases: [Cell, number][] = [
      [data.asBuilder().storeBit(1).endCell(), 9],
      [data.asBuilder().storeRef(new Cell()).endCell(), created],
      [beginCell().storeBits(data.bits).storeRef(standIn(data.refs[0])).endCell(), 881],
      // Open from the beginning, or reserved for a friend: another address than anybody computes, and no create.
      [beginCell().storeBit(1).storeBits(data.bits.substring(1, data.bits.length - 1)).storeRef(data.refs[0]).endCell(), created],
      [beginCell().storeBits(data.bits.substring(0, 288)).storeBit(1).storeBits(data.bits.substring(289, data.bits.length - 289)).storeRef(data.refs[0]).endCell(), created],
    ];
    world.chain.libs = librariesOf(data.refs[0]);
    for (const [other, exitCode] of cases) {
      const init = { code, data: other };
      const to = new Address(0, beginCell().storeUint(6, 5).storeRef(code).storeRef(other).endCell().hash());
      const { transactions } = await client.send({ to, init, value: world.createValue, body: packCreateZkJob(IDENTITY) });
      expect(transactions).toHaveTransaction({ to, success: false, exitCode });
    }
  });

  it('cut short, or money without a message, is refused', async () => {
    const world = await ZkWorld.create();
    const { job, wallets } = world;
    const short = packCreateZkJob(IDENTITY).bits.substring(0, 300);
    const malformed = await world.send(wallets.client, world.createValue, beginCell().storeBits(short).endCell());
    expect(malformed.transactions).toHaveTransaction({ to: job.address, success: false, exitCode: 9 });
    const empty = await world.send(wallets.client, world.createValue, new Cell());
    expect(empty.transactions).toHaveTransaction({ to: job.address, success: false });
  });
});

describe('the SDK', () => {
  it('reads what it wrote', async () => {
    const { terms } = await ZkWorld.create({ others: [3n] });
    const read = parseZkJob(packZkJob(terms));
    expect(read).toMatchObject({ state: 'fresh', reservation: null });
    expect(packZkJob((read as { terms: ZkJobTerms }).terms)).toEqualCell(packZkJob(terms));
  });

  it('refuses what no job is', async () => {
    const { terms } = await ZkWorld.create();
    const refused = (code: string) => expect.objectContaining({ code });
    expect(() => packZkJob({ ...terms, commit: SCALAR_ORDER })).toThrow(refused('SCALAR_OUT_OF_RANGE'));
    expect(() => packZkJob({ ...terms, others: [SCALAR_ORDER] })).toThrow(refused('SCALAR_OUT_OF_RANGE'));
    expect(() => packZkJob({ ...terms, others: [1n, 2n] })).toThrow(refused('BAD_PUBLIC_INPUTS'));
    expect(() => packZkJob({ ...terms, price: -1n })).toThrow(refused('PRICE_OUT_OF_RANGE'));
    expect(() => packZkJob({ ...terms, client: new Address(-1, Buffer.alloc(32)) })).toThrow(refused('ADDRESS_NOT_BASECHAIN'));
    expect(() => parseZkJob(beginCell().storeUint(0, 33).storeRef(new Cell()).endCell())).toThrow(refused('NOT_A_ZK_JOB'));
    expect(() => parseZkJob(new Cell())).toThrow(refused('NOT_A_ZK_JOB'));
    expect(parseZkJobMessage(beginCell().storeUint(0x0c84, 32).endCell())).toBeNull();
    expect((await ZkJobEscrow.fromTerms({ ...terms, price: 1n })).address.equals((await ZkJobEscrow.fromTerms(terms)).address)).toBe(false);
  });
});
