/** What one sender, and all together, may take of a relay. */
import { LOOPBACK, senderKey } from '../../worker/http/sender';

/** A measure that fills again with time: `capacity` at once, `perSecond` for good. */
export class TokenBucket {
  private level: number;
  private at: number;

  /** @param now milliseconds that only rise */
  constructor(private readonly rate: { capacity: number; perSecond: number }, private readonly now: () => number) {
    this.level = rate.capacity;
    this.at = now();
  }

  /** Takes so much, also what is not there; answers the milliseconds until it is. */
  take(amount: number): number {
    this.fill();
    this.level -= amount;
    return this.level >= 0 ? 0 : Math.ceil((-this.level / this.rate.perSecond) * 1_000);
  }

  /** Takes one if there is one. */
  tryTake(): boolean {
    this.fill();
    if (this.level < 1) return false;
    this.level -= 1;
    return true;
  }

  private fill(): void {
    const now = this.now();
    this.level = Math.min(this.rate.capacity, this.level + ((now - this.at) / 1_000) * this.rate.perSecond);
    this.at = now;
  }
}

export interface SenderLimits {
  /** Channels in all, of one sender, and to one worker, which counts a relay as one sender. */
  connections: number;
  perSender: number;
  perWorker: number;
  /** Requests of one sender, handshakes among them. */
  requestsPerMinute: number;
}

/** Senders that are remembered for their rate; beyond that whoever asked longest ago is forgotten. */
const MAX_SENDERS = 10_000;

/** Counts channels and requests. A sender is an IPv4 address or an IPv6 /64; this machine counts in total only. */
export class Senders {
  private readonly counts = new Map<string, number>();
  private readonly rates = new Map<string, TokenBucket>();
  private total = 0;

  constructor(private readonly limits: SenderLimits, private readonly now: () => number = () => performance.now()) {}

  /** Channels that are open. */
  get size(): number {
    return this.total;
  }

  /** Whether a request of this address may be looked at. */
  mayAsk(address: string): boolean {
    const key = senderKey(address);
    if (key === LOOPBACK) return true;
    const perMinute = this.limits.requestsPerMinute;
    const bucket = this.rates.get(key) ?? new TokenBucket({ capacity: perMinute, perSecond: perMinute / 60 }, this.now);
    if (!this.rates.delete(key) && this.rates.size >= MAX_SENDERS) this.rates.delete(this.rates.keys().next().value!);
    this.rates.set(key, bucket);
    return bucket.tryTake();
  }

  /** Takes a place for a channel to a worker, and answers what gives it back; null when there is none. */
  enter(address: string, worker: string): (() => void) | null {
    const { connections, perSender, perWorker } = this.limits;
    if (this.total >= connections) return null;
    const key = senderKey(address);
    const leave = this.take([[`worker ${worker}`, perWorker], [`sender ${key}`, key === LOOPBACK ? Infinity : perSender]]);
    if (leave === null) return null;
    this.total++;
    return () => {
      if (leave()) this.total--;
    };
  }

  /** One of each, or nothing. What it answers gives them back, once, and says whether it did. */
  private take(places: readonly [string, number][]): (() => boolean) | null {
    if (places.some(([name, most]) => (this.counts.get(name) ?? 0) >= most)) return null;
    for (const [name] of places) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    let isLeft = false;
    return () => {
      if (isLeft) return false;
      isLeft = true;
      for (const [name] of places) {
        const left = this.counts.get(name)! - 1;
        if (left > 0) this.counts.set(name, left);
        else this.counts.delete(name);
      }
      return true;
    };
  }
}
