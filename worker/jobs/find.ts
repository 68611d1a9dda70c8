import type { Address, Transaction } from '@ton/core';
import {
  OP_CREATE_CHECKED_JOB,
  OP_CREATE_JOB,
  parseCreateCheckedJob,
  parseCreateJob,
  type CheckedJobState,
} from '../../wrappers';
import { internalMessage, sleep, type AccountSnapshot } from '../chain/chainClient';
import { promiseEnd } from '../promises/window';
import { recogniseEscrow, type ForeignAccount, type RecognisedJob } from './escrowCheck';
import type { JobContext } from './process';
import { unixTime } from './settle';

/** A job that can be answered, with the request that its client made. */
export interface FoundJob {
  kind: 'found';
  account: AccountSnapshot;
  job: RecognisedJob;
  /** The later of the clock and the chain's time: a lagging API is behind, an advanced devnet ahead. */
  now: number;
  /** Request bytes, or null when they cannot be read. */
  request: Uint8Array | null;
}

/**
 * Waits until the job is on chain with its money and, if it asks its stake, open. `absent`: it never came, or its
 * deadline passed; `lapsed`: nobody took the promise to it in time.
 */
export async function findJob(
  context: JobContext,
  address: Address,
  lagSeconds: number,
): Promise<FoundJob | ForeignAccount | 'absent' | 'lapsed' | 'stopped'> {
  const name = address.toRawString();
  const { chain, store } = context;
  const promise = store.promises.get(name);
  // A job whose terms were read before exists: only its deadline ends the wait.
  let { deadline } = store.get(name)!;
  const until = unixTime() + lagSeconds;
  for (let pause = 250; ; pause = Math.min(pause * 2, promise === null ? 4_000 : 2_000)) {
    if (context.signal?.aborted) return 'stopped';
    const account = await chain.getAccount(address);
    const now = Math.max(unixTime(), account.apiTime);
    if (account.state === 'active') {
      const job = recogniseEscrow(address, account, context.escrowCodes, context.policy, context.stake);
      // A stranger may announce any account: the history of one that is no job of ours is never paged through. The
      // address of a promise was computed here: whoever shows something else there lies.
      if (job.kind === 'foreign' && promise === null) return job;
      if (job.kind === 'accepted') {
        const state = job.checked?.state ?? 'open';
        if (state === 'checking') deadline = job.terms.deadline;
        const request = state === 'open' ? await requestOf(context, address, job, promise?.request) : undefined;
        if (request !== undefined) return { kind: 'found', account, job, now, request };
      }
    } else if (promise !== null && account.apiTime > promiseEnd(promise.acceptBy)) {
      return 'lapsed';
    }
    if (deadline === null ? unixTime() >= until : now >= deadline) return 'absent';
    await sleep(pause, context.signal);
  }
}

/** Of a promised job the request that was promised; else the one on chain, undefined while no create shows there. */
async function requestOf(
  { chain }: JobContext,
  address: Address,
  { checked }: RecognisedJob,
  promised: Buffer | undefined,
): Promise<Uint8Array | null | undefined> {
  if (promised !== undefined) return new Uint8Array(promised);
  const op = checked === null ? OP_CREATE_JOB : OP_CREATE_CHECKED_JOB;
  // A refused create leaves an active account without money: that is no job yet.
  const create = await chain.findTransaction(address, 0, (found) => isAccepted(found, op));
  if (create === null) return undefined;
  const { body } = create.inMessage!;
  try {
    return checked === null ? parseCreateJob(body) : parseCreateCheckedJob(body).request;
  } catch {
    return null;
  }
}

/** Whether a transaction of an escrow is a create message that it accepted; it accepts them from its client only. */
function isAccepted({ inMessage, description }: Transaction, op: number): boolean {
  const message = internalMessage(inMessage);
  const accepted =
    description.type === 'generic' && description.computePhase.type === 'vm' && description.computePhase.success;
  if (message === null || !accepted) return false;
  const slice = message.body.beginParse();
  return slice.remainingBits >= 32 && slice.preloadUint(32) === op;
}

/** Whether a job of ours takes an answer now; an account that is no job of ours says nothing. */
export function isOpen(context: JobContext, address: Address, account: AccountSnapshot): boolean {
  const job = recogniseEscrow(address, account, context.escrowCodes, context.policy, context.stake);
  const state: CheckedJobState = job.kind === 'accepted' && job.checked !== null ? job.checked.state : 'open';
  return state === 'open';
}
