import {
  beginCell,
  Cell,
  Dictionary,
  external,
  storeMessage,
  type Address,
  type Message,
  type Transaction,
} from '@ton/core';
import { TonClient } from '@ton/ton';
import { readNetworkPrices, type NetworkPrices } from '../../wrappers';
import { ChainApiError, ChainStateError } from '../errors';
import { ApiRecord } from './apiRecord';

/** What the API says about an account at one moment. */
export interface AccountSnapshot {
  /** `absent` covers never deployed, uninitialised and deleted. */
  state: 'absent' | 'active' | 'frozen';
  /** nanoTON */
  balance: bigint;
  code: Cell | null;
  data: Cell | null;
  /** Unix time of the block that the API has seen last; a lagging API is behind the clock. */
  apiTime: number;
}

export interface ChainClientOptions {
  /** toncenter v2 endpoint, with or without `/jsonRPC`. */
  endpoint: string;
  apiKey?: string;
  /** Time limit of one request in milliseconds. */
  timeoutMillis?: number;
  /** Attempts before an unreachable API becomes an error. */
  attempts?: number;
  /** First pause between attempts in milliseconds; doubles each time. */
  backoffMillis?: number;
}

/** How long prices, which validators vote on, are taken as known. */
const PRICES_MILLIS = 300_000;

/** Transactions asked for at a time. */
const PAGE = 50;

/**
 * The few reads and the one write that worker and client need, over `@ton/ton`'s TonClient, with retries, time limits
 * and typed errors. Works the same on devnet, testnet and mainnet.
 */
export class ChainClient {
  readonly ton: TonClient;
  readonly record = new ApiRecord();
  private readonly endpoint: string;
  private readonly attempts: number;
  private readonly backoffMillis: number;
  private prices: { value: NetworkPrices; until: number } | null = null;

  constructor(private readonly options: ChainClientOptions) {
    this.endpoint = options.endpoint.replace(/\/+$/, '').replace(/(\/jsonRPC)?$/, '/jsonRPC');
    this.attempts = options.attempts ?? 5;
    this.backoffMillis = options.backoffMillis ?? 250;
    this.ton = new TonClient({
      endpoint: this.endpoint,
      apiKey: options.apiKey,
      timeout: options.timeoutMillis ?? 10_000,
    });
  }

  async getAccount(address: Address): Promise<AccountSnapshot> {
    const state = await this.retry(() => this.ton.getContractState(address));
    this.record.block(state.timestampt);
    const cell = (bytes: Buffer | null): Cell | null => (bytes === null ? null : Cell.fromBoc(bytes)[0]);
    return {
      state: state.state === 'uninitialized' ? 'absent' : state.state,
      balance: state.balance,
      code: cell(state.code),
      data: cell(state.data),
      apiTime: state.timestampt,
    };
  }

  /** Newest first. Empty for accounts that the API does not know (deleted ones too, on most servers). */
  async getTransactions(address: Address, limit = 20): Promise<Transaction[]> {
    return this.retry(() => this.ton.getTransactions(address, { limit, archival: true }));
  }

  /** Newest first, from the one before the transaction `from` (hash in base64) on. */
  async getPage(address: Address, limit: number, from?: { lt: string; hash: string }): Promise<Transaction[]> {
    const page = await this.retry(() => this.ton.getTransactions(address, { limit, archival: true, ...from }));
    // Some APIs give the transaction of the cursor again.
    return from === undefined ? page : page.filter(({ lt }) => lt < BigInt(from.lt));
  }

  /**
   * The newest transaction of an account, not older than `since` (Unix seconds), that `matches`; pages back through as
   * many as a busy wallet has.
   */
  async findTransaction(
    address: Address,
    since: number,
    matches: (transaction: Transaction) => boolean,
  ): Promise<Transaction | null> {
    let cursor: { lt: string; hash: string } | undefined;
    for (;;) {
      const page = await this.retry(() =>
        this.ton.getTransactions(address, { limit: PAGE, archival: true, ...cursor }),
      );
      const found = page.find(matches);
      if (found !== undefined) return found;
      const last = page[page.length - 1];
      if (page.length < PAGE || last.now < since) return null;
      cursor = { lt: last.lt.toString(), hash: last.hash().toString('base64') };
    }
  }

  /** The transaction that sent the internal message (`source`, `destination`, created at `lt`), or null. */
  async findSourceTransaction(source: Address, destination: Address, lt: bigint): Promise<Transaction | null> {
    try {
      return await this.retry(() => this.ton.tryLocateSourceTx(source, destination, lt.toString()));
    } catch (error) {
      if (error instanceof ChainApiError) return null;
      throw error;
    }
  }

  /** @throws ChainStateError `chain.external-refused` when no contract accepts it. */
  async sendExternal(boc: Buffer): Promise<void> {
    await this.retry(() => this.ton.sendFile(boc));
  }

  /** Network id of the API's chain (configuration parameter 19, int32). */
  async networkId(): Promise<number> {
    return (await this.configParameter(19)).beginParse().loadInt(32);
  }

  /** Gas and forwarding prices of the basechain (configuration parameters 21 and 25), at most five minutes old. */
  async networkPrices(): Promise<NetworkPrices> {
    if (this.prices !== null && this.prices.until > Date.now()) return this.prices.value;
    const parameters = Dictionary.empty(Dictionary.Keys.Int(32), Dictionary.Values.Cell());
    for (const id of [21, 25]) parameters.set(id, await this.configParameter(id));
    const value = readNetworkPrices(beginCell().storeDictDirect(parameters).endCell());
    this.prices = { value, until: Date.now() + PRICES_MILLIS };
    return value;
  }

