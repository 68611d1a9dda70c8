import { Address, type Transaction } from '@ton/core';
import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { receivedFrom, receivedValue, sentTo, transactionFees, type FeeLine } from './fees';
import type { JobFile } from './jobFile';
import { delivers, type JobEnd } from './wait';

/** Where the money of a finished job went, from the transactions of all its accounts. Amounts in nanoTON. */
export interface Settlement {
  /** What the payout wallet received. */
  paidNano: bigint;
  /** What came back to the client's wallet. */
  refundNano: bigint;
  /** All fees of all parties, from the client's message to the callback. */
  feesNano: bigint;
  fees: FeeLine[];
}

/**
 * Collects the transactions of a job: client's wallet sends, escrow opens, escrow pays, payout receives, client
 * receives the callback. null when the API does not show them all: most servers forget a deleted account's history.
 */
export async function collectSettlement(chain: ChainClient, job: JobFile, end: JobEnd): Promise<Settlement | null> {
  const escrow = Address.parse(job.address);
  const wallet = new Address(0, Buffer.from(job.escrow.client, 'hex'));
  const payout = new Address(0, Buffer.from(job.escrow.payout, 'hex'));
  const answered = end.callback.kind === 'answered';
  for (let attempt = 0; ; attempt++) {
    const since = job.createdAt - 60;
    const sent = await chain.findTransaction(wallet, since, (found) => sentTo([found], escrow) !== null);
    const ofEscrow = await chain.getTransactions(escrow, 50).catch(() => []);
    const payment = answered
      ? await chain.findTransaction(payout, since, (found) => receivedFrom([found], escrow) !== null)
      : null;
    const steps = [
      ['client wallet sends the request', sent],
      [job.checked === undefined ? 'job opens' : 'job asks the stake', receivedFrom(ofEscrow, wallet)],
      ...(job.checked === undefined ? [] : await keyCheckOf(chain, job, escrow, ofEscrow)),
      [answered ? 'job checks the receipt and pays' : 'job returns the money', ofEscrow.find(delivers) ?? null],
      ...(answered ? ([['worker wallet receives the payment', payment]] as const) : []),
      ['client wallet receives the callback', end.transaction],
    ] as const;
    if (steps.every(([, transaction]) => transaction !== null)) {
      const fees = steps.map(([step, transaction]) => ({
        step,
        account: new Address(0, bigintBytes(transaction!.address)).toRawString(),
        feeNano: transactionFees(transaction!),
      }));
      return {
        paidNano: payment === null ? 0n : receivedValue(payment),
        refundNano: receivedValue(end.transaction),
        feesNano: fees.reduce((sum, { feeNano }) => sum + feeNano, 0n),
        fees,
      };
    }
    if (attempt >= 5) return null;
    await sleep(500);
  }
}

/** The two transactions in between: the stake looks its key up, the job hears of it. */
async function keyCheckOf(chain: ChainClient, job: JobFile, escrow: Address, ofEscrow: Transaction[]) {
  const stake = new Address(0, Buffer.from(job.stake, 'hex'));
  const asked = await chain.findTransaction(
    stake,
    job.createdAt - 60,
    (found) => receivedFrom([found], escrow) !== null,
  );
  return [
    ['stake looks the key up', asked],
    ['job opens', receivedFrom(ofEscrow, stake)],
  ] as const;
}

const bigintBytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
