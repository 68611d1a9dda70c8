/** What this browser remembers of its channels. Never a prompt, an answer or anything that Telegram says of its user. */
import type { ChannelTerms } from '../types';
import { walletError } from '../wallet/errors';
import type { Database } from './database';

/**
 * - `asked`: the wallet was asked to pay, and nothing was seen yet
 * - `declined`: it said no; whatever it says, money that comes counts
 * - `open`: two APIs showed it
 * - `closing`: its end was begun on chain, by the wallet
 * - `ended`: nothing is left to do
 */
export type ChannelIntent = 'asked' | 'declined' | 'open' | 'closing' | 'ended';

/** One channel. Amounts are nanoTON as decimal text, cumulative; times Unix seconds; bytes lowercase hex. */
export interface ChannelRecord {
  address: string;
  terms: ChannelTerms;
  intent: ChannelIntent;
  /** When the wallet was asked for the first time. */
  openedAt: number;
  /** How often it was asked for money. */
  asked: number;
  /** What it was asked for last. */
  deposit: string;
  /** What went in, as two APIs showed it: claimed, and what is there. */
  funds: string;
  claimed: string;
  /** Number of the next request; one that was taken is never used again. */
  nextSeq: number;
  /** The highest voucher that was ever signed, or is about to be. */
  vouched: string;
  /** Of pieces that were accepted, and of those that were lost on their way. */
  owed: string;
  /** A request is under way; found by another start of the page, it was lost. */
  running: boolean;
  /** A request was lost since the worker was believed the last time. */
  lost: boolean;
  /** What a chunk costs at the prices of the newest request; unset before the first one. */
  chunk?: string;
  /** When the last voucher was signed; null while it is in use. */
  finishedAt: number | null;
}

/** Gives what was taken back. */
export type Release = () => void;

/** Names that one tab at a time has. */
export interface Locks {
  /** null where another tab has it. @throws where this browser has no locks */
  take(name: string): Promise<Release | null>;
}

/** A page that was just closed or reloaded has its locks for a moment longer. */
const LOCK_MILLIS = 1_000;

/** The browser's own; they go with the tab, however it ends. */
export const webLocks: Locks = {
  take: (name) => new Promise((resolve, reject) => {
    if (navigator.locks === undefined) return reject(walletError('wallet.oldBrowser'));
    const signal = AbortSignal.timeout(LOCK_MILLIS);
    // Held for as long as the promise of the callback is open.
    const hold = (): Promise<void> => new Promise((release) => resolve(release));
    navigator.locks.request(name, { signal }, hold).catch((error: unknown) => (signal.aborted ? resolve(null) : reject(error)));
  }),
};

export class ChannelStore {
  constructor(
    readonly database: Database,
    private readonly locks: Locks,
  ) {}

  async list(): Promise<ChannelRecord[]> {
    return (await this.database.all('channels')) as ChannelRecord[];
  }

  async get(address: string): Promise<ChannelRecord | null> {
    return ((await this.database.get('channels', address)) as ChannelRecord | undefined) ?? null;
  }

  /** On disk before money leaves. What is there already stays: its numbers count. */
  async add(record: ChannelRecord): Promise<void> {
    await this.database.update('channels', record.address, (known) => known ?? record);
  }

  /** @returns what is on disk now @throws PageError `wallet.unknownChannel`, `wallet.storage`, and what `change` throws */
  async change(address: string, change: (record: ChannelRecord) => ChannelRecord): Promise<ChannelRecord> {
    let next: ChannelRecord | null = null;
    await this.database.update('channels', address, (known) => {
      if (known === undefined) throw walletError('wallet.unknownChannel', { address });
      return (next = change(known as ChannelRecord));
    });
    return next!;
  }

  /** The channel and its key. */
  async forget({ address, terms }: ChannelRecord): Promise<void> {
    await this.database.update('channels', address, () => undefined);
    await this.database.update('keys', terms.clientKey, () => undefined);
  }

  /** @throws PageError `wallet.otherTab` where another tab has it, `wallet.oldBrowser` */
  async exclusively(name: string): Promise<Release> {
    const release = await this.locks.take(`open-cocoon:${name}`);
    if (release === null) throw walletError('wallet.otherTab');
    return release;
  }
}
