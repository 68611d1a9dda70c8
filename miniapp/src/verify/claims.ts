/** From claims to what the badge says and whether anything may be sealed: tables, and nothing that is green by default. */
import type { Claim, ClaimId, ClaimSource, ClaimStatus, PageConfig, Reading, Text, TierName, Verdict } from '../types';

/** By what each required claim has to be known; by anything else it is not known. */
type Required = Partial<Record<ClaimId, ClaimSource>>;

const PROVIDER: Required = {
  'stake-address': 'verifier-derived', 'stake-active': 'chain-agreed', 'key-listed': 'chain-agreed', 'key-current': 'chain-agreed', descriptor: 'chain-agreed',
  'channel-code': 'verifier-derived', 'model-listed': 'provider-asserted', 'never-slashed': 'chain-agreed',
};
/** @param quote by what its claims are known: hardware, or this page alone where the root is simulated */
const attested = (quote: ClaimSource): Required => ({
  ...PROVIDER, 'image-in-force': 'chain-agreed', 'quote-signature': quote, 'quote-certificates': quote, 'quote-body': quote, 'quote-keys': quote, tcb: 'chain-agreed',
});
const MESSAGE: Required = {
  'request-bound': 'verifier-derived', 'receipt-signed': 'verifier-derived', 'answer-bound': 'verifier-derived', 'stream-whole': 'verifier-derived',
  'amount-due': 'verifier-derived', 'key-then': 'verifier-derived', 'provider-unslashed': 'chain-agreed',
};

export type Subject = 'provider' | 'message';

/** By what the claims about a quote are known. */
export const quoteSource = (root: PageConfig['quoteRoot']): ClaimSource => (root === 'intel' ? 'hardware-proven' : 'verifier-derived');

export interface Policy {
  subject: Subject;
  /** Quotes end in another root than Intel's: what they say, no hardware says. */
  isSimulated: boolean;
  /** That, or a network of tests: nothing is ever proven. */
  isTest: boolean;
  /** What the claims rest on is not too old to say anything about now. */
  isFresh: boolean;
}

/** Longest time for which what was read of the chain says something about a provider, seconds. */
export const FRESH_SECONDS = 600;

/** @param times Unix seconds; a message is about the past, and needs none */
export function policyOf(config: Pick<PageConfig, 'network' | 'quoteRoot'>, subject: Subject, times?: { now: number; checkedAt: number }): Policy {
  const age = times === undefined ? (subject === 'message' ? 0 : Infinity) : times.now - times.checkedAt;
  const isSimulated = config.quoteRoot !== 'intel';
  return { subject, isSimulated, isTest: isSimulated || config.network === 'devnet', isFresh: age <= FRESH_SECONDS };
}

/** Which claims have to be asserted, and by what. */
export function requiredClaims(tier: TierName, { subject, isSimulated }: Pick<Policy, 'subject' | 'isSimulated'>): Required {
  if (subject === 'message') return MESSAGE;
  if (tier === 'bonded') return PROVIDER;
  return isSimulated ? attested('verifier-derived') : { ...attested('hardware-proven'), hardware: 'hardware-proven' };
}

/**
 * What the claims come to. A claim that is missing, or known by another source than it has to be, is not asserted; one that comes twice is as bad as
 * its worse half. Whatever is refuted, required or not, is red and stops everything.
 */
export function verdictOf(claims: readonly Claim[], tier: TierName, policy: Policy): Verdict {
  const required = Object.entries(requiredClaims(tier, policy)) as [ClaimId, ClaimSource][];
  const stands = (id: ClaimId, source: ClaimSource): boolean => {
    const found = claims.filter((claim) => claim.id === id);
    return found.length > 0 && found.every((claim) => claim.status === 'asserted' && claim.source === source);
  };
  const missing = required.filter(([id, source]) => !stands(id, source)).map(([id]) => id);
  const isRefuted = claims.some(({ status }) => status === 'refuted');
  const canSend = missing.length === 0 && !isRefuted && policy.isFresh;
  if (isRefuted) return { level: 'refuted', canSend, missing };
  if (!canSend) return { level: 'unknown', canSend, missing };
  return { level: tier === 'bonded' ? 'bonded' : tier !== 'attested' ? 'unknown' : policy.isTest ? 'test-hardware' : 'proven', canSend, missing };
}

export const claim = (id: ClaimId, status: ClaimStatus, source: ClaimSource, reason: Text): Claim => ({ id, status, source, reason });

/** What a reading of two APIs says of a claim. @param judge of the value that counts */
export function readClaim<T>(id: ClaimId, reading: Reading<T>, judge: (value: T) => { status: ClaimStatus; reason: Text }): Claim {
  if (reading.agreement === 'none') return claim(id, 'unknown', 'chain-agreed', contradiction(reading.says));
  const { status, reason } = judge(reading.value);
  if (reading.agreement === 'both') return claim(id, status, 'chain-agreed', reason);
  // One API alone can raise an alarm, and never end one.
  if (status !== 'asserted') return claim(id, status, 'one-api', reason);
  const { name, silent, problem } = reading;
  return claim(id, status, 'one-api', { key: 'verify.oneApi', params: { name, silent, problem } });
}

/** Fields of a state as chain/pair.ts says them. */
const FIELDS = ['state', 'balance', 'lt', 'last transaction', 'code', 'data'];

/** Who said what, where they differ. */
function contradiction(says: readonly { name: string; said: string }[]): Text {
  const words = says.map(({ said }) => said.split(' '));
  const isStates = words.length === 2 && words.every(({ length }) => length === FIELDS.length);
  const differing = FIELDS.map((_, index) => index).filter((index) => isStates && words[0][index] !== words[1][index]);
  const said = says.map(({ name, said: whole }, index) => {
    const parts = isStates ? differing.map((at) => `${FIELDS[at]} ${words[index][at].slice(0, 16)}`).join(', ') : whole.slice(0, 80);
    return `${name}: ${parts}`;
  });
  return { key: isStates ? 'verify.apisContradict' : 'verify.apisSilent', params: { said: said.join('; ') } };
}
