/** Every screen of the page in every state that it has. */
import type { AppState } from '../../../../miniapp/src/types';
import type { Place } from '../../../../miniapp/src/ui/place';
import { blank, channel, config, message, NOW, providers } from '../fakeApp';

export interface Scene {
  state: Partial<AppState>;
  place: Omit<Place, 'depth'>;
  draft?: string;
  hasFailed?: boolean;
}

const connected = { state: 'connected', name: 'Tonkeeper', account: '42'.repeat(32), isAsked: false } as const;
const chosen = providers[0].stake;
const talk = [
  message('a', 'proven'),
  message('b', 'test-hardware', { prompt: 'And at sunset?', answer: 'The light takes a longer way through the air: what is left of it is red.' }),
  message('c', 'refuted', { prompt: 'Is that so on Mars?', answer: 'No: there dust makes the sky butterscotch, and the sunset blue.' }),
  message('d', 'unknown', {
    prompt: 'Write ten lines about it.', answer: 'On Mars the dust is', state: 'incomplete', outputTokens: 5, cost: 10_500n, canExport: true, canResume: true,
    problem: { code: 'chat.cut', text: { key: 'ui.streamIncomplete' } },
  }),
  message('e', 'unknown', { prompt: 'Try again', answer: '', state: 'failed', outputTokens: 0, cost: 0n, canExport: false, problem: { code: 'app.unexpected', text: { key: 'app.unexpected', params: { code: 'relay', message: 'the relay closed the connection' } } } }),
];
const inChannel = { channel: channel(), chosen, wallet: connected };

export const SCENES: Record<string, Scene> = {
  welcome: { state: { isStarted: false, providers: null }, place: { screen: 'start' } },
  'welcome-elsewhere': { state: { isStarted: false, config: { ...config, payInTelegram: false }, providers: null }, place: { screen: 'start' } },
  'welcome-unread': { state: { isStarted: false, config: null, providers: null, problem: { code: 'app.noConfig', text: { key: 'app.noConfig', params: { what: 'relay' } } } }, place: { screen: 'start' } },
  loading: { state: { providers: null }, place: { screen: 'start' } },
  'not-loaded': { state: { providers: null }, place: { screen: 'start' }, hasFailed: true },
  unread: { state: { providers: null, problem: { code: 'app.noConfig', text: { key: 'app.noConfig', params: { what: 'relay' } } } }, place: { screen: 'start' } },
  'unread-empty': { state: { providers: [], problem: { code: 'app.unexpected', text: { key: 'app.unexpected', params: { code: 'relay', message: 'no answer' } } } }, place: { screen: 'start' } },
  empty: { state: { providers: [] }, place: { screen: 'start' } },
  providers: { state: {}, place: { screen: 'start' } },
  'providers-lost': { state: { ...inChannel, lost: [channel({ hasKey: false })] }, place: { screen: 'start' } },
  open: { state: { chosen }, place: { screen: 'open' } },
  'open-connected': { state: { chosen, wallet: connected }, place: { screen: 'open' } },
  'open-blocked': { state: { chosen: providers[3].stake, wallet: connected }, place: { screen: 'open' } },
  'open-asked': { state: { chosen, wallet: { ...connected, isAsked: true } }, place: { screen: 'open' } },
  'open-waiting': { state: { chosen, wallet: connected, channel: channel({ phase: 'opening', signed: 0n, claimed: 0n }) }, place: { screen: 'open' } },
  wallets: { state: { chosen }, place: { screen: 'open', sheet: { name: 'wallet' } } },
  'wallet-waiting': {
    state: { chosen, wallet: { state: 'connecting', name: 'Tonkeeper', link: 'https://app.tonkeeper.example?v=2&id=4c5f0e6ba1d9&r=%7B%22manifestUrl%22%3A%22https%3A%2F%2Fpage.example%22%7D', isAsked: false } },
    place: { screen: 'open', sheet: { name: 'wallet' } },
  },
  'wallet-connected': { state: { chosen, wallet: connected }, place: { screen: 'open', sheet: { name: 'wallet' } } },
  'chat-empty': { state: inChannel, place: { screen: 'chat' } },
  'chat-draft': { state: { ...inChannel, messages: talk.slice(0, 1) }, place: { screen: 'chat' }, draft: 'And at sunset, when the light comes from the side and the way through the air is long?' },
  chat: { state: { ...inChannel, messages: talk }, place: { screen: 'chat' } },
  'chat-streaming': {
    state: { ...inChannel, messages: [talk[0], message('s', 'unknown', { prompt: 'And at sunset?', answer: 'The light takes a longer way through', state: 'streaming', outputTokens: 8, cost: 21_000n })] },
    place: { screen: 'chat' },
  },
  'chat-thinking': { state: { ...inChannel, messages: [talk[0], message('s', 'unknown', { prompt: 'And at sunset?', answer: '', state: 'streaming', outputTokens: 0, cost: 4200n })] }, place: { screen: 'chat' } },
  'chat-blocked': {
    state: { ...inChannel, messages: talk.slice(0, 1), channel: channel({ stake: providers[3].stake }) }, place: { screen: 'chat' }, draft: 'And at sunset?',
  },
  'chat-receipt': { state: { messages: talk.slice(0, 1) }, place: { screen: 'chat' } },
  'chat-ending': { state: { ...inChannel, channel: channel({ phase: 'ending' }), messages: talk.slice(0, 1) }, place: { screen: 'chat' } },
  'chat-closing': { state: { ...inChannel, channel: channel({ phase: 'closing', endsAt: NOW + 540 }), messages: talk.slice(0, 1) }, place: { screen: 'chat' } },
  'chat-over': { state: { ...inChannel, channel: channel({ phase: 'closing', endsAt: NOW - 60 }), messages: talk.slice(0, 1) }, place: { screen: 'chat' } },
  'chat-ended': { state: { ...inChannel, channel: channel({ phase: 'ended', refundable: 0n }), messages: talk.slice(0, 1) }, place: { screen: 'chat' } },
  'claims-provider': { state: {}, place: { screen: 'start', sheet: { name: 'provider', stake: providers[3].stake } } },
  'claims-message': { state: { ...inChannel, messages: talk }, place: { screen: 'chat', sheet: { name: 'message', id: 'c' } } },
  close: { state: { ...inChannel, messages: talk.slice(0, 1) }, place: { screen: 'chat', sheet: { name: 'close' } } },
  lost: {
    state: { wallet: connected, lost: [channel({ hasKey: false }), channel({ address: 'd2'.repeat(32), hasKey: false, phase: 'closing', endsAt: NOW + 540, refundable: 1_250_000_000n })] },
    place: { screen: 'lost' },
  },
  settings: { state: {}, place: { screen: 'settings' } },
};

export const stateOf = (scene: Scene): AppState => ({ ...blank, ...scene.state });
