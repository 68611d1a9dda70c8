import type { TransactionFees } from '../tests/support/fees';

/** One measured operation: every fee of its whole chain of transactions, all parties. */
export interface FeeRow {
  operation: string;
  milliTon: number;
  gas: number;
  /** Where it goes, mTON. */
  split: { import: number; gas: number; forward: number; storage: number };
}

const milli = (nano: bigint): number => Number(nano) / 1e6;

export function row(operation: string, fees: TransactionFees): FeeRow {
  return {
    operation,
    milliTon: milli(fees.totalNano),
    gas: Number(fees.gas),
    split: {
      import: milli(fees.importNano),
      gas: milli(fees.gasNano),
      forward: milli(fees.forwardNano),
      storage: milli(fees.storageNano),
    },
  };
}
