/** Tokenizer kind 2 with its chats, as the model's own template writes them, and the writing of its section. */
import { renderChat, type ChatMessage, type ChatOptions } from './chatTemplate';
import { JsonTokens, type TokenizerParts } from './jsonTokens';
import type { Tokenizer } from './tokenizer';
import { idOrNone } from './tokenizerSection';

export type { TokenizerParts } from './jsonTokens';
export type { TokenizerJson } from './tokenizerJson';

export class JsonTokenizer extends JsonTokens implements Tokenizer {
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions = {}): number[] {
    return this.encodeRendered(this.chatText(messages, options));
  }

  /**
   * The text that becomes a chat's tokens. The template writes the first token itself where the model wants one.
   * @throws JobInputError `input.chat.special` for the text of a special token in a message or tool, `input.chat.template`
   */
  chatText(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    this.refuseSpecial([...textsIn(messages), ...textsIn(options)]);
    const tokens = { bos: this.textOfToken(this.bosToken), eos: this.textOfToken(this.eosToken) };
    return renderChat(this.chatTemplate, messages, tokens, options);
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
