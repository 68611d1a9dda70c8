import { Empty, Notice } from '../parts/notice';
import { Group } from '../parts/list';
import { formatTime, relativeTime } from '../time';
import { phaseKey } from '../keys';
import { shortAddress } from '../address';
import { useUi } from '../context';
import type { ChannelView } from '../../types';

/** Channels of the wallet that this browser has no key of. */
export function Lost() {
  const { state, t } = useUi();
  if (state.lost.length === 0) return <div class="page"><Empty icon="wallet" title={t('ui.lostNone')} /></div>;
  return (
    <div class="page">
      <p class="note">{t('ui.lostAbout')}</p>
      {state.wallet.isAsked && <Notice kind="waiting" title={t('ui.openAsked')} />}
      {state.lost.map((channel) => <LostChannel key={channel.address} channel={channel} />)}
    </div>
  );
}

function LostChannel({ channel }: { channel: ChannelView }) {
  const { t, ton, app, state, address, language, now } = useUi();
  const { phase, endsAt, refundable } = channel;
  const isWaiting = phase === 'closing' && endsAt > now();
  return (
    <Group note={isWaiting ? t('ui.phaseClosingAbout', { at: formatTime(endsAt, language), when: relativeTime(endsAt, now(), language) }) : t('ui.recoverAbout')}>
      <div class="row still">
        <span class="row-lines">
          <span class="row-title">{shortAddress(address(channel.address))} <b class={`phase ${phase}`}>{t(phaseKey(phase))}</b></span>
          <span class="row-text">{t('ui.deposit')}: {t('ui.ton', { amount: ton(channel.deposit) })} · {t('ui.refundable')}: {t('ui.ton', { amount: ton(refundable) })}</span>
        </span>
      </div>
      {!isWaiting && (
        <div class="row-action"><button type="button" class="button" disabled={state.wallet.isAsked} onClick={() => void app.recover(channel.address)}>{t('ui.recover', { amount: ton(refundable, 'down') })}</button></div>
      )}
    </Group>
  );
}
