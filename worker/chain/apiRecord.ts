/** How the API of the chain has behaved, for whoever operates the worker. */
export class ApiRecord {
  /** Unix milliseconds of its last answer. */
  answeredAt: number | null = null;
  /** Unix seconds of the newest block that it showed. */
  newestBlock: number | null = null;
  /** Attempts that failed, by the code of the error. */
  readonly failures = new Map<string, number>();

  answered(): void {
    this.answeredAt = Date.now();
  }

  block(time: number): void {
    this.newestBlock = Math.max(this.newestBlock ?? 0, time);
  }

  failed(code: string): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }
}
