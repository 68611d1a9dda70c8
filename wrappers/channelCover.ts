import { type ChannelState, claimFee, claimImport } from './PaymentChannel';
import type { NetworkPrices } from './requiredValue';

/** nanoTON of rent that a channel pays in a second, with room for the largest state: 8 cells of 5,200 bits (TON config 18). */
const RENT_CELLS = 8n;
const RENT_BITS = 5_200n;
const RENT_PER_BIT = 1n;
const RENT_PER_CELL = 500n;

/** Rent of a channel for so many seconds, in nanoTON, at twice today's prices. */
export function channelRent(seconds: number): bigint {
  const perSecond = RENT_BITS * RENT_PER_BIT + RENT_CELLS * RENT_PER_CELL;
  return ((2n * perSecond * BigInt(Math.max(0, seconds))) >> 16n) + 1n;
}

/**
 * nanoTON, cumulative, up to which a voucher is certain to be paid out of a channel with this balance: rent until its expiry and the fees of claims are kept
 * back. Worker and client count it the same way.
 * @param now Unix seconds of the newest block
 */
export const mostPayable = ({ claimed, terms }: ChannelState, balance: bigint, prices: NetworkPrices, now: number): bigint =>
  claimed + balance - claimImport(prices) - 2n * claimFee(prices) - channelRent(terms.expiry - now);
