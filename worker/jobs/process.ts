import type { Address } from '@ton/core';
import { DeclineReason } from '../../protocol';
import { packDecline, packDelivery, type JobEscrowTerms } from '../../wrappers';
import { externalTo, type ChainClient } from '../chain/chainClient';
import type { RequestVault } from '../cases/vault';
import { crashPoint } from '../crash';
import type { Answered, ServedEngine, ServedModel } from '../engine';
import type { WorkerKeys } from '../keys/workerKeys';
import type { Logger } from '../log';
import type { JobRecord, JobStore } from '../store/jobStore';
import { signAnswer, signDecline } from './answer';
import { checkTerms, type EscrowCodes, type JobPolicy } from './escrowCheck';
import { findJob } from './find';
import { openJobRequest, type OpenedRequest } from './request';
import { unixTime } from './settle';

/** What processing a job needs. */
export interface JobContext {
  chain: ChainClient;
  store: JobStore;
  log: Logger;
  keys: WorkerKeys;
  policy: JobPolicy;
  /** Hash part of the provider stake that terms must name, 32 bytes. */
  stake: Uint8Array;
  model: ServedModel;
  engine: ServedEngine;
  escrowCodes: EscrowCodes;
  maxTokens: number;
  /** Set for a worker whose answers can be challenged. */
  vault?: RequestVault;
  signal?: AbortSignal;
}

/** A job that passed every check and waits for the engine. */
export interface ReadableJob {
  address: Address;
  terms: JobEscrowTerms;
  request: OpenedRequest;
  /** This worker signed that it will deliver: never declined, and tried until the deadline. */
  isPromised: boolean;
}

/** A receipt must be dated within 10 minutes of its delivery; a stored date older than this is not used again. */
const RECEIPT_DATE_SECONDS = 300;

/** Refused accounts that the store remembers, so that announcing others' accounts does not fill the disk. */
const MAX_REFUSED = 1_000;

/** Least seconds before the deadline at which an answer is still signed: about what a message takes to land. */
const LANDING_SECONDS = 5;

/**
 * Reads the job from chain, checks it and opens its request. Declines or refuses what does not hold (recorded in the
 * store) and then returns null. An account that a lagging API does not show yet is waited for.
 */
export async function readJob(context: JobContext, address: Address, lagSeconds: number): Promise<ReadableJob | null> {
  const { chain, store, log, policy } = context;
  const name = address.toRawString();
  crashPoint('afterSeen');
  const found = await findJob(context, address, lagSeconds);
  if (found === 'stopped') return null;
  if (found === 'absent' || found === 'lapsed') {
    giveUp(context, name, found);
    return null;
  }
  if (found.kind === 'foreign') {
    refuse(context, name, found.note);
    return null;
  }
  const { account, job, now, request } = found;
  const isPromised = store.promises.get(name) !== null || job.checked?.isAccepted === true;
  const { terms } = job;
  const asked = { address, terms, isPromised };
  store.update(
    name,
    { deadline: terms.deadline, priceNano: terms.price, termsHash: Buffer.from(terms.termsHash).toString('hex') },
    unixTime(),
  );
  if (!isPromised) {
    const verdict = checkTerms(job, account.balance, policy, await chain.networkPrices(), now);
    if (verdict.kind === 'decline') return decline(context, asked, verdict.reason);
  }
  if (request === null) return decline(context, asked, DeclineReason.unreadableRequest);
  const opened = await openJobRequest({
    envelope: request,
    escrow: new Uint8Array(address.hash),
    terms,
    isChecked: job.checked !== null,
    stake: context.stake,
    keys: context.keys,
    model: context.model,
    tier: policy.tier,
    maxTokens: context.maxTokens,
  });
  if (opened.kind === 'decline') return decline(context, asked, opened.reason);
  log.info(
    { job: name, promptTokens: opened.request.generation.promptTokens.length, deadline: terms.deadline },
    'job accepted',
  );
  return { ...asked, request: opened.request };
}

/**
 * Computes, signs and stores an answer. After this returns the signed bytes are durable. `again`: the engine failed,
 * and this job was promised.
 */
