import type { ProviderReport, UptimeReport } from '../../../worker/provider/wire';
import { Figures, Group } from '../ui/parts/list';
import { Table } from './table';
import { useWords } from './words';

const HEIGHT = 40;
const STEP = 10;
const BAR = 7;

/** The worker's own record: bars to look at, a table to read. */
export function Uptime({ uptime: { since, days, total, beatSeconds } }: { uptime: UptimeReport }) {
  const { t, day, time, language } = useWords();
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 });
  // Rounded down: a day with a second missing is not a whole one.
  const share = (seconds: number, of: number): string => (of === 0 ? '–' : percent.format(Math.floor((seconds / of) * 10_000) / 10_000));
  const summary = `${t('provider.up')}: ${share(total.upSeconds, total.ofSeconds)}. ${t('provider.readyShare')}: ${share(total.readySeconds, total.ofSeconds)}.`;
  return (
    <section class="group">
      <h2>{t('provider.uptime')}</h2>
      <div class="rows">
        <div class="row still">
          <Figures of={[[t('provider.up'), share(total.upSeconds, total.ofSeconds)], [t('provider.readyShare'), share(total.readySeconds, total.ofSeconds)]]} />
          <svg class="bars" viewBox={`0 0 ${days.length * STEP} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${t('provider.bars')} ${summary}`}>
            {days.map(({ start, upSeconds, readySeconds, ofSeconds }, index) => {
              const height = (seconds: number): number => (ofSeconds === 0 ? 0 : (seconds / ofSeconds) * HEIGHT);
              const bar = (kind: string, size: number) => <rect class={kind} x={index * STEP} y={HEIGHT - size} width={BAR} height={size} />;
              return <g key={start}>{bar(ofSeconds === 0 ? 'none' : 'down', HEIGHT)}{bar('up', height(upSeconds))}{bar('ready', height(readySeconds))}</g>;
            })}
          </svg>
        </div>
        <details>
          <summary>{t('provider.uptimeList')}</summary>
          <Table
            caption={t('provider.uptimeList')} heads={[t('provider.dayHead'), t('provider.up'), t('provider.readyShare')]} numbersFrom={1}
            rows={[...days].reverse().map(({ start, upSeconds, readySeconds, ofSeconds }) => ({
              key: String(start),
              cells: ofSeconds === 0 ? [day(start), t('provider.noRecord'), '–'] : [day(start), share(upSeconds, ofSeconds), share(readySeconds, ofSeconds)],
            }))}
          />
        </details>
      </div>
      {since !== null && <p class="note">{t('provider.uptimeNote', { since: time(since), seconds: beatSeconds })}</p>}
    </section>
  );
}

export function Load({ report: { load, worker } }: { report: ProviderReport }) {
  const { t, ago, language } = useWords();
  const number = (value: number): string => value.toLocaleString(language);
  const of = (value: number, most: number): string => t('provider.of', { value: number(value), most: number(most) });
  return (
    <Group title={t('provider.load')} note={t('provider.since', { when: ago(worker.startedAt) })}>
      <div class="row still">
        <Figures of={[
          [t('provider.running'), of(load.running, load.parallel)], [t('provider.waiting'), of(load.waiting, load.queue)], [t('provider.jobsWaiting'), number(load.jobsWaiting)],
          [t('provider.connections'), number(load.connections)], [t('provider.tokens'), `${number(load.promptTokens)}, ${number(load.outputTokens)}`], [t('provider.failures'), number(load.failures)],
        ]} />
      </div>
    </Group>
  );
}
