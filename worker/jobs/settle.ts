import type { Address, Transaction } from '@ton/core';
import { internalMessage, sleep, type AccountSnapshot, type ChainClient } from '../chain/chainClient';
import { crashPoint } from '../crash';
import { ChainStateError } from '../errors';
import type { Logger } from '../log';
import type { JobPayment } from '../store/jobPayments';
import type { JobRecord, JobStore } from '../store/jobStore';

export interface SettleOptions {
  payout: Address;
  /** Seconds between looks at the chain. */
  pollSeconds: number;
  /** Seconds until the same bytes are sent again while they have not landed; doubles up to a minute. */
  resendSeconds: number;
  /** Seconds after the deadline in which a payment may still show. */
  graceSeconds: number;
  /**
   * Chain time until which a paid job is followed, null: not at all. Its client can create it again with the same
   * promise until then; the same bytes answer it, and are paid again.
   */
  followUntil: number | null;
  /** Whether an account that is there takes the bytes now. */
  isOpen(account: AccountSnapshot): boolean;
  signal: AbortSignal;
  /** Called when the API took the signed bytes, which everybody can read from then on. */
  onSent?(): void;
}

/** A paid job that could be created again is looked at more seldom. */
const FOLLOW_FACTOR = 4;

/**
 * Sends the stored bytes of an answered or declined job, and only those, until the escrow has ended, then records how
 * it ended. May be called again after any crash.
 */
export async function settleJob(
  chain: ChainClient,
  store: JobStore,
  address: Address,
  log: Logger,
  options: SettleOptions,
): Promise<void> {
  const name = address.toRawString();
  const job = store.get(name)!;
  let wasOpen = false;
  let isPaid = job.state === 'delivered';
  let nextSend = 0;
  let interval = options.resendSeconds;
  while (!options.signal.aborted) {
    const now = unixTime();
    const account = await chain.getAccount(address).catch(() => null);
    const chainNow = Math.max(now, account?.apiTime ?? 0);
    const isOver = account !== null && account.apiTime >= job.deadline!;
    if (account?.state === 'absent') {
      if (!isPaid) {
        // Before the deadline only our own message ends the escrow; else the API is behind and shows too little.
        const late = chainNow > job.deadline! + options.graceSeconds;
        if (await recordEnd(chain, store, job, address, log, options.payout, wasOpen, late)) return;
        isPaid = store.get(name)!.state === 'delivered';
      }
      // Whoever is there again gets the bytes at once.
      if (isPaid) [nextSend, interval] = [0, options.resendSeconds];
      const { followUntil } = options;
      if (isPaid && (isOver || followUntil === null || account.apiTime > followUntil)) {
        if (followUntil !== null) await notePayments(chain, store, job, address, options.payout, 'all');
        store.update(name, { settledAt: now }, now);
        return;
      }
    } else if (isOver) {
      if (isPaid) await notePayments(chain, store, job, address, options.payout, 'all');
      const note = isPaid ? 'created again, and not delivered again' : 'the deadline passed before the message landed';
      store.update(name, { state: isPaid ? 'delivered' : 'expired', settledAt: now, note }, now);
      log.warn({ job: name, note }, 'job expired');
      return;
    }
    wasOpen ||= account?.state === 'active';
    const takes = account !== null && (account.state === 'active' ? options.isOpen(account) : !isPaid);
    if (takes && chainNow < job.deadline! && now >= nextSend) {
      nextSend = now + interval;
      interval = Math.min(interval * 2, 60);
      if (await send(chain, job, log)) options.onSent?.();
    }
    await sleep(options.pollSeconds * (isPaid ? FOLLOW_FACTOR : 1) * 1000, options.signal);
  }
}

/** Whether the API took the bytes. */
async function send(chain: ChainClient, job: JobRecord, log: Logger): Promise<boolean> {
  let taken = false;
  try {
    await chain.sendExternal(job.external!);
    taken = true;
    log.info({ job: job.address, bytes: job.external!.length }, 'signed message sent');
  } catch (error) {
    // Refused often means: already landed and the API is behind. The next look at the account decides.
    const level = error instanceof ChainStateError ? 'info' : 'warn';
    log[level]({ job: job.address, code: (error as { code?: string }).code }, 'signed message not taken');
  }
  crashPoint('afterSend');
  return taken;
}

/** Records the end of a job if the chain shows it. True when nothing is left to do; a paid job may be followed. */
async function recordEnd(
  chain: ChainClient,
  store: JobStore,
  job: JobRecord,
  address: Address,
  log: Logger,
  payout: Address,
  wasOpen: boolean,
  late: boolean,
): Promise<boolean> {
  const now = unixTime();
  if (job.state === 'declined') {
    if (!wasOpen && !late) return false;
    store.update(job.address, { settledAt: now }, now);
    log.info({ job: job.address, reason: job.reason }, 'job declined');
    return true;
  }
  const [payment] = await notePayments(chain, store, job, address, payout, 'newest');
  if (payment !== undefined) {
    store.update(job.address, { state: 'delivered', paidNano: payment.receivedNano }, now);
    log.info({ job: job.address, paidNano: payment.receivedNano.toString() }, 'job paid');
    return false;
  }
  if (!late) return false;
  store.update(
    job.address,
    { state: 'expired', settledAt: now, note: 'the escrow ended without a payment to us' },
    now,
  );
  log.warn({ job: job.address }, 'escrow ended without payment');
  return true;
}

/** Notes payments from the job's escrow, `all` or the newest one, newest first; none where the API does not show them (yet). */
async function notePayments(
  chain: ChainClient, store: JobStore, { address: job, firstSeen }: JobRecord, escrow: Address, payout: Address, which: 'newest' | 'all',
): Promise<JobPayment[]> {
  const found: JobPayment[] = [];
  const isEnough = (transaction: Transaction): boolean => {
    const { lt, now: time, inMessage } = transaction;
    const message = internalMessage(inMessage);
    if (message === null || !message.source.equals(escrow)) return false;
    found.push({ job, lt, hash: transaction.hash().toString('hex'), time, receivedNano: message.value });
    return which === 'newest';
  };
  await chain.findTransaction(payout, firstSeen - 60, isEnough).catch(() => null);
  for (const payment of found) store.payments.add(payment);
  return found;
}

/** Now in unix seconds. */
export const unixTime = (): number => Math.floor(Date.now() / 1000);
