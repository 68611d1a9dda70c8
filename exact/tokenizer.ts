/** Text to token ids and back, as a model file's tokenizer section defines it (docs/exact-arithmetic.md section 3). */
import { ByteTokenizer } from './byteTokenizer';
import type { ChatMessage, ChatOptions } from './chatTemplate';
import { JsonTokenizer } from './jsonTokenizer';
import { checkTokenizerJson } from './tokenizerJson';
import { SectionReader, refuseSection } from './tokenizerSection';

export interface Tokenizer {
  /** the section's bytes, hashed whole into the model root */
  readonly section: Uint8Array;
  /** first token of a prompt made from text, or undefined */
  readonly bosToken: number | undefined;
  /** token that usually ends an answer, or undefined */
  readonly eosToken: number | undefined;
  /** all tokens that end an answer, ascending */
  readonly stopTokens: readonly number[];
  /** Jinja, empty for a model without chats */
  readonly chatTemplate: string;
  /** Tokens of a text; never a special one. */
  encode(text: string): number[];
  /** What a client commits to for a text: bosToken, if the model has one, then the text's tokens. */
  encodePrompt(text: string): number[];
  /** Whether chats can be encoded. */
  readonly takesChats: boolean;
  /** What a client commits to for a chat, up to where the answer begins. @throws JobInputError `input.chat.<reason>` */
  encodeChat(messages: readonly ChatMessage[], options?: ChatOptions): number[];
  /** As text; bytes that are not UTF-8 become U+FFFD. */
  decode(tokens: readonly number[]): string;
}

export const Tokenizer = {
  /** Reads and checks a section; refuses with code `model.tokenizer.<reason>`. */
  parse(section: Uint8Array, vocab: number): Tokenizer {
    const kind = new SectionReader(section).u16();
    if (kind === 1) return ByteTokenizer.parse(section, vocab);
    if (kind === 2) return new JsonTokenizer(section, vocab, checkTokenizerJson);
    return refuseSection('kind', 'unknown tokenizer', 'kind 1 or 2', `${kind}`);
  },
};
