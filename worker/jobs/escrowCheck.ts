import { contractAddress, type Address, type Cell } from '@ton/core';
import { DeclineReason } from '../../protocol';
import { gasFee, parseJobEscrowTerms, requiredJobValue, type JobEscrowTerms, type NetworkPrices } from '../../wrappers';
import type { AccountSnapshot } from '../chain/chainClient';

/** What this worker takes. */
export interface JobPolicy {
  networkId: number;
  workerKey: Uint8Array;
  payout: Address;
  /** nanoTON */
  minPrice: bigint;
  /** Least and most seconds from now to the deadline. */
  minSeconds: number;
  maxSeconds: number;
}

/** More gas than JobEscrow's create uses; 1,000 less than deliver leaves of what create reserved, which is for rent. */
const CREATE_GAS = 3_000n;

export type EscrowVerdict =
  | { kind: 'accepted'; terms: JobEscrowTerms }
  /** Not a job for this key: nothing is ever signed for it. */
  | { kind: 'foreign'; note: string }
  /** For this key, but not on these terms: declined, so that the client has its money back at once. */
  | { kind: 'decline'; terms: JobEscrowTerms; reason: number };

/**
 * Whether an account is a job of this key and network, by what it is alone, before anything else is read. It is
 * recognised only by recomputing its address from its code and data; both never change in a JobEscrow, so a look-alike
 * that set its code later has another address.
 */
export function recogniseEscrow(
  address: Address,
  account: AccountSnapshot,
  code: Cell,
  policy: JobPolicy,
): Exclude<EscrowVerdict, { kind: 'decline' }> {
  if (account.code === null || account.data === null || !account.code.hash().equals(code.hash())) {
    return { kind: 'foreign', note: 'the account is not a JobEscrow of this version' };
  }
  if (!contractAddress(0, { code: account.code, data: account.data }).equals(address)) {
    return { kind: 'foreign', note: 'the address does not follow from code and data' };
  }
  let terms: JobEscrowTerms;
  try {
    terms = parseJobEscrowTerms(account.data);
  } catch {
    return { kind: 'foreign', note: 'the data is not that of a JobEscrow' };
  }
  if (!Buffer.from(terms.workerKey).equals(Buffer.from(policy.workerKey))) {
    return { kind: 'foreign', note: 'the job is for another worker key' };
  }
  if (terms.networkId !== policy.networkId) return { kind: 'foreign', note: 'the job names another network' };
  return { kind: 'accepted', terms };
}

/** Checks an account before anything is computed: a job for us, on terms that we take, with the money for them. */
export function checkEscrow(
  address: Address,
  account: AccountSnapshot,
  code: Cell,
  policy: JobPolicy,
  prices: NetworkPrices,
  now: number,
): EscrowVerdict {
  const recognised = recogniseEscrow(address, account, code, policy);
  if (recognised.kind === 'foreign') return recognised;
  const { terms } = recognised;
  const decline = (reason: number): EscrowVerdict => ({ kind: 'decline', terms, reason });
  if (!terms.payout.equals(policy.payout) || terms.price < policy.minPrice)
    return decline(DeclineReason.unsupportedTerms);
  if (terms.deadline - now < policy.minSeconds || terms.deadline - now > policy.maxSeconds) {
    return decline(DeclineReason.deadlineTooClose);
  }
  // Create accepted at least the required value and has paid its own gas since then. Anything less, as after years of
  // rent, may not pay for the delivery: tests/escrow/leastBalance.spec.ts.
  const least = requiredJobValue(terms, prices) - gasFee(prices, CREATE_GAS);
  if (account.balance < least) return decline(DeclineReason.unsupportedTerms);
  return { kind: 'accepted', terms };
}
