import { Tier, toHex } from '../../protocol';
import type { Auditor } from '../audit';
import type { Offer } from './offer';

/** What the list of models says of a market, JSON; prices in nanoTON per million tokens, null while no provider is known. */
export function marketFacts(offers: readonly Offer[], auditor?: Pick<Auditor, 'record'>): Record<string, unknown> {
  const least = (prices: bigint[]): string | null => (prices.length === 0 ? null : String(prices.reduce((a, b) => (b < a ? b : a))));
  return {
    ...(offers.length > 0 && { tier: offers[0].tier === Tier.attested ? 'attested' : 'bonded' }), providers: offers.length,
    leastPromptPriceNano: least(offers.map(({ promptPrice }) => promptPrice)), leastOutputPriceNano: least(offers.map(({ outputPrice }) => outputPrice)),
    ...(auditor && { audited: Object.fromEntries(offers.map(({ stake }) => [`0:${toHex(stake)}`, auditor.record(stake)])) }),
  };
}
