/** What was accepted and what was refused, so that a test can see that its sequences did reach everything. */
export class Counts {
  private readonly counts = new Map<string, number>();

  add(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  /** One line for everything with the same beginning. */
  toString(): string {
    const lines = new Map<string, string[]>();
    for (const [what, times] of [...this.counts].sort()) {
      const [kind, ...rest] = what.split(' ');
      lines.set(kind, [...(lines.get(kind) ?? []), `${rest.join(' ')}: ${times}`]);
    }
    return [...lines].map(([kind, rest]) => `${kind.padEnd(16)} ${rest.join(', ')}`).join('\n');
  }

  /** What happened less than `least` times. */
  missing(wanted: string[], least: number): string[] {
    return wanted.filter((what) => this.of(what) < least).map((what) => `${what}: ${this.of(what)} of ${least}`);
  }
}
