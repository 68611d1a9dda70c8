/** DeliveredTokenCheck: the answer that a receipt commits to is the one that its trace drew. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { deliveredTokenEvidence } from '../../disputes/receiptChecks/deliveredToken';
import { FinishReason } from '../../protocol';
import { RECEIPT_ERRORS as E } from '../../wrappers';
import { checkOf, type Verdict } from './checks';
import { type Asked, type Lies, type Signed, signed } from './receipts';

const ASKED: Asked = { promptTokens: 5, maxTokens: 4, stopTokens: [], tokens: [10, 11, 12, 13], finishReason: FinishReason.length, way: 'sealed' };
/** Over more rows of the answer and blocks of the trace than one. */
const LONG: Asked = { ...ASKED, promptTokens: 33, maxTokens: 220, tokens: Array.from({ length: 220 }, (_, i) => 3 * i) };
const ROWS: Asked = { ...ASKED, promptTokens: 1, maxTokens: 300, tokens: Array.from({ length: 300 }, (_, i) => 4_000_000_000 + i) };

describe('a token of an answer', () => {
  let check: (facts: Cell, evidence: Cell) => Promise<Verdict>;
  let gas = 0;
  beforeAll(async () => void (check = await checkOf('DeliveredTokenCheck', 'isLie')));

  const says = async ({ facts }: Signed, evidence: Cell): Promise<boolean | number | undefined> => {
    const { isWrong, exitCode, gas: used } = await check(facts, evidence);
    gas = Math.max(gas, used);
    return isWrong ?? exitCode;
  };
  const delivered = (one: Signed, number: number) => says(one, deliveredTokenEvidence(one, one, number));

  it('is right where the trace drew it, and a lie where it drew another or none at all', async () => {
    for (const asked of [ASKED, LONG]) {
      const last = asked.tokens.length - 1;
      for (const number of [0, 1, Math.floor(last / 2), last]) {
        expect(await delivered(signed(asked), number)).toBe(false);
        for (const token of [asked.tokens[number] ^ 1, asked.tokens[number] + 2 ** 31, null]) {
          const lie: Lies = { drawn: asked.tokens.map((honest, i) => (i === number ? token : honest)) };
          expect({ number, token, isLie: await delivered(signed(asked, lie), number) }).toEqual({ number, token, isLie: true });
          expect(await delivered(signed(asked, lie), number === 0 ? 1 : 0)).toBe(false);
        }
      }
    }
    console.log(`DeliveredTokenCheck: at most ${gas} gas`);
  });

  it('is a lie where the receipt counts more tokens than the trace drew', async () => {
    expect(await delivered(signed(ASKED, { drawn: [10, 11, 12] }), 3)).toBe(true);
    expect(await delivered(signed(ASKED, { drawn: [] }), 0)).toBe(true);
  });

  it('stands in whichever row of the answer its number says', async () => {
    for (const number of [200, 220]) expect(await delivered(signed(ROWS, { drawn: ROWS.tokens.slice(0, 225) }), number)).toBe(false);
    expect(await delivered(signed(ROWS, { drawn: ROWS.tokens.slice(0, 225) }), 230)).toBe(true);
  });

  it('is judged by what the receipt commits to alone', async () => {
    const [one, other] = [signed(ASKED), signed({ ...ASKED, tokens: [10, 99, 12, 13] })];
    expect(await says(one, deliveredTokenEvidence(other, one, 1))).toBe(E.otherOpening);
    expect(await says(one, deliveredTokenEvidence(one, other, 1))).toBe(E.otherOpening);
    expect(await says(one, deliveredTokenEvidence({ ...one, commitSalt: new Uint8Array(32) }, one, 1))).toBe(E.otherOpening);
    expect(await says(one, deliveredTokenEvidence(one, { ...one, promptTokens: 6 }, 1))).toBe(E.otherOpening);
    // The way of another place is no padding.
    expect(await says(one, deliveredTokenEvidence(one, { ...one, promptTokens: 60 }, 1))).toBe(E.otherOpening);
    expect(await says(one, deliveredTokenEvidence(one, one, 4))).toBe(E.noSuchToken);
  });
});
