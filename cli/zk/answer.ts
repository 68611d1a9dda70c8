/** The prover's side of a proof job: computes, proves in a process of its own, and is paid by the chain. */
import { Address, beginCell, type Transaction } from '@ton/core';
import { ChainStateError } from '../../worker/errors';
import {
  OP_RESERVE_JOB, packSubmitProof, parseZkJob, parseZkJobMessage, PROOF_UNUSED, requiredProofValue, requiredReservationValue, VERIFIER_ERRORS, ZK_JOB_ERRORS,
} from '../../wrappers/zk';
import { sendAndWait } from '../provider/send';
import type { Opening } from './opening';
import { jobOf, proveJob } from './jobProof';
import { waitForMessage, type ZkSession } from './session';

/** From before the proof was made until the job has answered it. */
const ARRIVAL_SECONDS = 600;

/** A proof that begins later would come too late. */
const PROOF_SECONDS = 60;

export interface AnswerOptions {
  opening: Opening;
  /** The proving key. */
  zkey: string;
}

export interface AnswerReport {
  job: string;
  verdict: number;
  /** nanoTON that came from the job. */
  paidNano: bigint;
  proveMillis: number;
  peakRssMb: number;
  /** Gas of the verifier and of the job. */
  verifierGas: number;
}

/**
 * @throws VerificationError `verification.zk.opening` for a file that is not of the job on chain
 * @throws ChainStateError `chain.no-zk-job`, `chain.proof-unused`; ProverError
 */
export async function answerJob(session: ZkSession, { opening, zkey }: AnswerOptions): Promise<AnswerReport> {
  const { chain, wallet, verifier, pollMillis, progress } = session;
  const job = await openJob(session, opening);
  const prices = await chain.networkPrices();
  const { apiTime } = await chain.getAccount(wallet.address);
  const { proof, inputs, verdict, proveMillis, peakRssMb } = await proveJob(session, { opening, zkey, payee: wallet.address });
  // Whoever sees a proof on its way knows the verdict, and could reserve the job against it. The proof is there before a bond is at stake.
  if (opening.isExclusive) {
    progress('reserves the job for ten minutes');
    await sendAndWait({ chain, wallet, pollMillis }, {
      what: 'a reservation', to: job, value: requiredReservationValue(prices),
      body: () => beginCell().storeUint(OP_RESERVE_JOB, 32).storeBuffer(wallet.address.hash).endCell(), receiver: { name: 'zk-job', errors: ZK_JOB_ERRORS, hint: 'docs/zk.md' },
    });
  }
  progress(`verdict ${verdict}, proven in ${(proveMillis / 1000).toFixed(1)} s; the proof goes to the verifier`);
  const submitted = await sendAndWait({ chain, wallet, pollMillis }, {
    what: 'a proof', to: verifier.address, value: requiredProofValue(prices), body: () => packSubmitProof({ escrow: job, payee: wallet.address, proof, inputs }),
    receiver: { name: 'verifier', errors: VERIFIER_ERRORS, hint: 'docs/zk.md' },
  });
  const paidNano = await paymentOf(session, job, apiTime - 60);
  return { job: job.toRawString(), verdict, paidNano, proveMillis, peakRssMb, verifierGas: gasOf(submitted) };
}

/** The job is open. @throws ChainStateError `chain.no-zk-job`; as jobOf */
async function openJob(session: ZkSession, opening: Opening): Promise<Address> {
  const { chain } = session;
  const address = await jobOf(session, opening);
  const { data, apiTime } = await chain.getAccount(address);
  if (data !== null && parseZkJob(data).state === 'open' && apiTime + PROOF_SECONDS < opening.deadline) return address;
  throw new ChainStateError('chain.no-zk-job', 'there is no such open job', {
    received: address.toRawString(), hint: 'it was answered, has ended, ends within the next minute, or was not paid for',
  });
}

/** What came from the job to the wallet. @throws ChainStateError `chain.proof-unused` */
async function paymentOf(session: ZkSession, job: Address, since: number): Promise<bigint> {
  const { found } = await waitForMessage(session, since, ({ inMessage }: Transaction) => {
    if (inMessage?.info.type !== 'internal' || !inMessage.info.src.equals(job)) return null;
    const said = parseZkJobMessage(inMessage.body);
    if (said?.kind === 'proven') return null;
    return { paid: inMessage.info.value.coins, unused: said?.kind === 'unused' ? said.reason : null };
  }, async () => {
    const { apiTime } = await session.chain.getAccount(job);
    if (apiTime > since + ARRIVAL_SECONDS) throw new ChainStateError('chain.timeout', 'the job has not answered the proof', { received: job.toRawString() });
  });
  if (found.unused === null) return found.paid;
  const [reason] = Object.entries(PROOF_UNUSED).find(([, number]) => number === found.unused) ?? [String(found.unused)];
  throw new ChainStateError('chain.proof-unused', 'the proof paid for nothing; what it did not use returned', { expected: 'an open job', received: reason });
}

const gasOf = ({ description }: Transaction): number =>
  (description.type === 'generic' && description.computePhase.type === 'vm' ? Number(description.computePhase.gasUsed) : 0);
