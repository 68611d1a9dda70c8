import { beginCell, Cell, toNano } from '@ton/core';
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
import type { JobMarket } from './jobMarket';
import { exitCode } from './ledger';
import { KEYS, type PostedJob, TERMS } from './postedJob';

/** One attempt; whether it is allowed is for the model to say. */
export interface JobAttempt {
  kind: string;
  /** Which of the three newest jobs. */
  slot: number;
  /** 0: nothing is wrong with it. */
  fault: number;
  /** 0 to 99, used as each kind likes. */
  size: number;
  /** 0 to 15, likewise. */
  variant: number;
}

export const NOTHING_SPECIAL: JobAttempt = { kind: 'create', slot: 0, fault: 0, size: 1, variant: 0 };
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

/** Faults: 1 another key, 2 another output, 3 too large an output, 4 a StateInit, 5 cut short, 6 to 8 another receipt. */
export async function deliver(market: JobMarket, job: PostedJob, { fault, size }: JobAttempt): Promise<void> {
  const honest = job.answer();
  const large = fault === 3 ? job.answer({ output: patternBytes(24 + 2 * 127 + 1 + size) }) : honest;
  const fields = [{ dueNano: job.terms.price + 1n }, { seq: 1 }, { final: 0 }][fault - 6];
  const sent = fault === 2 ? patternBytes(256, 9) : undefined;
  const whole = job.deliver(large, { key: fault === 1 ? 1 - job.key : job.key, fields, sent });
  const body = fault === 5 ? beginCell().storeBits(whole.beginParse().loadBits(511)).endCell() : whole;
  const facts = {
    stateInit: fault === 4,
    malformed: fault === 5,
    signed: fault !== 1 && fields === undefined,
    outputSigned: fault !== 2,
    outputFits: fault !== 3,
    funded: market.isFunded(job),
  };
  const ending = await market.external(job, 'deliver', body, job.model.deliver(facts, market.now), fault === 4);
  if (ending) expect([ending.failed, ending.reported]).toEqual([[], 0]);
}

/** Faults: 1 another key, 2 a StateInit, 3 cut short. */
export async function decline(market: JobMarket, job: PostedJob, { fault }: JobAttempt): Promise<void> {
  const whole = job.decline(fault === 1 ? 1 - job.key : job.key);
  const body = fault === 3 ? beginCell().storeBits(whole.beginParse().loadBits(500)).endCell() : whole;
  const facts = { stateInit: fault === 2, malformed: fault === 3, signed: fault !== 1 };
  const wasPoor = market.held(job) < toNano('0.09');
  const ending = await market.external(job, 'decline', body, job.model.decline(facts, market.now), fault === 2);
  if (ending && !wasPoor) expect([ending.failed, ending.reported]).toEqual([[3], 0]);
}

/** A stranger's money, which nobody asked for; with the StateInit where no account is. */
async function topUp(market: JobMarket, job: PostedJob): Promise<void> {
  const { contract, model } = job;
  const isNew = model.state === 'absent';
  const from = market.parties.stranger.address;
  const init = isNew ? contract.init : undefined;
  if (market.held(job) < toNano('0.09')) model.funded++;
  if (isNew) model.state = 'fresh';
  const transactions = await market.internal({ from, to: contract.address, value: toNano('1'), body: new Cell(), init });
  market.judge('job.topUp', exitCode(transactions), [130]);
}

/** KeyStatus from a stranger, from the stake's twin in the masterchain, or one that was not awaited. */
export async function fakeStatus(market: JobMarket, job: PostedJob, { variant }: JobAttempt): Promise<void> {
  if (!job.model.parameters.checked) return;
  const senders = [market.parties.stranger.address, market.twin];
  if (job.model.state !== 'checking') senders.push(job.stake);
  const from = senders[variant % senders.length];
  const body = beginCell().storeUint(0x0c06, 32).storeUint(0, 8).endCell();
  const message = { from, to: job.contract.address, value: toNano('0.1'), body, bounce: true };
  // What bounces to the stake is a message like any other; it pays rent.
  market.judge('checked.fakeStatus', exitCode(await market.internal(message)), job.model.forgedReply());
}

/** Says that the query came back. */
export async function fakeBounce(market: JobMarket, job: PostedJob, { variant }: JobAttempt): Promise<void> {
  // Raised prices would take more value, and what bounced stays.
  if (!job.model.parameters.checked || market.wereRaised) return;
  const from = [market.parties.stranger.address, market.twin][variant % 2];
  const body = beginCell().storeUint(0xffffffff, 32).storeUint(0x0c05, 32).endCell();
  const value = toNano('0.005');
  job.stray += value;
  const message = { from, to: job.contract.address, value, body, bounced: true };
  market.judge('checked.fakeBounce', exitCode(await market.internal(message)), job.model.forgedReply());
}

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
