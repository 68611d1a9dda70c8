import { Address, beginCell, type StateInit, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { PROVIDER_STAKE_ERRORS as ERRORS, THAW_SECONDS } from '../../wrappers';
import { START } from '../support/jobWorld';
import { DAY, exitCode, STAKE, StakeWorld, WORKER } from '../support/stakeWorld';

const value = toNano('1');
const HOUR = 3_600;

describe('a stake that somebody would like to forget its history', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const exit = async (sent: Promise<SendMessageResult>) => exitCode(await sent, world.stake.address);
  const owner = () => world.owner.getSender();

  /** Takes the money away and lets rent freeze the account. Gives the state that it had. */
  async function freeze() {
    const contract = await world.chain.getContract(world.stake.address);
    const { state } = contract.account.account!.storage;
    if (state.type !== 'active') throw new Error('the stake is not active');
    contract.balance = 0n;
    for (let year = 0; year < 10 && (await type()) !== 'frozen'; year++) {
      world.chain.now = world.now + 365 * DAY;
      await world.client.send({ to: world.stake.address, value: 100_000n, bounce: false });
    }
    expect(await type()).toBe('frozen');
    return state.state;
  }
  const type = async () => (await world.chain.getContract(world.stake.address)).accountState?.type;

  it('finding 19: a frozen stake comes back with its last state and never with its first', async () => {
    await world.reportLie();
    const last = await freeze();
    const revive = (init?: StateInit) =>
      world.watcher.send({ to: world.stake.address, value: toNano('2'), init, bounce: false });
    await revive(world.stake.init);
    expect(await type()).toBe('frozen');
    await revive(last);
    expect(await type()).toBe('active');
    expect(await world.stake.isConvicted(world.escrow.address, 0)).toBe(true);
    expect(await world.stake.getStatus()).toMatchObject({ keyCount: 1, faults: 1, slashed: STAKE / 2n });
    expect(await exit(world.reportLie())).toBe(ERRORS.alreadyConvicted);
    expect(await world.isSolvent()).toBe(true);
  });

  it('a second StateInit changes nothing in a living stake', async () => {
    await world.reportLie();
    const { init, address: to } = world.stake;
    await world.watcher.send({ to, value, init, bounce: false });
    expect(await world.stake.getStatus()).toMatchObject({ keyCount: 1, faults: 1, active: STAKE / 2n });
  });

  /** Ends the account: key pruned, everything thawed and withdrawn. */
  async function end(): Promise<void> {
    const workerKey = WORKER.publicKey;
    await world.stake.sendRemoveWorkerKey(owner(), { value, workerKey });
    const { active } = await world.stake.getStatus();
    await world.stake.sendThaw(owner(), { value, amount: active });
    world.chain.now = START + Math.max(THAW_SECONDS, HOUR + 10 * DAY);
    await world.stake.sendPruneWorkerKey(owner(), { value, workerKey });
    await world.stake.sendWithdraw(owner(), { value });
    expect(await world.balance()).toBe(0n);
  }

  it('findings 15 and 16: a stake ends no sooner than its keys, whose receipts count until then', async () => {
    const workerKey = WORKER.publicKey;
    await world.stake.sendThaw(owner(), { value, amount: STAKE });
    world.chain.now = START + THAW_SECONDS;
    const terms = world.terms();
    await world.stake.sendWithdraw(owner(), { value });
    expect(await world.stake.getStatus()).toMatchObject({ active: 0n, thawing: 0n, keyCount: 1 });
    expect(await exit(world.stake.sendPruneWorkerKey(owner(), { value, workerKey }))).toBe(ERRORS.keyAccountable);
    await world.stake.sendDeposit(world.watcher.getSender(), { value: toNano('60'), amount: toNano('50') });
    expect(await exit(world.report(world.receipt(terms), world.receipt(terms, { dueNano: 1n }), terms))).toBe(0);
  });

  it('finding 19: an ended stake that comes again with an old key answers for its old receipts once more', async () => {
    await world.reportLie(0);
    await end();
    await world.stake.sendDeposit(owner(), { value: STAKE + toNano('3'), amount: STAKE });
    expect(await exit(world.reportLie(0))).toBe(ERRORS.keyUnknown);
    await world.addKey(WORKER, world.now + DAY);
    expect(await exit(world.reportLie(0))).toBe(0);
    expect((await world.stake.getStatus()).slashed).toBe(STAKE / 2n);
  });

  it('an ended stake stands for nothing: a question comes back, and evidence with its money', async () => {
    await end();
    const { transactions } = await world.escrow.send({
      to: world.stake.address,
      value,
      body: beginCell().storeUint(0x0c05, 32).endCell(),
    });
    const back = transactions.find(({ inMessage }) => inMessage?.info.type === 'internal' && inMessage.info.bounced);
    expect(String(back?.inMessage?.info.dest)).toBe(String(world.escrow.address));
    const before = await world.balance(world.watcher.address);
    await world.reportLie(1);
    expect(before - (await world.balance(world.watcher.address))).toBeLessThan(toNano('0.1'));
    expect(await world.balance()).toBe(0n);
  });

  it('dust from a stranger before the last withdrawal delays nothing but the rent reserve, by one thaw', async () => {
    const workerKey = WORKER.publicKey;
    await world.stake.sendRemoveWorkerKey(owner(), { value, workerKey });
    await world.stake.sendThaw(owner(), { value, amount: STAKE });
    world.chain.now = START + THAW_SECONDS;
    await world.stake.sendPruneWorkerKey(owner(), { value, workerKey });
    await world.stake.sendDeposit(world.watcher.getSender(), { value: toNano('1'), amount: 1n });
    const before = await world.balance(world.owner.address);
    await world.stake.sendWithdraw(owner(), { value });
    expect((await world.balance(world.owner.address)) - before).toBeGreaterThan(STAKE - toNano('0.1'));
    expect(await world.balance()).toBeLessThan(toNano('1'));
    await world.stake.sendThaw(owner(), { value, amount: 1n });
    world.chain.now += THAW_SECONDS;
    await world.stake.sendWithdraw(owner(), { value });
    expect(await world.balance()).toBe(0n);
  });

  it('the body of a bounced announcement is refused when it comes as a plain message', async () => {
    const body = beginCell().storeUint(0xffffffff, 32).storeUint(0x0c19, 32).endCell();
    const { announced } = await announcement();
    const result = await world.watcher.send({ to: world.stake.address, value, body });
    expect(exitCode(result, world.stake.address)).toBe(130);
    expect((await announcement()).announced).toBe(announced);
  });

  /** Whether the next deposit announces the provider again. */
  async function announcement(): Promise<{ announced: boolean }> {
    const { transactions } = await world.stake.sendDeposit(owner(), { value: toNano('2'), amount: 1n });
    const registry = new Address(0, Buffer.alloc(32, 0x52));
    return { announced: !transactions.some(({ inMessage }) => String(inMessage?.info.dest) === String(registry)) };
  }
});
