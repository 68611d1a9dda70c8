/**
 * The user's wallet over TON Connect. Nothing is loaded and nobody is asked before a tap, or before a stored connection is gone on with; the bridge of the
 * chosen wallet is then the only host that hears of it. No proof of ownership is asked for: the channel's contract needs none.
 */
import type { TonConnect, Wallet } from '@tonconnect/sdk';
import type { PageConfig, Problem, WalletEntry } from '../types';
import { accountOf } from '../chain';
import { PageError, problemOf } from '../pageError';
import { walletError } from './errors';
import { opener, withReturn } from './links';
import type { PageWallet, WalletAccount, WalletMessage } from './pageWallet';
import { type PlainStorage, WalletStorage } from './storage';

type Sdk = typeof import('@tonconnect/sdk');

export interface ConnectOptions {
  config: Pick<PageConfig, 'wallets' | 'manifestUrl' | 'networkId' | 'returnUrl'>;
  storage?: () => PlainStorage;
  /** Seconds behind validUntil in which an answer may still come. */
  graceSeconds?: number;
  /** How often it is looked whether the bridge is still heard while something is waited for, milliseconds. */
  listenMillis?: number;
  /** Unix seconds. */
  now?: () => number;
}

/** Keys of the store: the SDK's own, and which wallet was chosen. */
const CONNECTION = 'ton-connect-storage_bridge-connection';
const CHOSEN = 'wallet';
const GRACE_SECONDS = 30;
const LISTEN_MILLIS = 2_000;
const MOST_TEXT = 200;

/** What the SDK does not let anybody choose. */
interface Inside {
  walletsList: { fetchWalletsListDTO: () => Promise<unknown[]> };
  provider: { sendRequest(request: unknown, options: object): Promise<unknown>; gateway: { isReady: boolean } | null } | null;
}

export function connectWallet(options: ConnectOptions): PageWallet {
  return new ConnectedWallet(options);
}

class ConnectedWallet implements PageWallet {
  private readonly storage: WalletStorage;
  private readonly listeners = new Set<() => void>();
  private loading: Promise<void> | null = null;
  private sdk: Sdk | null = null;
  private connector: TonConnect | null = null;
  /** While a connection is being tried. */
  private pendingLink: string | null = null;
  private attempt: AbortController | null = null;
  private fault: Problem | null = null;
  private listening: ReturnType<typeof setTimeout> | null = null;
  /** A bridge that was heard once: until then the SDK goes on trying by itself. */
  private heard: object | null = null;
  /** Ends the request that waits in the wallet. */
  private abandon: ((error: Error) => void) | null = null;

  constructor(private readonly options: ConnectOptions) {
    this.storage = new WalletStorage(options.storage);
  }

  account(): WalletAccount | null {
    const account = this.connector?.account;
    return account ? { address: accountOf(account.address), network: account.chain } : null;
  }

  name(): string | null {
    const wallet = this.connector?.wallet ?? null;
    return wallet === null ? null : this.chosen?.name ?? wallet.device.appName.slice(0, MOST_TEXT);
  }

  isStored(): boolean {
    return this.storage.get(CONNECTION) !== null;
  }

