/** An App that says what a scene tells it to, and remembers what it was asked. */
import type { App, AppState, Claim, ClaimId, ChannelView, MessageView, Offer, PageConfig, ProviderView, Verdict, VerdictLevel } from '../../../miniapp/src/types';
import { MESSAGE_CLAIMS, PROVIDER_CLAIMS } from '../../../miniapp/src/types';

/** 2026-11-28 12:00 UTC. */
export const NOW = 1_795_867_200;
const TON = 1_000_000_000n;
const HOUR = 3600;

export const config: PageConfig = {
  network: 'testnet', networkId: -3, registry: 'ab'.repeat(32), relay: 'https://relay.example.org',
  apis: [{ name: 'Toncenter', url: 'https://toncenter.example/api/v2' }, { name: 'Orbs', url: 'https://orbs.example/api/v2' }],
  models: [{ root: '11'.repeat(32), name: 'Llama 3.2 1B', tokenizer: '/models/llama.json' }],
  quoteRoot: 'simulated', payInTelegram: true, manifestUrl: 'https://page.example/tonconnect-manifest.json', deposit: String(5n * TON),
  wallets: [
    { id: 'wallet', name: 'Wallet in Telegram', bridgeUrl: 'https://b.example', universalLink: 'https://t.me/wallet' },
    { id: 'tonkeeper', name: 'Tonkeeper', bridgeUrl: 'https://b.example', universalLink: 'https://app.tonkeeper.example' },
    { id: 'mytonwallet', name: 'MyTonWallet', bridgeUrl: 'https://b.example', universalLink: 'https://connect.mytonwallet.example' },
  ],
};

export const offer: Offer = {
  stake: '00', owner: '00', tier: 'attested', workerKey: '00', sealingKey: '00', imageHash: '00', modelRoot: '11'.repeat(32), promptPrice: 420_000_000n, outputPrice: 2_100_000_000n,
  maxTokens: 1024, contextTokens: 8192, payout: '00', claimKey: '00', closeDelay: 600, channelPath: '/channel',
};

/** The nearest thing to a reason that needs no other part's texts. */
const reason = { key: 'ui.aboutProven' } as const;
const claim = (id: ClaimId, status: Claim['status'] = 'asserted'): Claim => ({
  id, status, reason: status === 'asserted' ? reason : { key: status === 'refuted' ? 'ui.aboutRefuted' : 'ui.aboutUnknown' },
  source: id.startsWith('quote') ? 'hardware-proven' : id === 'weights' ? 'provider-asserted' : id.startsWith('stake') ? 'chain-agreed' : 'verifier-derived',
});

const BROKEN: Partial<Record<VerdictLevel, Partial<Record<ClaimId, Claim['status']>>>> = {
  unknown: { tcb: 'unknown', 'quote-certificates': 'unknown', 'key-then': 'unknown' },
  refuted: { 'key-listed': 'refuted', 'answer-bound': 'refuted' },
  'test-hardware': { hardware: 'refuted' },
};
const claimsOf = (ids: readonly ClaimId[], level: VerdictLevel): Claim[] => ids.map((id) => claim(id, BROKEN[level]?.[id] ?? (id === 'weights' || id === 'recomputed' ? 'unknown' : 'asserted')));

export function verdict(level: VerdictLevel, claims: readonly Claim[]): Verdict {
  const canSend = level !== 'unknown' && level !== 'refuted';
  return { level, canSend, missing: canSend ? [] : claims.filter(({ id, status }) => status !== 'asserted' && id !== 'weights' && id !== 'recomputed').map(({ id }) => id) };
}

export function provider(byte: string, level: VerdictLevel, more: Partial<ProviderView> = {}): ProviderView {
  const claims = claimsOf(PROVIDER_CLAIMS, level);
  const stake = byte.repeat(32);
  return {
    stake, offer: { ...offer, stake, tier: level === 'bonded' ? 'bonded' : 'attested' }, stakeActive: 12_000n * TON, slashed: 0n, faults: 0, checkedAt: NOW, keyEnd: NOW + 20 * 24 * HOUR, claims, verdict: verdict(level, claims), ...more,
  };
}

export const providers: readonly ProviderView[] = [
  provider('5a', 'proven'),
  provider('c4', 'test-hardware', { stakeActive: 1_500_500_000_000n, keyEnd: NOW + 5 * HOUR }),
  provider('31', 'bonded', { offer: { ...offer, stake: '31'.repeat(32), tier: 'bonded', promptPrice: 90_000_000n, outputPrice: 355_000_000n } }),
  provider('77', 'unknown'),
  provider('9e', 'refuted', { slashed: 250n * TON, faults: 2 }),
  provider('e0', 'unknown', { offer: null }),
];

