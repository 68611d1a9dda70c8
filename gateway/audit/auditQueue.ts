import type { DrawnAnswer } from './auditStore';

interface Waiting {
  drawn: DrawnAnswer;
  /** Does not reject. */
  work: () => Promise<void>;
  /** Not pushed out by others. */
  isKept: boolean;
}

export interface QueueRules {
  /** Most that wait; the oldest makes room. */
  capacity: number;
  isBusy: () => boolean;
  /** For how long work steps back while others are busy. */
  patienceMillis: number;
}

const LOOK_MILLIS = 50;

/** One piece of work at a time, when nobody else is busy or after some patience. */
export class AuditQueue {
  private readonly waiting: Waiting[] = [];
  private running: Promise<void> | null = null;
  private readonly closing = new AbortController();

  constructor(private readonly rules: QueueRules) {}

  /** Answers what was given up for it: the oldest that waits, or itself after the end. */
  add(drawn: DrawnAnswer, work: () => Promise<void>, isKept = false): DrawnAnswer | undefined {
    if (this.closing.signal.aborted) return drawn;
    this.waiting.push({ drawn, work, isKept });
    // Never in the turn of whoever adds.
    this.running ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.run());
    if (this.waiting.length <= this.rules.capacity) return undefined;
    const oldest = this.waiting.findIndex((one) => !one.isKept);
    return oldest < 0 ? undefined : this.waiting.splice(oldest, 1)[0].drawn;
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  /** Takes no more, hurries, and gives up at the signal what has not begun. Resolves when nothing runs; answers what was given up. */
  async close(giveUp: AbortSignal): Promise<DrawnAnswer[]> {
    this.closing.abort();
    const left: DrawnAnswer[] = [];
    const leave = (): void => void left.push(...this.waiting.splice(0).map(({ drawn }) => drawn));
    giveUp.addEventListener('abort', leave);
    if (giveUp.aborted) leave();
    await this.idle();
    giveUp.removeEventListener('abort', leave);
    return left;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      // Whoever cannot say is not busy.
      await this.turn().catch(() => undefined);
      await this.waiting.shift()?.work();
    }
    this.running = null;
  }

  private async turn(): Promise<void> {
    const { isBusy, patienceMillis } = this.rules;
    const { signal } = this.closing;
    for (const until = Date.now() + patienceMillis; !signal.aborted && isBusy() && Date.now() < until;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, LOOK_MILLIS).unref();
        signal.addEventListener('abort', done, { once: true });
        function done(): void {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        }
      });
    }
  }
}
