import { CocoonError } from '../../protocol/errors';
import { ChainStateError } from '../../worker/errors';
import { openEngine, openModel } from '../../worker/engine';
import type { Settings } from '../config/resolve';
import { VerificationError } from '../errors';
import { formatTon } from '../output';
import { checkModelRoot, submitJob, type ClientOptions, type CreatedJob } from './create';
import { receivedValue, type FeeLine } from './fees';
import { describeKeyCheck } from './checked';
import { compareReceipts, reportTwoReceipts, type Comparison } from './evidence';
import { loadJob, saveJob, type JobFile } from './jobFile';
import { collectSettlement } from './settlement';
import { compareRerun, openAnswer, type OpenedAnswer } from './verify';
import { findDelivery, waitForEnd, type JobEnd } from './wait';

/** Everything about a finished and checked job. Amounts in nanoTON, hashes lowercase hex. */
export interface JobReport {
  prompt: string;
  answer: string;
  tokens: number[];
  finishReason: string;
  /** What computed the answer, as the worker says. */
  backend: string;
  adapter: string;
  modelRoot: string;
  receiptHash: string;
  jobAddress: string;
  paidNano: bigint;
  /** All fees of all parties; null when the API does not show all transactions. */
  feesNano: bigint | null;
  refundNano: bigint;
  fees: FeeLine[];
  /** What computed it again; null when not asked. */
  rerunBackend: string | null;
  rerunAdapter: string | null;
  rerunEqual: boolean | null;
  /** The stake behind the answer, as checked before it was paid; null when it was bought without one. */
  stake: string | null;
  /** Part of the stake that stands behind this answer alone, until 5 days after the deadline. */
  coverageNano: bigint;
  /** The receipt that the worker shows over HTTP beside the one that was paid. */
  workerReceipt: Comparison;
  /** `two-receipts` when the worker signed two that contradict each other; the job file keeps them. */
  evidence: 'two-receipts' | null;
  /** What this report took from the stake, and where it went; all 0 when nothing was reported. */
  slashedNano: bigint;
  burntNano: bigint;
  clientShareNano: bigint;
  reporterShareNano: bigint;
}

export interface FinishOptions extends ClientOptions, CreatedJob {
  /** Compute the answer again and compare. */
  rerun: boolean;
  /** Send evidence against the worker, if there is any, to its stake. */
  report?: boolean;
}

/**
 * Waits for the end of a job, opens the answer and checks everything that can be checked: signature, hashes,
 * commitments, limits, and by computing it again on another back end.
 * @throws ChainStateError `chain.declined`, `chain.expired`, `chain.refused`; VerificationError `verification.*`
 */
export async function finishJob(options: FinishOptions): Promise<JobReport> {
  const { settings, chain, worker, progress } = options;
  await chain.checkNetwork(settings.networkId);
  const job = await submitJob(options, options.job);
  const { address } = job;
  const loaded = openModel(settings.model);
  checkModelRoot(loaded.model, job.model);
  progress('waiting for the answer');
  const end = await waitForEnd(chain, worker, job, pollMillisOf(settings), (status) => {
    progress(
      `worker says: ${status.state}${status.backend === null ? '' : ` (${status.backend} on ${status.adapter})`}`,
    );
  });
  if (end.callback.kind === 'failed') {
    saveJob(settings.dataFolder, { ...loadJob(settings.dataFolder, address), state: end.callback.reason });
    throw endedWithout(end.callback, job);
  }
  const body = await findDelivery(chain, worker, job, end);
  // Before it is judged: what does not hold is evidence.
  saveJob(settings.dataFolder, {
    ...loadJob(settings.dataFolder, address),
    state: 'answered',
    delivery: body.toBoc().toString('hex'),
  });
  const answer = openAnswer(job, body, end.transaction.now);
  const status = await worker.status(address).catch(() => null);
  progress('receipt: signature, hashes and commitments hold');
  const settlement = await collectSettlement(chain, job, end);
  if (settlement === null) progress('this API does not keep the transactions of ended jobs: fees are not known');
  else progress(`the worker was paid ${formatTon(settlement.paidNano)}, ${formatTon(settlement.refundNano)} came back`);
  const report: JobReport = {
    prompt: job.prompt,
    answer: loaded.model.tokenizer.decode(answer.tokens),
    tokens: answer.tokens,
    finishReason: answer.finishReason,
    backend: status?.backend ?? 'unknown',
    adapter: status?.adapter ?? 'unknown',
    modelRoot: job.model,
    receiptHash: answer.receiptHash,
    jobAddress: address,
    paidNano: BigInt(job.escrow.priceNano),
    refundNano: receivedValue(end.transaction),
    feesNano: null,
    fees: [],
    ...settlement,
    rerunBackend: null,
    rerunAdapter: null,
    rerunEqual: null,
    stake: job.hasStake === true ? `0:${job.stake}` : null,
    coverageNano: BigInt(job.checked?.coverageNano ?? 0),
    ...(await holdToAccount(options, job, answer)),
  };
  if (!options.rerun) return report;
  const engine = await openOther(loaded, report.backend, progress);
  try {
    progress(`computing it again with ${engine.backend} on ${engine.adapter}`);
    const difference = await compareRerun(job, answer, engine);
    if (difference !== null) {
      throw new VerificationError('verification.rerun', 'the worker signed a wrong answer', {
        expected: `what ${engine.backend} computes`,
        received: `another ${difference}`,
        hint: `to have its stake slashed: cocoon challenge ${address}`,
      });
    }
    return { ...report, rerunBackend: engine.backend, rerunAdapter: engine.adapter, rerunEqual: true };
  } finally {
    await engine.close();
  }
}

