/** A bounded first-in-first-out queue that works on one item at a time. */
export class WorkQueue {
  private readonly waiting: (() => Promise<void>)[] = [];
  private running: Promise<void> | null = null;
  private stopped = false;
  /** How many at the front of `waiting` were promised. */
  private promised = 0;

  /** @param limit most items that wait, not counting the one that runs */
  constructor(private readonly limit: number) {}

  get length(): number {
    return this.waiting.length;
  }

  get full(): boolean {
    return this.waiting.length >= this.limit;
  }

  /**
   * Adds `work`; its errors are its own business. Returns false when the queue is full or stopped.
   * @param promised goes before what is not and beyond the limit; promises have a limit of their own
   */
  push(work: () => Promise<void>, promised = false): boolean {
    if (this.stopped || (this.full && !promised)) return false;
    if (promised) this.waiting.splice(this.promised++, 0, work);
    else this.waiting.push(work);
    this.running ??= this.drain();
    return true;
  }

  /** Drops what waits and resolves when the running item has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waiting.length = 0;
    this.promised = 0;
    await this.running;
  }

  private async drain(): Promise<void> {
    for (let work = this.waiting.shift(); work !== undefined; work = this.waiting.shift()) {
      this.promised = Math.max(0, this.promised - 1);
      await work().catch(() => undefined);
    }
    this.running = null;
  }
}
