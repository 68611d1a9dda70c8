import { Address, Cell, loadMessage, type Transaction } from '@ton/core';
import { parseJobCallback, type JobCallback } from '../../wrappers';
import { externalTo, sleep, type ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import type { JobFile } from './jobFile';
import type { WorkerApi, WorkerJobStatus } from './workerApi';

/** How a job ended, as the client's wallet saw it. */
export interface JobEnd {
  /** `refused`: the escrow sent the create message back, so that there never was a job. */
  callback: JobCallback | { kind: 'failed'; reason: 'refused' };
  /** The wallet's transaction that received the callback. */
  transaction: Transaction;
}

/** The end of a job if the wallet already has its callback, else null. Only the escrow itself can send it. */
export async function findEnd(chain: ChainClient, job: JobFile): Promise<JobEnd | null> {
  const wallet = new Address(0, Buffer.from(job.escrow.client, 'hex'));
  const escrow = Address.parse(job.address);
  const transaction = await chain.findTransaction(wallet, job.createdAt - 60, (found) => endOf(found, escrow) !== null);
  return transaction === null ? null : { callback: endOf(transaction, escrow)!, transaction };
}

function endOf({ inMessage }: Transaction, escrow: Address): JobEnd['callback'] | null {
  if (inMessage?.info.type !== 'internal' || !inMessage.info.src.equals(escrow)) return null;
  if (inMessage.info.bounced) return { kind: 'failed', reason: 'refused' };
  return parseJobCallback(inMessage.body);
}

/**
 * Waits until the wallet has the callback. After the deadline it asks the escrow to return the money (anyone may).
 * @param onStatus called with the worker's word whenever its state changes; it is information, never evidence
 * @throws ChainStateError `chain.timeout` when neither the answer nor the refund came
 */
export async function waitForEnd(
  chain: ChainClient,
  worker: WorkerApi,
  job: JobFile,
  pollMillis: number,
  onStatus: (status: WorkerJobStatus) => void,
): Promise<JobEnd> {
  const address = Address.parse(job.address);
  let state = '';
  for (;;) {
    const end = await findEnd(chain, job);
    if (end !== null) return end;
    // A worker that forgot, or never heard, is told (again).
    const status = await worker
      .status(job.address)
      .catch(() => worker.announce(job.address))
      .catch(() => null);
    if (status !== null && status.state !== state) onStatus(status);
    state = status?.state ?? state;
    const account = await chain.getAccount(address);
    if (account.apiTime >= job.escrow.deadline + 5 && account.state === 'active') {
      await chain.sendExternal(expireMessage(address)).catch(() => undefined);
    }
    if (account.apiTime >= job.escrow.deadline + 300) {
      throw new ChainStateError('chain.timeout', 'neither the answer nor the refund was seen', {
        received: job.address,
        hint: `look again later: cocoon job resume ${job.address}`,
      });
    }
    await sleep(pollMillis);
  }
}

/** The external message that ends a job after its deadline: an empty body. */
export function expireMessage(escrow: Address): Buffer {
  return externalTo(escrow, Cell.EMPTY);
}

/**
 * Body of the message that delivered: from the escrow's transactions while the API knows them, else from the
 * transaction that sent the callback, else as the worker tells it. All three are checked against the signature.
 */
export async function findDelivery(chain: ChainClient, worker: WorkerApi, job: JobFile, end: JobEnd): Promise<Cell> {
  const escrow = Address.parse(job.address);
  const own = (await chain.getTransactions(escrow, 100).catch(() => [])).find(delivers);
  if (own !== undefined) return own.inMessage!.body;
  const callback = end.transaction.inMessage!;
  if (callback.info.type === 'internal') {
    const source = await chain.findSourceTransaction(escrow, callback.info.dest, callback.info.createdLt);
    if (source !== null && delivers(source)) return source.inMessage!.body;
  }
  const { external } = await worker.status(job.address);
  if (external !== null) return loadMessage(Cell.fromBase64(external).beginParse()).body;
  throw new ChainStateError('chain.answer-missing', 'the job was paid, but its answer cannot be found', {
    received: job.address,
    hint: 'try an API with full history (--api), then: cocoon job resume',
  });
}

/** Whether a transaction of the escrow is the one that delivered: an accepted external that sent messages. */
export function delivers(transaction: Transaction): boolean {
  return transaction.inMessage?.info.type === 'external-in' && transaction.outMessagesCount > 0;
}
