import type { Tokenizer } from '../../exact';
import { unreadable } from './http';

/** Tokens at the end that more text may still change: merges do not reach further, or the answer is refused. */
const UNCERTAIN = 8;
/** Text is tokenised again when it has grown by so many characters, or by a part of its length: the whole takes about linear time. */
const STEP = 96;
const STEP_PART = 32;

/** The tokens of a text that comes in pieces: in the end exactly those of the whole text. */
export class TextTokens {
  private text = '';
  private looked = 0;
  private readonly certain: number[] = [];

  constructor(private readonly tokenizer: Tokenizer) {}

  /** Takes more text; answers the tokens that became certain. @throws UpstreamError `engine.upstream-answer` */
  push(more: string): readonly number[] {
    this.text += more;
    if (this.text.length - this.looked < Math.max(STEP, this.text.length / STEP_PART)) return [];
    this.looked = this.text.length;
    const tokens = this.tokenizer.encode(this.text);
    return this.advance(tokens, Math.max(this.certain.length, tokens.length - UNCERTAIN));
  }

  /**
   * The rest. @param isCut the text ends where it was cut, maybe within a character
   * @throws UpstreamError `engine.upstream-answer` when the tokens do not give the text again
   */
  end(isCut: boolean): readonly number[] {
    if (isCut) this.text = this.text.replace(/\ufffd{1,3}$/, '');
    const tokens = this.tokenizer.encode(this.text);
    if (this.tokenizer.decode(tokens).normalize('NFC') !== this.text.normalize('NFC')) {
      throw unreadable('a text that this tokenizer can write', 'another one');
    }
    return this.advance(tokens, tokens.length);
  }

  private advance(tokens: readonly number[], length: number): readonly number[] {
    if (this.certain.some((token, i) => token !== tokens[i])) throw unreadable('a text whose tokens follow one another', 'one that merges across them');
    const fresh = tokens.slice(this.certain.length, length);
    this.certain.push(...fresh);
    return fresh;
  }
}
