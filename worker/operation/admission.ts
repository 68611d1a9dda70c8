import { toHex } from '../../protocol';
import { LOOPBACK, senderKey } from '../http/sender';
import { EngineQueue } from './engineQueue';
import { RateLimit } from './rateLimit';

/** How much a worker takes on; docs/run-a-provider.md has the table. */
export interface AdmissionLimits {
  /** Generations that run at a time: what the engine serves side by side. */
  parallel: number;
  /** Requests over channels that wait for the engine. */
  waiting: number;
  /** Requests of one channel that run, wait, or wait for their client to pay, over all of its connections. */
  perChannel: number;
  /** Requests a second of one channel, and of one sender (an IPv4 address or IPv6 /64); 0 for no limit. */
  channelRate: number;
  senderRate: number;
}

export const ADMISSION_LIMITS: AdmissionLimits = { parallel: 16, waiting: 64, perChannel: 16, channelRate: 100, senderRate: 100 };

/** Twice a second's requests may come at once. */
const BURST_SECONDS = 2;
/** Looks at the chain for channels that are not served yet: each costs the operator a call of the API, and its sender nothing. */
const STRANGERS = { perSender: { rate: 2, burst: 20 }, inAll: { rate: 10, burst: 100 } };
/** Seconds after which a busy worker may be asked again. */
const BUSY_SECONDS = 2;

/** A place, or the seconds after which there may be one. */
export type Admitted = { leave(): void } | { retryAfter: number };

/** Who may ask now. Senders on this machine, such as a reverse proxy, have no rate of their own. */
export class Admission {
  readonly queue: EngineQueue;
  private readonly senders: RateLimit;
  private readonly channels: RateLimit;
  private readonly strangers: RateLimit;
  private readonly allStrangers: RateLimit;
  private readonly held = new Map<string, number>();
  private count = 0;

  /** @param now milliseconds */
  constructor(
    private readonly limits: AdmissionLimits = ADMISSION_LIMITS,
    now?: () => number,
  ) {
    this.queue = new EngineQueue({ running: limits.parallel, waiting: limits.waiting });
    this.senders = new RateLimit(limits.senderRate, limits.senderRate * BURST_SECONDS, now);
    this.channels = new RateLimit(limits.channelRate, limits.channelRate * BURST_SECONDS, now);
    this.strangers = new RateLimit(STRANGERS.perSender.rate, STRANGERS.perSender.burst, now);
    this.allStrangers = new RateLimit(STRANGERS.inAll.rate, STRANGERS.inAll.burst, now);
  }

  /** Requests over channels that were admitted and have not ended. */
  get size(): number {
    return this.count;
  }

  /** Anything that an address asks. @returns 0, or the seconds after which it may ask again */
  sender(address: string): number {
    const key = senderKey(address);
    return key === LOOPBACK ? 0 : this.senders.take(key);
  }

  /** A look at a channel that is not served yet. @returns 0, or the seconds after which it may be asked for again */
  stranger(address: string): number {
    const key = senderKey(address);
    const wait = key === LOOPBACK ? 0 : this.strangers.take(key);
    return wait > 0 ? wait : this.allStrangers.take('');
  }

  /** A request over a channel. */
  enter(channel: Uint8Array, address: string): Admitted {
    const name = toHex(channel);
    const wait = this.sender(address) || this.channels.take(name);
    if (wait > 0) return { retryAfter: wait };
    const held = this.held.get(name) ?? 0;
    if (held >= this.limits.perChannel || this.queue.isFullFor(name)) return { retryAfter: BUSY_SECONDS };
    this.held.set(name, held + 1);
    this.count++;
    let isLeft = false;
    return {
      leave: () => {
        if (isLeft) return;
        isLeft = true;
        this.count--;
        const left = this.held.get(name)! - 1;
        if (left > 0) this.held.set(name, left);
        else this.held.delete(name);
      },
    };
  }
}
