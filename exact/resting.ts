import type { CacheSpace } from './cacheSpace';
import type { Sequence } from './sequence';

/** A job that rests keeps its part of the cache for so long, whoever waits; afterwards it computes again what it had. */
const KEEPS_CACHE_MILLIS = 1_000;

/** Jobs that wait for leave to read more of their prompts (`promptLimit`), the longest resting one first. */
export class RestingJobs {
  private readonly since = new Map<Sequence, number>();
  private timer: NodeJS.Timeout | undefined;

  /** @param wake is called when a job that rests could give its part of the cache */
  constructor(private readonly wake: () => void) {}

  add(sequence: Sequence): void {
    this.since.set(sequence, performance.now());
  }

  /** Whether it rested. */
  delete(sequence: Sequence): boolean {
    return this.since.delete(sequence);
  }

  /** Takes out all of them. */
  splice(): Sequence[] {
    const all = [...this.since.keys()];
    this.since.clear();
    clearTimeout(this.timer);
    return all;
  }

  /**
   * The first of those that rest long enough, as many as have to give their parts of the cache so that there is room for `length`
   * positions; none where that makes no room yet, and then `wake` is called when it could.
   */
  toEvict(space: CacheSpace, length: number): Sequence[] {
    const chosen: Sequence[] = [];
    const stretches: { base: number; length: number }[] = [];
    for (const [sequence, since] of this.since) {
      if (sequence.cacheBase === undefined) continue;
      const left = since + KEEPS_CACHE_MILLIS - performance.now();
      if (left > 0) {
        clearTimeout(this.timer);
        this.timer = setTimeout(this.wake, left);
        return [];
      }
      chosen.push(sequence);
      stretches.push({ base: sequence.cacheBase, length: sequence.length });
      if (space.wouldFit(length, stretches)) return chosen;
    }
    return [];
  }
}
