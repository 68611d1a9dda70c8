// Looked up once: a test's own global object is slow.
const { imul, log, exp } = Math;

/** Uniform numbers in [0, 1) from a seed, the same everywhere: mulberry32. */
export class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  isDrawn(probability: number): boolean {
    return this.next() < probability;
  }

  exponential(mean: number): number {
    return -mean * log(1 - this.next());
  }

  /** Evenly in its logarithm. */
  logUniform(least: number, most: number): number {
    return least * exp(this.next() * log(most / least));
  }
}

/** Mean of samples, and its standard error. */
export class Mean {
  private sum = 0;
  private squares = 0;
  count = 0;

  add(x: number): void {
    this.sum += x;
    this.squares += x * x;
    this.count++;
  }

  get value(): number {
    return this.sum / this.count;
  }

  get error(): number {
    return Math.sqrt(Math.max(0, this.squares / this.count - this.value ** 2) / this.count);
  }
}

/** A figure by formula, and by simulation with its standard error. */
export interface Figure {
  formula: number;
  simulated: number;
  error: number;
}

export const figure = (formula: number, { value, error }: Mean): Figure => ({ formula, simulated: value, error });