  preload(): Promise<void> {
    this.loading ??= this.load().catch((error: unknown) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  async restore(): Promise<void> {
    if (!this.isStored()) return;
    await this.preload();
    await this.connector!.restoreConnection();
    this.changed();
  }

  connect(walletId: string): string {
    const wallet = this.options.config.wallets.find(({ id }) => id === walletId);
    if (wallet === undefined) throw walletError('wallet.unknownWallet', { id: walletId });
    if (this.connector === null) throw walletError('wallet.notLoaded');
    const { bridgeUrl, universalLink } = wallet;
    if (this.connector.connected) return opener(universalLink, this.options.config.returnUrl);
    this.storage.set(CHOSEN, wallet.id);
    this.fault = null;
    this.attempt = new AbortController();
    this.pendingLink = withReturn(this.connector.connect({ bridgeUrl, universalLink }, { signal: this.attempt.signal }), this.options.config.returnUrl);
    this.changed();
    return this.pendingLink;
  }

  async disconnect(): Promise<void> {
    this.pendingLink = null;
    // One that was not answered has nobody to tell.
    if (this.connector?.connected === true) await this.connector.disconnect().catch(() => undefined);
    else this.attempt?.abort();
    for (const key of [CONNECTION, CHOSEN]) this.storage.remove(key);
    this.changed();
  }

  link(): string | null {
    if (this.pendingLink !== null) return this.pendingLink;
    return this.isAsked() && this.chosen !== undefined ? opener(this.chosen.universalLink, this.options.config.returnUrl) : null;
  }

  isAsked(): boolean {
    return this.abandon !== null;
  }

  problem(): Problem | null {
    return this.fault;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  async send(messages: readonly WalletMessage[], validUntil: number): Promise<string> {
    if (this.abandon !== null) throw walletError('wallet.asked');
    const account = this.account();
    if (account === null) throw walletError('wallet.notConnected');
    const { now = () => Math.floor(Date.now() / 1_000), graceSeconds = GRACE_SECONDS } = this.options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ended = new Promise<never>((_resolve, reject) => {
      this.abandon = reject;
      timer = setTimeout(() => reject(walletError('wallet.expired')), Math.max(0, validUntil + graceSeconds - now()) * 1_000);
    });
    this.changed();
    try {
      return await Promise.race([this.ask(account, messages, validUntil), ended]);
    } finally {
      clearTimeout(timer);
      this.abandon = null;
      this.changed();
    }
  }

  private get chosen(): WalletEntry | undefined {
    const id = this.storage.get(CHOSEN);
    return this.options.config.wallets.find((wallet) => wallet.id === id);
  }

  private async load(): Promise<void> {
    const sdk = this.sdk ?? (await import('@tonconnect/sdk'));
    this.sdk = sdk;
    const { manifestUrl, networkId } = this.options.config;
    const { storage } = this;
    const connector = new sdk.TonConnect({
      manifestUrl, analytics: { mode: 'off' },
      storage: {
        getItem: async (key) => storage.get(key), setItem: async (key, value) => storage.set(key, value), removeItem: async (key) => storage.remove(key),
      },
      // Its events name the account; nobody of this page listens.
      eventDispatcher: { dispatchEvent: async () => undefined, addEventListener: async () => () => undefined },
      // Never fetched, see below; were it, it is of this page's origin.
      walletsListSource: manifestUrl,
    });
    // The SDK looks its list of wallets up at config.ton.org whenever it reads its own store; this page has one of its own.
    (connector as unknown as Inside).walletsList.fetchWalletsListDTO = async () => [];
    connector.setConnectionNetwork(String(networkId));
    connector.onStatusChange((wallet) => this.became(wallet), (error) => this.failed(error));
    this.connector = connector;
  }

  private became(wallet: Wallet | null): void {
    this.pendingLink = null;
    if (wallet === null) this.abandon?.(walletError('wallet.bridge'));
    else if (!wallet.account.address.startsWith('0:')) {
      this.fault = walletFault('wallet.workchain', { address: wallet.account.address.slice(0, MOST_TEXT) });
      void this.disconnect();
    } else [this.fault, this.heard] = [null, (this.connector as unknown as Inside).provider?.gateway ?? null];
    this.changed();
  }

  private failed(error: unknown): void {
    this.pendingLink = null;
    this.fault = problemOf(this.connectError(error));
    this.storage.remove(CONNECTION);
    this.changed();
  }

  /** The request leaves once: the SDK would post it again and again until its bridge answers, and the wallet might show it twice. */
  private async ask({ address, network }: WalletAccount, messages: readonly WalletMessage[], validUntil: number): Promise<string> {
    const connector = this.connector!;
    const provider = (connector as unknown as Inside).provider!;
    let hasLeft = false;
    const { sendRequest } = Object.getPrototypeOf(provider) as NonNullable<Inside['provider']>;
    provider.sendRequest = (request, given) => {
      hasLeft = true;
      return sendRequest.call(provider, request, { ...given, attempts: 1 });
    };
    try {
      const { boc } = await connector.sendTransaction({
        validUntil, network, from: `0:${address}`,
        messages: messages.map(({ amount, ...message }) => ({ ...message, amount: String(amount) })),
      });
      return boc;
    } catch (error) {
      throw this.askError(error, hasLeft);
    }
  }

  private askError(error: unknown, hasLeft: boolean): PageError {
    const { UserRejectsError, BadRequestError, UnknownAppError, UnknownError } = this.sdk!;
    if (error instanceof UserRejectsError) return walletError('wallet.rejected', {}, error);
    const isItsWord = [BadRequestError, UnknownAppError, UnknownError].some((kind) => error instanceof kind);
    return isItsWord || !hasLeft ? refusal(error) : walletError('wallet.bridge', {}, error);
  }

  private connectError(error: unknown): PageError {
    const { UserRejectsError, WalletWrongNetworkError } = this.sdk!;
    if (error instanceof UserRejectsError) return walletError('wallet.rejected', {}, error);
    if (!(error instanceof WalletWrongNetworkError)) return refusal(error);
    const { expectedChainId, actualChainId } = error.cause as { expectedChainId: string; actualChainId: string };
    return walletError('wallet.network', { expected: String(expectedChainId), received: String(actualChainId).slice(0, MOST_TEXT) }, error);
  }

  /**
   * While an answer is waited for, the page listens: the SDK gives a connection up whose bridge or network went away for a moment. What came meanwhile
   * waits at the bridge.
   */
  private listen(): void {
    if (this.listening !== null || (this.pendingLink === null && this.abandon === null)) return;
    const again = async (): Promise<void> => {
      const gateway = (this.connector as unknown as Inside).provider?.gateway ?? null;
      if (gateway?.isReady === true) this.heard = gateway;
      // A page that nobody sees listens again when it is seen.
      else if (gateway !== null && gateway === this.heard && globalThis.document?.hidden !== true) await this.connector!.unPauseConnection().catch(() => undefined);
      this.listening = null;
      this.listen();
    };
    this.listening = setTimeout(() => void again(), this.options.listenMillis ?? LISTEN_MILLIS);
  }

  private changed(): void {
    this.listen();
    for (const listener of [...this.listeners]) listener();
  }
}

const walletFault = (...error: Parameters<typeof walletError>): Problem => problemOf(walletError(...error));

const refusal = (error: unknown): PageError =>
  walletError('wallet.failed', { message: (error instanceof Error ? error.message : String(error)).replace(/^\[TON_CONNECT_SDK_ERROR\]\s*/, '').slice(0, MOST_TEXT) }, error);
