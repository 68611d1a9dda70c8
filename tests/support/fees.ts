import type { Transaction } from '@ton/core';

/** Every fee of one transaction, nanoTON, and the gas its compute phase used. */
export interface TransactionFees {
  gas: bigint;
  /** Import of an external message. */
  importNano: bigint;
  gasNano: bigint;
  forwardNano: bigint;
  storageNano: bigint;
  totalNano: bigint;
}

/** What one transaction took out of circulation, split by cause. Outgoing forward fees count where they are charged. */
export function feesOf(transaction: Transaction): TransactionFees {
  const description = transaction.description;
  if (description.type !== 'generic') throw new Error(`expected a generic transaction, received ${description.type}`);
  const compute = description.computePhase;
  const gas = compute.type === 'vm' ? compute.gasUsed : 0n;
  const gasNano = compute.type === 'vm' ? compute.gasFees : 0n;
  const storageNano = description.storagePhase?.storageFeesCollected ?? 0n;
  const actionNano = description.actionPhase?.totalActionFees ?? 0n;
  let messagesNano = 0n;
  for (const message of transaction.outMessages.values()) {
    if (message.info.type === 'internal') messagesNano += message.info.forwardFee;
  }
  const importNano = transaction.totalFees.coins - gasNano - storageNano - actionNano;
  const forwardNano = actionNano + messagesNano;
  return {
    gas,
    importNano,
    gasNano,
    forwardNano,
    storageNano,
    totalNano: importNano + gasNano + forwardNano + storageNano,
  };
}

/** Sum over a chain of transactions. tests/gas/conservation proves that it equals what left the parties' balances. */
export function sumFees(transactions: Transaction[]): TransactionFees {
  const sum: TransactionFees = {
    gas: 0n,
    importNano: 0n,
    gasNano: 0n,
    forwardNano: 0n,
    storageNano: 0n,
    totalNano: 0n,
  };
  for (const transaction of transactions) {
    const fees = feesOf(transaction);
    for (const key of Object.keys(sum) as (keyof TransactionFees)[]) sum[key] += fees[key];
  }
  return sum;
}
