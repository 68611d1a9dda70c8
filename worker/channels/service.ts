import type { Server } from 'node:http';
import type { Address } from '@ton/core';
import type { TierValue } from '../../protocol';
import type { RequestVault } from '../cases/vault';
import type { ChainClient } from '../chain/chainClient';
import type { ServedEngine, ServedModel } from '../engine';
import { nodeEd25519 } from '../keys/ed25519';
import { unixTime } from '../jobs/settle';
import type { ClaimKey, WorkerKeys } from '../keys/workerKeys';
import type { Logger } from '../log';
import type { Admission } from '../operation/admission';
import type { WorkerMetrics } from '../operation/metrics';
import { deadline, ended, holds } from '../operation/wait';
import { type BookTotals, ChannelBooks } from './books';
import { Claimer } from './claimer';
import { ChannelDesk } from './desk';
import { PaymentReader } from './payments';
import { CHANNEL_PATH, ChannelEndpoint } from './endpoint';
import type { ChannelStore } from './store/channelStore';

/** What a worker that is paid through channels adds. */
export interface ChannelOptions {
  store: ChannelStore;
  claimKey: ClaimKey;
  /** nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  /** Seconds between rounds of claims. */
  claimSeconds: number;
}

/** What the rest of the worker lends it. */
export interface ChannelHost {
  chain: ChainClient;
  log: Logger;
  keys: WorkerKeys;
  model: ServedModel;
  engine: ServedEngine;
  /** Set for a worker whose answers can be challenged. */
  vault?: RequestVault;
  /** Hash part of the provider's stake, 32 bytes. */
  stake: Uint8Array;
  policy: { networkId: number; payout: Address; tier: TierValue };
  maxTokens: number;
  admission: Admission;
  metrics?: WorkerMetrics;
}

/** A provider has a day for its last claim, so that an outage does not cost it. */
export const MIN_CLOSE_DELAY_SECONDS = 86_400;
/** A claim waits until it pays 50 times its fee: settling costs 2 % at most, unless the channel ends. */
const WORTHWHILE_FEES = 50n;
/** A client's close is noticed within this time, far below closeDelay. */
const VIEW_SECONDS = 60;
const MAX_REQUEST_SECONDS = 3_600;
/** Time for the payment of a last piece to come, for a claim under way, and for what was stopped to end. */
const PAYMENT_MILLIS = 2_000;
const CLAIM_MILLIS = 5_000;
const END_MILLIS = 1_000;
/** Far beyond the time in which a request may be asked again (MAX_REQUEST_SECONDS): one that did not end by then is given up. */
const ABANDONED_SECONDS = 86_400;
/** Answers that clients may still ask for again; a bonded worker's disputes end sooner (docs/parameters.md). */
const RETENTION_SECONDS = 10 * 86_400;

/** What clients need to know to open a channel, for the descriptor. Amounts are decimal strings of nanoTON per million tokens. */
export function channelOffer({ claimKey, promptPrice, outputPrice }: ChannelOptions): object {
  return {
    path: CHANNEL_PATH,
    claimKey: Buffer.from(claimKey.publicKey).toString('hex'),
    promptPriceNano: promptPrice.toString(),
    outputPriceNano: outputPrice.toString(),
    minCloseDelay: MIN_CLOSE_DELAY_SECONDS,
  };
}

/** Serves and claims channels beside the jobs of a worker, until it is stopped. */
export class ChannelService {
  private readonly endpoint: ChannelEndpoint;
  private readonly books: ChannelBooks;
  private readonly draining = new AbortController();
  private readonly closing = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private round: Promise<void> = Promise.resolve();

  constructor(server: Server, private readonly host: ChannelHost, private readonly options: ChannelOptions) {
    const { chain, log, keys, model, engine, vault, stake, policy, maxTokens, admission, metrics } = host;
    const { store, claimKey, promptPrice, outputPrice } = options;
    const channelPolicy = {
      networkId: policy.networkId, stake, payout: policy.payout, claimKeys: [claimKey.publicKey], minCloseDelay: MIN_CLOSE_DELAY_SECONDS,
    };
    const desk = new ChannelDesk({ chain, store, policy: channelPolicy, now: unixTime, viewSeconds: VIEW_SECONDS });
    const serving = {
      workerKey: keys.signingPublic, tier: policy.tier, promptPrice, outputPrice, maxTokens, maxSeconds: MAX_REQUEST_SECONDS,
    };
    this.endpoint = new ChannelEndpoint(server, {
      desk, policy: channelPolicy, serving, store, keys, engine, model, vault, log, now: unixTime, admission, metrics, draining: this.draining.signal,
    });
    this.books = new ChannelBooks(store, unixTime);
    const claimer = new Claimer({
      chain, store, networkId: policy.networkId, sign: (hash) => nodeEd25519.sign(hash, claimKey.secret), now: unixTime, log,
      worthwhileFees: WORTHWHILE_FEES,
      observe: {
        seen: (address, endsAt) => void this.books.noteEnd(address, endsAt).catch((error: unknown) => log.warn({ error: String(error) }, 'the end of a channel was not noted')),
        looked: (outcome) => metrics?.claimed(outcome),
      },
    });
    const payments = new PaymentReader({ chain, store, payout: policy.payout, log, now: unixTime });
    let isTending = false;
    const tend = (): void => {
      // A round may take longer than the time between two.
      if (isTending) return;
      isTending = true;
      this.round = (async () => {
        await claimer.round(this.closing.signal);
        await payments.round(this.closing.signal);
        if (this.closing.signal.aborted) return;
        const now = unixTime();
        await store.endOld(now - ABANDONED_SECONDS, now);
        await store.prune(now - RETENTION_SECONDS);
      })().catch((error: unknown) => log.error({ error: String(error) }, 'a round of claims failed')).finally(() => (isTending = false));
    };
    tend();
    this.timer = setInterval(tend, options.claimSeconds * 1_000);
  }

  /** Connections of clients. */
  get connections(): number {
    return this.endpoint.size;
  }

  /** @throws StorageError */
  totals(): BookTotals {
    return this.books.totals();
  }

  /**
   * Begins nothing new, and resolves when what runs has ended and is paid for, or when the signal aborts. Connections stay, so that
   * vouchers come and requests are refused with a reason.
   */
  async drain(until: AbortSignal): Promise<void> {
    this.draining.abort();
    await holds(() => this.host.admission.size === 0, until);
    const { signal, clear } = deadline(PAYMENT_MILLIS);
    await holds(() => this.endpoint.isQuiet, AbortSignal.any([until, signal]));
    clear();
  }

  /** Lets a claim under way finish, ends every connection, and closes the store: every voucher that came is in it. */
  async stop(): Promise<void> {
    this.draining.abort();
    this.closing.abort();
    clearInterval(this.timer);
    const claim = deadline(CLAIM_MILLIS);
    await Promise.all([ended(this.round, claim.signal), this.endpoint.close()]);
    claim.clear();
    const end = deadline(END_MILLIS);
    await holds(() => this.host.admission.size === 0, end.signal);
    end.clear();
    this.options.store.close();
  }
}
