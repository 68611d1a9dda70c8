import { dueFor } from '../../protocol';
import type { ProviderRecord } from './experience';
import type { Offer } from './offer';

/** What is asked for, as far as it decides who is asked first. */
export interface WantedAnswer {
  promptTokens: number;
  maxTokens: number;
}

/** Seconds of waiting that count as much as the price once more. */
const SECONDS_PER_PRICE = 10;

/** nanoTON that an answer comes to at most. */
export const mostFor = ({ promptPrice, outputPrice }: Offer, { promptTokens, maxTokens }: WantedAnswer): bigint =>
  dueFor({ promptPrice, outputPrice, fixedPrice: 0n }, promptTokens, maxTokens);

/**
 * Whom to ask first: what the whole answer costs, times how long it takes in the client's own experience. Who has not answered yet counts as
 * fast as the fastest known one, so that a cheaper one is tried; who failed lately comes last, the one that rests shortest first;
 * who does not write answers that long is left out. Nothing that a provider says about itself but its price counts.
 * @param now Unix seconds
 */
export function rankOffers<T extends { offer: Offer }>(sellers: readonly T[], wanted: WantedAnswer, recordOf: (offer: Offer) => ProviderRecord, now: number): T[] {
  const suitable = sellers.filter(({ offer }) => offer.maxTokens >= wanted.maxTokens);
  if (suitable.length < 2) return suitable;
  const known = suitable.map(({ offer }) => secondsFor(recordOf(offer), wanted)).filter((seconds) => seconds !== null);
  const fastest = known.length === 0 ? 0 : Math.min(...known);
  return suitable
    .map((seller) => {
      const record = recordOf(seller.offer);
      const seconds = secondsFor(record, wanted) ?? fastest;
      const score = Number(mostFor(seller.offer, wanted)) * (1 + seconds / SECONDS_PER_PRICE);
      return { seller, score, seconds, restsUntil: record.restsUntil > now ? record.restsUntil : 0 };
    })
    .sort((a, b) => a.restsUntil - b.restsUntil || a.score - b.score || a.seconds - b.seconds || compareBytes(a.seller.offer.stake, b.seller.offer.stake))
    .map(({ seller }) => seller);
}

function secondsFor({ firstMillis, tokenMillis }: ProviderRecord, { maxTokens }: WantedAnswer): number | null {
  return firstMillis === null || tokenMillis === null ? null : (firstMillis + tokenMillis * maxTokens) / 1_000;
}

const compareBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);