export const channel = (more: Partial<ChannelView> = {}): ChannelView => ({
  address: 'd1'.repeat(32), stake: providers[0].stake, phase: 'open', deposit: 5n * TON, claimed: 80_000_000n, signed: 104_520_000n, refundable: 4_892_480_000n,
  expiry: NOW + 30 * 24 * HOUR, endsAt: NOW + 30 * 24 * HOUR, hasKey: true, ...more,
});

export function message(id: string, level: VerdictLevel, more: Partial<MessageView> = {}): MessageView {
  const claims = claimsOf(MESSAGE_CLAIMS, level);
  return {
    id, at: NOW, stake: providers[0].stake, modelName: 'Llama 3.2 1B', prompt: 'Why is the sky blue?',
    answer: 'Sunlight is scattered by the air. Short waves are scattered far more than long ones, so blue light reaches your eyes from everywhere in the sky, and red mostly from the sun itself.',
    state: 'whole', promptTokens: 9, outputTokens: 41, cost: 89_880n, most: 2_154_180n, claims, verdict: verdict(level, claims), canExport: true, canResume: false, ...more,
  };
}

export const blank: AppState = { isStarted: true, config, problem: null, providers, chosen: null, wallet: { state: 'none', isAsked: false }, channel: null, lost: [], messages: [] };

export class FakeApp implements App {
  readonly asked: { name: string; args: readonly unknown[] }[] = [];
  private readonly listeners = new Set<() => void>();
  constructor(private current: AppState = blank) {}

  set(change: Partial<AppState>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }
  private ask(name: string, ...args: readonly unknown[]): Promise<void> {
    this.asked.push({ name, args });
    return Promise.resolve();
  }

  state(): AppState { return this.current; }
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  refresh(): Promise<void> { return this.ask('refresh'); }
  choose(stake: string): void {
    void this.ask('choose', stake);
    this.set({ chosen: stake });
  }
  connect(walletId: string): string {
    void this.ask('connect', walletId);
    const { name, universalLink } = config.wallets.find(({ id }) => id === walletId)!;
    const link = `${universalLink}?v=2&id=4c5f0e6ba1d9&r=%7B%22manifestUrl%22%3A%22https%3A%2F%2Fpage.example%22%7D`;
    this.set({ wallet: { state: 'connecting', name, link, isAsked: false } });
    return link;
  }
  disconnect(): Promise<void> {
    this.set({ wallet: { state: 'none', isAsked: false } });
    return this.ask('disconnect');
  }
  openChannel(deposit: bigint): Promise<void> { return this.ask('openChannel', deposit); }
  closeChannel(): Promise<void> {
    this.set({ channel: { ...this.current.channel!, phase: 'ending' } });
    return this.ask('closeChannel');
  }
  recover(address: string): Promise<void> { return this.ask('recover', address); }
  estimate(prompt: string): ReturnType<App['estimate']> {
    const promptTokens = Math.ceil(prompt.length / 4);
    return Promise.resolve({ promptTokens, most: BigInt(promptTokens) * 420n + 2_150_400n });
  }
  resume(messageId: string): Promise<void> {
    return this.ask('resume', messageId);
  }
  send(prompt: string): Promise<void> {
    this.set({ messages: [...this.current.messages, message(`m${this.current.messages.length}`, 'unknown', { prompt, answer: '', state: 'streaming', outputTokens: 0, cost: 4_200n, canExport: false })] });
    return this.ask('send', prompt);
  }
  stop(): void {
    void this.ask('stop');
    this.finish({ state: 'incomplete' });
  }
  /** Ends the answer under way. */
  finish(change: Partial<MessageView>): void {
    this.set({ messages: this.current.messages.map((each) => (each.state === 'streaming' ? { ...each, ...change } : each)) });
  }
  receipt(id: string): string { return JSON.stringify({ id }); }
  openReceipt(text: string): Promise<void> {
    this.set({ messages: [...this.current.messages, message('receipt', 'proven')] });
    return this.ask('openReceipt', text);
  }
  recheck(id: string, shown: { prompt: string; answer: string }): Promise<void> { return this.ask('recheck', id, shown); }
  dismiss(): void { this.set({ problem: null }); }
}
