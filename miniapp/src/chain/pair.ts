/** What two chain APIs of different operators say alike. */
import { toHex } from '../../../protocol/bytes';
import { cellHash } from '../../../protocol/cells';
import type { ChainApiEntry, ChannelTerms, Reading } from '../types';
import { type AccountState, ApiFault, type ApiOptions, ChainApi, stateText } from './api';
import { type ChannelData, channelCodeHash, channelInit, openedTerms, parseChannel } from './channelCells';
import { parseRegistry, parseStake, type RegistryState, type StakeState } from './contracts';
import { REGISTRY_CODE_HASH, STAKE_CODE } from './pinned';

/** `asOf`: Unix seconds of the older of the blocks that it was read from. */
export type Dated<T> = T & { asOf: number };
export type ChannelState = ChannelData & { balance: bigint };

/** A channel that a wallet opened once, and what is there now; null when its account is gone. */
export interface OpenedChannel {
  address: string;
  /** As at its opening. */
  terms: ChannelTerms;
  now: Reading<Dated<ChannelState> | null>;
}

export interface OpenedChannels {
  /** Newest first. */
  channels: OpenedChannel[];
  /** Both APIs showed the wallet's history to its first transaction, and no more channels than are looked at. */
  complete: boolean;
}

export interface PairOptions extends ApiOptions {
  /** Clock of the page, Unix seconds. */
  now?: () => number;
  /** Pause, milliseconds, before they are asked again because one of them has not seen the newest transaction yet. */
  againMillis?: number;
}

/** What was last heard of an API. */
export interface ApiHealth {
  name: string;
  /** Unix seconds of its newest block; null before its first answer. */
  blockTime: number | null;
  /** Why its last answer did not count; null if it did. */
  fault: string | null;
}

/** An API whose newest block is further than this from the page's clock, or behind the other's, counts as silent. Seconds. */
export const MAX_SKEW_SECONDS = 120;
const TRIES = 4;
const PAGE = 50;
/** Most channels of a wallet that are looked at, of what one API shows. */
const MAX_CHANNELS = 32;

type Answer = { state: AccountState; fault?: undefined } | { state?: undefined; fault: ApiFault };

/**
 * An answer of a toncenter is a claim without a proof. So two are asked at once, for the account's state in one piece
 * (get-methods are not tied to a state, and cost more requests), and `both` is said only of one state: same last transaction, balance,
 * code and data. What is read from it is computed here, under the pinned code.
 */
export class ChainPair {
  private readonly apis: readonly ChainApi[];
  private readonly healths: ApiHealth[];
  private readonly now: () => number;

  constructor(
    entries: readonly [ChainApiEntry, ChainApiEntry],
    private readonly options: PairOptions = {},
  ) {
    this.apis = entries.map((entry) => new ChainApi(entry, options));
    this.healths = entries.map(({ name }) => ({ name, blockTime: null, fault: null }));
    this.now = options.now ?? (() => Math.floor(Date.now() / 1_000));
  }

  health(): readonly ApiHealth[] {
    return this.healths.map((health) => ({ ...health }));
  }

  /** A ProviderStake with its keys; null when no stake of this version is there. `stake` in hex. */
  stake(stake: string): Promise<Reading<Dated<StakeState> | null>> {
    return this.read(stake, STAKE_CODE.hash, ({ data, balance }, now) => parseStake(data!, balance, now));
  }

  /** An AttestationRegistry; null when none of this version is there. `registry` in hex. */
  registry(registry: string): Promise<Reading<Dated<RegistryState> | null>> {
    return this.read(registry, REGISTRY_CODE_HASH, ({ data }) => parseRegistry(data!));
  }

  /** A PaymentChannel; null when none is there: not yet opened, or over and gone. `channel` in hex. */
  channel(channel: string): Promise<Reading<Dated<ChannelState> | null>> {
    return this.read(channel, channelCodeHash(), ({ data, balance }) => ({ ...parseChannel(data!), balance }));
  }

  /**
   * The channels that a wallet opened, by its own messages, with what is there now. Whatever API a message is from, the channel's address is
   * computed from it, and both are asked about that: one that lies can hide channels of what it shows alone.
   * @param maxTransactions of the wallet that are looked through
   */
  async channelsOf(wallet: string, maxTransactions = 1_000): Promise<OpenedChannels> {
    const histories = await Promise.all(this.apis.map((api) => openings(api, wallet, maxTransactions)));
    const found = new Map<string, ChannelTerms>();
    for (const { opened } of histories) for (const [address, terms] of opened) found.set(address, terms);
    const channels = await Promise.all([...found].map(async ([address, terms]) => ({ address, terms, now: await this.channel(address) })));
    return { channels, complete: histories.every(({ complete }) => complete) };
  }

