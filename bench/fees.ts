import { measureCheckedJobFees } from './checkedJobFees';
import type { FeeRow } from './feeRow';
import { measureJobFees } from './jobFees';
import { measureMarketFees } from './marketFees';

/**
 * Every operation in the sandbox, default configuration (a copy of mainnet's), with all that follows from it, all
 * parties. bench/gas.json holds these rows; tests/gas asserts them.
 */
export async function measureFees(): Promise<FeeRow[]> {
  return [...(await measureJobFees()), ...(await measureCheckedJobFees()), ...(await measureMarketFees())];
}
