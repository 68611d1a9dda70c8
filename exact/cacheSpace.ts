/** Which positions of the KV cache are whose: stretches, first fit. */
export class CacheSpace {
  /** Free stretches in order, none adjoining the next. */
  private free: { base: number; length: number }[];

  constructor(readonly positions: number) {
    this.free = [{ base: 0, length: positions }];
  }

  /** First position of a free stretch, or undefined while there is none. */
  take(length: number): number | undefined {
    const stretch = this.free.find((candidate) => candidate.length >= length);
    if (stretch === undefined) return undefined;
    const { base } = stretch;
    stretch.base += length;
    stretch.length -= length;
    this.free = this.free.filter((left) => left.length > 0);
    return base;
  }

  /** Whether there were a free stretch of this length if those were given back. */
  wouldFit(length: number, given: readonly { base: number; length: number }[]): boolean {
    const trial = new CacheSpace(0);
    trial.free = this.free.map((stretch) => ({ ...stretch }));
    for (const stretch of given) trial.give(stretch.base, stretch.length);
    return trial.free.some((stretch) => stretch.length >= length);
  }

  give(base: number, length: number): void {
    const sorted = [...this.free, { base, length }].sort((a, b) => a.base - b.base);
    this.free = [];
    for (const stretch of sorted) {
      const last = this.free[this.free.length - 1];
      if (last && last.base + last.length === stretch.base) last.length += stretch.length;
      else this.free.push(stretch);
    }
  }
}
