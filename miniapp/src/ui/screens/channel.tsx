import { Figures } from '../parts/list';
import { formatDate, formatTime, relativeTime } from '../time';
import { phaseKey } from '../keys';
import { useUi } from '../context';
import type { MessageKey } from '../../i18n';
import type { ChannelView } from '../../types';

/** Further away than this, the day is enough. Seconds. */
const FAR = 3 * 86_400;

/** The channel's money in one glance, and its only button. */
export function ChannelBar({ channel }: { channel: ChannelView }) {
  const { t, ton, go, turn, app } = useUi();
  const { phase, deposit, signed, claimed, refundable } = channel;
  const figure = (key: MessageKey, amount: bigint, round: 'up' | 'down') => [t(key), ton(amount, round), ton(amount)] as const;
  return (
    <section class="channel-bar" aria-label={t('ui.channel')}>
      <Figures unit={t('ui.amountUnit')} of={[
        figure('ui.deposit', deposit, 'down'),
        figure('ui.spent', signed, 'up'),
        figure('ui.unsettled', signed - claimed, 'up'),
        figure('ui.refundable', refundable, 'down'),
      ]} />
      <div class="channel-line">
        <p role="status"><b class={`phase ${phase}`}>{t(phaseKey(phase))}</b> <PhaseText channel={channel} /></p>
        {phase === 'open' && <button type="button" class="button small quiet" aria-haspopup="dialog" aria-label={t('ui.closeChannel')} onClick={() => go('chat', { name: 'close' })}>{t('ui.close')}</button>}
        {phase === 'ended' && <button type="button" class="button small quiet" onClick={() => turn('start')}>{t('ui.newChannel')}</button>}
        {phase === 'ending' && <button type="button" class="button small quiet" onClick={() => void app.closeChannel()}>{t('ui.retry')}</button>}
        <EndButton channel={channel} />
      </div>
    </section>
  );
}

function PhaseText({ channel: { phase, expiry, endsAt, refundable } }: { channel: ChannelView }) {
  const { t, language, now } = useUi();
  const moment = (at: number) => ({ at: formatTime(at, language), when: relativeTime(at, now(), language) });
  switch (phase) {
    case 'opening': return <>{t('ui.phaseOpeningAbout')}</>;
    case 'open': return <>{t('ui.phaseOpenAbout', { at: expiry - now() > FAR ? formatDate(expiry, language) : formatTime(expiry, language) })}</>;
    case 'ending': return <>{t('ui.phaseEndingAbout')}</>;
    case 'closing': return <>{endsAt > now() ? t('ui.phaseClosingAbout', moment(endsAt)) : t('ui.phaseClosingOver')}</>;
    case 'ended': return <>{t(refundable > 0n ? 'ui.phaseEndedWaits' : 'ui.phaseEndedAbout')}</>;
  }
}

/** For a channel that its provider does not end, or whose time is over. */
function EndButton({ channel }: { channel: ChannelView }) {
  const { t, ton, app, state, now } = useUi();
  const { phase, endsAt, address, refundable } = channel;
  const isOver = phase === 'ended' ? refundable > 0n : phase !== 'opening' && endsAt <= now();
  if (phase !== 'ending' && !isOver) return null;
  const text = phase === 'ended' ? t('ui.recover', { amount: ton(refundable, 'down') }) : t('ui.endByWallet');
  return <button type="button" class="button small quiet" disabled={state.wallet.isAsked} onClick={() => void app.recover(address)}>{text}</button>;
}
