/**
 * Tokenizer kind 2: the tokenizer.json that the model came with, and its chat template. Only what happens to ids is exact
 * arithmetic's business; text goes through Hugging Face's tokenizers, on the client's side and for showing answers.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { renderChat, type ChatMessage, type ChatOptions } from './chatTemplate';
import { JobInputError } from './errors';
import type { Tokenizer } from './tokenizer';
import type { TokenizerJson } from './tokenizerJson';
import { SectionReader, decodeUtf8, idOrNone, optionalId, refuseSection as refuse } from './tokenizerSection';

export type { TokenizerJson } from './tokenizerJson';

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

export class JsonTokenizer implements Tokenizer {
  /** knows all added tokens */
  private readonly whole: Library;
  /** knows no special tokens, so that no text becomes one */
  private readonly plain: Library;
  private readonly textOf: Map<number, string>;

  private constructor(readonly section: Uint8Array, private readonly parts: TokenizerParts) {
    const { json } = parts;
    this.whole = library(json);
    this.plain = library({ ...json, added_tokens: json.added_tokens.filter(({ special }) => !special) });
    this.textOf = new Map(json.added_tokens.filter(({ special }) => special).map((token) => [token.id, token.content]));
  }

  /**
   * Reads and checks a section; refuses with code `model.tokenizer.<reason>`.
   * @param shaped the JSON as what it is to be, or a refusal (`checkTokenizerJson`)
   */
  static parse(section: Uint8Array, vocab: number, shaped: (json: unknown) => TokenizerJson): JsonTokenizer {
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
    return new JsonTokenizer(section, { json, bosToken, eosToken, stopTokens, chatTemplate });
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

  /**
   * The template writes the first token itself where the model wants one. A message or tool that holds the text of a
   * special token is refused, since it could pass for another message.
   */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions = {}): number[] {
    const texts = [...textsIn(messages), ...textsIn(options)];
    for (const text of this.textOf.values()) {
      if (!texts.some((given) => given.includes(text))) continue;
      throw new JobInputError('input.chat.special', 'a message holds the text of a special token', {
        expected: 'plain text', received: text, hint: 'write it in another way',
      });
    }
    const text = (token: number | undefined) => (token === undefined ? '' : this.whole.id_to_token(token) ?? '');
    const tokens = { bos: text(this.bosToken), eos: text(this.eosToken) };
    return ids(this.whole, renderChat(this.chatTemplate, messages, tokens, options));
  }

  /** Special tokens and ids without text give nothing. */
  decode(tokens: readonly number[]): string {
    const known = tokens.filter((token) => !this.textOf.has(token) && this.whole.id_to_token(token) !== undefined);
    return known.length === 0 ? '' : this.whole.decode(known, { skip_special_tokens: false });
  }
}

/** All texts in a value, names of members included. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(textsIn)];
}

/** The section of these parts (docs/exact-arithmetic.md section 3). */
export function tokenizerSection(parts: TokenizerParts): Buffer {
  const u32 = (value: number) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
  const text = (content: string) => [u32(Buffer.byteLength(content)), Buffer.from(content)];
  return Buffer.concat([
    Buffer.from([0, 2, 0, 0]), u32(idOrNone(parts.bosToken)), u32(idOrNone(parts.eosToken)),
    u32(parts.stopTokens.length), ...parts.stopTokens.map(u32),
    ...text(canonicalJson(parts.json)), ...text(parts.chatTemplate),
  ]);
}

/** JSON as RFC 8785 writes it: no blanks, members by their names; numbers here are integers or short decimals. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  const members = names.map((name) => `${JSON.stringify(name)}:${canonicalJson((value as Record<string, unknown>)[name])}`);
  return `{${members.join(',')}}`;
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
