import { Badge } from '../parts/badge';
import { Icon } from '../parts/icons';
import { Empty } from '../parts/notice';
import { Price } from '../parts/price';
import { shortAddress } from '../address';
import { relativeTime } from '../time';
import { useUi } from '../context';
import type { ProviderView } from '../../types';
import { ReceiptInput } from './receipt';

/** A key that ends sooner than this is said to. Seconds. */
const SOON = 3 * 86_400;

/** Where one begins: the providers of the registry. */
export function Start() {
  const { state, t, go } = useUi();
  const { providers, lost } = state;
  if (!state.isStarted) return <Welcome />;
  return (
    <div class="page">
      {lost.length > 0 && (
        <button type="button" class="banner" onClick={() => go('lost')}>
          <Icon name="warning" />
          <span><strong>{t('ui.lostBanner')}</strong><span>{t('ui.lostBannerAbout')}</span></span>
          <Icon name="next" />
        </button>
      )}
      <section class="group">
        <h2>{t('ui.providers')}</h2>
        {providers === null && (state.problem === null ? <Skeleton /> : <Again />)}
        {providers?.length === 0 && state.problem !== null && <Again />}
        {providers?.length === 0 && state.problem === null && <Empty icon="shield" title={t('ui.noProviders')}><p>{t('ui.noProvidersAbout')}</p><Again /></Empty>}
        {providers !== null && providers.length > 0 && <ul class="rows">{providers.map((provider) => <ProviderRow key={provider.stake} provider={provider} />)}</ul>}
        <p class="note">{t('ui.providersAbout')}</p>
      </section>
      <section class="group">
        <div class="rows"><ReceiptInput /></div>
      </section>
    </div>
  );
}

const POINTS = [['seal', 'ui.welcomeSealed'], ['wallet', 'ui.welcomePaid'], ['tick', 'ui.welcomeChecked']] as const;

/** Before the first tap: nobody but the page's own host has heard of this visit. */
function Welcome() {
  const { state, t, app, telegram } = useUi();
  const { config } = state;
  const isElsewhere = telegram.isInside && config?.payInTelegram === false;
  return (
    <div class="page welcome">
      <div class="hero"><Icon name="shield" /></div>
      <h2>{t('ui.welcome')}</h2>
      <ul class="rows">
        {POINTS.map(([icon, key]) => <li key={key} class="row-main"><Icon name={icon} /><span>{t(key)}</span></li>)}
      </ul>
      {isElsewhere ? (
        <div class="actions">
          <button type="button" class="button" onClick={() => telegram.open(location.origin)}>{t('ui.browser')}</button>
          <p class="note">{t('ui.browserAbout')}</p>
        </div>
      ) : (
        <div class="actions">
          <button type="button" class="button" disabled={config === null && state.problem === null} onClick={() => void app.refresh()}>{t('ui.connect')}</button>
          {config !== null && <p class="note">{t('ui.connectAbout', { relay: new URL(config.relay).host, apis: config.apis.map(({ name }) => name).join(', ') })}</p>}
        </div>
      )}
    </div>
  );
}

function Again() {
  const { t, app } = useUi();
  return <button type="button" class="button quiet" onClick={() => void app.refresh()}>{t('ui.refresh')}</button>;
}

function ProviderRow({ provider }: { provider: ProviderView }) {
  const { t, ton, number, go, app, address, state, language, now } = useUi();
  const { stake, offer, verdict } = provider;
  const model = offer && state.config?.models.find(({ root }) => root === offer.modelRoot);
  const hasChannel = state.channel?.stake === stake && state.channel.phase !== 'ended';
  const facts = [
    offer && t(offer.tier === 'attested' ? 'ui.tierAttested' : 'ui.tierBonded'),
    t('ui.stake', { amount: ton(provider.stakeActive, 'down') }),
    provider.keyEnd - now() < SOON && t('ui.keyEnds', { when: relativeTime(provider.keyEnd, now(), language) }),
  ];
  const harm = [
    provider.slashed > 0n && t('ui.slashed', { amount: ton(provider.slashed) }),
    provider.faults > 0 && t('ui.faults', { count: number(provider.faults) }),
  ].filter(Boolean);
  const choose = (): void => {
    app.choose(stake);
    go(hasChannel ? 'chat' : 'open');
  };
  return (
    <li class="row">
      <button type="button" class="row-main" onClick={choose}>
        <span class="row-lines">
          <span class="row-title">{model && `${model.name} `}<span class={model ? 'quiet-text' : undefined}>{shortAddress(address(stake))}</span></span>
          <span class="row-badges"><Badge level={verdict.level} />{hasChannel && <span class="badge own">{t('ui.channelHere')}</span>}</span>
          {offer === null ? <span class="row-text">{t('ui.noOffer')}</span> : <Price offer={offer} />}
          <span class="row-text">{facts.filter(Boolean).join(' · ')}{harm.length > 0 && <b class="bad"> · {harm.join(' · ')}</b>}</span>
        </span>
        <Icon name="next" />
      </button>
    </li>
  );
}

const Skeleton = () => {
  const { t } = useUi();
  return (
    <>
      <p class="hidden" role="status">{t('ui.loading')}</p>
      <div class="rows">{[1, 2, 3].map((at) => <div key={at} class="row skeleton"><i /><i /><i /></div>)}</div>
    </>
  );
};