const pollMillisOf = ({ network }: Settings): number => (network === 'devnet' ? 300 : 2_000);

/** Compares the worker's word with what it was paid for, keeps what contradicts it, and reports it if asked to. */
async function holdToAccount(
  options: FinishOptions,
  job: JobFile,
  answer: OpenedAnswer,
): Promise<
  Pick<JobReport, 'workerReceipt' | 'evidence' | 'slashedNano' | 'burntNano' | 'clientShareNano' | 'reporterShareNano'>
> {
  const { settings, progress } = options;
  const none = { slashedNano: 0n, burntNano: 0n, clientShareNano: 0n, reporterShareNano: 0n };
  const { comparison: workerReceipt, evidence } =
    job.evidence === undefined
      ? await compareReceipts(job, answer, options.worker, pollMillisOf(settings))
      : { comparison: 'contradicts' as const, evidence: job.evidence };
  if (evidence === null) return { workerReceipt, evidence, ...none };
  saveJob(settings.dataFolder, { ...loadJob(settings.dataFolder, job.address), evidence });
  progress('the worker signed TWO DIFFERENT RECEIPTS for this job: kept as evidence in the job file');
  const found = { workerReceipt, evidence: 'two-receipts' as const, ...none };
  if (job.hasStake !== true || options.report !== true) {
    progress(
      job.hasStake === true ? 'to have its stake slashed: cocoon job resume --report' : 'it has no stake to lose',
    );
    return found;
  }
  const slash = await reportTwoReceipts(options, job, evidence).catch((error: unknown) => {
    // The answer is paid for and shall be shown whatever becomes of the report.
    if (!(error instanceof CocoonError)) throw error;
    progress(`NOT REPORTED: ${error.message}; try again: cocoon job resume ${job.address} --report`);
    return null;
  });
  if (slash === null) return found;
  const { slashedNano, burntNano, clientNano, reporterNano } = slash;
  progress(`the stake lost ${formatTon(slashedNano)}, of which ${formatTon(burntNano)} are burnt`);
  return { ...found, slashedNano, burntNano, clientShareNano: clientNano, reporterShareNano: reporterNano };
}

/** Another back end than the worker's, if this machine has one. */
async function openOther(loaded: ReturnType<typeof openModel>, used: string, progress: (line: string) => void) {
  if (used === 'webgpu' || used === 'wasm') return openEngine(loaded, 'reference');
  const engine = await openEngine(loaded, 'auto');
  if (engine.fallbackReason !== undefined) {
    progress(`no WebGPU here (${engine.fallbackReason}): ${engine.backend} computes again`);
  }
  return engine;
}

const DECLINE_TEXTS: Record<number, string> = {
  1: 'the request cannot be opened',
  2: 'the terms do not match',
  3: 'the worker does not have this model',
  4: 'the worker does not take these terms (tier, flags, semantics, price, payout)',
  5: 'the request is not what its commitment says',
  6: 'the prompt or the answer is too long',
  7: 'the deadline is too close or too far',
  8: 'the answer would not fit the escrow',
  9: 'the worker is shutting down or overloaded',
};

function endedWithout(end: Failed, job: JobFile): ChainStateError {
  const keyCheck = end.reason === 'declined' ? describeKeyCheck(end.declineReason) : null;
  const hint =
    end.reason === 'expired' && job.checked?.acceptance !== undefined
      ? 'the money is back in the wallet, less fees; the worker broke its promise, and its stake loses the price'
      : 'the money is back in the wallet, less fees';
  const code = keyCheck === null ? `chain.${end.reason}` : 'chain.key-check';
  return new ChainStateError(code, 'the job ended without an answer', {
    received: keyCheck ?? describeEnd(end),
    hint,
  });
}

type Failed = Exclude<JobEnd['callback'], { kind: 'answered' }>;

function describeEnd(end: Failed): string {
  if (end.reason === 'refused') return 'the escrow refused the money: too little, or too late';
  if (end.reason === 'expired') return 'the deadline passed';
  return `declined with reason ${end.declineReason}: ${DECLINE_TEXTS[end.declineReason] ?? 'unknown'}`;
}
