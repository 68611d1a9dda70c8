import { join } from 'node:path';
import { openForClaiming } from '../../worker/channels/store/claimingCopy';
import { formatTon } from '../output';

/** What a worker's channels brought in. Amounts in nanoTON; what was claimed includes the claims' own fees. */
export interface EarningsReport {
  claimedNano: bigint;
  /** In vouchers that the chain has not paid yet. */
  unclaimedNano: bigint;
  byChannel: { channel: string; claimedNano: bigint; unclaimedNano: bigint }[];
  /** By day, UTC. */
  byDay: { day: string; claimedNano: bigint }[];
}

/** Reads the store of a worker, which may be running. @throws StorageError `storage.missing`, `storage.schema` */
export function readEarnings(dataFolder: string): EarningsReport {
  const copy = openForClaiming(join(dataFolder, 'channels.db'));
  try {
    const { totalNano, byDay } = copy.read.earnings();
    const byChannel = copy.read.channels().map(({ address, voucher, settledNano }) => {
      const vouched = voucher?.amountNano ?? 0n;
      return {
        channel: `0:${address.toString('hex')}`, claimedNano: settledNano, unclaimedNano: vouched > settledNano ? vouched - settledNano : 0n,
      };
    });
    return {
      claimedNano: totalNano,
      unclaimedNano: byChannel.reduce((sum, { unclaimedNano }) => sum + unclaimedNano, 0n),
      byChannel,
      byDay: byDay.map(({ day, paidNano }) => ({ day, claimedNano: paidNano })),
    };
  } finally {
    copy.close();
  }
}

export const describeEarnings = ({ claimedNano, unclaimedNano, byChannel, byDay }: EarningsReport): string => [
  `claimed    ${formatTon(claimedNano)}, claims' own fees included`,
  `to claim   ${formatTon(unclaimedNano)}`,
  ...byDay.map((each) => `${each.day} ${formatTon(each.claimedNano)}`),
  ...byChannel.map((each) => `${each.channel} ${formatTon(each.claimedNano)}, to claim ${formatTon(each.unclaimedNano)}`),
].join('\n');
