import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatTon, parseTon, perThousand } from '../../../miniapp/src/ui/money';

const TON = 1_000_000_000n;

describe('amounts', () => {
  test('are shown to the last nanoTON, without zeros behind them, in the signs of the language', () => {
    for (const [nano, en, ru] of [
      [0n, '0', '0'], [1n, '0.000000001', '0,000000001'], [5n * TON, '5', '5'], [12_004_500_000n, '12.0045', '12,0045'], [-89_880n, '\u22120.00008988', '\u22120,00008988'],
      [1_234_567n * TON + 1n, '1,234,567.000000001', '1\u00a0234\u00a0567,000000001'],
    ] as const) assert.deepEqual([formatTon(nano, 'en'), formatTon(nano, 'ru')], [en, ru]);
  });

  test('of any size keep each digit that a floating number would lose', () => {
    assert.equal(formatTon(9_007_199_254_740_993n * TON + 123_456_789n, 'en'), '9,007,199,254,740,993.123456789');
  });

  test('that are rounded never promise more, never cost more, and keep three digits or four behind the point', () => {
    assert.equal(formatTon(2_150_401n, 'en', 'up'), '0.00216');
    assert.equal(formatTon(2_150_401n, 'en', 'down'), '0.00215');
    assert.equal(formatTon(4_892_480_000n, 'en', 'down'), '4.8924');
    assert.equal(formatTon(4_892_480_000n, 'en', 'up'), '4.8925');
    assert.equal(formatTon(7n, 'en', 'up'), '0.000000007');
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 20n), (nano) => {
      const [down, up] = (['down', 'up'] as const).map((round) => parseTon(formatTon(nano, 'en', round).replace(/,/g, '')));
      return nano >= 10n ** 18n || (down! <= nano && up! >= nano && up! - down! <= (nano < 100_000_000n ? nano / 100n + 1n : 100_000n));
    }), { seed: 20261128 });
  });

  test('that somebody types are read with a point or a comma, and nothing else is an amount', () => {
    for (const [text, nano] of [['5', 5n * TON], ['0,5', TON / 2n], ['1.000000001', TON + 1n], [' 1 000 ', 1000n * TON], ['3.', 3n * TON]] as const) assert.equal(parseTon(text), nano, text);
    for (const text of ['', '.5', '-1', '1e3', '0.0000000001', '1.2.3', 'five', '1,2,3', '9999999999']) assert.equal(parseTon(text), null, text);
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 18n - 1n), (nano) => parseTon(formatTon(nano, 'ru')) === nano), { seed: 20261128 });
  });

  test('for a thousand tokens are never less than what is asked', () => {
    assert.deepEqual([perThousand(420_000_000n), perThousand(1n), perThousand(0n)], [420_000n, 1n, 0n]);
  });
});
