/** Keys that are remembered; the longest unused one is forgotten first, and begins anew with a full bucket. */
const MAX_KEYS = 10_000;

/** Token buckets: whoever has a key may ask so often a second, and `burst` times at once after a pause. */
export class RateLimit {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  /**
   * @param rate times a second; 0 for no limit
   * @param now milliseconds
   */
  constructor(
    private readonly rate: number,
    private readonly burst: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes one token. @returns 0, or the whole seconds after which there is one */
  take(key: string): number {
    if (this.rate === 0) return 0;
    const at = this.now();
    const known = this.buckets.get(key);
    const tokens = known === undefined ? this.burst : Math.min(this.burst, known.tokens + ((at - known.at) / 1_000) * this.rate);
    const isTaken = tokens >= 1;
    this.buckets.delete(key);
    this.buckets.set(key, { tokens: isTaken ? tokens - 1 : tokens, at });
    if (this.buckets.size > MAX_KEYS) this.buckets.delete(this.buckets.keys().next().value!);
    return isTaken ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.rate));
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.buckets.size;
  }
}
