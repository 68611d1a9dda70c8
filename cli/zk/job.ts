/** The client's side of a proof job: a commitment, a price, and a verdict that the chain has checked. */
import { Address, Cell, type Transaction } from '@ton/core';
import { drawSalt, infer } from '../../circuits';
import { externalTo } from '../../worker/chain/chainClient';
import { parseJobCallback } from '../../wrappers';
import { checkZkJobVerifier, packCreateZkJob, parseZkJobMessage, requiredZkJobValue, ZK_JOB_ERRORS, ZkJobEscrow } from '../../wrappers/zk';
import { ChainStateError } from '../../worker/errors';
import { sendAndWait } from '../provider/send';
import { type Opening, termsOf, writeOpening } from './opening';
import { waitForMessage, type ZkSession } from './session';
import { requireVerifier } from './verifier';

export interface JobQuestion {
  values: readonly number[];
  /** nanoTON for the proof. */
  price: bigint;
  deadlineSeconds: number;
  isExclusive: boolean;
  /** Where the opening goes, for whoever is to prove. */
  openingFile: string;
}

/**
 * Commits to an input and locks the price. The opening is on the disk before any money moves.
 * @throws CircuitInputError; StorageError; ChainStateError; CocoonError BAD_DEVELOPMENT_PRICE
 */
export async function createJob(session: ZkSession, { values, price, deadlineSeconds, isExclusive, openingFile }: JobQuestion): Promise<Opening> {
  const { chain, wallet, networkId, verifier, identity, model, modelHash, pollMillis, progress } = session;
  // The verdict is not used: an input that the circuit does not take is refused before it costs anything.
  infer(model, values);
  await requireVerifier(session);
  const { apiTime } = await chain.getAccount(wallet.address);
  const draft: Opening = {
    format: 'open-cocoon-opening-1', networkId, job: '', client: wallet.address.toRawString(), verifier: verifier.address.toRawString(), modelHash,
    createdAt: apiTime, deadline: apiTime + deadlineSeconds, price: String(price), isExclusive, values: [...values], salt: drawSalt().toString(16).padStart(64, '0'),
  };
  const terms = termsOf(draft, model);
  await checkZkJobVerifier(terms, identity);
  const escrow = await ZkJobEscrow.fromTerms(terms);
  const opening = { ...draft, job: escrow.address.toRawString() };
  writeOpening(openingFile, opening);
  progress(`job ${opening.job}: the chain sees a commitment and the verifier's circuit, never the input`);
  await sendAndWait({ chain, wallet, pollMillis }, {
    what: 'a job that a proof answers', to: escrow.address, init: escrow.init!, value: requiredZkJobValue(price, await chain.networkPrices()),
    body: () => packCreateZkJob(identity), receiver: { name: 'zk-job', errors: ZK_JOB_ERRORS, hint: 'docs/zk.md' },
  });
  return opening;
}

/** The money of a job that ended has come back within this time, or there was none. */
const RETURN_SECONDS = 600;

/** How a job ended. */
export type JobVerdict = { verdict: number; transaction: Transaction } | { verdict: null; transaction: Transaction };

/** Waits for the verdict; from the deadline on has the money returned. */
export async function waitForVerdict(session: ZkSession, opening: Opening): Promise<JobVerdict> {
  const { chain, wallet } = session;
  const job = Address.parse(opening.job);
  const read = ({ inMessage }: Transaction): JobVerdict['verdict'] | 'failed' => {
    if (inMessage?.info.type !== 'internal' || !inMessage.info.src.equals(job)) return null;
    const said = parseZkJobMessage(inMessage.body);
    if (said?.kind === 'proven') return Number(said.verdict);
    return parseJobCallback(inMessage.body) === null ? null : 'failed';
  };
  const { found, transaction } = await waitForMessage(session, opening.createdAt - 60, read, async () => {
    const { apiTime } = await chain.getAccount(wallet.address);
    if (apiTime > opening.deadline + RETURN_SECONDS) {
      throw new ChainStateError('chain.timeout', 'neither a verdict nor the money of this job came', { received: opening.job, hint: 'was it paid for? its money would return to the wallet that made it' });
    }
    // Anybody may end it, and somebody else may have.
    if (apiTime >= opening.deadline) await chain.sendExternal(externalTo(job, Cell.EMPTY)).catch(() => undefined);
  });
  return found === 'failed' ? { verdict: null, transaction } : { verdict: found!, transaction };
}
