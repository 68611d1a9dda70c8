import type { Address, Cell, Transaction } from '@ton/core';
import type { Generation } from '../../exact';
import { DeclineReason } from '../../protocol';
import { OP_CREATE_JOB, packDecline, packDelivery, parseCreateJob, type JobEscrowTerms } from '../../wrappers';
import { externalTo, internalMessage, sleep, type ChainClient } from '../chain/chainClient';
import { crashPoint } from '../crash';
import type { LoadedEngine, LoadedModel } from '../engine';
import type { WorkerKeys } from '../keys/workerKeys';
import type { Logger } from '../log';
import type { JobRecord, JobStore } from '../store/jobStore';
import { signAnswer, signDecline } from './answer';
import { checkEscrow, recogniseEscrow, type JobPolicy } from './escrowCheck';
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
  model: LoadedModel;
  engine: LoadedEngine;
  escrowCode: Cell;
  maxTokens: number;
  signal?: AbortSignal;
}

/** A job that passed every check and waits for the engine. */
export interface ReadableJob {
  address: Address;
  terms: JobEscrowTerms;
  request: OpenedRequest;
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
  const found = await waitForRequest(context, address, lagSeconds);
  if (found === 'stopped') return null;
  if (found === 'absent') {
    const known = store.get(name)!.deadline !== null;
    if (known) expire(context, name, 'the job ended before it was answered');
    else {
      log.warn({ job: name }, 'no funded job at this address');
      store.forget(name);
    }
    return null;
  }
  const { account, now, create } = found;
  const verdict = checkEscrow(address, account, context.escrowCode, policy, await chain.networkPrices(), now);
  if (verdict.kind === 'foreign') {
    refuse(context, name, verdict.note);
    return null;
  }
  const { terms } = verdict;
  store.update(
    name,
    { deadline: terms.deadline, priceNano: terms.price, termsHash: Buffer.from(terms.termsHash).toString('hex') },
    unixTime(),
  );
  if (verdict.kind === 'decline') return decline(context, address, terms, verdict.reason);
  if (create === null) return decline(context, address, terms, DeclineReason.unreadableRequest);
  const opened = await openJobRequest({
    envelope: create,
    escrow: new Uint8Array(address.hash),
    terms,
    stake: context.stake,
    keys: context.keys,
    model: context.model,
    maxTokens: context.maxTokens,
  });
  if (opened.kind === 'decline') return decline(context, address, terms, opened.reason);
  log.info(
    { job: name, promptTokens: opened.request.generation.promptTokens.length, deadline: terms.deadline },
    'job accepted',
  );
  return { address, terms, request: opened.request };
}

/** Computes, signs and stores an answer. After this returns the signed bytes are durable. */
export async function computeJob(context: JobContext, job: ReadableJob): Promise<void> {
  const { store, log, engine, signal } = context;
  const name = job.address.toRawString();
  const now = await chainTime(context, job.address);
  if (job.terms.deadline - now < context.policy.minSeconds / 2) {
    decline(context, job.address, job.terms, DeclineReason.deadlineTooClose);
    return;
  }
  store.update(name, { state: 'computing', backend: engine.backend, adapter: engine.adapter }, unixTime());
  let result: Generation;
  try {
    result = await engine.generate({ ...job.request.generation, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    log.error({ job: name, code: (error as { code?: string }).code ?? (error as Error).name }, 'the engine failed');
    decline(context, job.address, job.terms, DeclineReason.overloaded);
    return;
  }
  crashPoint('afterCompute');
  const finished = await chainTime(context, job.address);
  if (finished + LANDING_SECONDS > job.terms.deadline) {
    // Signed bytes are public: an answer that can no longer be paid for stays here.
    expire(context, name, 'the answer came too late to be paid for');
    return;
  }
  const stored = store.get(name)!.issuedAt;
  const issuedAt = stored !== null && Math.abs(finished - stored) < RECEIPT_DATE_SECONDS ? stored : finished;
  store.update(name, { issuedAt }, unixTime());
  const { payload, terms } = job.request;
  const escrow = new Uint8Array(job.address.hash);
  const answer = signAnswer(terms, payload, escrow, result, issuedAt, context.keys.signingSecret);
  const body = packDelivery(answer.delivery);
  crashPoint('afterSign');
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
}

interface FoundRequest {
  account: Awaited<ReturnType<ChainClient['getAccount']>>;
  /** The later of the clock and the chain's time: a lagging API is behind, an advanced devnet ahead. */
  now: number;
  /** Request bytes of the create message, or null when they cannot be read. */
  create: Uint8Array | null;
}

async function waitForRequest(
  context: JobContext,
  address: Address,
  lagSeconds: number,
): Promise<FoundRequest | 'absent' | 'stopped'> {
  // A job whose terms were read before exists: only its deadline ends the wait.
  const { deadline } = context.store.get(address.toRawString())!;
  const until = deadline ?? unixTime() + lagSeconds;
  for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
    if (context.signal?.aborted) return 'stopped';
    const account = await context.chain.getAccount(address);
    const now = Math.max(unixTime(), account.apiTime);
    if (account.state === 'active') {
      // A stranger may announce any account: the history of one that is no job of ours is never paged through.
      if (recogniseEscrow(address, account, context.escrowCode, context.policy).kind === 'foreign') {
        return { account, now, create: null };
      }
      // A refused create leaves an active account without money: that is no job yet.
      const create = await context.chain.findTransaction(address, 0, isAcceptedCreate);
      if (create !== null) return { account, now, create: requestOf(create) };
    }
    if ((deadline === null ? unixTime() : now) >= until) return 'absent';
    await sleep(pause);
  }
}

/** Whether a transaction of an escrow is a create message that it accepted; it accepts them from its client only. */
function isAcceptedCreate({ inMessage, description }: Transaction): boolean {
  const message = internalMessage(inMessage);
  const accepted =
    description.type === 'generic' && description.computePhase.type === 'vm' && description.computePhase.success;
  if (message === null || !accepted) return false;
  const slice = message.body.beginParse();
  return slice.remainingBits >= 32 && slice.preloadUint(32) === OP_CREATE_JOB;
}

/** The request of a create message, or null when its bytes cannot be read. Which of several it is, the terms decide. */
function requestOf(create: Transaction): Uint8Array | null {
  try {
    return parseCreateJob(create.inMessage!.body);
  } catch {
    return null;
  }
}

async function chainTime(context: JobContext, address: Address): Promise<number> {
  const { apiTime } = await context.chain.getAccount(address);
  return Math.max(unixTime(), apiTime);
}

/** Signs a decline and makes it durable; it is sent like an answer. */
function decline(context: JobContext, address: Address, terms: JobEscrowTerms, reason: number): null {
  const name = address.toRawString();
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
