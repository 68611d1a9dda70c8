import { useEffect, useState } from 'preact/hooks';
import type { EarningsPage, Earned, Period, ProviderReport } from '../../../worker/provider/wire';
import { Figures } from '../ui/parts/list';
import type { ProviderApi } from './api';
import { Table } from './table';
import { useWords, type WordKey } from './words';

const DAY = 86_400;
const PERIODS: readonly (readonly [Period, WordKey])[] = [['day', 'provider.byDay'], ['week', 'provider.byWeek'], ['month', 'provider.byMonth']];

const dateText = (at: number): string => new Date(at * 1_000).toISOString().slice(0, 10);
/** Unix seconds at which a date of an input begins in UTC; NaN for none. */
const secondsOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 1_000;

/** What came in: at a glance, and by day, week or month of a range. */
export function Earnings({ api, report: { earnings, audit, now } }: { api: ProviderApi; report: ProviderReport }) {
  const { t, ton } = useWords();
  const isNothing = earnings.all.netNano === '0' && (audit === null || audit.settledNano === '0');
  return (
    <section class="group">
      <h2>{t('provider.earnings')}</h2>
      <div class="rows">
        <div class="row still large">
          <Figures of={([['provider.today', earnings.today], ['provider.week', earnings.week], ['provider.month', earnings.month], ['provider.all', earnings.all]] as const)
            .map(([name, { netNano }]) => [t(name), ton(netNano)] as const)} />
        </div>
        {isNothing
          ? <p class="prose"><strong>{t('provider.nothing')}.</strong> {t('provider.nothingHint')}</p>
          : <Range api={api} now={now} all={earnings.all} />}
      </div>
      <p class="note">{t('provider.earningsNote')} {!isNothing && audit?.unmatchedNano === '0' && t('provider.matched')}</p>
    </section>
  );
}

function Range({ api, now, all }: { api: ProviderApi; now: number; all: Earned }) {
  const { t, day, amount } = useWords();
  const [by, setBy] = useState<Period>('day');
  const [from, setFrom] = useState(dateText(now - 29 * DAY));
  const [to, setTo] = useState(dateText(now));
  const [page, setPage] = useState<EarningsPage | 'failed' | null>(null);
  // What is asked for changes with a payment, and not with each look.
  useEffect(() => {
    let isCurrent = true;
    const [start, end] = [secondsOf(from), secondsOf(to) + DAY];
    if (!(start < end)) return setPage('failed');
    api.earnings(by, start, end).then((got) => isCurrent && setPage(got), () => isCurrent && setPage('failed'));
    return () => void (isCurrent = false);
  }, [by, from, to, all.netNano, api]);
  const cells = ({ channels, jobs, netNano }: Earned): string[] => [amount(netNano), amount(channels.takenNano), amount(channels.feesNano), amount(jobs.netNano)];
  const date = (name: WordKey, value: string, set: (value: string) => void) => (
    <label class="field"><span>{t(name)}</span><input type="date" value={value} required onChange={(event) => set(event.currentTarget.value)} /></label>
  );
  return (
    <>
      <div class="fields">
        <label class="field">
          <span>{t('provider.by')}</span>
          <select value={by} onChange={(event) => setBy(event.currentTarget.value as Period)}>
            {PERIODS.map(([period, name]) => <option key={period} value={period}>{t(name)}</option>)}
          </select>
        </label>
        {date('provider.from', from, setFrom)}
        {date('provider.to', to, setTo)}
      </div>
      {page === 'failed' && <p class="prose bad" role="alert">{t('provider.badRange')}</p>}
      {page !== null && page !== 'failed' && (page.periods.length === 0
        ? <p class="prose">{t('provider.nothingThen')}</p>
        : <Table
            caption={t('provider.tableOf', { period: t(PERIODS.find(([period]) => period === page.by)![1]) })} numbersFrom={1}
            heads={[t('provider.period'), t('provider.net'), t('provider.channels'), t('provider.fees'), t('provider.jobs')]}
            rows={[...page.periods].reverse().map(({ start, ...earned }) => ({ key: String(start), cells: [day(start), ...cells(earned)] }))}
            foot={[t('provider.sum'), ...cells(page.total)]}
          />)}
    </>
  );
}
