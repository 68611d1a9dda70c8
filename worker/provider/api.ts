import { Cell } from '@ton/core';
import { CASE_VERDICTS, claimFee, type NetworkPrices, parseChannel } from '../../wrappers';
import type { ChannelStore } from '../channels/store/channelStore';
import type { OpenVoucher, VoucherCursor } from '../channels/store/moneyReader';
import { RequestError } from '../errors';
import { keptFor } from '../operation/readings';
import type { JobStore } from '../store/jobStore';
import { earned, earningsPage } from './earnings';
import type { StakeView } from './stakeView';
import { uptimeReport } from './uptime';
import { type PaymentsPage, type Period, PROVIDER_VERSION, type ProviderReport, type VouchersPage } from './wire';

export interface ProviderSources {
  /** What does not change, and how the worker is now. */
  worker: () => ProviderReport['worker'];
  load: () => ProviderReport['load'];
  store: JobStore;
  /** Of a worker that serves channels. */
  channels?: ChannelStore;
  stake?: StakeView;
  prices: () => Promise<NetworkPrices>;
  /** Unix seconds. */
  now: () => number;
}

const DAY = 86_400;
const MAX_RUNNING = 50;
const PAGE = { default: 50, most: 200 };
/** Sums over all payments, and the record of 30 days, are made no more often. */
const KEPT_MILLIS = 2_000;
const MAX_TIME = 2 ** 40;

/** What an operator's page asks, from the stores: sums by SQL and pages, so that no answer grows with the age of the worker. */
export class ProviderApi {
  private readonly sums: () => Pick<ProviderReport, 'earnings' | 'audit' | 'uptime'> & { promised: ProviderReport['vouchers'] };

  constructor(private readonly sources: ProviderSources) {
    this.sums = keptFor(KEPT_MILLIS, () => this.readSums());
  }

  /** By path. @throws RequestError, StorageError */
  readonly pages: Readonly<Record<string, (query: URLSearchParams) => unknown>> = {
    '/v1/provider': () => this.report(),
    '/v1/provider/earnings': (query) => this.earnings(query),
    '/v1/provider/vouchers': (query) => this.vouchers(query),
    '/v1/provider/payments': (query) => this.payments(query),
  };

  private async report(): Promise<ProviderReport> {
    const { worker, load, store, stake, prices, now } = this.sources;
    const [stakeReport, fee] = await Promise.all([stake?.report() ?? null, prices().then(claimFee, () => null)]);
    const { promised, ...sums } = this.sums();
    const counts = store.cases.counts();
    const verdicts = Object.fromEntries(Object.entries(CASE_VERDICTS).map(([name, verdict]) => [name, counts.get(verdict) ?? 0]));
    return {
      version: PROVIDER_VERSION, now: now(), worker: worker(), ...sums,
      vouchers: promised && { ...promised, claimFeeNano: fee === null ? null : String(fee) },
      stake: stakeReport,
      disputes: { running: store.cases.open(MAX_RUNNING), counts: { running: counts.get(null) ?? 0, ...(verdicts as Record<keyof typeof CASE_VERDICTS, number>) } },
      load: load(),
    };
  }

  private readSums(): ReturnType<ProviderApi['sums']> {
    const { store, channels } = this.sources;
    const now = this.sources.now();
    const books = { jobs: store.payments, channels: channels?.money };
    const audit = channels?.money.audit();
    const promised = channels?.money.promised(now);
    return {
      earnings: {
        today: earned(books, now - (now % DAY), MAX_TIME), week: earned(books, now - 7 * DAY, MAX_TIME), month: earned(books, now - 30 * DAY, MAX_TIME),
        all: earned(books, 0, MAX_TIME),
      },
      audit: audit === undefined ? null : {
        settledNano: String(audit.settledNano), matchedNano: String(audit.settledNano - audit.unmatchedNano), unmatchedNano: String(audit.unmatchedNano),
        unmatchedChannels: audit.unmatchedChannels,
      },
      promised: promised === undefined ? null : {
        open: { ...promised.open, nano: String(promised.open.nano) }, lost: { ...promised.lost, nano: String(promised.lost.nano) }, claimFeeNano: null,
      },
      uptime: uptimeReport(store.uptime, now),
    };
  }

  private earnings(query: URLSearchParams): unknown {
    const { store, channels, now } = this.sources;
    const by = (query.get('by') ?? 'day') as Period;
    if (!['day', 'week', 'month'].includes(by)) throw badQuery('by', 'day, week or month');
    const to = whole(query, 'to', now() + 1);
    return earningsPage({ jobs: store.payments, channels: channels?.money }, whole(query, 'from', to - 30 * DAY), to, by);
  }

  private vouchers(query: URLSearchParams): VouchersPage {
    const { channels, now } = this.sources;
    const [end, id] = (query.get('after') ?? '-1.0').split('.').map(Number);
    if (!Number.isSafeInteger(end) || !Number.isSafeInteger(id)) throw badQuery('after', '`next` of a page');
    const limit = limitOf(query);
    const found = channels?.money.vouchers(now(), [end, id] as VoucherCursor, limit) ?? [];
    return {
      version: PROVIDER_VERSION, vouchers: found.map(toVoucher), next: found.length < limit ? null : found.at(-1)!.cursor.join('.'),
    };
  }

  private payments(query: URLSearchParams): PaymentsPage {
    const { store, channels } = this.sources;
    const before = /^(\d{1,13})\.(\d{1,15})$/.exec(query.get('before') ?? `${MAX_TIME}.0`);
    if (before === null) throw badQuery('before', '`next` of a page');
    const place = { time: Number(before[1]), row: Number(before[2]) };
    const limit = limitOf(query);
    const of = query.get('of') ?? 'channels';
    if (of !== 'channels' && of !== 'jobs') throw badQuery('of', 'channels or jobs');
    const found = of === 'jobs'
      ? store.payments.page(place, limit).map(({ job, ...payment }) => ({ ...payment, account: job, feeNano: null }))
      : (channels?.money.page(place, limit) ?? []).map(({ address, takenNano, ...payment }) => ({
          ...payment, account: address, feeNano: String(takenNano - payment.receivedNano),
        }));
    const last = found.at(-1);
    return {
      version: PROVIDER_VERSION,
      payments: found.map(({ account, time, hash, receivedNano, feeNano }) => ({ account, time, hash, netNano: String(receivedNano), feeNano })),
      next: last === undefined || found.length < limit ? null : `${last.time}.${last.row}`,
    };
  }
}

function toVoucher({ address, terms, voucherNano, settledNano, final, endsAt }: OpenVoucher): VouchersPage['vouchers'][number] {
  const { expiry } = parseChannel(Cell.fromBoc(terms)[0]).terms;
  const deadline = endsAt ?? expiry;
  return { channel: `0:${address.toString('hex')}`, nano: String(voucherNano - settledNano), final, deadline, isSeen: endsAt !== null, isClosing: deadline < expiry };
}

const badQuery = (name: string, expected: string): RequestError => new RequestError(400, 'request.query', `${name} cannot be used`, { expected });

function whole(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,13}$/.test(text) || Number(text) > MAX_TIME) throw badQuery(name, 'Unix seconds');
  return Number(text);
}

function limitOf(query: URLSearchParams): number {
  const limit = whole(query, 'limit', PAGE.default);
  if (limit < 1 || limit > PAGE.most) throw badQuery('limit', `1..${PAGE.most}`);
  return limit;
}
