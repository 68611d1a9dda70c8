/**
 * Tokenizer kind 1: byte-level BPE as docs/exact-arithmetic.md section 3 defines it: tokens 0..255 are the bytes, then merges, then
 * specials. Splitting works on bytes, so it depends on no version of Unicode, and any UTF-8 text survives a round trip.
 */
import { concatBytes } from '../protocol/bytes';
import { JobInputError } from './errors';
import { NumberHeap } from './numberHeap';
import type { Tokenizer } from './tokenizer';
import { SectionReader, decodeUtf8, optionalId, refuseSection as refuse } from './tokenizerSection';

const MAX_TOKEN_BYTES = 256;
/** More places than a text has bytes; ranks are below 2^20, so that rank and place are one exact number. */
const PLACES = 2 ** 32;

export class ByteTokenizer implements Tokenizer {
  /** rank of a merge by `left * 2^20 + right` */
  private readonly ranks = new Map<number, number>();

  private constructor(
    /** the section's bytes, hashed whole into the model root */
    readonly section: Uint8Array,
    /** first token of a prompt made from text, or undefined */
    readonly bosToken: number | undefined,
    /** token that usually ends an answer, or undefined */
    readonly eosToken: number | undefined,
    merges: readonly [number, number][],
    /** bytes of every token: bytes, merges, specials */
    readonly tokenBytes: readonly Uint8Array[],
    readonly specialCount: number,
    readonly chatTemplate: string,
  ) {
    merges.forEach(([left, right], rank) => this.ranks.set(pairKey(left, right), rank));
  }

  /** Reads and checks a section; refuses with code `model.tokenizer.<reason>`. */
  static parse(section: Uint8Array, vocab: number): ByteTokenizer {
    const reader = new SectionReader(section);
    const kind = reader.u16();
    const pretokenizer = reader.u16();
    if (kind !== 1 || pretokenizer !== 1) {
      refuse('kind', 'unknown tokenizer', 'kind 1, pretokenizer 1', `${kind}, ${pretokenizer}`);
    }
    const bos = optionalId(reader, vocab);
    const eos = optionalId(reader, vocab);
    const bytesOf: Uint8Array[] = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    const merges = readMerges(reader, vocab, bytesOf);
    const specialCount = reader.u32();
    if (bytesOf.length + specialCount > vocab) {
      refuse('size', 'more tokens than the vocabulary', `at most ${vocab}`, `${bytesOf.length + specialCount}`);
    }
    for (let i = 0; i < specialCount; i++) {
      const length = reader.u16();
      if (length === 0) refuse('special-empty', 'a special token has no text', 'at least 1 byte', '0');
      const text = reader.bytes(length);
      decodeUtf8(text, 'special-text');
      bytesOf.push(text);
    }
    const template = decodeUtf8(reader.bytes(reader.u32()), 'template');
    reader.end();
    return new ByteTokenizer(section, bos, eos, merges, bytesOf, specialCount, template);
  }

  readonly takesChats = false;

  get stopTokens(): number[] {
    return this.eosToken === undefined ? [] : [this.eosToken];
  }

  /** Tokens of a text; never a special one. The text is taken as UTF-8 (lone surrogates become U+FFFD). */
  encode(text: string): number[] {
    const tokens: number[] = [];
    for (const piece of splitPieces(new TextEncoder().encode(text))) this.encodePiece(piece, tokens);
    return tokens;
  }

  /** What a client commits to for a text: bosToken, if the model has one, then the text's tokens. */
  encodePrompt(text: string): number[] {
    const tokens = this.encode(text);
    return this.bosToken === undefined ? tokens : [this.bosToken, ...tokens];
  }

  /** A kind without chats: text never becomes a special token. @throws JobInputError `input.chat.tokenizer` */
  encodeChat(): never {
    throw new JobInputError('input.chat.tokenizer', 'this model takes plain text only', {
      expected: 'a model whose tokenizer knows chats',
      received: 'tokenizer kind 1',
      hint: 'give a prompt instead',
    });
  }

