import { Address, Cell } from '@ton/core';
import { cellHash, CocoonError, decodeAcceptance, equalBytes } from '../../protocol';
import { fromCell, packJobEscrowTerms, parseSignedAcceptance, type JobEscrowTerms } from '../../wrappers';
import { ChainStateError } from '../../worker/errors';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { VerificationError } from '../errors';
import { formatTon } from '../output';
import type { WorkerApi } from './workerApi';

/** A worker's promise, checked by whoever pays for it. */
export interface Promised {
  /** SignedAcceptance, for the create message. */
  acceptance: Cell;
  /** Unix seconds until which the stake takes it. */
  acceptBy: number;
}

/** The job whose delivery shall be promised. */
export interface PromisedJob {
  escrow: Address;
  stake: Address;
  terms: JobEscrowTerms;
  /** nanoTON */
  coverage: bigint;
  request: Uint8Array;
}

/** Seconds in which a message that the wallet took has reached job and stake. */
export const ARRIVAL_SECONDS = 15;
/** A promise that ends sooner is of no use. */
const LEAST_SECONDS = 20;

/**
 * Asks the worker to promise a job that does not exist yet, and checks that what it signed is about this very job and
 * that the stake will take it.
 * @throws ChainStateError `chain.not-accepted`; VerificationError `verification.acceptance`
 */
export async function askPromise(worker: WorkerApi, job: PromisedJob, now: number): Promise<Promised> {
  const { terms, request, coverage } = job;
  const reply = await worker.accept(packJobEscrowTerms(terms), request).catch((cause: unknown) => {
    if (!(cause instanceof CocoonError) || cause.code !== 'network.worker-refused') throw cause;
    throw new ChainStateError('chain.not-accepted', 'the worker does not promise this job', {
      expected: `a promise with ${formatTon(coverage)} of its stake behind it`,
      received: cause.received,
      hint: 'less --coverage, a later --deadline, or another worker: cocoon provider list',
      cause,
    });
  });
  const { workerKey, signature, acceptance } = parseSignedAcceptance(reply);
  const plain = fromCell(acceptance);
  const said = decodeAcceptance(plain);
  const wrong = [
    ['network', said.networkId === terms.networkId],
    ['job', equalBytes(said.escrow, new Uint8Array(job.escrow.hash))],
    ['stake', equalBytes(said.stake, new Uint8Array(job.stake.hash))],
    ['terms', equalBytes(said.termsHash, terms.termsHash)],
    ['coverage', said.coverage >= coverage],
    ['time', said.acceptBy >= now + LEAST_SECONDS],
    ['worker key', equalBytes(workerKey, terms.workerKey)],
    ['signature', nodeEd25519.verify(cellHash(plain), signature, terms.workerKey)],
  ].find(([, holds]) => holds !== true);
  if (wrong === undefined) return { acceptance: reply, acceptBy: said.acceptBy };
  throw new VerificationError('verification.acceptance', 'the promise of the worker is not about this job', {
    expected: `a signed acceptance of ${job.escrow.toRawString()}`,
    received: `another ${String(wrong[0])}`,
    hint: 'choose another worker: cocoon provider list',
  });
}

/** Why a stake did not stand for a job; JobFailed's reason less 128. */
const KEY_TEXTS: Record<number, string> = {
  1: 'the job names another stake',
  2: 'the stake does not have this worker key',
  3: 'the worker key ends before the deadline',
  4: 'the worker key is of another tier',
  5: 'the worker key was made by another image',
  6: 'the stake stands for another version of the arithmetic',
  7: 'the deadline is over or too far',
  8: 'the active stake is below the minimum',
  9: 'the promise is missing, too late or not for this job',
  10: 'the stake has not so much left to cover a job with',
  15: 'there is no stake, or it cannot read the terms',
};

/** In words, what the stake answered; null for a reason that is the worker's. */
export function describeKeyCheck(reason: number): string | null {
  if (reason < 128) return null;
  return `the stake does not stand for this job (${reason - 128}): ${KEY_TEXTS[reason - 128] ?? 'unknown'}`;
}
