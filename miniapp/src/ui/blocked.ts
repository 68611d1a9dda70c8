/** Why nothing can be opened or sent, in words; null where it can. */
import { claimKey } from './keys';
import type { Ui } from './context';
import type { ProviderView } from '../types';

export function blockedProvider({ t }: Pick<Ui, 't'>, provider: ProviderView | undefined): string | null {
  if (provider === undefined) return t('ui.needsProvider');
  if (provider.offer === null) return t('ui.blockedNoOffer');
  if (provider.verdict.canSend) return null;
  // Nothing is missing: what was read is too old.
  if (provider.verdict.missing.length === 0 && provider.verdict.level === 'unknown') return t('ui.blockedStale');
  return t('ui.blockedBy', { claims: provider.verdict.missing.map((id) => t('ui.quoted', { text: t(claimKey(id)) })).join(', ') });
}

/** The same for a message: the channel comes first, then who would get it. */
export function blockedSend({ t, state }: Pick<Ui, 't' | 'state'>): string | null {
  const { channel, providers } = state;
  if (channel === null) return t('ui.needsProvider');
  if (channel.phase !== 'open') return t('ui.needsChannel');
  if (!channel.hasKey) return t('ui.needsKey');
  return providers === null ? t('ui.loading') : blockedProvider({ t }, providers.find(({ stake }) => stake === channel.stake));
}