export async function computeJob(context: JobContext, job: ReadableJob): Promise<'done' | 'again'> {
  const { store, log, engine, signal } = context;
  const name = job.address.toRawString();
  const now = await chainTime(context, job.address);
  if (!job.isPromised && job.terms.deadline - now < context.policy.minSeconds / 2) {
    decline(context, job, DeclineReason.deadlineTooClose);
    return 'done';
  }
  if (now + LANDING_SECONDS > job.terms.deadline) {
    expire(context, name, 'too late to be paid for');
    return 'done';
  }
  store.update(name, { state: 'computing', backend: engine.backend, adapter: engine.adapter }, unixTime());
  let result: Answered;
  try {
    result = await engine.generate({ ...job.request.generation, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    log.error({ job: name, code: (error as { code?: string }).code ?? (error as Error).name }, 'the engine failed');
    if (job.isPromised) return 'again';
    decline(context, job, DeclineReason.overloaded);
    return 'done';
  }
  crashPoint('afterCompute');
  const finished = await chainTime(context, job.address);
  if (finished + LANDING_SECONDS > job.terms.deadline) {
    // Signed bytes are public: an answer that can no longer be paid for stays here.
    expire(context, name, 'the answer came too late to be paid for');
    return 'done';
  }
  const stored = store.get(name)!.issuedAt;
  const issuedAt = stored !== null && Math.abs(finished - stored) < RECEIPT_DATE_SECONDS ? stored : finished;
  store.update(name, { issuedAt }, unixTime());
  const { payload, terms } = job.request;
  const escrow = new Uint8Array(job.address.hash);
  const answer = signAnswer(terms, payload, escrow, result, issuedAt, context.keys.signingSecret);
  const body = packDelivery(answer.delivery);
  crashPoint('afterSign');
  // Before anybody has the receipt that could be challenged.
  if (context.vault !== undefined) store.cases.keep(name, context.vault.seal(payload, { escrow, seq: 0 }), unixTime());
  store.update(
    name,
    {
      state: 'answered',
      external: externalTo(job.address, body),
      receiptHash: Buffer.from(answer.receiptHash).toString('hex'),
      millis: Math.round(result.millis),
      promptTokens: payload.request.promptTokens.length,
      outputTokens: result.tokens.length,
    },
    unixTime(),
  );
  crashPoint('afterDurable');
  log.info(
    { job: name, backend: engine.backend, millis: Math.round(result.millis), outputTokens: result.tokens.length },
    'answer stored',
  );
  return 'done';
}

async function chainTime(context: JobContext, address: Address): Promise<number> {
  const { apiTime } = await context.chain.getAccount(address);
  return Math.max(unixTime(), apiTime);
}

/** A job that is not there, or not any more: what never was one leaves nothing behind. */
function giveUp(context: JobContext, name: string, why: 'absent' | 'lapsed'): void {
  const { store, log } = context;
  const { deadline, state } = store.get(name)!;
  if (store.promises.get(name) !== null && state === 'seen') {
    log.info({ job: name }, 'nobody took the promise');
    store.promises.forget(name);
  } else if (deadline !== null) {
    expire(context, name, why === 'absent' ? 'the job ended before it was answered' : 'the promised job is gone');
  } else {
    log.warn({ job: name }, 'no funded job at this address');
    store.forget(name);
  }
}

/**
 * Signs a decline and makes it durable; it is sent like an answer. A promised job is never declined: what stands
 * against it, as a worker that was started with another model, may be gone after a restart.
 */
function decline(context: JobContext, job: Omit<ReadableJob, 'request'>, reason: number): null {
  const { address, terms, isPromised } = job;
  const name = address.toRawString();
  if (isPromised) {
    context.store.update(name, { note: `promised, and cannot be served now: reason ${reason}` }, unixTime());
    context.log.error({ job: name, reason }, 'a promised job cannot be served; the stake will pay for it');
    return null;
  }
  const { networkId, termsHash } = terms;
  const statement = { networkId, termsHash, escrow: new Uint8Array(address.hash), reason };
  const signature = signDecline(statement, context.keys.signingSecret);
  const message = externalTo(address, packDecline(signature, reason));
  context.store.update(name, { state: 'declined', reason, external: message }, unixTime());
  context.log.info({ job: name, reason }, 'decline stored');
  return null;
}

function expire({ store, log }: JobContext, name: string, note: string): void {
  log.warn({ job: name, note }, 'job expired');
  store.update(name, { state: 'expired', note, settledAt: unixTime() }, unixTime());
}

function refuse(context: JobContext, name: string, note: string): JobRecord {
  context.log.warn({ job: name, note }, 'job refused');
  const refused = context.store.update(name, { state: 'refused', note, settledAt: unixTime() }, unixTime());
  context.store.forgetRefused(MAX_REFUSED);
  return refused;
}
