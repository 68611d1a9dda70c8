/**
 * Waits out most of a position's time in a timer. While a WebGPU promise is pending, Dawn's Node binding polls from
 * the event loop and keeps a core busy, which a software adapter needs for the work itself (measured: half the time
 * per position).
 */
export class Pacer {
  private readonly enabled: boolean;

  /**
   * @param sleepMillis first guess of how long to sleep before asking; follows the time that positions take. 0: never
   * sleep
   */
  constructor(private sleepMillis: number) {
    this.enabled = sleepMillis > 0;
  }

  /** Sleeps, then awaits what `ask` starts. */
  async wait(ask: () => Promise<unknown>): Promise<void> {
    if (!this.enabled) {
      await ask();
      return;
    }
    if (this.sleepMillis >= 1) await new Promise((resolve) => setTimeout(resolve, Math.floor(this.sleepMillis)));
    const asked = performance.now();
    await ask();
    const polled = performance.now() - asked;
    // Asked too late when the answer was there at once: sleep less. Else sleep through half of what was polled.
    this.sleepMillis = polled < 0.5 ? this.sleepMillis * 0.9 : Math.min(this.sleepMillis + polled / 2, 1000);
  }
}
