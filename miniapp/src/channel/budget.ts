/**
 * What a channel keeps back for rent and claims, at the prices of today (wrappers/channelCover.ts, wrappers/PaymentChannel.ts). Where the network has others
 * by then, the worker refuses the last requests, or some of the deposit stays unused and comes back.
 */

/** nanoTON that a claim deducts, and that importing its message takes. */
export const CLAIM_FEE = 3_152_000n;
export const CLAIM_IMPORT = 644_800n;
/** nanoTON for the gas of closing; what is left of it is not lost. */
export const CLOSE_VALUE = 10_000_000n;
/** Less is not worth opening: hardly anything could be bought, and hardly anything comes back. nanoTON */
export const LEAST_DEPOSIT = 20_000_000n;
/** Less is not worth the fee of fetching it, nanoTON. */
export const WORTH_COLLECTING = 5_000_000n;

const RENT_PER_SECOND = 8n * 500n + 5_200n;

/** nanoTON of rent, at twice today's prices. */
export const channelRent = (seconds: number): bigint => ((2n * RENT_PER_SECOND * BigInt(Math.max(0, seconds))) >> 16n) + 1n;

/** nanoTON, cumulative, up to which a voucher is certain to be paid. @param funds claimed, and what is there; @param seconds until the expiry */
export const mostPayable = (funds: bigint, seconds: number): bigint => funds - CLAIM_IMPORT - 2n * CLAIM_FEE - channelRent(seconds);
