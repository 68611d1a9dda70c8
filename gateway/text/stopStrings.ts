/** Finds the first of some strings in a text that comes in pieces, and lets nothing of it through. */
export class StopStrings {
  private held = '';
  private readonly longest: number;

  constructor(private readonly stops: readonly string[]) {
    this.longest = stops.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** Text before a stop string, and whether one came; what could be the beginning of one waits. */
  push(piece: string): { text: string; stopped: boolean } {
    this.held += piece;
    const found = this.stops.map((stop) => this.held.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) return { text: this.take(Math.min(...found)), stopped: true };
    return { text: this.take(this.firstBeginning()), stopped: false };
  }

  /** What waited, when no more text comes. */
  end(): string {
    return this.take(this.held.length);
  }

  /** Where the held text's tail may be the beginning of a stop string. */
  private firstBeginning(): number {
    const { held, longest, stops } = this;
    for (let at = Math.max(0, held.length - longest + 1); at < held.length; at++) {
      const tail = held.slice(at);
      if (stops.some((stop) => stop.startsWith(tail))) return at;
    }
    return held.length;
  }

  private take(length: number): string {
    const text = this.held.slice(0, length);
    this.held = this.held.slice(length);
    return text;
  }
}
