/** Text that comes in pieces becomes the tokens of the whole text, or nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Tokenizer } from '../../../exact';
import { checkedTokenizer } from '../../../exact/import/tokenizerParts';
import { TextTokens } from '../../../worker/upstream/textTokens';
import { tokenizerJson, tokenTexts } from '../../import/tokenizers';

const VOCABULARY = tokenTexts().length;
const tokenizer = Tokenizer.parse(checkedTokenizer(tokenizerJson(), { stopTokens: [266], eosToken: 266, chatTemplate: '' }, VOCABULARY), VOCABULARY);

test('however a text is cut, its tokens are those of the whole text, and most come before its end', () => {
  const word = fc.oneof(fc.constantFrom(' the', 'here', ' in', 'on ', '  ', '\n', 'é', '日本', '😀', '...', '1234'), fc.string({ maxLength: 6 }));
  fc.assert(
    fc.property(fc.array(word, { minLength: 50, maxLength: 200, size: 'max' }), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (words, sizes) => {
      const letters = [...words.join('').normalize('NFC')];
      const whole = letters.join('');
      const text = new TextTokens(tokenizer);
      const before: number[] = [];
      for (let turn = 0, at = 0; at < letters.length; at += sizes[turn++ % sizes.length]) {
        before.push(...text.push(letters.slice(at, at + sizes[turn % sizes.length]).join('')));
      }
      const tokens = [...before, ...text.end(false)];
      assert.deepEqual(tokens, tokenizer.encode(whole));
      if (whole.length > 300) assert.ok(before.length > tokens.length / 3);
    }),
    { numRuns: 40, seed: 20261128 },
  );
});

test('a text that was cut within a character loses what is left of it, and a whole one loses nothing', () => {
  const tokensOf = (text: string, isCut: boolean): readonly number[] => {
    const all = new TextTokens(tokenizer);
    all.push(text);
    return all.end(isCut);
  };
  assert.deepEqual(tokensOf('one \ufffd', true), tokenizer.encode('one '));
  assert.deepEqual(tokensOf('one \ufffd', false), tokenizer.encode('one \ufffd'));
});

test('a text whose tokens change behind what was given, or that the tokenizer cannot write, is refused', () => {
  const fickle = { encode: (text: string) => [text.length > 300 ? 1 : 0, ...Array.from(text, () => 2)], decode: () => '' } as unknown as Tokenizer;
  const text = new TextTokens(fickle);
  assert.ok(text.push('a'.repeat(200)).length > 0);
  assert.throws(() => text.push('a'.repeat(200)), { code: 'engine.upstream-answer' });
  const mute = new TextTokens({ encode: () => [3], decode: () => 'b' } as unknown as Tokenizer);
  mute.push('a');
  assert.throws(() => mute.end(false), { code: 'engine.upstream-answer' });
});
