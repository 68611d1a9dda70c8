/** What two chain APIs of different operators say alike. */
import { decodeBoc } from '../../../protocol/boc';
import { toHex } from '../../../protocol/bytes';
import { cellHash, type PlainCell } from '../../../protocol/cells';
import type { ChainApiEntry, ChannelTerms, Reading } from '../types';
import { type AccountState, ApiFault, type ApiOptions, ChainApi } from './api';
import { type ChannelData, channelCodeHash, channelInit, parseChannel } from './channelCells';
import { parseRegistry, parseStake, type RegistryState, type StakeState } from './contracts';
import { fromBase64 } from './encoding';
import { REGISTRY_CODE_HASH, STAKE_CODE } from './pinned';
import { readTransaction, type TransactionId } from './transactions';

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
  /** False where the history was not read to the wallet's first transaction: a limit, a transaction that is not read here, APIs that do not agree. */
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
/** Most channels of a wallet that are looked at. */
const MAX_CHANNELS = 32;

/** What an API says of an account: what was read from it, and in `said` all of it that two have to say alike. */
interface Said<T> {
  value: T;
  said: string;
  state: AccountState;
  fault?: undefined;
}
type Answer<T> = Said<T> | { state?: undefined; fault: ApiFault };

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
    return this.read(stake, STAKE_CODE.hash, (data, { balance, blockTime }) => parseStake(data, balance, blockTime));
  }

  /** An AttestationRegistry; null when none of this version is there. `registry` in hex. */
  registry(registry: string): Promise<Reading<Dated<RegistryState> | null>> {
    return this.read(registry, REGISTRY_CODE_HASH, parseRegistry);
  }

  /** A PaymentChannel; null when none is there: not yet opened, or over and gone. `channel` in hex. */
  channel(channel: string): Promise<Reading<Dated<ChannelState> | null>> {
    return this.read(channel, channelCodeHash(), (data, { balance }) => ({ ...parseChannel(data), balance }));
  }

  /**
   * The channels that a wallet opened, by its own messages, with what is there now. Its history is followed by the hashes of its transactions
   * from the last one, which both name: a complete one nobody can have changed. What is not complete may lack channels, or name some that never were.
   * @param maxTransactions of the wallet that are looked through
   */
  async channelsOf(wallet: string, maxTransactions = 1_000): Promise<OpenedChannels> {
    const last = await this.agree(wallet, ({ last: { lt, hash } }) => ({ value: { lt, hash }, said: '' }));
    if (last.agreement === 'none') return { channels: [], complete: false };
    let opened = new Map<string, ChannelTerms>();
    let complete = false;
    for (const api of this.apis) {
      const own = new Map<string, ChannelTerms>();
      complete = await openings(api, wallet, last.value.value, maxTransactions, own).catch(() => false);
      opened = complete ? own : new Map([...opened, ...own]);
      if (complete) break;
    }
    const channels = await Promise.all([...opened].map(async ([address, terms]) => ({ address, terms, now: await this.channel(address) })));
    return { channels, complete };
  }

  /** What `parse` reads from an account of this code; null where there is none. */
  private async read<T extends object>(
    account: string, codeHash: string, parse: (data: PlainCell, state: AccountState) => T,
  ): Promise<Reading<Dated<T> | null>> {
    const reading = await this.agree(account, (state) => {
      if (state.state !== 'active') return { value: null, said: '' };
      const code = toHex(cellHash(decodeBoc(fromBase64(state.code))));
      const data = decodeBoc(fromBase64(state.data));
      return { value: code === codeHash ? parse(data, state) : null, said: `${code} ${toHex(cellHash(data))}` };
    });
    if (reading.agreement === 'none') return reading;
    const { value, asOf } = reading.value;
    return { ...reading, value: value && { ...value, asOf } };
  }

  /** One state of an account as `read` has it, with the older of the times at which it was read. */
  private async agree<T>(account: string, read: (state: AccountState) => { value: T; said: string }): Promise<Reading<{ value: T; asOf: number }>> {
    for (let tries = 1; ; tries++) {
      const all = await Promise.all(this.apis.map((api) => ask(api, account, read)));
      const [a, b] = this.dated(all);
      this.healths.forEach((health, index) => {
        health.blockTime = all[index].state?.blockTime ?? health.blockTime;
        health.fault = [a, b][index].fault?.message ?? null;
      });
      const [nameA, nameB] = this.apis.map(({ entry: { name } }) => name);
      if (a.state !== undefined && b.state !== undefined) {
        if (a.said === b.said) return { agreement: 'both', value: { value: a.value, asOf: Math.min(a.state.blockTime, b.state.blockTime) } };
        // One of them may not have seen the newest transaction yet; about the same one they must not differ.
        if (a.state.last.lt !== b.state.last.lt && tries < TRIES) {
          await new Promise((resolve) => setTimeout(resolve, this.options.againMillis ?? 1_500));
          continue;
        }
        return { agreement: 'none', says: [{ name: nameA, said: a.said }, { name: nameB, said: b.said }] };
      }
      if (a.state !== undefined) return { agreement: 'one', value: { value: a.value, asOf: a.state.blockTime }, name: nameA, silent: nameB, problem: b.fault!.message };
      if (b.state !== undefined) return { agreement: 'one', value: { value: b.value, asOf: b.state.blockTime }, name: nameB, silent: nameA, problem: a.fault.message };
      return { agreement: 'none', says: [{ name: nameA, said: a.fault.message }, { name: nameB, said: b.fault!.message }] };
    }
  }

  /** Leaves out what is too old to say anything about now. */
  private dated<T>(answers: Answer<T>[]): Answer<T>[] {
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

async function ask<T>(api: ChainApi, account: string, read: (state: AccountState) => { value: T; said: string }): Promise<Answer<T>> {
  try {
    const state = await api.account(account);
    const { value, said } = read(state);
    return { value, state, said: [state.state, state.balance, state.last.lt, state.last.hash, said].join(' ').trim() };
  } catch (error) {
    return { fault: error instanceof ApiFault ? error : new ApiFault('malformed', 'cells') };
  }
}

/** Adds the channels that a wallet's messages opened, newest first. Whether all were seen. @throws ApiFault, ProtocolError */
async function openings(api: ChainApi, wallet: string, last: TransactionId, most: number, opened: Map<string, ChannelTerms>): Promise<boolean> {
  let isWhole = true;
  let next = last;
  for (let seen = 0, requests = 0; next.lt > 0n; requests++) {
    if (seen >= most || requests >= (2 * most) / PAGE) return false;
    const page = await api.transactions(wallet, Math.min(PAGE, most - seen), next);
    if (page.length === 0) return false;
    for (const [index, { lt, hash, data }] of page.entries()) {
      if (lt !== next.lt || hash !== next.hash) return false;
      const transaction = readTransaction(data, hash);
      seen++;
      if (transaction === null) {
        // What is before it only the API says.
        isWhole = false;
        const before = page[index + 1];
        if (before === undefined || before.lt >= lt) return false;
        next = before;
        continue;
      }
      for (const terms of transaction.opened) {
        if (terms.client !== wallet) continue;
        const { address } = channelInit(terms);
        if (opened.size === MAX_CHANNELS && !opened.has(address)) return false;
        opened.set(address, terms);
      }
      next = transaction.before;
    }
  }
  return isWhole;
}
