/**
 * Waits out half of a step's time in a timer. While a WebGPU promise is pending, Dawn's Node binding polls from the
 * event loop and keeps a core busy, which a software adapter needs for the work itself (measured: half the time per
 * position).
 */
export class Pacer {
  /** Milliseconds that the last steps took, sleep included. */
  private readonly recent: number[] = [];

  /** @param guessMillis what the first step may take. 0: never sleep */
  constructor(private readonly guessMillis: number) {}

  /** Sleeps, then awaits what `ask` starts. */
  async wait(ask: () => Promise<unknown>): Promise<void> {
    if (this.guessMillis === 0) {
      await ask();
      return;
    }
    const started = performance.now();
    // Half of the shortest: a sleep that was too long is halved at once, a step that compiled kernels is forgotten.
    const sleep = Math.floor(Math.min(...(this.recent.length > 0 ? this.recent : [this.guessMillis])) / 2);
    if (sleep >= 1) await new Promise((resolve) => setTimeout(resolve, sleep));
    await ask();
    this.recent.push(performance.now() - started);
    if (this.recent.length > REMEMBERED) this.recent.shift();
  }
}

const REMEMBERED = 8;
