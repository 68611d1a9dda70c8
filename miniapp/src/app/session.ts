/** What the page does once it may talk to relay and chain: providers, wallet, channel, conversation, and what they come to. */
import { ChainPair } from '../chain';
import { ChannelStore, endByWallet, openChannel, openDatabase, openings, recoverable, resumeOpening, tend, webLocks, type LifeParts } from '../channel';
import { PageError } from '../pageError';
import type { Listening } from '../chat';
import type { ChannelTerms, ChannelView, Estimate, PageConfig, ProviderView } from '../types';
import { loadProviders } from '../verify';
import { connectWallet } from '../wallet/connect';
import type { PageWallet } from '../wallet/pageWallet';
import { Answers, receiptText } from './answers';
import type { Board } from './board';
import { Counter } from './counter';
import { heldOf } from './receipts';
import { Tokenizers } from './tokenizers';
import { watchAnswers } from './watchAnswers';
import type { Host } from '.';

/** What is older than this is read again before anything is sealed or paid. Seconds. */
const FRESH_SECONDS = 60;
/** How often channels and providers of answers are looked at while the page is open. */
const LOOK_MILLIS = 20_000;

export async function openSession(board: Board, config: PageConfig, host: Host): Promise<Session> {
  const store = new ChannelStore(await openDatabase(), webLocks);
  const pair = new ChainPair(config.apis, { now: host.now });
  const wallet = connectWallet({ config, now: host.now });
  return new Session(board, { store, pair, wallet, config, now: host.now }, pair);
}

