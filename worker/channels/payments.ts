import { Address, type Transaction } from '@ton/core';
import { claimFee, type NetworkPrices } from '../../wrappers';
import type { ChainClient } from '../chain/chainClient';
import type { Logger } from '../log';
import { readNews } from '../stake/history';
import type { ChannelStore } from './store/channelStore';
import type { ChannelPayment } from './store/paymentTable';

export interface PaymentReaderOptions {
  chain: Pick<ChainClient, 'getPage' | 'networkPrices'>;
  store: ChannelStore;
  /** Where claims are paid to. */
  payout: Address;
  log: Logger;
  /** Unix seconds. */
  now: () => number;
}

/** A claim in the history of a channel. */
interface SeenClaim extends Omit<ChannelPayment, 'takenNano'> {
  /** Of its voucher, cumulative. */
  amountNano: bigint;
}

/** Channels that are asked about in one round. */
const MOST_IN_ROUND = 64;
/** A history that does not explain what was paid, as of an API that forgets, is asked for again after this, and later ever less often. */
const FIRST_WAIT_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 6 * 3_600;

/**
 * Finds every payment that a channel's counter says in the channel's history, whoever sent the claim: what it took, what reached the
 * payout wallet, and when. The transactions of an account form a chain of hashes, so none is left out; and what they took together is the counter, or
 * nothing is noted.
 */
export class PaymentReader {
  private readonly waits = new Map<number, { until: number; seconds: number }>();

  constructor(private readonly options: PaymentReaderOptions) {}

  /** Looks into the history of channels whose payments are not all known. What fails at one holds up no other. */
  async round(signal?: AbortSignal): Promise<void> {
    const { store, log, now } = this.options;
    let after = 0;
    for (let looked = 0; looked < MOST_IN_ROUND;) {
      const channels = store.money.unmatched(after, MOST_IN_ROUND);
      if (channels.length === 0) return;
      for (const { id, address } of channels) {
        if (signal?.aborted || looked >= MOST_IN_ROUND) return;
        after = id;
        if ((this.waits.get(id)?.until ?? 0) > now()) continue;
        looked++;
        const isWhole = await this.look(address).catch((error: unknown) => {
          log.warn({ channel: address.toString('hex'), error: String(error) }, 'the payments of a channel could not be read');
          return false;
        });
        if (isWhole) this.waits.delete(id);
        else this.wait(id);
      }
    }
  }

  /** @returns whether the history explains everything that was paid @throws ChainApiError, StorageError */
  async look(address: Uint8Array): Promise<boolean> {
    const { chain, store, payout } = this.options;
    const account = new Address(0, Buffer.from(address));
    const { settledNano, matchedNano, last } = store.money.matching(address);
    const { found, hasGap } = await readNews((of, limit, from) => chain.getPage(of, limit, from), account, last, 0, (transaction) => claimOf(transaction, payout));
    if (hasGap) return false;
    const payments = explain(found.map(({ value }) => value), matchedNano, settledNano, await chain.networkPrices());
    if (payments === null) return false;
    await store.addPayments(address, payments);
    return true;
  }

  private wait(id: number): void {
    const seconds = Math.min((this.waits.get(id)?.seconds ?? FIRST_WAIT_SECONDS / 2) * 2, LONGEST_WAIT_SECONDS);
    this.waits.set(id, { until: this.options.now() + seconds, seconds });
  }
}

/** The claim of a channel's transaction, null for every other one. */
function claimOf(transaction: Transaction, payout: Address): SeenClaim | null {
  const { inMessage, outMessages, description, lt, now: time } = transaction;
  if (inMessage?.info.type !== 'external-in' || description.type !== 'generic' || description.aborted) return null;
  const [payment] = outMessages.values();
  if (payment?.info.type !== 'internal' || !payment.info.dest.equals(payout)) return null;
  const body = inMessage.body.beginParse();
  // The signature of the voucher, and `final`.
  const amountNano = body.skip(513).loadCoins();
  return { lt, hash: new Uint8Array(transaction.hash()), time, receivedNano: payment.info.value.coins, amountNano };
}

/**
 * What each of these claims, oldest first, took from a channel that had paid `before`, so that together they come to `settled`. A claim takes what its
 * voucher says beyond that, or, of a channel that holds too little, what it pays and its fee. Null where they do not come to it.
 */
export function explain(claims: readonly SeenClaim[], before: bigint, settled: bigint, prices: NetworkPrices): ChannelPayment[] | null {
  const fee = claimFee(prices);
  const payments: ChannelPayment[] = [];
  let paid = before;
  for (const { amountNano, ...claim } of claims) {
    // The history is newer than the counter that was seen.
    if (paid === settled) break;
    const due = amountNano - paid;
    // Prices may have changed since.
    const isWhole = due >= claim.receivedNano && due <= claim.receivedNano + 4n * fee;
    const takenNano = isWhole ? due : claim.receivedNano + fee;
    payments.push({ ...claim, takenNano });
    paid += takenNano;
  }
  if (paid === settled) return payments;
  const last = payments.at(-1);
  if (last === undefined) return null;
  // Of the last one the counter itself says what it took.
  last.takenNano += settled - paid;
  return last.takenNano >= last.receivedNano && last.takenNano <= last.receivedNano + 4n * fee ? payments : null;
}
