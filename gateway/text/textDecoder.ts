/** Text of an answer whose tokens come one after the other. */
import type { Tokenizer } from '../../exact';

const REPLACEMENT = '\uFFFD';

/**
 * Pieces that joined are what `tokenizer.decode` says of all tokens at once. A character may be spread over tokens, so text
 * that ends in U+FFFD waits; and what a token looks like may hang on the one before it (a leading blank), so each is
 * decoded behind the last that was settled.
 */
export class TokenTextDecoder {
  /** Settled tokens that the next ones are decoded behind, and unsettled ones. */
  private context: number[] = [];
  private waiting: number[] = [];

  constructor(private readonly tokenizer: Pick<Tokenizer, 'decode'>) {}

  /** Text that is certain now; often empty. */
  push(token: number): string {
    this.waiting.push(token);
    const text = this.unsettled();
    if (text === '' || text.endsWith(REPLACEMENT)) return '';
    this.context = this.waiting;
    this.waiting = [];
    return text;
  }

  /** What still waits when no token follows. */
  end(): string {
    const text = this.unsettled();
    this.waiting = [];
    return text;
  }

  private unsettled(): string {
    const { tokenizer, context, waiting } = this;
    return tokenizer.decode([...context, ...waiting]).slice(tokenizer.decode(context).length);
  }
}
