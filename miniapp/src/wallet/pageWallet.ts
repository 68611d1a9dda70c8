import type { Problem } from '../types';

/** One message of a transaction. */
export interface WalletMessage {
  /** Friendly, with the flags of its network. */
  address: string;
  amount: bigint;
  /** Bag of cells, base64. */
  payload?: string;
  /** Bag of cells, base64. */
  stateInit?: string;
}

export interface WalletAccount {
  /** Basechain hash, hex. */
  address: string;
  /** Network id as text: -239, -3, or a devnet's. */
  network: string;
}

/** The user's wallet as the page sees it. */
export interface PageWallet {
  account(): WalletAccount | null;
  /** As it calls itself, or as this page's list calls it; null while there is none. */
  name(): string | null;
  /** Whether a connection was stored here: without one nothing is asked of anybody before a tap. */
  isStored(): boolean;
  /** Loads what connecting needs, so that `connect` has its link at once. No request leaves the page's origin. */
  preload(): Promise<void>;
  /** Goes on with a stored connection, if there is one. */
  restore(): Promise<void>;
  /** Link to the wallet, in the tap itself. @throws PageError `wallet.unknownWallet`, `wallet.notLoaded` */
  connect(walletId: string): string;
  /** Forgets the connection, one that was not answered yet too. */
  disconnect(): Promise<void>;
  /** What to open while the wallet is connecting or asked; null otherwise. */
  link(): string | null;
  /**
   * Asks the wallet once. Resolves with the external message that it says it sent (base64), which is no inclusion: look at the chain.
   * @param validUntil Unix seconds
   * @throws PageError `wallet.notConnected`, `wallet.asked`: nothing was asked; `wallet.rejected`, `wallet.failed`: it says no; `wallet.expired`,
   * `wallet.bridge`: nobody knows, and the money may come
   */
  send(messages: readonly WalletMessage[], validUntil: number): Promise<string>;
  /** Whether a transaction waits in the wallet. */
  isAsked(): boolean;
  /** Why the last connection did not come about; null when it did, or while it is being tried. */
  problem(): Problem | null;
  /** @returns ends it */
  onChange(listener: () => void): () => void;
}