  /** Bytes of the tokens one after the other; ids without bytes give nothing. */
  decodeBytes(tokens: readonly number[]): Uint8Array {
    return concatBytes(...tokens.map((id) => this.tokenBytes[id] ?? new Uint8Array(0)));
  }

  /** As text; bytes that are not UTF-8 become U+FFFD. */
  decode(tokens: readonly number[]): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.decodeBytes(tokens));
  }

  /**
   * Merges the pair of the lowest rank, the leftmost of equal ones, until none is left. Pairs wait in a heap by rank and place,
   * so that a piece of n bytes takes n log n steps: a text is a stranger's.
   */
  private encodePiece(piece: Uint8Array, out: number[]): void {
    const end = piece.length;
    const ids = Array.from(piece);
    /** Where the token after, or before, the one that begins here begins. */
    const next = ids.map((_, at) => at + 1);
    const previous = ids.map((_, at) => at - 1);
    const rankAt = (at: number): number | undefined => (next[at] < end ? this.ranks.get(pairKey(ids[at], ids[next[at]])) : undefined);
    const heap = new NumberHeap();
    const offer = (at: number): void => {
      const rank = rankAt(at);
      if (rank !== undefined) heap.push(rank * PLACES + at);
    };
    for (let at = 0; at < end; at++) offer(at);
    for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) {
      const [rank, at] = [Math.floor(entry / PLACES), entry % PLACES];
      // A token that was merged away begins nowhere, and a pair may have changed since it was offered.
      if (ids[at] < 0 || rankAt(at) !== rank) continue;
      const right = next[at];
      ids[at] = 256 + rank;
      ids[right] = -1;
      next[at] = next[right];
      if (next[at] < end) previous[next[at]] = at;
      offer(at);
      if (previous[at] >= 0) offer(previous[at]);
    }
    for (let at = 0; at < end; at = next[at]) out.push(ids[at]);
  }
}

function readMerges(reader: SectionReader, vocab: number, bytesOf: Uint8Array[]): [number, number][] {
  const count = reader.u32();
  if (256 + count > vocab) refuse('size', 'more tokens than the vocabulary', `at most ${vocab}`, `${256 + count}`);
  const merges: [number, number][] = [];
  const seen = new Set<number>();
  for (let i = 0; i < count; i++) {
    const left = reader.u32();
    const right = reader.u32();
    if (left >= 256 + i || right >= 256 + i) {
      refuse('merge-order', `merge ${i} uses a later token`, `ids below ${256 + i}`, `${left}, ${right}`);
    }
    const key = pairKey(left, right);
    if (seen.has(key)) refuse('merge-twice', `merge ${i} repeats a pair`, 'each pair once', 'a repeat');
    seen.add(key);
    const bytes = concatBytes(bytesOf[left], bytesOf[right]);
    if (bytes.length > MAX_TOKEN_BYTES) {
      refuse('merge-length', `merge ${i} is too long`, `at most ${MAX_TOKEN_BYTES} bytes`, `${bytes.length}`);
    }
    bytesOf.push(bytes);
    merges.push([left, right]);
  }
  return merges;
}

const pairKey = (left: number, right: number): number => left * 2 ** 20 + right;

const enum Kind { Letter, Digit, Space, Other }

function kindOf(byte: number): Kind {
  if ((byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)) return Kind.Letter;
  if (byte >= 48 && byte <= 57) return Kind.Digit;
  if ((byte >= 9 && byte <= 13) || byte === 32) return Kind.Space;
  return Kind.Other;
}

/** ` ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+` over bytes: runs of one kind, with one blank before them if there. */
export function* splitPieces(bytes: Uint8Array): Generator<Uint8Array> {
  let start = 0;
  while (start < bytes.length) {
    let end = start;
    const blankFirst = bytes[start] === 32 && start + 1 < bytes.length && kindOf(bytes[start + 1]) !== Kind.Space;
    if (blankFirst) end++;
    const kind = kindOf(bytes[end]);
    while (end < bytes.length && kindOf(bytes[end]) === kind) end++;
    yield bytes.subarray(start, end);
    start = end;
  }
}
