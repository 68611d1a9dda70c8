import type { Address, Transaction } from '@ton/core';

/** One transaction of a job and what it cost. Amounts in nanoTON. */
export interface FeeLine {
  /** What happened, for people. */
  step: string;
  account: string;
  /** Everything that this transaction took: storage, gas, actions, import, and the forwarding of what it sent. */
  feeNano: bigint;
}

/** Fees of one transaction: what the network took, plus the forwarding fees that its messages carry with them. */
export function transactionFees(transaction: Transaction): bigint {
  let fees = transaction.totalFees.coins;
  for (const message of transaction.outMessages.values()) {
    if (message.info.type === 'internal') fees += message.info.forwardFee;
  }
  return fees;
}

/** The transaction among `transactions` whose incoming internal message comes from `source`, newest first, or null. */
export function receivedFrom(transactions: readonly Transaction[], source: Address): Transaction | null {
  return (
    transactions.find(({ inMessage }) => inMessage?.info.type === 'internal' && inMessage.info.src.equals(source)) ??
    null
  );
}

/** The transaction among `transactions` that sent an internal message to `destination`, newest first, or null. */
export function sentTo(transactions: readonly Transaction[], destination: Address): Transaction | null {
  return (
    transactions.find((transaction) =>
      [...transaction.outMessages.values()].some(
        ({ info }) => info.type === 'internal' && info.dest.equals(destination),
      ),
    ) ?? null
  );
}

/** Value of the incoming internal message in nanoTON. */
export function receivedValue(transaction: Transaction): bigint {
  return transaction.inMessage?.info.type === 'internal' ? transaction.inMessage.info.value.coins : 0n;
}
