/** The frame of every screen: its head, where one is, what screen readers are told, and what Telegram is asked for. */
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { Icon } from './parts/icons';
import { NotLoaded, Notice } from './parts/notice';
import { UiContext, useUi, type Ui } from './context';
import { friendlyAddress } from './address';
import { formatTon } from './money';
import { levelKey } from './keys';
import { usePlaces, type Places } from './place';
import { Chat } from './screens/chat';
import { Open } from './screens/open';
import { Start } from './screens/start';
import { lazy } from './lazy';
import { format, type Language, type MessageKey, type Messages } from '../i18n';
import type { Telegram } from '../telegram';
import type { App, MessageView } from '../types';

const TITLES: Record<Places['place']['screen'], MessageKey> = {
  start: 'ui.title', open: 'ui.openChannel', chat: 'ui.title', lost: 'ui.lost', settings: 'ui.settings',
};

const later = () => import('./later');
const Lost = lazy(async () => (await later()).Lost);
const Settings = lazy(async () => (await later()).Settings);
const MessageSheet = lazy(async () => (await later()).MessageSheet);
const ProviderSheet = lazy(async () => (await later()).ProviderSheet);
const CloseSheet = lazy(async () => (await later()).CloseSheet);
const WalletSheet = lazy(async () => (await later()).WalletSheet);

export interface ShellProps {
  app: App;
  telegram: Telegram;
  language: Language;
  /** As many as have been loaded. */
  messages: Partial<Messages>;
  setLanguage(language: Language): void;
  now(): number;
  /** Where the app could not be loaded: tries once more. */
  retry: (() => void) | null;
  /** What the composer begins with. */
  draft?: string;
}

export function Shell({ app, telegram, language, messages, setLanguage, now, retry, draft: firstDraft = '' }: ShellProps) {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const leave = app.subscribe(() => render(undefined));
    // What changed between the first look at it and now.
    render(undefined);
    return leave;
  }, [app]);
  const places = usePlaces('start');
  const [draft, setDraft] = useState(firstDraft);
  const state = app.state();
  const isTest = state.config?.network !== 'mainnet';
  const t: Ui['t'] = (key, params) => format(messages, { key, params });
  const { place, turn } = places;
  const ui: Ui = {
    ...places, app, state, telegram, language, setLanguage, t, draft, setDraft, now,
    back: () => (place.depth > 0 ? places.back() : turn('start')),
    text: ({ key, params }) => t(key, params),
    ton: (nano, round) => formatTon(nano, language, round),
    number: (value) => new Intl.NumberFormat(language).format(value),
    address: (hash) => friendlyAddress(hash, isTest),
  };

  // Whoever has a channel comes back to ask.
  const hasChannel = state.channel !== null && state.channel.phase !== 'ended' && state.channel.hasKey;
  const wasPlaced = useRef(false);
  useEffect(() => {
    if (!hasChannel || wasPlaced.current) return;
    wasPlaced.current = true;
    if (place.screen === 'start' && place.depth === 0 && place.sheet === undefined) turn('chat');
  }, [hasChannel]);

  // So that a connection that goes away does not take them with it.
  useEffect(() => {
    if (state.isStarted) later().catch(() => undefined);
  }, [state.isStarted]);

  const isBusy = state.wallet.isAsked || state.channel?.phase === 'opening' || state.messages.some((message) => message.state === 'streaming');
  useEffect(() => telegram.hold(isBusy), [isBusy]);
  const hasBack = place.screen !== 'start' || place.sheet !== undefined;
  useEffect(() => telegram.onBack(hasBack ? ui.back : null));
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = t('ui.title');
  }, [language]);

  return (
    <UiContext.Provider value={ui}>
      <Head hasBack={hasBack && place.screen !== 'start'} />
      <main>
        {state.problem !== null && (
          <div class="problem">
            <Notice kind="problem" title={ui.text(state.problem.text)} />
            <button type="button" class="icon-button" aria-label={t('ui.close')} onClick={() => app.dismiss()}><Icon name="close" /></button>
          </div>
        )}
        {retry === null ? <ScreenOf /> : <NotLoaded retry={retry} />}
      </main>
      <SheetOf />
      <Announcer messages={state.messages} />
    </UiContext.Provider>
  );
}

function Head({ hasBack }: { hasBack: boolean }) {
  const { t, back, go, place: { screen }, state: { config, providers, channel }, telegram } = useUi();
  const network = config?.network;
  const root = providers?.find(({ stake }) => stake === channel?.stake)?.offer?.modelRoot;
  const model = screen === 'chat' ? config?.models.find((each) => each.root === root)?.name : undefined;
  return (
    <header class="head">
      {hasBack && !telegram.isInside && <button type="button" class="icon-button" aria-label={t('ui.back')} onClick={back}><Icon name="back" /></button>}
      <div class="head-title">
        <h1>{model ?? t(TITLES[screen])}</h1>
        {network !== undefined && network !== 'mainnet' && <p class="simulated">{t(network === 'devnet' ? 'ui.simulatedDevnet' : 'ui.simulatedTestnet')}</p>}
      </div>
      {screen !== 'settings' && <button type="button" class="icon-button" aria-label={t('ui.settings')} onClick={() => go('settings')}><Icon name="gear" /></button>}
    </header>
  );
}

function ScreenOf() {
  switch (useUi().place.screen) {
    case 'start': return <Start />;
    case 'open': return <Open />;
    case 'chat': return <Chat />;
    case 'lost': return <Lost />;
    case 'settings': return <Settings />;
  }
}

function SheetOf() {
  const { place: { sheet }, state: { providers, messages, channel } } = useUi();
  switch (sheet?.name) {
    case 'wallet': return <WalletSheet />;
    case 'close': return channel && <CloseSheet channel={channel} />;
    case 'provider': {
      const provider = providers?.find(({ stake }) => stake === sheet.stake);
      return provider ? <ProviderSheet provider={provider} /> : null;
    }
    case 'message': {
      const message = messages.find(({ id }) => id === sheet.id);
      return message ? <MessageSheet message={message} /> : null;
    }
    default: return null;
  }
}

/** Says when an answer ends and when the badge of one changes; never each token. */
function Announcer({ messages }: { messages: readonly MessageView[] }) {
  const { t, ton } = useUi();
  const before = useRef(new Map<string, MessageView>());
  const [said, setSaid] = useState('');
  useEffect(() => {
    for (const message of messages) {
      const old = before.current.get(message.id);
      before.current.set(message.id, message);
      if (old === undefined || message.state === 'streaming') continue;
      const word = t('ui.badgeChanged', { word: t(levelKey(message.verdict.level)) });
      if (old.state === 'streaming') {
        const end = message.state === 'whole' ? t('ui.streamEnded', { amount: ton(message.cost) }) : t(message.state === 'failed' ? 'ui.streamFailed' : 'ui.streamIncomplete');
        setSaid(`${end} ${word}`);
      } else if (old.verdict.level !== message.verdict.level) setSaid(word);
    }
  }, [messages]);
  return <div class="hidden" role="status">{said}</div>;
}
