import { beginCell, type Cell, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import type { KeyClaim } from '../../protocol';
import {
  isKeyUsable,
  KEY_ACCOUNTABLE_SECONDS,
  KEY_REMOVAL_DELAY_SECONDS,
  KEY_STATUS,
  keyEnd,
  packPruneWorkerKey,
  packRemoveWorkerKey,
  PROVIDER_STAKE_ERRORS as ERRORS,
  ProviderStake,
} from '../../wrappers';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { inject, outcome } from '../support/stakeActions';
import { addKeyBody, KEY_END, NEW_KEY, SEALING_KEY } from '../support/stakeMatrix';
import { DAY, REGISTRY, signed, STAKE, StakeWorld, termsCell, WORKER } from '../support/stakeWorld';

const value = toNano('1');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const remove = packRemoveWorkerKey(WORKER.publicKey, 7n);
const prune = packPruneWorkerKey(WORKER.publicKey, 7n);

describe('worker keys of a stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const send = async (body: Cell, from = world.owner) =>
    outcome(await inject(world, from.address, body, value), world);
  const record = () => world.stake.getWorkerKey(WORKER.publicKey);
  /** What a contract hears that asks for a job of 10 minutes. */
  const ask = () => world.query(world.terms());
  const renew = (endUnix: number, sealingKey = SEALING_KEY) => addKeyBody(world, WORKER, { endUnix, sealingKey });

  it('are there as they were claimed, with the time from which they are', async () => {
    world.chain.now = START + 60;
    expect(await send(addKeyBody(world, NEW_KEY, { endUnix: START + DAY, sealingKey: patternBytes(32, 3) }))).toBe(0);
    const added = (await world.stake.getWorkerKey(NEW_KEY.publicKey))!;
    expect(hex(added.workerKey)).toBe(hex(NEW_KEY.publicKey));
    expect(hex(added.sealingKey)).toBe(hex(patternBytes(32, 3)));
    expect(hex(added.imageHash)).toBe('00'.repeat(32));
    expect(added).toMatchObject({
      tier: 0,
      claims: 0,
      tcbStatus: 0,
      revocationEpoch: 0,
      fromUnix: START + 60,
      endUnix: START + DAY,
      removedAt: 0,
    });
    expect((await world.stake.getStatus()).keyCount).toBe(2);
    expect(await world.stake.getWorkerKey(patternBytes(32, 1))).toBeNull();
  });

  it('finding 14: a claim that differs in any one field from what is added is refused', async () => {
    const other: Record<keyof KeyClaim, Partial<KeyClaim>> = {
      networkId: { networkId: -3 },
      stake: { stake: world.client.address.hash },
      sealingKey: { sealingKey: patternBytes(32, 61) },
      endUnix: { endUnix: KEY_END - 1 },
    };
    for (const claimed of Object.values(other)) {
      expect(await send(addKeyBody(world, NEW_KEY, {}, claimed))).toBe(ERRORS.keyNotClaimed);
    }
    const rest = addKeyBody(world, NEW_KEY).beginParse();
    const ofOtherKey = beginCell().storeBits(rest.loadBits(32 + 64)).storeBuffer(WORKER.publicKey);
    expect(await send(ofOtherKey.storeSlice(rest.skip(256)).endCell())).toBe(ERRORS.keyNotClaimed);
    expect(await send(addKeyBody(world, NEW_KEY))).toBe(0);
  });

  it('begin and end to the second, and a key that ends with the job does not serve it', async () => {
    expect(await send(addKeyBody(world, NEW_KEY, { endUnix: world.now }))).toBe(ERRORS.keyEndPassed);
    expect(await send(addKeyBody(world, NEW_KEY, { endUnix: world.now + 1 }))).toBe(0);
    const until = (expiresAt: number) => world.query(world.terms({ expiresAt }));
    world.chain.now = KEY_END - 600;
    expect(await until(KEY_END)).toBe(KEY_STATUS.ended);
    expect(await until(KEY_END - 1)).toBe(KEY_STATUS.fine);
  });

  it('are added down to the minimum of the stake and not a nanoTON below', async () => {
    const atMinimum = { value, amount: STAKE - toNano('50') };
    await world.stake.sendThaw(world.owner.getSender(), atMinimum);
    expect(await send(addKeyBody(world, NEW_KEY))).toBe(0);
    await world.stake.sendThaw(world.owner.getSender(), { value, amount: 1n });
    expect(await send(renew(KEY_END + 1))).toBe(ERRORS.stakeBelowMinimum);
  });

  it('finding 20: a removed key works one more hour, also for who removes it again', async () => {
    expect(await send(remove)).toBe(0);
    world.chain.now = START + 1_800;
    expect(await send(remove)).toBe(0);
    expect(await record()).toMatchObject({ removedAt: START, endUnix: KEY_END });
    const until = (expiresAt: number) => world.query(world.terms({ expiresAt }));
    expect(await until(START + KEY_REMOVAL_DELAY_SECONDS - 1)).toBe(KEY_STATUS.fine);
    expect(await until(START + KEY_REMOVAL_DELAY_SECONDS)).toBe(KEY_STATUS.ended);
    expect(await send(packRemoveWorkerKey(NEW_KEY.publicKey))).toBe(ERRORS.keyUnknown);
  });

  it('finding 20: a renewal ends a key no sooner than its removal would, and its life goes on', async () => {
    const soonest = START + KEY_REMOVAL_DELAY_SECONDS;
    expect(await send(renew(soonest - 1))).toBe(ERRORS.keyEndPassed);
    expect(await send(renew(soonest))).toBe(0);
    // A key that ends sooner anyway may end when it ends, not before.
    world.chain.now = soonest - 60;
    expect(await send(renew(soonest - 1))).toBe(ERRORS.keyEndPassed);
    expect(await send(renew(soonest))).toBe(0);
    world.chain.now = soonest + 60;
    expect(await send(renew(soonest + 61))).toBe(0);
    expect(await record()).toMatchObject({ fromUnix: START, endUnix: soonest + 61, removedAt: 0 });
  });

  it('that were removed are as good as new when renewed, and keep their sealing key till they are pruned', async () => {
    await send(remove);
    world.chain.now = START + KEY_REMOVAL_DELAY_SECONDS + 1;
    expect(await ask()).toBe(KEY_STATUS.ended);
    expect(await send(renew(KEY_END, patternBytes(32, 61)))).toBe(ERRORS.sealingKeyPinned);
    expect(await send(renew(KEY_END))).toBe(0);
    expect(await record()).toMatchObject({ removedAt: 0, endUnix: KEY_END });
    expect((await world.stake.getStatus()).keyCount).toBe(1);
    expect(await ask()).toBe(KEY_STATUS.fine);
  });

  it('finding 45: are pruned by anybody 10 days after their end, to the second, and once', async () => {
    const end = KEY_END + KEY_ACCOUNTABLE_SECONDS;
    world.chain.now = end - 1;
    expect(await send(prune, world.watcher)).toBe(ERRORS.keyAccountable);
    world.chain.now = end;
    expect(await send(prune, world.watcher)).toBe(0);
    expect(await send(prune, world.watcher)).toBe(ERRORS.keyUnknown);
    expect(await record()).toBeNull();
    expect(await world.stake.getStatus()).toMatchObject({ keyCount: 0, active: STAKE });
  });

  it('finding 49: a pruned key may come back with another sealing key, long after anybody used the old', async () => {
    const cached = (await record())!;
    await send(remove);
    world.chain.now = START + KEY_REMOVAL_DELAY_SECONDS + KEY_ACCOUNTABLE_SECONDS;
    expect(await send(prune)).toBe(0);
    const sealingKey = patternBytes(32, 61);
    expect(await send(renew(KEY_END, sealingKey))).toBe(0);
    expect(hex((await record())!.sealingKey)).toBe(hex(sealingKey));
    expect((await record())!.fromUnix).toBe(world.now);
    // Ten days and an hour pass between what a client could cache and the other sealing key.
    expect(world.now - START).toBe(KEY_REMOVAL_DELAY_SECONDS + KEY_ACCOUNTABLE_SECONDS);
    const removed = { ...cached, removedAt: START };
    expect(keyEnd(removed)).toBe(START + KEY_REMOVAL_DELAY_SECONDS);
    expect(isKeyUsable(removed, await world.stake.getStatus(), world.now)).toBe(false);
    // What it signed before is evidence again: nothing is forgiven by coming back.
    expect(await outcomeOfLie()).toBe(0);
  });

  const outcomeOfLie = async () => outcome(await world.reportLie(), world);

  it('finding 16: a job that opens just before the removal is evidence until its dispute window is over', async () => {
    const expiresAt = world.now + DAY;
    expect(await world.query(world.terms({ expiresAt }))).toBe(KEY_STATUS.fine);
    await send(remove);
    world.chain.now = expiresAt + 5 * DAY;
    expect(await send(prune)).toBe(ERRORS.keyAccountable);
    expect(await outcomeOfLie()).toBe(0);
  });

  it('finding 14: one key at two stakes is two keys: a lie costs the stake that its terms name alone', async () => {
    const parameters = { networkId: NETWORK_ID, registry: REGISTRY, owner: world.client.address };
    const other = world.chain.openContract(await ProviderStake.fromOwner(parameters));
    const via = world.client.getSender();
    await other.sendDeposit(via, { value: STAKE + toNano('3'), amount: STAKE });
    const body = addKeyBody(world, WORKER, {}, { stake: other.address.hash });
    expect(await send(body)).toBe(ERRORS.keyNotClaimed);
    await world.client.send({ to: other.address, value, body });
    expect((await other.getStatus()).keyCount).toBe(1);
    const terms = world.terms({ stake: other.address.hash });
    const first = world.receipt(terms);
    const second = { ...first, responseCommit: patternBytes(32, 99) };
    expect(outcome(await world.report(first, second, terms), world)).toBe(ERRORS.otherStake);
    const evidence = { terms: termsCell(terms), first: signed(first), second: signed(second) };
    await other.sendReportTwoReceipts(world.watcher.getSender(), { value, ...evidence });
    expect((await other.getStatus()).active).toBe(STAKE / 2n);
    expect((await world.stake.getStatus()).active).toBe(STAKE);
  });

  it('finding 16: a slot that was pruned is taken again, and 32 are the most', async () => {
    const keys = Array.from({ length: 31 }, (_, index) => keyPairFromSeed(Buffer.alloc(32, 100 + index)));
    for (const key of keys) expect(await send(addKeyBody(world, key, { endUnix: KEY_END + DAY }))).toBe(0);
    expect(await send(addKeyBody(world, NEW_KEY))).toBe(ERRORS.keysFull);
    expect(await send(renew(KEY_END))).toBe(0);
    world.chain.now = KEY_END + KEY_ACCOUNTABLE_SECONDS;
    expect(await send(prune)).toBe(0);
    const endUnix = world.now + DAY;
    expect(await send(addKeyBody(world, NEW_KEY, { endUnix }))).toBe(0);
    expect(await send(renew(endUnix))).toBe(ERRORS.keysFull);
  });
});
