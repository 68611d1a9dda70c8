import { GenerationAbortedError } from '../../exact';
import type { ServedEngine } from '../engine';

/** Thrown for what finds no place in the queue, or loses it to a party that has fewer. */
export class EngineBusy extends Error {}

/** The party that a worker's on-chain jobs are: paid in full and with a deadline, they go first and always have a place. */
export const JOBS = 'jobs';

/** The party that asks what the worker holds of traces. */
export const TRACES = 'traces';

interface Waiting {
  start(): void;
  reject(error: Error): void;
}

/**
 * Who computes next. So many generations run at a time, as many as the engine serves side by side; others wait, one party after
 * another, however many each of them has waiting. A full queue takes a newcomer from a party that has less in it than the one
 * that has most, whose newest loses its place: nobody is kept out by another's flood.
 */
export class EngineQueue {
  private readonly parties = new Map<string, Waiting[]>();
  private count = 0;
  private active = 0;

  constructor(private readonly limits: { running: number; waiting: number }) {}

  /** Generations that run. */
  get running(): number {
    return this.active;
  }

  /** Generations that wait. */
  get waiting(): number {
    return this.count;
  }

  /** Whether there would be no place for this party now. */
  isFullFor(party: string): boolean {
    if (party === JOBS || this.active < this.limits.running || this.count < this.limits.waiting) return false;
    return this.greediest(party) === null;
  }

  /** The same engine, whose generations take places of this party. */
  engineFor(party: string, engine: ServedEngine): ServedEngine {
    const { backend, adapter, cannotRepeat } = engine;
    return {
      backend, adapter, ...(cannotRepeat && { cannotRepeat }), generate: (job) => this.run(party, () => engine.generate(job), job.signal),
      close: () => engine.close(),
    };
  }

  /** Runs work when it is its turn. @throws EngineBusy; GenerationAbortedError when the signal aborts while it waits */
  async run<T>(party: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.active >= this.limits.running) await this.turn(party, signal);
    else this.active++;
    try {
      return await work();
    } finally {
      const next = this.next();
      // A place is handed over, so nobody who comes later passes those who wait.
      if (next === undefined) this.active--;
      else next.start();
    }
  }

  private turn(party: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted());
      if (party !== JOBS && this.count >= this.limits.waiting) {
        const other = this.greediest(party);
        if (other === null) return reject(new EngineBusy());
        this.remove(other, this.parties.get(other)!.at(-1)!).reject(new EngineBusy());
      }
      const giveUp = (): void => this.remove(party, place).reject(aborted());
      const place: Waiting = {
        start: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
        reject: (error) => {
          signal?.removeEventListener('abort', giveUp);
          reject(error);
        },
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      const places = this.parties.get(party);
      if (places === undefined) this.parties.set(party, [place]);
      else places.push(place);
      this.count++;
    });
  }

  /** Jobs first, then the party that waited longest since its last turn. */
  private next(): Waiting | undefined {
    const party = this.parties.has(JOBS) ? JOBS : this.parties.keys().next().value;
    if (party === undefined) return undefined;
    const places = this.parties.get(party)!;
    const place = this.remove(party, places[0]);
    // To the end of the round.
    if (places.length > 0) {
      this.parties.delete(party);
      this.parties.set(party, places);
    }
    return place;
  }

  private remove(party: string, place: Waiting): Waiting {
    const places = this.parties.get(party)!;
    places.splice(places.indexOf(place), 1);
    if (places.length === 0) this.parties.delete(party);
    this.count--;
    return place;
  }

  /** The party with most places, when it has at least two more than this one; jobs keep theirs. */
  private greediest(party: string): string | null {
    const own = this.parties.get(party)?.length ?? 0;
    let most = own + 1;
    let found: string | null = null;
    for (const [name, { length }] of this.parties) {
      if (name !== JOBS && length > most) [most, found] = [length, name];
    }
    return found;
  }
}

const aborted = (): GenerationAbortedError => new GenerationAbortedError('engine.aborted', 'the generation was stopped while it waited');
