/** What the page does once it may talk to relay and chain: providers, wallet, channel, conversation, and what they come to. */
import { ChainPair } from '../chain';
import { ChannelStore, endByWallet, openChannel, openDatabase, openings, recoverable, resumeOpening, tend, webLocks, type LifeParts } from '../channel';
import { PageError } from '../pageError';
import type { Listening } from '../chat';
import type { ChannelTerms, ChannelView, Estimate, Offer, PageConfig, ProviderView } from '../types';
import { loadProviders, policyOf, verdictOf } from '../verify';
import { connectWallet } from '../wallet/connect';
import { tonText } from '../tonText';
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
/** How old what badges of providers rest on may become before it is read again, seconds. */
const AGAIN_SECONDS = 300;
/** A channel that is in use is not closed. */
const IN_USE = new Set(['chat.running', 'wallet.busy', 'wallet.otherTab']);

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
  /** Unix seconds at which each provider was verified, by its stake, and when all were. */
  private readonly verifiedAt = new Map<string, number>();
  private allAt = 0;
  /** What the last draft was said to cost at most. */
  private quoted: { prompt: string; most: bigint } | null = null;
  /** Channels whose key is not here, with what they were opened with. */
  private lostTerms = new Map<string, ChannelTerms>();
  /** The channel that was ended last, as it was then: shown until another takes its place. */
  private over: ChannelView | null = null;
  private stopping: AbortController | null = null;
  private isOpening = false;
  private looking: ReturnType<typeof setTimeout> | null = null;

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
    if (this.looking === null) this.lookLater();
  }

  /** One look after another: slow APIs are not asked for the next one before the last one is over. */
  private lookLater(): void {
    this.looking = setTimeout(() => void this.keepUp().finally(() => this.lookLater()), LOOK_MILLIS);
  }

  /** What is done again and again while the page is open: no badge says more than what it rests on still allows. */
  async keepUp(): Promise<void> {
    const { now } = this.parts;
    await this.look().catch(() => undefined);
    if (now() - this.allAt > AGAIN_SECONDS) await this.verify().catch(() => undefined);
    const providers = this.board.state.providers?.map((view): ProviderView => {
      const { claims, offer, checkedAt } = view;
      return { ...view, verdict: verdictOf(claims, offer?.tier ?? 'attested', policyOf(this.config, 'provider', { now: now(), checkedAt })) };
    });
    if (providers !== undefined) this.board.set({ providers });
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

  /** While one is being opened, another tap opens none. */
  async openChannel(deposit: bigint): Promise<void> {
    if (this.isOpening) return;
    this.isOpening = true;
    try {
      const { offer } = await this.verified(this.board.state.chosen);
      const opening = openChannel(this.parts, offer, deposit);
      // The intent is on disk before the wallet is asked.
      await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, 300))]);
      await this.showChannels();
      await opening.finally(() => this.look());
    } finally {
      this.isOpening = false;
    }
  }

  async closeChannel(): Promise<void> {
    const { channel } = this.board.state;
    if (channel === null) return;
    try {
      if (this.stopping !== null) throw running();
      const { offer } = await this.verified(channel.stake);
      this.over = await this.counter.finish(channel.address, offer);
      await this.look();
    } catch (error) {
      // Whom it cannot be closed with does not keep it: nothing more is bought, and the wallet can end it.
      if (channel.phase === 'open' && !IN_USE.has((error as { code?: string }).code ?? '')) {
        await this.parts.store.change(channel.address, (known) => ({ ...known, finishedAt: known.finishedAt ?? this.parts.now() }));
        await this.showChannels();
      }
      throw error;
    }
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
    const estimate = await this.counter.estimate(provider.offer, prompt);
    this.quoted = { prompt, most: estimate.most };
    return estimate;
  }

  /** @throws PageError `app.dearer` where it may cost more by now than was shown, or than it would have at the prices that were listed */
  send(prompt: string): Promise<void> {
    const listed = this.provider(this.board.state.channel?.stake ?? null)?.offer;
    return this.converse(async ({ conversation }, listening) => {
      const { most } = conversation.estimate(prompt);
      const shown = this.quoted?.prompt === prompt ? this.quoted : listed && (await this.counter.estimate(listed, prompt));
      if (shown && most > shown.most) {
        this.quoted = { prompt, most };
        throw new PageError('app.dearer', { key: 'app.dearer', params: { most: tonText(most), shown: tonText(shown.most) } });
      }
      return conversation.ask(prompt, listening);
    });
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
    if (this.stopping !== null) throw running();
    const stopping = (this.stopping = new AbortController());
    try {
      const provider = await this.verified(channel.stake);
      const counter = await this.counter.conversation(channel.address, provider.offer);
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
    void watchAnswers(this.answers, this.pair, this.config).catch(() => undefined);
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
  private async verified(stake: string | null): Promise<ProviderView & { offer: Offer }> {
    if (stake !== null && this.parts.now() - (this.verifiedAt.get(stake) ?? 0) > FRESH_SECONDS) await this.verify(stake);
    const provider = this.provider(stake);
    const { offer } = provider ?? { offer: null };
    if (provider === undefined || offer === null) throw needsProvider();
    if (!provider.verdict.canSend) throw new PageError('app.notVerified', { key: 'app.notVerified' });
    return { ...provider, offer };
  }

  private provider(stake: string | null): ProviderView | undefined {
    return this.board.state.providers?.find((each) => each.stake === stake);
  }

  /** Reads all providers anew, or this one: what others take to be read makes nobody's state older. */
  private async verify(only?: string): Promise<void> {
    const at = this.parts.now();
    const found = await loadProviders(this.config, this.pair, at, undefined, only);
    const known = this.board.state.providers ?? [];
    // What a look that began later found out stays.
    const views = found.map((view) => ((this.verifiedAt.get(view.stake) ?? 0) > at && known.find(({ stake }) => stake === view.stake)) || view);
    for (const { stake } of views) this.verifiedAt.set(stake, Math.max(at, this.verifiedAt.get(stake) ?? 0));
    if (only === undefined) this.allAt = at;
    const isKnown = known.some(({ stake }) => stake === only);
    this.board.set({ providers: isKnown ? known.flatMap((view) => (view.stake === only ? views : [view])) : only === undefined ? views : [...known, ...views] });
  }

  /** A look at the chain: the channels of this browser, and what became of those who answered. */
  private async look(): Promise<void> {
    await Promise.all([tend(this.parts).then(() => this.showChannels()), watchAnswers(this.answers, this.pair, this.config)]);
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
const running = (): PageError => new PageError('chat.running', { key: 'chat.running' });
