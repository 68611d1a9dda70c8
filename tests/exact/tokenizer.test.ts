/** Byte-level BPE against exact/vectors/tokenizer.json, and as properties over any text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteTokenizer, splitPieces } from '../../exact/byteTokenizer';
import { hex, readVectors, u8 } from './support';

interface Section {
  section: string;
  bos: number;
  eos: number;
  size: number;
  encode: { text: string; tokens: number[] }[];
  decode: { tokens: number[]; bytes: string }[];
}

const VOCAB = 2048;
const vectors = readVectors<Record<'small' | 'trained', Section>>('tokenizer');

for (const [name, { section, bos, eos, encode, decode }] of Object.entries(vectors)) {
  const tokenizer = ByteTokenizer.parse(u8(section), VOCAB);

  test(`tokenizer "${name}": tokens and bytes equal the vectors`, () => {
    assert.equal(tokenizer.bosToken, bos);
    assert.equal(tokenizer.eosToken, eos);
    for (const { text, tokens } of encode) assert.deepEqual(tokenizer.encode(text), tokens, JSON.stringify(text));
    for (const { tokens, bytes } of decode) assert.equal(hex(tokenizer.decodeBytes(tokens)), bytes);
  });

  test(`tokenizer "${name}": any text comes back, and never becomes a special token`, () => {
    const firstSpecial = tokenizer.tokenBytes.length - tokenizer.specialCount;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const tokens = tokenizer.encode(text);
        assert.equal(tokenizer.decode(tokens), text);
        assert.ok(tokens.every((id) => id < firstSpecial));
      }),
      { numRuns: 500, seed: 20261124, examples: [['\ufeffBOM'], ['\u0000'], ['e\u0301 \u{1f600}'], ['<|user|>']] },
    );
  });
}

test('the pieces of a text equal the regular expression of the specification, on bytes', () => {
  const pattern = / ?[A-Za-z]+| ?[0-9]+| ?[^\t-\r A-Za-z0-9]+|[\t-\r ]+/g;
  const unit = fc.constantFrom(' ', ' ', '\n', '\t', 'a', 'Z', '7', '.', '"', '\u00e9');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const latin = Buffer.from(text, 'latin1');
      const pieces = Array.from(splitPieces(latin), (piece) => Buffer.from(piece).toString('latin1'));
      assert.deepEqual(pieces, text.match(pattern) ?? []);
    }),
    { numRuns: 1000, seed: 20261124 },
  );
});

test('tokens are those of merging the leftmost pair of the lowest rank, one at a time, in any piece', () => {
  const letters = [...'ab'].map((letter) => letter.charCodeAt(0));
  const merges: [number, number][] = [[97, 97], [97, 98], [256, 97], [98, 98], [256, 256], [257, 257], [258, 257], [259, 97], [260, 98]];
  const tokenizer = ByteTokenizer.parse(sectionOf({ merges }), 300);
  const oneByOne = (ids: number[]): number[] => {
    for (;;) {
      const ranks = ids.slice(1).map((right, i) => merges.findIndex((pair) => pair[0] === ids[i] && pair[1] === right));
      const best = Math.min(...ranks.filter((rank) => rank >= 0));
      if (best === Infinity) return ids;
      ids.splice(ranks.indexOf(best), 2, 256 + best);
    }
  };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 40 }), (bytes) => {
      assert.deepEqual(tokenizer.encode(Buffer.from(bytes).toString()), oneByOne([...bytes]));
    }),
    { numRuns: 500, seed: 20261124 },
  );
});

// Quadratic, this took minutes.
test('a word of 300,000 letters takes no longer than as many letters in words', { timeout: 10_000 }, () => {
  const tokenizer = ByteTokenizer.parse(u8(vectors.trained.section), VOCAB);
  const word = 'antidisestablishmentarianism'.repeat(10_700);
  assert.equal(tokenizer.decode(tokenizer.encode(word)), word);
});

test('a prompt starts with the model\'s first token, once', () => {
  const tokenizer = ByteTokenizer.parse(u8(vectors.trained.section), VOCAB);
  assert.deepEqual(tokenizer.encodePrompt(''), [10]);
  assert.deepEqual(tokenizer.encodePrompt('a'), [10, ...tokenizer.encode('a')]);
});

const u16 = (x: number) => [x >> 8, x & 255];
const u32 = (x: number) => [...u16(x >>> 16), ...u16(x & 65535)];
type Parts = { merges?: [number, number][]; specials?: number[][]; template?: number[]; tail?: number[] };
const sectionOf = (parts: Parts) =>
  Uint8Array.from([
    ...u16(1), ...u16(1), ...u32(0xffffffff), ...u32(0xffffffff),
    ...u32(parts.merges?.length ?? 0), ...(parts.merges ?? []).flatMap((pair) => pair.flatMap(u32)),
    ...u32(parts.specials?.length ?? 0), ...(parts.specials ?? []).flatMap((text) => [...u16(text.length), ...text]),
    ...u32(parts.template?.length ?? 0), ...(parts.template ?? []),
    ...(parts.tail ?? []),
  ]);

test('a tokenizer section that is malformed anywhere is refused by name', () => {
  const refused = (bytes: Uint8Array, reason: string) =>
    assert.throws(() => ByteTokenizer.parse(bytes, 300), { code: `model.tokenizer.${reason}` });
  const doubling = Array.from({ length: 9 }, (_, i): [number, number] => (i === 0 ? [97, 97] : [255 + i, 255 + i]));

  assert.equal(ByteTokenizer.parse(sectionOf({}), 300).bosToken, undefined);
  assert.equal(ByteTokenizer.parse(sectionOf({ merges: doubling.slice(0, 8) }), 300).tokenBytes[263].length, 256);
  refused(sectionOf({ merges: doubling }), 'merge-length');
  refused(sectionOf({ merges: [[97, 256]] }), 'merge-order');
  refused(sectionOf({ merges: [[97, 98], [97, 98]] }), 'merge-twice');
  refused(sectionOf({ specials: Array.from({ length: 45 }, () => [65]) }), 'size');
  refused(sectionOf({ specials: [[]] }), 'special-empty');
  refused(sectionOf({ specials: [[0xff]] }), 'special-text');
  refused(sectionOf({ template: [0xc3] }), 'template');
  refused(sectionOf({ tail: [0] }), 'length');
  refused(sectionOf({}).slice(0, -1), 'length');
});
