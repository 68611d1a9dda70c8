import { Address } from '@ton/core';
import type { ChainClient } from '../../worker/chain/chainClient';
import { receivedFrom, receivedValue, sentTo, transactionFees, type FeeLine } from './fees';
import type { JobFile } from './jobFile';
import { delivers, type JobEnd } from './wait';
import { ChainStateError } from '../../worker/errors';
import { sleep } from '../../worker/chain/chainClient';

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
 * Collects the transactions of a job: client's wallet sends, escrow opens, escrow pays, payout receives, client receives
 * the callback. @throws ChainStateError `chain.history` when the API does not show them all
 */
export async function collectSettlement(chain: ChainClient, job: JobFile, end: JobEnd): Promise<Settlement> {
  const escrow = Address.parse(job.address);
  const wallet = new Address(0, Buffer.from(job.escrow.client, 'hex'));
  const payout = new Address(0, Buffer.from(job.escrow.payout, 'hex'));
  const answered = end.callback.kind === 'answered';
  for (let attempt = 0; ; attempt++) {
    const ofWallet = await chain.getTransactions(wallet, 50);
    const ofEscrow = await chain.getTransactions(escrow, 50).catch(() => []);
    const ofPayout = answered ? await chain.getTransactions(payout, 50) : [];
    const payment = receivedFrom(ofPayout, escrow);
    const steps = [
      ['client wallet sends the request', sentTo(ofWallet, escrow)],
      ['job opens', receivedFrom(ofEscrow, wallet)],
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
    if (attempt >= 5) {
      throw new ChainStateError('chain.history', 'the API does not show all transactions of the job', {
        received: steps.filter(([, transaction]) => transaction === null).map(([step]) => step).join(', '),
        hint: 'try an API with full history (--api), then: cocoon job resume',
      });
    }
    await sleep(500);
  }
}

const bigintBytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
