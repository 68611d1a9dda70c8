import { measureAttestationFees } from './attestation';
import { measureChannelFees } from './channelFees';
import { measureCheckedJobFees } from './checkedJobFees';
import { measureConsumerFees } from './consumerFees';
import type { FeeRow } from './feeRow';
import { measureJobFees } from './jobFees';
import { measureMarketFees } from './marketFees';
import { measureZkFees } from './zkFees';

/**
 * Every operation in the sandbox, default configuration (a copy of mainnet's), with all that follows from it, all
 * parties. bench/gas.json holds these rows; tests/gas asserts them.
 */
export async function measureFees(): Promise<FeeRow[]> {
  const parts = [
    measureJobFees, measureChannelFees, measureCheckedJobFees, measureMarketFees, measureConsumerFees, measureAttestationFees, measureZkFees,
  ];
  const rows: FeeRow[] = [];
  for (const measure of parts) rows.push(...(await measure()));
  return rows;
}
