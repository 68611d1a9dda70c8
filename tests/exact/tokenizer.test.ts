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

test('a prompt starts with the model\'s first token, once', () => {
  const tokenizer = ByteTokenizer.parse(u8(vectors.trained.section), VOCAB);
  assert.deepEqual(tokenizer.encodePrompt(''), [10]);
  assert.deepEqual(tokenizer.encodePrompt('a'), [10, ...tokenizer.encode('a')]);
});

test('a tokenizer section that is malformed anywhere is refused by name', () => {
  const u16 = (x: number) => [x >> 8, x & 255];
  const u32 = (x: number) => [...u16(x >>> 16), ...u16(x & 65535)];
  type Parts = { merges?: [number, number][]; specials?: number[][]; template?: number[]; tail?: number[] };
  const section = (parts: Parts) =>
    Uint8Array.from([
      ...u16(1), ...u16(1), ...u32(0xffffffff), ...u32(0xffffffff),
      ...u32(parts.merges?.length ?? 0), ...(parts.merges ?? []).flatMap((pair) => pair.flatMap(u32)),
      ...u32(parts.specials?.length ?? 0), ...(parts.specials ?? []).flatMap((text) => [...u16(text.length), ...text]),
      ...u32(parts.template?.length ?? 0), ...(parts.template ?? []),
      ...(parts.tail ?? []),
    ]);
  const refused = (bytes: Uint8Array, reason: string) =>
    assert.throws(() => ByteTokenizer.parse(bytes, 300), { code: `model.tokenizer.${reason}` });
  const doubling = Array.from({ length: 9 }, (_, i): [number, number] => (i === 0 ? [97, 97] : [255 + i, 255 + i]));

  assert.equal(ByteTokenizer.parse(section({}), 300).bosToken, undefined);
  assert.equal(ByteTokenizer.parse(section({ merges: doubling.slice(0, 8) }), 300).tokenBytes[263].length, 256);
  refused(section({ merges: doubling }), 'merge-length');
  refused(section({ merges: [[97, 256]] }), 'merge-order');
  refused(section({ merges: [[97, 98], [97, 98]] }), 'merge-twice');
  refused(section({ specials: Array.from({ length: 45 }, () => [65]) }), 'size');
  refused(section({ specials: [[]] }), 'special-empty');
  refused(section({ specials: [[0xff]] }), 'special-text');
  refused(section({ template: [0xc3] }), 'template');
  refused(section({ tail: [0] }), 'length');
  refused(section({}).slice(0, -1), 'length');
});
