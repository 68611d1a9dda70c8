/**
 * Tokenizer kind 2: the tokenizer.json that the model came with. Only what happens to ids is exact arithmetic's business; text
 * goes through Hugging Face's tokenizers, on the client's side and for showing answers. Chats are in jsonTokenizer.ts: the Mini
 * App has no room for what renders their templates.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { JobInputError } from './errors';
import type { TokenizerJson } from './tokenizerJson';
import { SectionReader, decodeUtf8, optionalId, refuseSection as refuse } from './tokenizerSection';

/** The protocol's stop set holds no more. */
const MAX_STOP_TOKENS = 255;

/** What a section says. */
export interface TokenizerParts {
  json: TokenizerJson;
  bosToken?: number;
  eosToken?: number;
  /** ascending */
  stopTokens: readonly number[];
  chatTemplate: string;
}

export class JsonTokens {
  private readonly parts: TokenizerParts;
  /** knows all added tokens */
  private readonly whole: Library;
  /** knows no special tokens, so that no text becomes one */
  private readonly plain: Library;
  private readonly textOf: Map<number, string>;

  /**
   * Reads and checks a section; refuses with code `model.tokenizer.<reason>`.
   * @param shaped the JSON as what it is to be, or a refusal (`checkTokenizerJson`)
   */
  constructor(readonly section: Uint8Array, vocab: number, shaped: (json: unknown) => TokenizerJson) {
    this.parts = readParts(section, vocab, shaped);
    const { json } = this.parts;
    this.whole = library(json);
    this.plain = library({ ...json, added_tokens: json.added_tokens.filter(({ special }) => !special) });
    this.textOf = new Map(json.added_tokens.filter(({ special }) => special).map((token) => [token.id, token.content]));
  }

  get bosToken(): number | undefined {
    return this.parts.bosToken;
  }

  get eosToken(): number | undefined {
    return this.parts.eosToken;
  }

  get stopTokens(): readonly number[] {
    return this.parts.stopTokens;
  }

  get takesChats(): boolean {
    return this.chatTemplate !== '';
  }

  get chatTemplate(): string {
    return this.parts.chatTemplate;
  }

  encode(text: string): number[] {
    return ids(this.plain, text);
  }

  encodePrompt(text: string): number[] {
    const tokens = this.encode(text);
    return this.bosToken === undefined ? tokens : [this.bosToken, ...tokens];
  }

  /** Tokens of what a chat template wrote, special ones where it wrote their text. */
  encodeRendered(text: string): number[] {
    return ids(this.whole, text);
  }

  /** The text of a special token that one of these holds, or undefined. */
  specialIn(texts: readonly string[]): string | undefined {
    return [...this.textOf.values()].find((special) => texts.some((text) => text.includes(special)));
  }

  /** What of a chat is not the template's holds no special token: it could pass for another message. @throws JobInputError `input.chat.special` */
  refuseSpecial(texts: readonly string[]): void {
    const received = this.specialIn(texts);
    if (received === undefined) return;
    throw new JobInputError('input.chat.special', 'a message holds the text of a special token', {
      expected: 'plain text', received, hint: 'write it in another way',
    });
  }

  /** As the template is to write it; '' for none. */
  textOfToken(token: number | undefined): string {
    return token === undefined ? '' : this.whole.id_to_token(token) ?? '';
  }

  /** Special tokens and ids without text give nothing. */
  decode(tokens: readonly number[]): string {
    const known = tokens.filter((token) => !this.textOf.has(token) && this.whole.id_to_token(token) !== undefined);
    return known.length === 0 ? '' : this.whole.decode(known, { skip_special_tokens: false });
  }
}

function readParts(section: Uint8Array, vocab: number, shaped: (json: unknown) => TokenizerJson): TokenizerParts {
  const reader = new SectionReader(section);
  const [kind, pretokenizer] = [reader.u16(), reader.u16()];
  if (kind !== 2 || pretokenizer !== 0) refuse('kind', 'unknown tokenizer', 'kind 2, pretokenizer 0', `${kind}, ${pretokenizer}`);
  const bosToken = optionalId(reader, vocab);
  const eosToken = optionalId(reader, vocab);
  const count = reader.u32();
  if (count > MAX_STOP_TOKENS) refuse('stop', 'too many stop tokens', `at most ${MAX_STOP_TOKENS}`, `${count}`);
  const stopTokens = Array.from({ length: count }, () => reader.u32());
  if (stopTokens.some((token, i) => token >= vocab || (i > 0 && token <= stopTokens[i - 1]))) {
    refuse('stop', 'the stop tokens are not allowed', `ascending ids below ${vocab}`, stopTokens.join(', '));
  }
  const json = parseJson(decodeUtf8(reader.bytes(reader.u32()), 'json'), vocab, shaped);
  const chatTemplate = decodeUtf8(reader.bytes(reader.u32()), 'template');
  reader.end();
  return { json, bosToken, eosToken, stopTokens, chatTemplate };
}

function parseJson(text: string, vocab: number, shaped: (json: unknown) => TokenizerJson): TokenizerJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    refuse('json', 'the tokenizer is not JSON', 'JSON', 'other text');
  }
  const json = shaped(value);
  const largest = [...Object.values(json.model.vocab), ...json.added_tokens.map((token) => token.id)]
    .reduce((max, token) => Math.max(max, token), 0);
  if (largest >= vocab) refuse('size', 'more tokens than the vocabulary', `ids below ${vocab}`, `${largest}`);
  return json;
}

function library(json: TokenizerJson): Library {
  try {
    return new Library({ ...json, post_processor: null }, { clean_up_tokenization_spaces: false });
  } catch (error) {
    refuse('json', 'the tokenizer is not one that can be used', 'a known kind', error instanceof Error ? error.message : '');
  }
}

/** Ids of a text, without what a post-processor would add. */
function ids(of: Library, text: string): number[] {
  const tokens = of.encode(text, { add_special_tokens: false }).ids;
  if (tokens.every((token) => typeof token === 'number')) return tokens;
  throw new JobInputError('input.text', 'the model has no token for a part of this text', { expected: 'other characters' });
}
