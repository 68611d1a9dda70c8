/** Lists that come in pages: vouchers that wait, and payments. */
import { useState } from 'preact/hooks';
import type { ProviderReport } from '../../../worker/provider/wire';
import type { ProviderApi } from './api';
import { type Pages, usePages } from './pages';
import { Table } from './table';
import { useWords } from './words';

const More = ({ more }: { more: Pages<unknown>['more'] }) => {
  const { t } = useWords();
  return more && <div class="row-action"><button type="button" class="button quiet" onClick={more}>{t('provider.more')}</button></div>;
};

const Failed = () => <p class="prose bad" role="alert">{useWords().t('provider.silent')}</p>;

export function Vouchers({ api, vouchers, refresh }: { api: ProviderApi; vouchers: NonNullable<ProviderReport['vouchers']>; refresh: number }) {
  const { t, ton, amount, time, ago, account } = useWords();
  const { items, hasFailed, more } = usePages((after) => api.vouchers(after).then(({ vouchers: found, next }) => ({ items: found, next })), 'vouchers', refresh);
  return (
    <section class="group">
      <h2>{t('provider.vouchers')}: {ton(vouchers.open.nano)}</h2>
      <div class="rows">
        {hasFailed && <Failed />}
        {items?.length === 0 && <p class="prose">{t('provider.noVouchers')}</p>}
        {items !== null && items.length > 0 && (
          <Table
            caption={t('provider.vouchers')} wraps heads={[t('provider.channel'), t('provider.worth'), t('provider.until')]}
            rows={items.map(({ channel, nano, deadline, isSeen, isClosing }) => ({
              key: channel,
              cells: [
                <code title={channel}>{account(channel)}</code>, amount(nano),
                <>
                  {time(deadline)} <span class="quiet-text">{ago(deadline)}</span>
                  {isClosing && <b class="bad"> {t('provider.closing')}</b>}
                  {!isSeen && <span class="quiet-text"> {t('provider.unseen')}</span>}
                </>,
              ],
            }))}
          />
        )}
        <More more={more} />
      </div>
      {vouchers.claimFeeNano !== null && <p class="note">{t('provider.vouchersNote', { fee: ton(vouchers.claimFeeNano) })}</p>}
    </section>
  );
}

export function Payments({ api, hasChannels, refresh }: { api: ProviderApi; hasChannels: boolean; refresh: number }) {
  const { t, amount, time, account } = useWords();
  const [of, setOf] = useState<'channels' | 'jobs'>(hasChannels ? 'channels' : 'jobs');
  const { items, hasFailed, more } = usePages((after) => api.payments(of, after).then(({ payments, next }) => ({ items: payments, next })), of, refresh);
  const heads = [t('provider.time'), t('provider.net'), t('provider.account'), ...(of === 'channels' ? [t('provider.fee')] : []), t('provider.transaction')];
  return (
    <section class="group">
      <h2>{t('provider.payments')}</h2>
      <div class="rows">
        <div class="choices" role="group" aria-label={t('provider.payments')}>
          {([['channels', 'provider.claimsOf'], ['jobs', 'provider.jobsOf']] as const).map(([which, name]) => (
            <button key={which} type="button" class="button small quiet" aria-pressed={of === which} onClick={() => setOf(which)}>{t(name)}</button>
          ))}
        </div>
        {hasFailed && <Failed />}
        {items?.length === 0 && <p class="prose">{t('provider.noPayments')}</p>}
        {items !== null && items.length > 0 && (
          <Table
            caption={t('provider.payments')} heads={heads}
            rows={items.map(({ account: from, time: at, hash, netNano, feeNano }) => ({
              key: `${from}${hash}`,
              cells: [
                time(at), amount(netNano), <code title={from}>{account(from)}</code>, ...(of === 'channels' ? [amount(feeNano ?? '0')] : []),
                <code title={hash ?? undefined}>{hash === null ? '–' : `${hash.slice(0, 8)}…`}</code>,
              ],
            }))}
          />
        )}
        <More more={more} />
      </div>
    </section>
  );
}
