import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import { SCALAR_ORDER } from '../../../protocol/zk';
import { parseJobCallback } from '../../../wrappers';
import {
  Groth16Verifier,
  LINGER_SECONDS,
  MAX_DEVELOPMENT_PRICE,
  packCreateZkJob,
  packZkJob,
  parseZkJob,
  parseZkJobMessage,
  PROOF_UNUSED,
  ZK_JOB_ERRORS,
  ZkJobEscrow,
  type ZkJobTerms,
} from '../../../wrappers/zk';
import { multiplyPrices } from '../../support/config';
import { sumFees } from '../../support/fees';
import { refusal } from '../../support/jobWorld';
import { librariesOf, standIn } from '../../support/libraries';
import { answers, COMMIT, IDENTITY, KEY, PRICE, VERDICT, ZkWorld } from '../../support/zkWorld';

const { created, notClient, deadline, valueTooLow, form, developmentPrice, notVerifier, stateInitAttached } = ZK_JOB_ERRORS;

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

describe('a proof', () => {
  it('pays the payee with what its message did not use, and tells the client the verdict with the rest', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets, terms } = world;
    const [prover, client] = [await wallets.prover.getBalance(), await wallets.client.getBalance()];
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0x0c84 });
    expect(answers(transactions)).toEqual([{ kind: 'proven', verdict: VERDICT }]);
    expect(transactions).not.toHaveTransaction({ from: job.address, inMessageBounceable: true });
    expect((await wallets.prover.getBalance()) - prover).toBeGreaterThan(PRICE - toNano('0.055'));
    expect((await wallets.client.getBalance()) - client).toBeGreaterThan(0n);
    expect(await job.getData()).toMatchObject({ state: 'over', deadline: terms.deadline, commit: COMMIT });
    expect(await world.balance(job.address)).toBeLessThan(toNano('0.004'));
  });

  it('takes nothing but fees out of the system, in every story', async () => {
    const world = await ZkWorld.opened();
    const { job, verifier, wallets } = world;
    const accounts = [job.address, verifier.address, ...Object.values(wallets).map(({ address }) => address)];
    const total = async () => (await Promise.all(accounts.map((address) => world.balance(address)))).reduce((sum, value) => sum + value);
    for (const act of [() => world.reserve(), () => world.prove(), () => world.prove({ payee: wallets.rival }), () => world.prove()]) {
      const before = await total();
      const { transactions } = await act();
      expect(before - (await total())).toBe(sumFees(transactions).totalNano);
    }
  });

  it('may come from anybody: who is paid stands in it', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    const { transactions } = await world.prove({ from: wallets.stranger });
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.prover.address, value: (value) => value! >= PRICE });
  });

  it('findings 46 and 57: after another has won the race its value returns to its payee', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    await world.prove({ payee: wallets.rival });
    const { transactions } = await world.prove();
    const unused = { from: job.address, to: wallets.prover.address, op: 0x0c85, success: true };
    expect(transactions).toHaveTransaction({ ...unused, value: (value) => value! > 0n });
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.notOpen }]);
  });

  it('finding 46: the verifier cannot get a bounce, so it need not remember who asked', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: world.verifier.address, to: world.job.address, inMessageBounceable: false });
  });

  it('finding 46: to a job that nobody created, or that is over for good, does not come back to the verifier', async () => {
    const world = await ZkWorld.create();
    const { transactions } = await world.prove();
    expect(transactions).not.toHaveTransaction({ from: world.job.address, to: world.verifier.address });
    // What lies there is the client's as soon as the job is created.
    const opened = await world.open(world.createValue - (await world.balance(world.job.address)));
    expect(opened.transactions).toHaveTransaction({ to: world.job.address, success: true });
  });

  it('of a verdict is the verdict, whatever it is', async () => {
    for (const verdict of [0n, 9n, SCALAR_ORDER - 1n]) {
      const world = await ZkWorld.opened({ isExclusive: false });
      const { transactions } = await world.prove({ verdict });
      expect(answers(transactions)).toEqual([{ kind: 'proven', verdict }]);
    }
  });

  it('at the deadline is not paid: its value returns', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    world.now = world.terms.deadline;
    const { transactions } = await world.prove();
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.late }]);
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });

  it('to a client that refuses its callback is paid all the same', async () => {
    const client = (await ZkWorld.create()).verifier.address;
    const other = await ZkWorld.create({ client, isExclusive: false });
    // A contract that knows no JobProven: the verifier itself.
    const body = packCreateZkJob(IDENTITY);
    const info = { type: 'internal', ihrDisabled: true, bounce: false, bounced: false, src: client, dest: other.job.address, value: { coins: other.createValue }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0 } as const;
    await other.chain.sendMessage({ info, body, init: other.job.init });
    expect(await other.job.getData()).toMatchObject({ state: 'open' });
    const { transactions } = await other.prove();
    expect(transactions).toHaveTransaction({ from: other.job.address, to: client, success: false });
    expect(transactions).toHaveTransaction({ from: other.job.address, to: other.wallets.prover.address, value: (value) => value! >= PRICE });
    expect(await other.job.getData()).toMatchObject({ state: 'over' });
  });

  it('ends a job that others sent money to, with all of it for the client', async () => {
    const world = await ZkWorld.opened({ isExclusive: false });
    const { job, wallets } = world;
    await world.send(wallets.stranger, toNano('3'), beginCell().storeUint(1, 32).endCell(), false);
    const before = await wallets.client.getBalance();
    await world.prove();
    expect((await wallets.client.getBalance()) - before).toBeGreaterThan(toNano('2.99'));
    await world.send(wallets.stranger, toNano('3'), beginCell().storeUint(1, 32).endCell(), false);
    const { transactions } = await world.prove();
    expect(transactions).not.toHaveTransaction({ from: job.address, value: (value) => value! >= PRICE });
  });
});

