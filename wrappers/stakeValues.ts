import { bondFor } from './challenges';
import { CASE_RESERVE } from './SlashingCase';
import { forwardFee, gasFee, handlingFee, type NetworkPrices } from './requiredValue';

/** Gas of the stake's handlers, as in contracts/staking/parameters.tact; a test compares. */
const GAS = {
  stakeMessage: 30_000n,
  addKey: 28_000n,
  evidence: 48_000n,
  keyQuery: 46_000n,
  announce: 16_000n,
  challenge: 60_000n,
  openCase: 27_000n,
} as const;

/** Messages of a stake by what they have to bring. */
export type StakeMessageKind = 'stakeMessage' | 'addKey' | 'evidence' | 'keyQuery';

/**
 * Least value, in nanoTON, of a message to a ProviderStake at live prices: `addKey` for AddWorkerKey, `evidence` for
 * both reports, `keyQuery` for KeyQuery, `stakeMessage` for the owner's other ones. What is not used returns.
 */
export function requiredStakeValue(kind: StakeMessageKind, prices: NetworkPrices): bigint {
  if (kind === 'addKey') return handlingFee(prices, GAS.addKey, 1n) + announceFee(prices);
  if (kind === 'evidence') return handlingFee(prices, GAS.evidence, 4n);
  if (kind === 'keyQuery') return handlingFee(prices, GAS.keyQuery, 1n);
  return handlingFee(prices, GAS.stakeMessage, 1n);
}

/** What a deposit brings beyond the stake and the rent reserve. */
export const depositFees = (prices: NetworkPrices): bigint =>
  handlingFee(prices, GAS.stakeMessage, 1n) + announceFee(prices);

/** The message that deploys a case, at its largest. */
const CASE_MAX_CELLS = 80n;
const CASE_MAX_BITS = 48_000n;

/** Least value of a challenge of an answer of this price: bond, reserve and the fees of opening, nanoTON. */
export const requiredChallengeValue = (price: bigint, prices: NetworkPrices): bigint =>
  bondFor(price) + CASE_RESERVE + gasFee(prices, GAS.challenge + GAS.openCase) + forwardFee(prices, CASE_MAX_CELLS, CASE_MAX_BITS) + forwardFee(prices, 1n, 1023n);

const announceFee = (prices: NetworkPrices): bigint => handlingFee(prices, GAS.announce, 3n);

/**
 * More than any first deposit keeps for five years of rent, nanoTON: attach it beyond the amount and the fees, what is
 * not needed returns at once.
 */
export const RENT_MARGIN = 1_000_000_000n;
