import { beginCell, Cell, toNano } from '@ton/core';
import { patternBytes } from '../support/jobWorld';
import { type JobMarket, POOR } from './jobMarket';
import { exitCode } from './ledger';
import type { PostedJob } from './postedJob';

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
/** Faults: 1 another key, 2 another output, 3 too large a one, 4 a StateInit, 5 cut short, 6 to 8 another receipt. */
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
  const wasPoor = market.held(job) < POOR;
  const ending = await market.external(job, 'decline', body, job.model.decline(facts, market.now), fault === 2);
  if (ending && !wasPoor) expect([ending.failed, ending.reported]).toEqual([[3], 0]);
}

/** A stranger's money, which nobody asked for; with the StateInit where no account is. */
export async function topUp(market: JobMarket, job: PostedJob): Promise<void> {
  const { contract, model } = job;
  const isNew = model.state === 'absent';
  const from = market.parties.stranger.address;
  const init = isNew ? contract.init : undefined;
  if (market.held(job) < POOR) model.funded++;
  if (isNew) model.state = 'fresh';
  const message = { from, to: contract.address, value: toNano('1'), body: new Cell(), init };
  const transactions = await market.internal(message);
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
  // Raised prices would take more value, and what bounced stays, also where no account is.
  if (!job.model.parameters.checked || market.wereRaised || job.model.state === 'absent') return;
  const from = [market.parties.stranger.address, market.twin][variant % 2];
  const body = beginCell().storeUint(0xffffffff, 32).storeUint(0x0c05, 32).endCell();
  const value = toNano('0.005');
  job.stray += value;
  const message = { from, to: job.contract.address, value, body, bounced: true };
  market.judge('checked.fakeBounce', exitCode(await market.internal(message)), job.model.forgedReply());
}
