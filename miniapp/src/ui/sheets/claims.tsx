import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Badge } from '../parts/badge';
import { Icon, type IconName } from '../parts/icons';
import { Sheet } from '../parts/sheet';
import { aboutLevelKey, claimKey, sourceKey, statusKey } from '../keys';
import { saveReceipt } from '../screens/receipt';
import { shownText } from '../screens/message';
import { formatTime, relativeTime } from '../time';
import { useUi } from '../context';
import type { Claim, ClaimStatus, MessageView, ProviderView, Verdict } from '../../types';

const SIGNS: Record<ClaimStatus, IconName> = { asserted: 'tick', refuted: 'cross', unknown: 'question' };

/** False ones first, then what nobody knows. */
const ORDER: readonly ClaimStatus[] = ['refuted', 'unknown', 'asserted'];

function Claims({ claims, verdict, children }: { claims: readonly Claim[]; verdict: Verdict; children?: ComponentChildren }) {
  const { t, text } = useUi();
  const sorted = ORDER.flatMap((status) => claims.filter((claim) => claim.status === status));
  return (
    <>
      <p class="verdict"><Badge level={verdict.level} /><span>{t(aboutLevelKey(verdict.level))}</span>{children}</p>
      <ul class="claims">
        {sorted.map(({ id, status, source, reason }) => (
          <li key={id} class={status}>
            <Icon name={SIGNS[status]} />
            <div>
              <p class="claim-name"><span>{t(claimKey(id))}</span><b>{t(statusKey(status))}</b></p>
              <p class="claim-reason">{text(reason)}</p>
              <p class="claim-source">{t(sourceKey(source))}{verdict.missing.includes(id) && ` · ${t('ui.required')}`}</p>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

export function ProviderSheet({ provider }: { provider: ProviderView }) {
  const { t, address, language, now } = useUi();
  const { checkedAt, stake } = provider;
  return (
    <Sheet title={t('ui.claimsOfProvider')}>
      <Claims claims={provider.claims} verdict={provider.verdict}>
        <code>{address(stake)}</code>
        {checkedAt > 0 && <span class="quiet-text">{t('ui.checkedAt', { at: formatTime(checkedAt, language), when: relativeTime(checkedAt, now(), language) })}</span>}
      </Claims>
    </Sheet>
  );
}

/** Claims of a message, its receipt as a file, and the same checks again on the text that the screen shows. */
export function MessageSheet({ message }: { message: MessageView }) {
  const { t, app } = useUi();
  const [isChecking, setChecking] = useState(false);
  const recheck = async (): Promise<void> => {
    setChecking(true);
    await app.recheck(message.id, shownText(message.id)).finally(() => setChecking(false));
  };
  const save = (): void => saveReceipt(app.receipt(message.id), `cocoon-receipt-${new Date(message.at * 1000).toISOString().slice(0, 19).replace(/[:T]/g, '-')}.json`);
  return (
    <Sheet
      title={t('ui.claimsOfMessage')}
      foot={message.canExport && (
        <>
          <button type="button" class="button quiet" disabled={isChecking} onClick={() => void recheck()}>{t(isChecking ? 'ui.checking' : 'ui.checkAgain')}</button>
          <button type="button" class="button quiet" onClick={save}>{t('ui.saveReceipt')}</button>
        </>
      )}
    >
      <Claims claims={message.claims} verdict={message.verdict} />
    </Sheet>
  );
}
