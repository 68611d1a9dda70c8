import { beginCell, type Cell, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { OP_PROVIDER_ACTIVE, packDepositStake, packThawStake } from '../../wrappers';
import { breakAccount, conserved, handled, inject, outcome, sent, snapshotOf } from '../support/stakeActions';
import { addKeyBody, KEY_END, STAKE_MESSAGES } from '../support/stakeMatrix';
import { REGISTRY, StakeWorld, STAKE, WORKER } from '../support/stakeWorld';

const value = toNano('1');
const again = packDepositStake(0n);

describe('what the stake tells the registry, and what bounces', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const send = (body: Cell, from = world.owner.address) => inject(world, from, body, value);
  const announces = async (body: Cell): Promise<boolean> => {
    const result = await send(body);
    expect(outcome(result, world)).toBe(0);
    return sent(result, world).some(({ to }) => to.equals(REGISTRY));
  };
  /** From 100 TON to less than 50, and back: active again. */
  const fallAndRise = async (): Promise<boolean> => {
    expect(await announces(packThawStake(toNano('51')))).toBe(false);
    const result = await inject(world, world.watcher.address, packDepositStake(toNano('51')), toNano('53'));
    return sent(result, world).some(({ to }) => to.equals(REGISTRY));
  };

  it('is told once while a stake stays active, and once more when it became active again', async () => {
    expect(await announces(again)).toBe(false);
    expect(await announces(addKeyBody(world, keyPairFromSeed(Buffer.alloc(32, 9))))).toBe(false);
    expect(await announces(addKeyBody(world, WORKER, { endUnix: KEY_END + 1 }))).toBe(false);
    expect(await fallAndRise()).toBe(true);
    expect(await announces(again)).toBe(false);
  });

  it('names the owner, may bounce, and is the only message of a stake that may', async () => {
    await send(packThawStake(toNano('51')));
    const result = await inject(world, world.watcher.address, packDepositStake(toNano('51')), toNano('53'));
    const [active, change] = sent(result, world);
    const body = beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(world.owner.address).endCell();
    expect(active.body.equals(body)).toBe(true);
    expect([active.bounce, change.bounce]).toEqual([true, false]);
    for (const message of STAKE_MESSAGES) {
      world = await StakeWorld.create();
      world.chain.now = world.now + (message.later ?? 0);
      const sentNow = sent(await inject(world, message.from(world), message.body(world), value), world);
      expect([message.name, sentNow.length > 0]).toEqual([message.name, true]);
      expect([message.name, sentNow.filter(({ bounce }) => bounce)]).toEqual([message.name, []]);
    }
  });

  it('that bounces is told again by the next deposit or key, and its money stays as rent', async () => {
    await breakAccount(world, REGISTRY);
    const before = await world.balance();
    expect(await fallAndRise()).toBe(true);
    const { active } = await world.stake.getStatus();
    expect(active).toBe(STAKE);
    expect(await world.balance()).toBeGreaterThan(before + toNano('51'));
    expect(await announces(again)).toBe(true);
    expect(await announces(addKeyBody(world, WORKER, { endUnix: KEY_END + 1 }))).toBe(true);
  });

  it('that bounces from where no registry is costs the stake nothing, and no nanoTON is lost', async () => {
    const absent = await world.chain.getContract(REGISTRY);
    absent.account = { lastTransactionLt: 0n, lastTransactionHash: 0n } as typeof absent.account;
    await send(packThawStake(toNano('51')));
    const before = await world.stake.getStatus();
    const spare = (await world.balance()) - before.active - before.thawing;
    const deposit = packDepositStake(toNano('51'));
    await conserved(world, toNano('53'), () => inject(world, world.watcher.address, deposit, toNano('53')));
    const after = await world.stake.getStatus();
    expect((await world.balance()) - after.active - after.thawing).toBeGreaterThan(spare);
  });

  it('takes the bounce of its announcement for one, however short, and nothing else that bounces', async () => {
    const bounce = async (body: Cell, nano = value) => {
      const result = await inject(world, REGISTRY, body, nano, { bounce: false, bounced: true });
      expect(outcome(result, world)).toBe(0);
      expect(handled(result, world).outMessagesCount).toBe(0);
    };
    const head = beginCell().storeUint(0xffffffff, 32);
    const before = (await snapshotOf(world)).data;
    for (const op of [0x0c1a, 0x0c10, 0x0c11, 0x0c06]) {
      await bounce(beginCell().storeBuilder(head).storeUint(op, 32).storeUint(0, 64).endCell());
    }
    await bounce(head.endCell());
    await bounce(beginCell().storeBuilder(head).storeUint(0x0c19, 31).endCell());
    expect((await snapshotOf(world)).data).toBe(before);
    expect(await announces(again)).toBe(false);
    await bounce(beginCell().storeBuilder(head).storeUint(OP_PROVIDER_ACTIVE, 32).endCell());
    expect(await announces(again)).toBe(true);
  });
});
