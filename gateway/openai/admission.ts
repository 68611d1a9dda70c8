/** Bounds how many generations run and how many requests wait for one; the rest is told to come again. */
import { GatewayError } from '../errors';

export class Admission {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: { running: number; waiting: number }) {}

  /**
   * Resolves when the caller may run, with what it calls at its end.
   * @throws GatewayError `gateway.overloaded`; the signal's reason
   */
  async enter(abort: AbortSignal): Promise<() => void> {
    abort.throwIfAborted();
    if (this.running < this.limits.running) this.running++;
    else if (this.waiting.length < this.limits.waiting) await this.wait(abort);
    else {
      throw new GatewayError('gateway.overloaded', 'too many requests are running and waiting', {
        expected: `at most ${this.limits.running} running and ${this.limits.waiting} waiting`,
        hint: 'ask again later', retryAfterSeconds: 2,
      });
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    };
  }

  /** A place is handed over, so nobody who comes later passes those who wait. */
  private wait(abort: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const mayRun = () => {
        abort.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.waiting.splice(this.waiting.indexOf(mayRun), 1);
        reject(abort.reason);
      };
      abort.addEventListener('abort', giveUp, { once: true });
      this.waiting.push(mayRun);
    });
  }
}
