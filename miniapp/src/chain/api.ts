/** One toncenter v2 API over fetch. Nothing that it says is believed here; ChainPair compares it with another's. */
import { toHex } from '../../../protocol/bytes';
import type { ChainApiEntry } from '../types';
import { rawAddress } from './addresses';
import { fromBase64, fromHex, toBase64 } from './encoding';
import type { TransactionId } from './transactions';

/** Why an API gave no answer that counts. `busy` is its limit of requests, `behind` and `ahead` are about its newest block. */
export type ApiFaultCode = 'timeout' | 'unreachable' | 'busy' | 'refused' | 'malformed' | 'too-long' | 'behind' | 'ahead';

export class ApiFault extends Error {
  constructor(
    readonly code: ApiFaultCode,
    detail = '',
  ) {
    super(detail === '' ? code : `${code}: ${detail}`);
    this.name = 'ApiFault';
  }
}

/** An account after one of its transactions. */
export interface AccountState {
  state: 'active' | 'uninitialized' | 'frozen';
  /** nanoTON. */
  balance: bigint;
  /** Bags of cells in base64; empty for what is not active. */
  code: string;
  data: string;
  /** All of the above is the same as long as this is. */
  last: TransactionId;
  /** Unix seconds of the block that the API read it from. */
  blockTime: number;
}

export interface ApiOptions {
  fetch?: typeof fetch;
  /** Milliseconds that one answer may take. */
  timeoutMillis?: number;
  /** Pause, milliseconds, after an answer that there were too many requests. */
  busyMillis?: number;
}

const MAX_ACCOUNT_BYTES = 1 << 19;
const MAX_HISTORY_BYTES = 1 << 22;
/** Free access to toncenter is one request a second. */
const BUSY_MILLIS = 1_100;
const BUSY_TRIES = 4;

type Json = Record<string, unknown>;

/** Requests go out one after another: free APIs take few at a time. */
export class ChainApi {
  private turn: Promise<unknown> = Promise.resolve();
  /** Set by an answer that never came: those that waited behind it do not wait as long again. */
  private silentUntil = 0;

  constructor(
    readonly entry: ChainApiEntry,
    private readonly options: ApiOptions = {},
  ) {}

  /** @throws ApiFault */
  async account(account: string): Promise<AccountState> {
    const answer = objectOf(await this.call('getAddressInformation', { address: rawAddress(account) }, MAX_ACCOUNT_BYTES));
    const { state } = answer;
    if (state !== 'active' && state !== 'uninitialized' && state !== 'frozen') throw new ApiFault('malformed', 'state');
    const balance = integerOf(answer.balance);
    const cells = state === 'active' ? [answer.code, answer.data] : ['', ''];
    const [code, data] = cells.map(textOf);
    // Some say -1 of an account that never was.
    return { state, balance: balance < 0n ? 0n : balance, code, data, last: idOf(answer.last_transaction_id), blockTime: Number(integerOf(answer.sync_utime)) };
  }

  /** Newest first, from the transaction `from` on, that one included; `data` as bags of cells in base64. @throws ApiFault */
  async transactions(account: string, limit: number, from: TransactionId): Promise<(TransactionId & { data: string })[]> {
    const query = { address: rawAddress(account), limit: String(limit), lt: String(from.lt), hash: toBase64(fromHex(from.hash)), archival: 'true' };
    const answer = await this.call('getTransactions', query, MAX_HISTORY_BYTES);
    if (!Array.isArray(answer)) throw new ApiFault('malformed', 'list');
    return answer.slice(0, limit).map((entry) => {
      const { transaction_id, data } = objectOf(entry);
      return { ...idOf(transaction_id), data: textOf(data) };
    });
  }

  private call(method: string, query: Record<string, string>, maxBytes: number): Promise<unknown> {
    const result = this.turn.then(() => this.ask(`${this.entry.url.replace(/\/+$/, '')}/${method}?${new URLSearchParams(query)}`, maxBytes));
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async ask(url: string, maxBytes: number): Promise<unknown> {
    const { timeoutMillis = 8_000, busyMillis = BUSY_MILLIS } = this.options;
    for (let tries = 1; ; tries++) {
      if (Date.now() < this.silentUntil) throw new ApiFault('timeout');
      const reply = await this.get(url, maxBytes, timeoutMillis).catch((error: ApiFault) => {
        // What refuses too many requests may leave out the header without which a page cannot see that it does.
        if (error.code === 'unreachable' && tries === 1) return null;
        throw error;
      });
      if (reply === null || (reply.status === 429 && tries < BUSY_TRIES)) {
        await new Promise((resolve) => setTimeout(resolve, busyMillis));
        continue;
      }
      const { status, text } = reply;
      if (status === 429) throw new ApiFault('busy');
      const answer = jsonOf(text);
      if (answer?.ok === true && status === 200) return answer.result;
      throw new ApiFault(answer?.ok === false ? 'refused' : 'malformed', `HTTP ${status}`);
    }
  }

  private async get(url: string, maxBytes: number, timeoutMillis: number): Promise<{ status: number; text: string }> {
    const signal = AbortSignal.timeout(timeoutMillis);
    try {
      const { fetch: fetcher = fetch } = this.options;
      const response = await fetcher(url, { signal, redirect: 'error', credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });
      return { status: response.status, text: await bodyOf(response, maxBytes) };
    } catch (error) {
      if (error instanceof ApiFault) throw error;
      if (!signal.aborted) throw new ApiFault('unreachable', error instanceof Error ? error.message : '');
      this.silentUntil = Date.now() + timeoutMillis;
      throw new ApiFault('timeout');
    }
  }
}

async function bodyOf(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > maxBytes) {
      void reader?.cancel().catch(() => undefined);
      throw new ApiFault('too-long', `more than ${maxBytes} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function jsonOf(text: string): Json | null {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ApiFault('malformed', 'object');
  return value as Json;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new ApiFault('malformed', 'text');
  return value;
}

/** A number that lost no digits, or decimal text. */
function integerOf(value: unknown): bigint {
  if (!Number.isSafeInteger(value) && !(typeof value === 'string' && /^-?\d{1,39}$/.test(value))) throw new ApiFault('malformed', 'integer');
  return BigInt(value as number | string);
}

/** Hashes come in either base64; that of no transaction is left out by some. */
function idOf(value: unknown): TransactionId {
  const { lt, hash } = objectOf(value);
  const id = { lt: integerOf(lt), hash: '' };
  if (id.lt === 0n) return id;
  if (typeof hash !== 'string' || !/^[\w+/-]{43}=?$/.test(hash)) throw new ApiFault('malformed', 'hash');
  return { ...id, hash: toHex(fromBase64(hash)) };
}
