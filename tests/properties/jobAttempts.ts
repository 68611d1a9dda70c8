import { beginCell, type Cell, toNano } from '@ton/core';
import { sign } from '@ton/crypto';
import { keyClaimHash } from '../../protocol';
import {
  packAddWorkerKey,
  packDepositStake,
  packPruneWorkerKey,
  packRemoveWorkerKey,
  packReportTwoReceipts,
  packThawStake,
  packWithdrawStake,
} from '../../wrappers';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { DAY } from '../support/stakeWorld';
import { createJob } from './createAttempt';
import { decline, deliver, fakeBounce, fakeStatus, type JobAttempt, topUp } from './jobMessages';
import type { JobMarket } from './jobMarket';
import { KEYS, type PostedJob, TERMS } from './postedJob';

const WAITS = [1, 60, 100, 200, 300, 599, 600, 3_600, DAY, 2 * DAY, 6 * DAY];
const ENOUGH = toNano('3');

/** Makes the attempt on chain and in the models; fails where they differ. */
export async function perform(market: JobMarket, made: JobAttempt): Promise<void> {
  if (made.kind === 'wait') return market.wait(WAITS[made.variant % WAITS.length]);
  if (made.kind === 'post' || market.jobs.length === 0) {
    const job = await market.post(made.slot === 0 ? 'plain' : TERMS[made.variant], made.size);
    return attemptOn(market, job, { ...made, kind: 'create' });
  }
  const recent = market.jobs.slice(-3);
  return attemptOn(market, recent[made.slot % recent.length], made);
}

export async function attemptOn(market: JobMarket, job: PostedJob, made: JobAttempt): Promise<void> {
  const onJob = JOB_ATTEMPTS[made.kind];
  await (onJob ? onJob(market, job, made) : onStake(market, made));
  await market.compare();
}

type OnJob = (market: JobMarket, job: PostedJob, made: JobAttempt) => Promise<unknown>;

const JOB_ATTEMPTS: Record<string, OnJob> = {
  create: createJob,
  deliver,
  decline,
  expire: (market, job, { fault }) => market.expire(job, { withInit: fault === 1, junk: fault === 2 }),
  topUp,
  fakeStatus,
  fakeBounce,
  fakeUndelivered,
  evidence,
};

/** The worker's genuine promise, claimed by somebody else than the job that it names. */
async function fakeUndelivered(market: JobMarket, job: PostedJob, { variant }: JobAttempt): Promise<void> {
  const { client, stranger } = market.parties;
  const head = beginCell().storeUint(0x0c07, 32).storeBuffer(client.address.hash).storeCoins(job.terms.price);
  const body = head.storeRef(job.promise('good')!).endCell();
  const from = variant % 2 ? client.address : stranger.address;
  await market.tellStake('fakeUndelivered', { from, value: toNano('1'), body }, 0);
}

/** Two receipts for one job. Faults: 1 that agree, 2 of which a stranger signed one. */
async function evidence(market: JobMarket, job: PostedJob, { fault }: JobAttempt): Promise<void> {
  if (!['fine', 'coverage', 'secondKey', 'otherStake'].includes(job.kind)) return;
  const other = job.answer(fault === 1 ? { issuedAt: market.now } : { responseCommit: patternBytes(32, 99) });
  const body = packReportTwoReceipts({
    terms: job.world.termsCell,
    first: job.receipt(job.answer()),
    second: job.receipt(other, fault === 2 ? 1 - job.key : job.key),
  });
  const judge = (): number => {
    if (!market.stakeModel.keys.has(String(job.key))) return 717;
    if (fault === 2) return 725;
    if (job.kind === 'otherStake') return 724;
    return fault === 1 ? 726 : market.stakeModel.convict(job.name, job.terms.price);
  };
  const from = market.parties.stranger.address;
  await market.tellStake('evidence', { from, value: ENOUGH, body, bounce: true }, judge());
}

async function onStake(market: JobMarket, { kind, size, variant }: JobAttempt): Promise<void> {
  const { stakeModel: model, now } = market;
  const key = variant % 2;
  const name = String(key);
  const workerKey = KEYS[key].publicKey;
  const tell = (expected: number, body: Cell, value = ENOUGH): Promise<void> =>
    market.tellStake(kind, { from: market.parties.owner.address, value, body, bounce: true }, expected);
  switch (kind) {
    case 'deposit': {
      const amount = toNano(size);
      model.active += amount;
      return tell(0, packDepositStake(amount), amount + toNano('20'));
    }
    case 'thaw': {
      const free = model.active - model.reserved(now);
      const amount = free < 0n || variant === 0 ? model.active + 1n : (free * BigInt(size)) / 400n;
      return tell(model.thaw(amount, now), packThawStake(amount));
    }
    case 'withdraw':
      return tell(model.withdraw(now), packWithdrawStake());
    case 'addKey': {
      const endUnix = now + [30 * DAY, 3_700][size % 2];
      const sealingKey = patternBytes(32, 60);
      const claim = { networkId: NETWORK_ID, stake: market.stake.hash, sealingKey, endUnix };
      const proof = sign(Buffer.from(keyClaimHash(claim)), KEYS[key].secretKey);
      const expected = model.addKey(name, { sealing: 60, end: endUnix, proven: true }, now);
      return tell(expected, packAddWorkerKey({ workerKey, sealingKey, endUnix, proof }));
    }
    case 'removeKey':
      return tell(model.removeKey(name, now), packRemoveWorkerKey(workerKey));
    case 'prune':
      return tell(model.pruneKey(name, now), packPruneWorkerKey(workerKey));
    default:
      throw new Error(`unknown attempt ${kind}`);
  }
}
