import { beginCell, contractAddress, type Address, type Cell } from '@ton/core';
import { DeclineReason, equalBytes, type TierValue } from '../../protocol';
import {
  checkedJobEscrowCode,
  gasFee,
  jobEscrowCode,
  parseCheckedJobData,
  parseJobEscrowTerms,
  requiredJobValue,
  type CheckedJobData,
  type CheckedJobState,
  type JobEscrowTerms,
  type NetworkPrices,
} from '../../wrappers';
import type { AccountSnapshot } from '../chain/chainClient';

/** What this worker takes. */
export interface JobPolicy {
  networkId: number;
  workerKey: Uint8Array;
  payout: Address;
  /** Of the worker key, for life. */
  tier: TierValue;
  /** nanoTON */
  minPrice: bigint;
  /** Least and most seconds from now to the deadline. */
  minSeconds: number;
  maxSeconds: number;
}

/** The two contracts that a job can be. */
export interface EscrowCodes {
  job: Cell;
  checked: Cell;
}

export const escrowCodes = async (): Promise<EscrowCodes> => ({
  job: await jobEscrowCode(),
  checked: await checkedJobEscrowCode(),
});

/** What only a CheckedJobEscrow has. */
export interface CheckedPart {
  state: CheckedJobState;
  /** The worker promised to deliver: the stake let no other acceptance through. */
  isAccepted: boolean;
}

/** A genuine job for this key. */
export interface RecognisedJob {
  kind: 'accepted';
  terms: JobEscrowTerms;
  /** null for a JobEscrow. */
  checked: CheckedPart | null;
}

/** Not a job for this key: nothing is ever signed for it. */
export interface ForeignAccount {
  kind: 'foreign';
  note: string;
}

export type EscrowVerdict =
  | RecognisedJob
  | ForeignAccount
  /** For this key, but not on these terms: declined, so that the client has its money back at once. */
  | { kind: 'decline'; terms: JobEscrowTerms; reason: number };

/** More gas than JobEscrow's create uses; 1,000 less than deliver leaves of what create reserved, which is for rent. */
const CREATE_GAS = 3_000n;

const foreign = (note: string): ForeignAccount => ({ kind: 'foreign', note });

/**
 * Whether an account is a job of this key and network, by what it is alone, before anything else is read. It is
 * recognised only by recomputing its address from its code and its data as they were at first: a look-alike that set
 * its code later has another address, and what a CheckedJobEscrow's own code wrote into its data is taken out.
 * @param stake hash part of the provider stake that a checked job must ask, 32 bytes
 */
export function recogniseEscrow(
  address: Address,
  account: AccountSnapshot,
  codes: EscrowCodes,
  policy: JobPolicy,
  stake: Uint8Array,
): RecognisedJob | ForeignAccount {
  const { code, data } = account;
  if (code === null || data === null) return foreign('the account is not a job of this version');
  const isChecked = code.hash().equals(codes.checked.hash());
  if (!isChecked && !code.hash().equals(codes.job.hash())) return foreign('the account is not a job of this version');
  let terms: JobEscrowTerms;
  let checked: CheckedPart | null = null;
  try {
    if (isChecked) {
      const found = parseCheckedJobData(data);
      if (!contractAddress(0, { code, data: initialData(data, found) }).equals(address)) return notDerived;
      if (!equalBytes(new Uint8Array(found.stake.hash), stake)) return foreign('the job asks another stake');
      terms = found.terms;
      checked = { state: found.state, isAccepted: isAccepted(found) };
    } else {
      if (!contractAddress(0, { code, data }).equals(address)) return notDerived;
      terms = parseJobEscrowTerms(data);
    }
  } catch {
    return foreign('the data is not that of a job');
  }
  if (!equalBytes(terms.workerKey, policy.workerKey)) return foreign('the job is for another worker key');
  if (terms.networkId !== policy.networkId) return foreign('the job names another network');
  return { kind: 'accepted', terms, checked };
}

/** What a CheckedJobEscrow was deployed with. */
const initialData = (data: Cell, { stake }: CheckedJobData): Cell =>
  beginCell().storeRef(data.refs[0]).storeBuffer(stake.hash).storeUint(0, 2).storeMaybeRef(null).endCell();

const notDerived = foreign('the address does not follow from code and data');

/** Before the stake stood for the terms, what its client attached says nothing. */
const isAccepted = ({ state, acceptance }: CheckedJobData): boolean => state === 'open' && acceptance !== null;

/**
 * Checks a recognised job before anything is computed: on terms that we take, with the money for them. An accepted job
 * was checked before it was accepted and can no longer be declined.
 */
export function checkTerms(
  job: RecognisedJob,
  balance: bigint,
  policy: JobPolicy,
  prices: NetworkPrices,
  now: number,
): EscrowVerdict {
  const { terms, checked } = job;
  if (checked?.isAccepted === true) return job;
  const decline = (reason: number): EscrowVerdict => ({ kind: 'decline', terms, reason });
  const reason = reasonAgainst(terms, policy, now);
  if (reason !== null) return decline(reason);
  // Create accepted at least the required value and has paid its own gas since then; an open CheckedJobEscrow holds
  // more. Anything less, as after years of rent, may not pay for the delivery: tests/escrow/leastBalance.spec.ts.
  const least = requiredJobValue(terms, prices) - gasFee(prices, CREATE_GAS);
  return balance < least ? decline(DeclineReason.unsupportedTerms) : job;
}

/** Why this worker does not take a job with these parameters, or null. */
export function reasonAgainst(terms: JobEscrowTerms, policy: JobPolicy, now: number): number | null {
  if (!terms.payout.equals(policy.payout) || terms.price < policy.minPrice) return DeclineReason.unsupportedTerms;
  const seconds = terms.deadline - now;
  return seconds < policy.minSeconds || seconds > policy.maxSeconds ? DeclineReason.deadlineTooClose : null;
}

/** Recognises and checks an account. */
export function checkEscrow(
  address: Address,
  account: AccountSnapshot,
  codes: EscrowCodes,
  policy: JobPolicy,
  stake: Uint8Array,
  prices: NetworkPrices,
  now: number,
): EscrowVerdict {
  const recognised = recogniseEscrow(address, account, codes, policy, stake);
  return recognised.kind === 'foreign' ? recognised : checkTerms(recognised, account.balance, policy, prices, now);
}
