/** Closes what was opened, the newest first, each whatever became of the others. */
export class Closers {
  private readonly waiting: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.waiting.push(close);
  }

  /** @throws the first error, once all are closed */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.waiting.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
