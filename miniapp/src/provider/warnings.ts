/** What a provider has to know at once, worst first. */
import type { ProviderReport } from '../../../worker/provider/wire';
import type { WordKey, Words } from './words';

const SOON_SECONDS = 14 * 86_400;
const VOUCHER_SECONDS = 86_400 / 2;
const REASONS: Record<string, WordKey> = {
  draining: 'provider.reasonDraining', engine: 'provider.reasonEngine', store: 'provider.reasonStore', chain: 'provider.reasonChain', 'chain-behind': 'provider.reasonChainBehind',
};

export function warningsOf({ worker, stake, audit, vouchers, disputes, now }: ProviderReport, { t, ton, ago }: Words): { isBad: boolean; text: string }[] {
  const found: { isBad: boolean; text: string }[] = worker.reasons.map((reason) => ({ isBad: true, text: REASONS[reason] === undefined ? reason : t(REASONS[reason]) }));
  const add = (applies: boolean, isBad: boolean, text: () => string): void => void (applies && found.push({ isBad, text: text() }));
  add(disputes.running.some(({ canAnswer }) => !canAnswer), true, () => t('provider.warnUnanswerable'));
  const state = stake?.state;
  if (state !== null && state !== undefined) {
    const { key } = state;
    add(state.openCases > 0, true, () => t('provider.warnCases', { count: state.openCases }));
    add(BigInt(state.slashedNano) > 0n, true, () => t('provider.warnSlashed', { amount: ton(state.slashedNano) }));
    add(BigInt(state.activeNano) < BigInt(state.minimumNano), true, () => t('provider.warnStake'));
    add(key === null, true, () => t('provider.warnKeyMissing'));
    if (key !== null) {
      add(key.end <= now, true, () => t('provider.warnKeyEnded'));
      add(key.end > now && key.end < now + SOON_SECONDS, false, () => t('provider.warnKeyEnds', { when: ago(key.end) }));
    }
  }
  if (vouchers !== null) {
    const { firstEnd } = vouchers.open;
    add(firstEnd !== null && firstEnd < now + VOUCHER_SECONDS, true, () => t('provider.warnVoucher', { when: ago(firstEnd!) }));
    add(BigInt(vouchers.lost.nano) > 0n, false, () => t('provider.warnLost', { amount: ton(vouchers.lost.nano) }));
  }
  if (audit !== null) add(BigInt(audit.unmatchedNano) > 0n, false, () => t('provider.warnUnmatched', { amount: ton(audit.unmatchedNano) }));
  const { certificateEnd } = worker;
  add(certificateEnd !== null && certificateEnd < now + SOON_SECONDS, false, () => t('provider.warnTls', { when: ago(certificateEnd!) }));
  return found.sort((a, b) => Number(b.isBad) - Number(a.isBad));
}
