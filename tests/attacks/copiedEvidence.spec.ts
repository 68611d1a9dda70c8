import { type Address, beginCell, toNano } from '@ton/core';
import type { SandboxContract, TreasuryContract } from '@ton/sandbox';
import type { Receipt } from '../../protocol';
import { packReportTwoReceipts, PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import { patternBytes } from '../support/jobWorld';
import { exitCode, signed, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';

const VALUE = toNano('0.5');
const FEES = toNano('0.05');

describe('evidence that somebody else sends first', () => {
  let world: StakeWorld;
  let honest: Receipt;
  let lie: Receipt;
  beforeEach(async () => {
    world = await StakeWorld.create();
    honest = world.receipt(world.terms());
    lie = { ...honest, responseCommit: patternBytes(32, 50) };
  });

  type Wallet = SandboxContract<TreasuryContract>;
  const report = async (from: Wallet, first = honest, second = lie, terms = world.terms()): Promise<number> => {
    const evidence = { terms: termsCell(terms), first: signed(first), second: signed(second) };
    const body = packReportTwoReceipts(evidence);
    return exitCode(await from.send({ to: world.stake.address, value: VALUE, body }), world.stake.address);
  };
  /** What one account gained by an action, nanoTON. */
  const gain = async (account: Address, action: () => Promise<unknown>): Promise<bigint> => {
    const before = await world.balance(account);
    await action();
    return (await world.balance(account)) - before;
  };

  it('finding 23: a copier gets the small reward, the copied one pays fees, the client is paid as before', async () => {
    const thief = await world.chain.treasury('thief');
    const { watcher, client } = world;
    const toClient = await gain(client.address, async () => {
      const reward = await gain(thief.address, async () => expect(await report(thief)).toBe(0));
      expect(reward).toBeLessThan(toNano('5'));
      expect(reward).toBeGreaterThan(toNano('5') - FEES);
    });
    expect(toClient).toBeGreaterThan(toNano('2') - FEES);
    const lost = await gain(watcher.address, async () => expect(await report(watcher)).toBe(ERRORS.alreadyConvicted));
    expect(-lost).toBeLessThan(FEES);
    expect((await world.stake.getStatus()).slashed).toBe(STAKE / 2n);
  });

  it('finding 23: the order in which a copier puts the receipts changes nothing for anybody', async () => {
    const amounts: bigint[][] = [];
    for (const [first, second] of [
      [honest, lie],
      [lie, honest],
    ]) {
      world = await StakeWorld.create();
      const before = await world.burnt();
      const toClient = await gain(world.client.address, async () => {
        expect(await report(world.watcher, first, second)).toBe(0);
      });
      amounts.push([toClient, (await world.burnt()) - before]);
    }
    expect(amounts[0]).toEqual(amounts[1]);
  });

  it('finding 23: a copier cannot name another client: the terms are in what the worker signed', async () => {
    const thief = await world.chain.treasury('thief');
    const others = world.terms({ client: thief.address.hash });
    expect(await report(thief, honest, lie, others)).toBe(ERRORS.otherTerms);
    expect(await report(thief, lie, honest, others)).toBe(ERRORS.otherTerms);
    expect((await world.stake.getStatus()).slashed).toBe(0n);
  });

  it('findings 18 and 23: a liar that copies the report on itself keeps 5 TON of the 50 that it loses', async () => {
    const { owner } = world;
    const kept = await gain(owner.address, async () => expect(await report(owner)).toBe(0));
    expect(kept).toBeLessThan(toNano('5'));
    expect(await world.burnt()).toBeGreaterThan(toNano('42.9'));
  });

  it('findings 12 and 18: a liar with a friend as client in a third receipt burns half of what it loses', async () => {
    const friend = await world.chain.treasury('friend');
    const terms = world.terms({ client: friend.address.hash });
    const sham = world.receipt(terms, { dueNano: (1n << 64n) - 1n });
    const burntBefore = await world.burnt();
    const toFriend = await gain(friend.address, async () => {
      expect(await report(world.owner, sham, honest, terms)).toBe(0);
    });
    expect(toFriend).toBeLessThanOrEqual(toNano('20'));
    expect((await world.burnt()) - burntBefore).toBeGreaterThan(toNano('25') - FEES);
    expect(await report(world.watcher)).toBe(ERRORS.alreadyConvicted);
  });

  it('a reporter in the masterchain, whose reply is dearer, and a client that throws hold up no slash', async () => {
    const evidence = { terms: termsCell(world.terms()), first: signed(honest), second: signed(lie) };
    const body = packReportTwoReceipts(evidence);
    const validator = await world.chain.treasury('validator', { workchain: -1 });
    const value = toNano('0.03');
    const result = await validator.send({ to: world.stake.address, value, body, sendMode: 1 });
    expect(exitCode(result, world.stake.address)).toBe(0);
    const code = beginCell().storeUint(0xf2c0, 16).storeUint(0x64, 8).endCell();
    const contract = await world.chain.getContract(world.client.address);
    const { account } = contract.account;
    const state = { type: 'active' as const, state: { code, data: beginCell().endCell() } };
    contract.account = { ...contract.account, account: { ...account!, storage: { ...account!.storage, state } } };
    const toClient = await gain(world.client.address, async () => expect(await world.reportLie(1)).toBeDefined());
    expect(toClient).toBeGreaterThan(toNano('2') - FEES);
    expect((await world.stake.getStatus()).faults).toBe(2);
  });
});
