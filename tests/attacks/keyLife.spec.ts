import { toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import { keyClaimHash } from '../../protocol';
import { isInKeyLife, KEY_STATUS, PROVIDER_STAKE_ERRORS as ERRORS, type WorkerKeyRecord } from '../../wrappers';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { DAY, exitCode, STAKE, StakeWorld, WORKER } from '../support/stakeWorld';

const HOUR = 3_600;
const END = START + 30 * DAY;
const value = toNano('1');

describe('a key whose owner plays with its life', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const exit = async (sent: Promise<SendMessageResult>) => exitCode(await sent, world.stake.address);
  const record = async (): Promise<WorkerKeyRecord> => (await world.stake.getWorkerKey(WORKER.publicKey))!;
  const owner = () => world.owner.getSender();
  const remove = () => world.stake.sendRemoveWorkerKey(owner(), { value, workerKey: WORKER.publicKey });
  const prune = () => world.stake.sendPruneWorkerKey(world.watcher.getSender(), { value, workerKey: WORKER.publicKey });
  const renew = (endUnix: number) => exit(world.addKey(WORKER, endUnix));

  it('finding 20: a receipt dated outside the life of its key is invalid for the SDK and no offence', async () => {
    const key = await record();
    const dates = [START - 1, START, END - 1, END];
    expect(dates.map((date) => isInKeyLife(key, date))).toEqual([false, true, true, false]);
    for (const issuedAt of dates) {
      const terms = world.terms();
      const receipt = world.receipt(terms, { issuedAt });
      expect(await exit(world.report(receipt, receipt))).toBe(ERRORS.noConflict);
      expect(await exit(world.report(receipt, { ...receipt, issuedAt: START + 1 }))).toBe(ERRORS.noConflict);
    }
    expect((await world.stake.getStatus()).active).toBe(STAKE);
  });

  it('finding 20: a liar cannot date itself out of the slash, not before its key and not after', async () => {
    const dates = [0, START - 1, END, 0xffffffff];
    for (const [seq, issuedAt] of dates.entries()) expect(await exit(world.reportLie(seq, { issuedAt }))).toBe(0);
    expect((await world.stake.getStatus()).faults).toBe(dates.length);
  });

  it('finding 20: a removed key works one more hour, and the stake stands for no job beyond it', async () => {
    await remove();
    expect((await record()).removedAt).toBe(START);
    expect(isInKeyLife(await record(), START + HOUR - 1)).toBe(true);
    expect(isInKeyLife(await record(), START + HOUR)).toBe(false);
    expect(await world.query(world.terms({ expiresAt: START + HOUR - 1 }))).toBe(KEY_STATUS.fine);
    expect(await world.query(world.terms({ expiresAt: START + HOUR }))).toBe(KEY_STATUS.ended);
  });

  it('finding 20: no renewal ends a key within the hour, by when every client has looked again', async () => {
    expect(await renew(START + 1)).toBe(ERRORS.keyEndPassed);
    expect(await renew(START + HOUR - 1)).toBe(ERRORS.keyEndPassed);
    await remove();
    expect(await renew(START + HOUR - 1)).toBe(ERRORS.keyEndPassed);
    world.chain.now = START + 1;
    expect(await renew(START + HOUR - 1)).toBe(ERRORS.keyEndPassed);
    expect(await renew(START + HOUR)).toBe(0);
    expect((await record()).endUnix).toBe(START + HOUR);
  });

  it('finding 20: a renewal does not move the begin of a key: receipts that were good stay good', async () => {
    world.chain.now = START + DAY;
    expect(await renew(END + DAY)).toBe(0);
    expect((await record()).fromUnix).toBe(START);
    expect(isInKeyLife(await record(), START)).toBe(true);
  });

  it('findings 16 and 45: a key that was removed, renewed and removed is accountable until its last end', async () => {
    await remove();
    world.chain.now = START + HOUR + 9 * DAY;
    expect(await renew(world.now + DAY)).toBe(0);
    world.chain.now += 1;
    await remove();
    world.chain.now += HOUR + 10 * DAY - 1;
    expect(await exit(prune())).toBe(ERRORS.keyAccountable);
    expect(await exit(world.reportLie())).toBe(0);
  });

  it('findings 16 and 49: another sealing key comes only 10 days after the end of the old one', async () => {
    const swap = (endUnix: number): Promise<number> => {
      const sealingKey = patternBytes(32, 61);
      const claim = { networkId: NETWORK_ID, stake: world.stake.address.hash, sealingKey, endUnix };
      const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
      const message = { value, workerKey: WORKER.publicKey, sealingKey, endUnix, proof };
      return exit(world.stake.sendAddWorkerKey(owner(), message));
    };
    expect(await swap(END + DAY)).toBe(ERRORS.sealingKeyPinned);
    await remove();
    expect(await swap(END + DAY)).toBe(ERRORS.sealingKeyPinned);
    world.chain.now = START + HOUR + 10 * DAY;
    expect(await swap(END + DAY)).toBe(ERRORS.sealingKeyPinned);
    expect(await exit(prune())).toBe(0);
    expect(await swap(END + DAY)).toBe(0);
  });

  it('finding 45: a pruned key that is added again answers for its old receipts again, once each', async () => {
    await world.reportLie(0);
    await remove();
    world.chain.now = START + HOUR + 10 * DAY;
    await prune();
    expect(await exit(world.reportLie(1))).toBe(ERRORS.keyUnknown);
    expect(await renew(END)).toBe(0);
    expect(await exit(world.reportLie(0))).toBe(ERRORS.alreadyConvicted);
    expect(await exit(world.reportLie(1))).toBe(0);
  });

  it('finding 14: a claim that was used is not used again by anybody but the owner, nor for another end', async () => {
    const sealingKey = patternBytes(32, 60);
    const claim = { networkId: NETWORK_ID, stake: world.stake.address.hash, sealingKey, endUnix: END };
    const proof = sign(Buffer.from(keyClaimHash(claim)), WORKER.secretKey);
    const message = { value, workerKey: WORKER.publicKey, sealingKey, endUnix: END, proof };
    const { stake, watcher } = world;
    expect(await exit(stake.sendAddWorkerKey(watcher.getSender(), message))).toBe(ERRORS.notOwner);
    expect(await exit(stake.sendAddWorkerKey(owner(), { ...message, endUnix: END + 1 }))).toBe(ERRORS.keyNotClaimed);
    const other = keyPairFromSeed(Buffer.alloc(32, 9));
    const stolen = { ...message, workerKey: other.publicKey };
    expect(await exit(stake.sendAddWorkerKey(owner(), stolen))).toBe(ERRORS.keyNotClaimed);
  });
});
