import type { Logger } from '../log';
import type { UptimeStore } from '../store/uptimeStore';

/** Seconds between two beats: what a record of a worker that was killed lacks at most. */
export const BEAT_SECONDS = 15;
/** Between two beats that are further apart the machine slept, or the clock was set: the time is not counted. */
const LONGEST_GAP_SECONDS = 3 * BEAT_SECONDS;

/**
 * Writes down that the worker runs, and whether it can serve. Nothing else extends the record: a worker that was killed counts as down from its last
 * beat on. Time between a beat that was ready and one that was not counts as not ready.
 */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout;
  private last: { time: number; isReady: boolean } | null = null;
  private hasFailed = false;

  /** @param now Unix seconds */
  constructor(
    private readonly store: UptimeStore,
    private readonly isReady: () => boolean,
    private readonly log: Logger,
    private readonly now: () => number,
  ) {
    this.beat();
    this.timer = setInterval(() => this.beat(), BEAT_SECONDS * 1_000).unref();
  }

  /** Never throws: a store that cannot be written is told by others, and this time counts as down. */
  beat(): void {
    const now = this.now();
    try {
      this.note(now, this.isReady());
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) this.log.warn({ error: String(error) }, 'that the worker runs could not be written down');
      this.hasFailed = true;
      this.last = null;
    }
  }

  /** The last beat; to be called before the store is closed. */
  stop(): void {
    clearInterval(this.timer);
    this.beat();
  }

  private note(now: number, isReady: boolean): void {
    const { last, store } = this;
    if (last === null || now < last.time || now - last.time > LONGEST_GAP_SECONDS) {
      store.begin(now, now, isReady);
      store.prune(now);
    } else if (last.isReady && !isReady) {
      store.begin(last.time, now, false);
    } else {
      store.extend(now);
      if (isReady && !last.isReady) store.begin(now, now, true);
    }
    this.last = { time: now, isReady };
  }
}
