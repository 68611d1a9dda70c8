/** The rules of money of stakes and cases, as the contracts have them: every number is read from their code. */
import { AUDIT_RATE } from '../../gateway/audit/sampler';
import { MAX_TREE_DEPTH } from '../../exact/constants';
import { MAINNET_ID } from '../../protocol';
import { bondFor, minimumStake } from '../../wrappers';
import { contractConstants } from './contractConstants';

const parameter = contractConstants('contracts/staking/parameters.tact');
const ofCase = contractConstants('contracts/slashing/caseTurns.tact');
const days = (seconds: bigint): number => Number(seconds) / 86_400;
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export const TON = 1e9;
/** nanoTON as TON. */
export const inTon = (nano: bigint): number => Number(nano) / TON;
export const inNano = (ton: number): bigint => BigInt(Math.round(ton * TON));

/** Least stakes of working providers, TON. */
export const LEAST_STAKE = inTon(minimumStake(MAINNET_ID));
export const LEAST_TEST_STAKE = inTon(minimumStake(0));
export { AUDIT_RATE };

/** Times in days. */
export const THAW_DAYS = days(parameter('THAW_SECONDS'));
export const WINDOW_DAYS = days(parameter('DISPUTE_WINDOW_SECONDS'));
export const LONGEST_JOB_DAYS = days(parameter('LONGEST_JOB_SECONDS'));
export const KEY_REMOVAL_DAYS = days(parameter('KEY_REMOVAL_DELAY_SECONDS'));
export const TURN_DAYS = days(ofCase('TURN_SECONDS'));

/** Rounds of the longest dispute: both trees as deep as a config may have them. */
const ROUNDS = 2 * Math.ceil(MAX_TREE_DEPTH / Number(ofCase('ROUND_LEVELS')));
/** Children are shown once a round, and the leaf; one is chosen once a round, and the proof. */
export const WORKER_MOVES = ROUNDS + 1;
export const CHALLENGER_MOVES = ROUNDS + 1;
export const LONGEST_DISPUTE_DAYS = (WORKER_MOVES + CHALLENGER_MOVES) * TURN_DAYS;
/** With a challenger who moves at once and a worker's side that uses each of its turns to the end. */
export const STALLED_DISPUTE_DAYS = WORKER_MOVES * TURN_DAYS;

/** What becomes of what a conviction takes, nanoTON. */
export interface Slash {
  taken: bigint;
  client: bigint;
  challenger: bigint;
  burnt: bigint;
}

function slash(stake: bigint, price: bigint, challengerCap: bigint): Slash {
  const taken = stake / parameter('SLASH_DIVISOR');
  const shared = taken / parameter('SHARED_DIVISOR');
  const challenger = min(challengerCap, shared / 2n);
  const client = min(parameter('CLIENT_PRICE_FACTOR') * price + parameter('CLIENT_BASE_SHARE'), shared - challenger);
  return { taken, client, challenger, burnt: taken - challenger - client };
}

/** By a dispute. @param stake all of it, thawing included @param price of the answer at most; nanoTON both */
export const slashByDispute = (stake: bigint, price: bigint): Slash => slash(stake, price, parameter('CHALLENGER_BOND_FACTOR') * bondFor(price));

/** By one message. @param price what the receipt says is due: whoever slashes itself says what it likes */
export const slashByMessage = (stake: bigint, price: bigint): Slash => slash(stake, price, parameter('CHALLENGER_SHARE'));

/** TON that a conviction by a stranger takes of a stake of so many TON. */
export const takenOf = (stake: number): number => inTon(slashByDispute(inNano(stake), 0n).taken);

/** TON that are gone for good when a provider convicts itself through friends, who send their shares back: what is burnt. */
export const burntOf = (stake: number): number => inTon(slashByMessage(inNano(stake), inNano(1e6)).burnt);

/** TON that a stake of so many has after a conviction. */
export const leftOf = (stake: number): number => stake - takenOf(stake);

export { bondFor };