  /** What `parse` reads from an account of this code. */
  private async read<T extends object>(
    account: string, codeHash: string, parse: (state: AccountState, now: number) => T,
  ): Promise<Reading<Dated<T> | null>> {
    const reading = await this.agree(account);
    try {
      return mapReading(reading, (state) => {
        if (state.code === null || toHex(cellHash(state.code)) !== codeHash) return null;
        return { ...parse(state, state.blockTime), asOf: state.blockTime };
      });
    } catch {
      return { agreement: 'none', says: this.apis.map(({ entry: { name } }) => ({ name, said: 'malformed: data' })) };
    }
  }

  /** One state of an account, with the older of the times it was read at. */
  private async agree(account: string): Promise<Reading<AccountState>> {
    for (let tries = 1; ; tries++) {
      const all = await Promise.all(this.apis.map((api) => ask(api, account)));
      const [a, b] = this.dated(all);
      this.healths.forEach((health, index) => {
        health.blockTime = all[index].state?.blockTime ?? health.blockTime;
        health.fault = [a, b][index].fault?.message ?? null;
      });
      const [nameA, nameB] = this.apis.map(({ entry: { name } }) => name);
      if (a.state !== undefined && b.state !== undefined) {
        if (stateText(a.state) === stateText(b.state)) return { agreement: 'both', value: { ...a.state, blockTime: Math.min(a.state.blockTime, b.state.blockTime) } };
        // One of them may not have seen the newest transaction yet; about the same one they must not differ.
        if (a.state.lt !== b.state.lt && tries < TRIES) {
          await new Promise((resolve) => setTimeout(resolve, this.options.againMillis ?? 1_500));
          continue;
        }
        return { agreement: 'none', says: [a.state, b.state].map((state, index) => ({ name: [nameA, nameB][index], said: stateText(state) })) };
      }
      if (a.state !== undefined) return { agreement: 'one', value: a.state, name: nameA, silent: nameB, problem: b.fault!.message };
      if (b.state !== undefined) return { agreement: 'one', value: b.state, name: nameB, silent: nameA, problem: a.fault.message };
      return { agreement: 'none', says: [{ name: nameA, said: a.fault.message }, { name: nameB, said: b.fault!.message }] };
    }
  }

  /** Leaves out what is too old to say anything about now. */
  private dated(answers: Answer[]): Answer[] {
    const now = this.now();
    const times = answers.map(({ state }) => state?.blockTime);
    return answers.map((answer, index) => {
      const time = times[index];
      if (time === undefined) return answer;
      const other = times[1 - index];
      const behind = Math.max(now, other !== undefined && other - now <= MAX_SKEW_SECONDS ? other : now) - time;
      if (behind > MAX_SKEW_SECONDS) return { fault: new ApiFault('behind', `by ${behind} s`) };
      if (time - now > MAX_SKEW_SECONDS) return { fault: new ApiFault('ahead', `by ${time - now} s`) };
      return answer;
    });
  }
}

/** The same agreement about what follows from a value. */
export function mapReading<T, U>(reading: Reading<T>, of: (value: T) => U): Reading<U> {
  return reading.agreement === 'none' ? reading : { ...reading, value: of(reading.value) };
}

const ask = (api: ChainApi, account: string): Promise<Answer> =>
  api.account(account).then((state) => ({ state }), (error: unknown) => ({ fault: error instanceof ApiFault ? error : new ApiFault('malformed') }));

/** Terms of the channels that a wallet's messages opened for itself by their addresses, newest first. */
async function openings(api: ChainApi, wallet: string, most: number): Promise<{ opened: Map<string, ChannelTerms>; complete: boolean }> {
  const opened = new Map<string, ChannelTerms>();
  let before: { lt: bigint; hash: string } | undefined;
  for (let pages = 0; pages < most / PAGE; pages++) {
    const page = await api.transactions(wallet, PAGE, before).catch(() => null);
    if (page === null) break;
    // The transaction of the cursor comes again.
    const fresh = page.filter(({ lt }) => before === undefined || lt < before.lt);
    if (fresh.length === 0) return { opened, complete: true };
    for (const stateInit of fresh.flatMap(({ stateInits }) => stateInits)) {
      const terms = openedTerms(stateInit);
      if (terms?.client !== wallet) continue;
      if (opened.size === MAX_CHANNELS) return { opened, complete: false };
      opened.set(channelInit(terms).address, terms);
    }
    before = fresh.reduce((oldest, transaction) => (transaction.lt < oldest.lt ? transaction : oldest));
  }
  return { opened, complete: false };
}