export class Session {
  readonly answers: Answers;
  private readonly tokenizers: Tokenizers;
  private readonly counter: Counter;
  private readonly wallet: PageWallet;
  private readonly config: PageConfig;
  /** Unix seconds at which the providers were verified. */
  private verifiedAt = 0;
  /** Channels whose key is not here, with what they were opened with. */
  private lostTerms = new Map<string, ChannelTerms>();
  /** The channel that was ended last, as it was then: shown until another takes its place. */
  private over: ChannelView | null = null;
  private stopping: AbortController | null = null;
  private looking: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly board: Board,
    private readonly parts: LifeParts & { config: PageConfig },
    private readonly pair: ChainPair,
  ) {
    this.config = parts.config;
    this.wallet = parts.wallet;
    this.tokenizers = new Tokenizers(parts.config);
    this.counter = new Counter(parts, this.tokenizers);
    this.answers = new Answers(board, parts.config, this.counter.canResume);
    this.wallet.onChange(() => this.showWallet());
  }

  async refresh(): Promise<void> {
    this.board.set({ providers: null });
    this.wallet.preload().then(() => (this.wallet.isStored() ? this.wallet.restore() : undefined)).catch(() => undefined);
    try {
      await this.verify();
    } catch (error) {
      this.board.set({ providers: [] });
      throw error;
    }
    for (const { address } of await openings(this.parts.store)) void resumeOpening(this.parts, address).then(() => this.look(), () => undefined);
    await this.look();
    this.looking ??= setInterval(() => void this.look().catch(() => undefined), LOOK_MILLIS);
  }

  chosen(): Promise<void> {
    return this.look();
  }

  connect(walletId: string): string {
    const link = this.wallet.connect(walletId);
    this.showWallet();
    return link;
  }

  async disconnect(): Promise<void> {
    await this.wallet.disconnect();
    this.lostTerms.clear();
    this.board.set({ lost: [] });
    this.showWallet();
  }

  async openChannel(deposit: bigint): Promise<void> {
    const { offer } = await this.verified(this.board.state.chosen);
    const opening = openChannel(this.parts, offer, deposit);
    // The intent is on disk before the wallet is asked.
    await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, 300))]);
    await this.showChannels();
    try {
      await opening;
    } finally {
      await this.look();
    }
  }

  async closeChannel(): Promise<void> {
    const { channel } = this.board.state;
    if (channel === null) return;
    const { offer } = await this.verified(channel.stake);
    this.over = await this.counter.finish(channel.address, offer);
    await this.look();
  }

  async recover(address: string): Promise<void> {
    const terms = this.lostTerms.get(address) ?? (await this.parts.store.get(address))?.terms;
    if (terms === undefined) throw new PageError('wallet.unknownChannel', { key: 'wallet.unknownChannel', params: { address } });
    await this.counter.release(address);
    this.over = await endByWallet(this.parts, { address, terms });
    await this.look();
    await this.findLost();
  }

  async estimate(prompt: string): Promise<Estimate> {
    const provider = this.provider(this.board.state.channel?.stake ?? this.board.state.chosen);
    if (provider?.offer == null) throw needsProvider();
    return this.counter.estimate(provider.offer, prompt);
  }

  send(prompt: string): Promise<void> {
    return this.converse(({ conversation }, listening) => conversation.ask(prompt, listening));
  }

  resume(id: string): Promise<void> {
    const held = this.answers.held(id);
    if (held === undefined) return Promise.resolve();
    return this.converse(({ conversation }, listening) => conversation.resume(held, listening));
  }

  /** One answer over the channel that is open, to its end. Rejected where nothing was asked. */
  private async converse(speak: (counter: Awaited<ReturnType<Counter['conversation']>>, listening: Listening) => Promise<unknown>): Promise<void> {
    const { channel } = this.board.state;
    if (channel === null || channel.phase !== 'open') throw new PageError('app.needsChannel', { key: 'app.needsChannel' });
    const provider = await this.verified(channel.stake);
    const counter = await this.counter.conversation(channel.address, provider.offer);
    const stopping = new AbortController();
    this.stopping = stopping;
    try {
      await speak(counter, {
        signal: stopping.signal,
        onProgress: (held) => {
          void this.answers.put(held, { tokenizer: counter.tokenizer, before: provider });
          void this.showChannels();
        },
      });
    } finally {
      this.stopping = null;
      this.answers.show();
      await this.showChannels();
    }
  }

  stop(): void {
    this.stopping?.abort();
  }

  receipt(id: string): string {
    const held = this.answers.held(id);
    if (held?.file == null) throw new PageError('app.noReceipt', { key: 'app.noReceipt' });
    return receiptText(held);
  }

  async openReceipt(text: string): Promise<void> {
    const { held, tokenizer } = await heldOf(text, this.parts.now(), this.tokenizers);
    await this.answers.put(held, { tokenizer, before: null });
  }

  async recheck(id: string, shown: { prompt: string; answer: string }): Promise<void> {
    await this.answers.recheck(id, shown);
    if (this.board.state.isStarted) await watchAnswers(this.answers, this.pair, this.config);
  }

  /** The provider as it is now: what was read too long ago is read again. @throws PageError where nothing may be sealed to it */
  private async verified(stake: string | null): Promise<ProviderView & { offer: NonNullable<ProviderView['offer']> }> {
    if (this.parts.now() - this.verifiedAt > FRESH_SECONDS) await this.verify();
    const provider = this.provider(stake);
    const { offer } = provider ?? { offer: null };
    if (provider === undefined || offer === null) throw needsProvider();
    if (!provider.verdict.canSend) throw new PageError('app.notVerified', { key: 'app.notVerified' });
    return { ...provider, offer };
  }

  private provider(stake: string | null): ProviderView | undefined {
    return this.board.state.providers?.find((each) => each.stake === stake);
  }

  private async verify(): Promise<void> {
    const { now } = this.parts;
    const at = now();
    const providers = await loadProviders(this.config, this.pair, at);
    this.verifiedAt = at;
    this.board.set({ providers });
  }

  /** A look at the chain: the channels of this browser, and what became of those who answered. */
  private async look(): Promise<void> {
    await tend(this.parts);
    await this.showChannels();
    await watchAnswers(this.answers, this.pair, this.config);
  }

  /** The newest channel with the chosen provider, or the newest of all. */
  private async showChannels(): Promise<void> {
    const { chosen } = this.board.state;
    const views = await this.counter.views();
    const live = views.filter(({ phase, refundable }) => phase !== 'ended' || refundable > 0n);
    const mine = (view: ChannelView | null | undefined): boolean => view?.stake === chosen;
    const channel = live.find(mine) ?? (chosen === null ? live[0] : mine(this.over) ? this.over : undefined) ?? null;
    this.board.set({ channel, ...(chosen === null && channel !== null && { chosen: channel.stake }) });
  }

  private async findLost(): Promise<void> {
    const { channels } = await recoverable(this.parts);
    this.lostTerms = new Map(channels.map(({ address, terms }) => [address, terms]));
    this.board.set({ lost: channels.map(({ terms: _, ...view }): ChannelView => view) });
  }

  private showWallet(): void {
    const { wallet } = this;
    const account = wallet.account();
    const before = this.board.state.wallet.account;
    const link = wallet.link();
    const [name, problem] = [wallet.name(), wallet.problem()];
    this.board.set({
      wallet: {
        state: account !== null ? 'connected' : link !== null ? 'connecting' : 'none', isAsked: wallet.isAsked(),
        ...(name !== null && { name }), ...(account !== null && { account: account.address }), ...(link !== null && { link }),
      },
      ...(problem !== null && { problem }),
    });
    if (account !== null && account.address !== before) void this.findLost().catch(() => undefined);
  }
}

const needsProvider = (): PageError => new PageError('app.needsProvider', { key: 'app.needsProvider' });
