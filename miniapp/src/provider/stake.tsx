import type { ProviderReport } from '../../../worker/provider/wire';
import { Fact, Group } from '../ui/parts/list';
import { Table } from './table';
import { useWords } from './words';

/** Stake, key, and what is disputed. */
export function Stake({ report: { stake, worker } }: { report: ProviderReport }) {
  const { t, ton, time, ago } = useWords();
  const when = (at: number) => <>{time(at)} <span class="quiet-text">{ago(at)}</span></>;
  if (stake === null) return <Group title={t('provider.stake')}><p class="prose">{t('provider.stakeNone')}</p></Group>;
  const { state, problem, readAt } = stake;
  if (state === null) return <Group title={t('provider.stake')}><p class="prose">{t('provider.stakeUnread', { code: problem ?? '…' })}</p></Group>;
  const note = [t('provider.stakeRead', { when: ago(readAt!) }), problem !== null && t('provider.stakeOld', { code: problem })].filter(Boolean).join(' ');
  return (
    <section class="group">
      <h2>{t('provider.stake')}</h2>
      <dl class="rows">
        <Fact name={t('provider.stake')}><code>{stake.address}</code></Fact>
        <Fact name={t('provider.active')}>{ton(state.activeNano)}</Fact>
        <Fact name={t('provider.free')}>{ton(state.freeNano)}</Fact>
        {state.thawedAt !== null && <Fact name={t('provider.thawing')}>{ton(state.thawingNano)}, {when(state.thawedAt)}</Fact>}
        <Fact name={t('provider.slashed')}>
          <span class={state.slashedNano === '0' ? undefined : 'bad'}>{ton(state.slashedNano)}</span>
          <span class="quiet-text">{t('provider.faults')}: {state.faults}</span>
        </Fact>
        <Fact name={t('provider.key')}>{state.key === null ? '–' : when(state.key.end)}</Fact>
        {state.key?.attestationEnd != null && <Fact name={t('provider.attestation')}>{when(state.key.attestationEnd)}</Fact>}
        {worker.certificateEnd !== null && <Fact name={t('provider.certificate')}>{when(worker.certificateEnd)}</Fact>}
        <Fact name={t('provider.rent')}>{when(state.rentPaidUntil)}</Fact>
      </dl>
      <p class="note">{note}</p>
    </section>
  );
}

export function Disputes({ disputes: { running, counts } }: { disputes: ProviderReport['disputes'] }) {
  const { t, time, account } = useWords();
  const isQuiet = counts.running + counts.acquitted + counts.convicted + counts.moot === 0;
  return (
    <Group title={t('provider.disputes')}>
      {isQuiet && <p class="prose">{t('provider.disputesNone')}</p>}
      {running.length > 0 && (
        <Table
          caption={t('provider.disputes')} heads={[t('provider.case'), t('provider.opened'), t('provider.account'), t('provider.canAnswer')]}
          rows={running.map(({ address, openedAt, escrow, seq, canAnswer }) => ({
            key: address,
            cells: [
              <code title={address}>{account(address)}</code>, time(openedAt), <code title={escrow}>{account(escrow)}{seq > 0 && ` #${seq}`}</code>,
              canAnswer ? t('provider.yes') : <b class="bad">{t('provider.no')}</b>,
            ],
          }))}
        />
      )}
      {!isQuiet && <p class="prose">{t('provider.disputesEnded', counts)}</p>}
    </Group>
  );
}
