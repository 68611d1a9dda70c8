/** A bounded first-in-first-out queue that works on one item at a time. */
export class WorkQueue {
  private readonly waiting: (() => Promise<void>)[] = [];
  private running: Promise<void> | null = null;
  private stopped = false;

  /** @param limit most items that wait, not counting the one that runs */
  constructor(private readonly limit: number) {}

  get length(): number {
    return this.waiting.length;
  }

  get full(): boolean {
    return this.waiting.length >= this.limit;
  }

  /** Adds `work`; its errors are its own business. Returns false when the queue is full or stopped. */
  push(work: () => Promise<void>): boolean {
    if (this.stopped || this.full) return false;
    this.waiting.push(work);
    this.running ??= this.drain();
    return true;
  }

  /** Drops what waits and resolves when the running item has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waiting.length = 0;
    await this.running;
  }

  private async drain(): Promise<void> {
    for (let work = this.waiting.shift(); work !== undefined; work = this.waiting.shift()) {
      await work().catch(() => undefined);
    }
    this.running = null;
  }
}