describe('ProofAccepted', () => {
  it('from anybody but the verifier is refused', async () => {
    const world = await ZkWorld.opened();
    const { wallets, job } = world;
    const from = wallets.stranger.address;
    for (const twin of [from, new Address(-1, world.verifier.address.hash)]) {
      const { transactions } = await world.accepted(from, [COMMIT, VERDICT], { from: twin, bounce: true });
      expect(transactions).toHaveTransaction({ to: job.address, success: false, exitCode: notVerifier });
    }
    expect(await job.getData()).toMatchObject({ state: 'open' });
  });

  it.each([
    ['another commitment', [COMMIT + 1n, VERDICT]],
    ['more inputs than the job fixes', [COMMIT, VERDICT, 0n]],
    ['the order of the inputs reversed', [VERDICT, COMMIT]],
  ])('of %s pays for nothing', async (_, inputs) => {
    const world = await ZkWorld.opened();
    const { transactions } = await world.accepted(world.wallets.prover.address, inputs);
    expect(answers(transactions)).toEqual([{ kind: 'unused', reason: PROOF_UNUSED.otherInputs }]);
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });

  it('of fewer inputs than the job fixes pays for nothing', async () => {
    const world = await ZkWorld.opened({ others: [5n] });
    const { transactions } = await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT]);
    expect(transactions).toHaveTransaction({ from: world.job.address, op: 0x0c85 });
  });

  it('with too little value to answer changes nothing and costs the job nothing', async () => {
    const world = await ZkWorld.opened();
    const held = await world.balance(world.job.address);
    for (const value of [0n, toNano('0.0005'), toNano('0.002')]) {
      await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT], { value });
      expect(await world.job.getData()).toMatchObject({ state: 'open' });
      expect(await world.balance(world.job.address)).toBeGreaterThanOrEqual(held);
    }
  });

  it('to a job that holds less than the price pays for nothing', async () => {
    const world = await ZkWorld.opened();
    const account = await world.chain.getContract(world.job.address);
    account.balance = PRICE - 1n;
    const { transactions } = await world.accepted(world.wallets.prover.address, [COMMIT, VERDICT]);
    expect(transactions).toHaveTransaction({ from: world.job.address, op: 0x0c85 });
    expect(await world.job.getData()).toMatchObject({ state: 'open' });
  });
});

describe('end', () => {
  it('before the deadline is refused', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline - 1;
    expect(await refusal(world.end())).toBe(deadline);
  });

  it('from the deadline on returns everything to the client, whoever sends it', async () => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    world.now = world.terms.deadline;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, value: (value) => value! > PRICE, inMessageBounceable: false });
    expect(parseJobCallback(transactions[1].inMessage!.body)).toEqual({ kind: 'failed', reason: 'expired' });
    expect(await job.getData()).toMatchObject({ state: 'over' });
    expect(await refusal(world.end())).toBe(deadline);
  });

  it('finding 46: a proof that is under way at the deadline gets its value back, an hour long', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline;
    await world.end();
    world.now += LINGER_SECONDS - 1;
    const { transactions } = await world.prove();
    expect(transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.prover.address, op: 0x0c85 });
    expect(await refusal(world.end())).toBe(deadline);
  });

  it.each(['proven', 'expired'])('of a %s job deletes the account when it need not answer any more', async (how) => {
    const world = await ZkWorld.opened();
    const { job, wallets } = world;
    if (how === 'proven') await world.prove();
    else {
      world.now = world.terms.deadline;
      await world.end();
    }
    world.now = world.terms.deadline + LINGER_SECONDS;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: job.address, to: wallets.client.address, op: 0xd53276db });
    const { accountState, balance } = await world.chain.getContract(job.address);
    expect([accountState, balance]).toEqual([undefined, 0n]);
    // Gone for good: what would open it again is too late.
    const again = await world.open();
    expect(again.transactions).toHaveTransaction({ to: job.address, success: false, exitCode: deadline });
  });

  it('with bytes that nobody signs, or with a StateInit, is refused', async () => {
    const world = await ZkWorld.opened();
    world.now = world.terms.deadline;
    expect(await refusal(world.end(undefined, beginCell().storeBit(1).endCell()))).toBe(9);
    expect(await refusal(world.end(undefined, beginCell().storeRef(new Cell()).endCell()))).toBe(9);
    expect(await refusal(world.end(world.job.init))).toBe(stateInitAttached);
  });

  it('at ten times the prices still pays: the reserve is at live prices', async () => {
    const world = await ZkWorld.create();
    world.chain.setConfig(multiplyPrices(world.chain.config, 10n));
    await world.open();
    await world.prove();
    world.now = world.terms.deadline + LINGER_SECONDS;
    const { transactions } = await world.end();
    expect(transactions).toHaveTransaction({ from: world.job.address, to: world.wallets.client.address, success: true });
  });

  it('costs a client whose job nobody answers less than 0.02 TON', async () => {
    const world = await ZkWorld.create();
    const { client } = world.wallets;
    const before = await client.getBalance();
    await world.open();
    world.now = world.terms.deadline;
    await world.end();
    world.now += LINGER_SECONDS;
    await world.end();
    expect(before - (await client.getBalance())).toBeLessThan(toNano('0.02'));
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
