import type { Address, Transaction } from '@ton/core';
import { internalMessage, sleep, type ChainClient } from '../chain/chainClient';
import { crashPoint } from '../crash';
import { ChainStateError } from '../errors';
import type { Logger } from '../log';
import type { JobRecord, JobStore } from '../store/jobStore';

export interface SettleOptions {
  payout: Address;
  /** Seconds between looks at the chain. */
  pollSeconds: number;
  /** Seconds until the same bytes are sent again while they have not landed; doubles up to a minute. */
  resendSeconds: number;
  /** Seconds after the deadline in which a payment may still show. */
  graceSeconds: number;
  signal: AbortSignal;
  /** Called when the API took the signed bytes, which everybody can read from then on. */
  onSent?(): void;
}

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
  let nextSend = 0;
  let interval = options.resendSeconds;
  while (!options.signal.aborted) {
    const now = unixTime();
    const account = await chain.getAccount(address).catch(() => null);
    const chainNow = Math.max(now, account?.apiTime ?? 0);
    if (account?.state === 'absent') {
      // Before the deadline only our own message ends the escrow; else the API is behind and shows too little.
      const late = chainNow > job.deadline! + options.graceSeconds;
      if (await recordEnd(chain, store, job, address, log, options.payout, wasOpen, late)) return;
    } else if (account !== null && account.apiTime >= job.deadline!) {
      store.update(
        name,
        { state: 'expired', settledAt: now, note: 'the deadline passed before the message landed' },
        now,
      );
      log.warn({ job: name }, 'job expired');
      return;
    }
    wasOpen ||= account?.state === 'active';
    if (account !== null && chainNow < job.deadline! && now >= nextSend) {
      nextSend = now + interval;
      interval = Math.min(interval * 2, 60);
      if (await send(chain, job, log)) options.onSent?.();
    }
    await sleep(options.pollSeconds * 1000);
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

/** True when the end of the job is recorded. */
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
  const payment = await findPayment(chain, payout, address, job.firstSeen - 60);
  if (payment !== null) {
    store.update(job.address, { state: 'delivered', paidNano: payment, settledAt: now }, now);
    log.info({ job: job.address, paidNano: payment.toString() }, 'job paid');
    return true;
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

/** The value of the payment from `escrow`, or null when the API does not show it (yet). */
async function findPayment(
  chain: ChainClient,
  payout: Address,
  escrow: Address,
  since: number,
): Promise<bigint | null> {
  const fromEscrow = ({ inMessage }: Transaction): boolean =>
    internalMessage(inMessage)?.source.equals(escrow) === true;
  const payment = await chain.findTransaction(payout, since, fromEscrow).catch(() => null);
  return payment === null ? null : internalMessage(payment.inMessage)!.value;
}

/** Now in unix seconds. */
export const unixTime = (): number => Math.floor(Date.now() / 1000);
