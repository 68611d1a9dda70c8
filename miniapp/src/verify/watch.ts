/** What became of a provider since it answered: an old message turns when its provider is slashed, or its key or image withdrawn. */
import { type ImagePolicy, keyEnd, type RegistryState, type StakeState } from '../chain';
import { tonText } from '../tonText';
import type { Claim, Offer, ProviderView, Reading, Text } from '../types';
import { readClaim } from './claims';

/** What two APIs say now. */
export interface LaterReading {
  stake: Reading<(StakeState & { asOf: number }) | null>;
  registry: Reading<Pick<RegistryState, 'images'> | null>;
}
/** What was known when a message was sent. */
export type Before = Pick<ProviderView, 'slashed' | 'faults' | 'keyEnd'>;

/** `provider-unslashed`, of the stake and, for an attested key, of its image. */
export function laterClaims(offer: Offer, before: Before, { stake, registry }: LaterReading): Claim[] {
  const id = 'provider-unslashed';
  const judged = (fault: Text | null): { status: 'refuted' | 'asserted'; reason: Text } => (
    fault === null ? { status: 'asserted', reason: { key: 'verify.unslashed' } } : { status: 'refuted', reason: fault });
  const claims = [readClaim(id, stake, (state) => judged(stakeFault(offer, before, state)))];
  if (offer.tier === 'attested') claims.push(readClaim(id, registry, (state) => judged(imageFault(state?.images.get(offer.imageHash)))));
  return claims;
}

function stakeFault({ workerKey }: Offer, before: Before, state: (StakeState & { asOf: number }) | null): Text | null {
  if (state === null) return { key: 'verify.stakeGone' };
  if (state.slashed > before.slashed) return { key: 'verify.slashedSince', params: { ton: tonText(state.slashed - before.slashed) } };
  if (state.faults > before.faults) return { key: 'verify.faultsSince', params: { count: String(state.faults - before.faults) } };
  const record = state.keys.find((key) => key.workerKey === workerKey);
  // A key that had its time may leave its slot.
  const end = record === undefined ? (state.asOf < before.keyEnd ? 0 : before.keyEnd) : keyEnd(record);
  return end < before.keyEnd ? { key: 'verify.keyEndedEarly' } : null;
}

/** Why an image is not in force; null when it is. */
export function imageFault(image: ImagePolicy | undefined): Text | null {
  if (image === undefined || image.effectiveFrom === 0) return { key: 'verify.imageUnknown' };
  return image.revokedAt === 0 ? null : { key: 'verify.imageRevoked' };
}