  /** The newest masterchain block whose number is a multiple of 100: number and root hash, 32 bytes. */
  async recentBlock(): Promise<{ seqno: number; rootHash: Uint8Array }> {
    const { latestSeqno, shard } = await this.retry(() => this.ton.getMasterchainInfo());
    const seqno = latestSeqno - (latestSeqno % 100);
    const block = await this.retry(() => this.call('lookupBlock', { workchain: -1, shard, seqno }));
    const { root_hash: hash } = (block ?? {}) as { root_hash?: unknown };
    const rootHash = Buffer.from(typeof hash === 'string' ? hash : '', 'base64');
    if (rootHash.length !== 32) {
      throw new ChainApiError('network.answer', 'the API did not give a block', { expected: `masterchain block ${seqno}`, received: 'an answer without its root hash' });
    }
    return { seqno, rootHash };
  }

  private async configParameter(id: number): Promise<Cell> {
    const result = await this.retry(() => this.call('getConfigParam', { config_id: id }));
    const bytes = (result as { config?: { bytes?: string } } | null)?.config?.bytes;
    if (typeof bytes !== 'string') {
      throw new ChainApiError('network.answer', 'the API did not give a configuration parameter', {
        expected: `configuration parameter ${id}`,
        received: 'an answer without it',
      });
    }
    return Cell.fromBase64(bytes);
  }

  /** @throws ChainStateError `chain.wrong-network` unless the API serves network `expected`. */
  async checkNetwork(expected: number): Promise<void> {
    const received = await this.networkId();
    if (received !== expected) {
      throw new ChainStateError('chain.wrong-network', 'the API serves another network', {
        expected: `network ${expected}`,
        received: `network ${received} at ${this.options.endpoint}`,
        hint: 'choose --network and --api that belong together',
      });
    }
  }

  private async call(method: string, params: object): Promise<unknown> {
    const response = await fetch(this.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(this.options.apiKey && { 'X-API-Key': this.options.apiKey }) },
      body: JSON.stringify({ id: '1', jsonrpc: '2.0', method, params }),
      signal: AbortSignal.timeout(this.options.timeoutMillis ?? 10_000),
    });
    const body = (await response.json()) as { ok?: boolean; result?: unknown; error?: string };
    if (body.ok !== true)
      throw Object.assign(new Error(body.error ?? 'no reason'), { response: { status: response.status, data: body } });
    return body.result;
  }

  /** Any other read, with the same retries and typed errors. */
  query<T>(read: (ton: TonClient) => Promise<T>): Promise<T> {
    return this.retry(() => read(this.ton));
  }

  private async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await work();
        this.record.answered();
        return answer;
      } catch (cause) {
        const { error, temporary } = classify(cause, this.options.endpoint);
        if (error instanceof ChainApiError) this.record.failed(error.code);
        else this.record.answered();
        if (!temporary || attempt >= this.attempts) throw error;
        await sleep(this.backoffMillis * 2 ** (attempt - 1));
      }
    }
  }
}

/** Decides whether trying again can help, and how the error is called. */
function classify(cause: unknown, endpoint: string): { error: Error; temporary: boolean } {
  const { response, code, name } = cause as {
    response?: { status?: number; data?: { error?: unknown } };
    code?: string;
    name?: string;
  };
  const reason = typeof response?.data?.error === 'string' ? response.data.error : '';
  if (/deserialize/i.test(reason)) {
    const error = new ChainStateError('chain.malformed-message', 'the API cannot read the message', {
      received: reason.slice(0, 200),
      cause,
    });
    return { error, temporary: false };
  }
  if (/not accepted|cannot apply external message|exitcode=/i.test(reason)) {
    const error = new ChainStateError('chain.external-refused', 'no contract accepted the message', {
      received: reason.slice(0, 200),
      cause,
    });
    return { error, temporary: false };
  }
  const status = response?.status;
  if (status !== undefined) {
    const temporary = status === 429 || status >= 500;
    const error = new ChainApiError(
      status === 429 ? 'network.rate-limit' : 'network.answer',
      'the API refused a request',
      {
        received: `HTTP ${status} from ${endpoint}${reason === '' ? '' : `: ${reason.slice(0, 200)}`}`,
        hint: status === 429 ? 'set an API key (COCOON_API_KEY)' : 'check --api, or try again later',
        cause,
      },
    );
    return { error, temporary };
  }
  const what = code ?? name ?? 'unknown';
  const isNetwork = /^(E[A-Z]+|ERR_NETWORK|TimeoutError|AbortError|TypeError)$/.test(what);
  const details = { received: `${endpoint}: ${what}`, hint: 'start the devnet, or check --api', cause };
  return isNetwork
    ? { error: new ChainApiError('network.unreachable', 'cannot reach the API of the chain', details), temporary: true }
    : {
        error: new ChainApiError('network.answer', 'the API gave an answer that cannot be read', details),
        temporary: false,
      };
}

/** @param signal ends the pause early */
export function sleep(millis: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, millis);
    signal?.addEventListener('abort', end);
  });
}

/** Body and value of an internal message, or null for externals. */
export function internalMessage(
  message: Message | null | undefined,
): { source: Address; value: bigint; body: Cell } | null {
  if (message?.info.type !== 'internal') return null;
  return { source: message.info.src, value: message.info.value.coins, body: message.body };
}

/** An external message to `to` without StateInit, as a bag of cells. */
export function externalTo(to: Address, body: Cell): Buffer {
  return beginCell()
    .store(storeMessage(external({ to, body })))
    .endCell()
    .toBoc();
}
