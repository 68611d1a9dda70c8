/** FinishReasonCheck: how an answer ended, what its receipt counts, and the form of what it commits to. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import { committedToken, drawnToken } from '../../disputes/receiptChecks/answerTokens';
import { countsEvidence, formEvidence, promptEvidence, tokenEvidence } from '../../disputes/receiptChecks/finishReason';
import { FinishReason, responseLeaves } from '../../protocol';
import { treeRoot } from '../../protocol/commitments';
import { RECEIPT_ERRORS as E } from '../../wrappers';
import { checkOf, type Verdict } from './checks';
import { type Asked, type Lies, type Signed, signed } from './receipts';

const ASKED: Asked = { promptTokens: 5, maxTokens: 4, stopTokens: [2, 7], tokens: [10, 11, 12, 13], finishReason: FinishReason.length, way: 'sealed' };
const STOPPED: Asked = { ...ASKED, tokens: [10, 11, 7], finishReason: FinishReason.stop };

describe('how an answer ended', () => {
  let check: (facts: Cell, evidence: Cell) => Promise<Verdict>;
  let gas = 0;
  beforeAll(async () => void (check = await checkOf('FinishReasonCheck', 'isLie')));

  const says = async ({ facts }: Signed, evidence: Cell): Promise<boolean | number | undefined> => {
    const { isWrong, exitCode, gas: used } = await check(facts, evidence);
    gas = Math.max(gas, used);
    return isWrong ?? exitCode;
  };
  const counts = (one: Signed) => says(one, countsEvidence(one.terms));
  const committed = (one: Signed, number: number) => says(one, tokenEvidence(committedToken(one, number), number, one.payload.request));
  const drawn = (one: Signed, number: number) => says(one, tokenEvidence(drawnToken(one, number), number, one.payload.request));
  const form = (one: Signed, leaf: number, word: number, leaves = responseLeaves(one.answer)) => says(one, formEvidence(leaves, one.commitSalt, leaf, word));

  it('finding 8: is a lie where the reason and the number of tokens do not fit the terms', async () => {
    const lies: [Asked, Lies, boolean][] = [
      [ASKED, {}, false], [STOPPED, {}, false],
      [{ ...ASKED, tokens: [10, 11, 12] }, {}, true], // cut
      [{ ...ASKED, tokens: [10, 11, 12, 13, 14] }, {}, true],
      [{ ...STOPPED, tokens: [10, 11, 12, 13, 7] }, {}, true],
      [STOPPED, { receipt: { outputTokens: 0 } }, true],
      [ASKED, { receipt: { outputTokens: 0 } }, true],
      ...[2, 3, 7].map((finishReason): [Asked, Lies, boolean] => [STOPPED, { receipt: { finishReason } }, true]),
    ];
    for (const [asked, lie, isLie] of lies) expect({ asked, lie, isLie: await counts(signed(asked, lie)) }).toEqual({ asked, lie, isLie });
  });

  it('finding 8: is a lie where it stopped at no stop token, went on behind one, or says that it did not stop', async () => {
    const lies: [Asked, number, boolean][] = [
      [ASKED, 0, false], [ASKED, 3, false], [STOPPED, 0, false], [STOPPED, 2, false],
      [{ ...STOPPED, tokens: [10, 11, 12] }, 2, true],
      [{ ...STOPPED, stopTokens: [] }, 2, true],
      [{ ...STOPPED, tokens: [10, 2, 7] }, 1, true],
      [{ ...ASKED, tokens: [10, 7, 12, 13] }, 1, true],
      [{ ...ASKED, tokens: [10, 11, 12, 2] }, 3, true],
    ];
    for (const [asked, number, isLie] of lies) {
      const one = signed(asked);
      expect({ asked, number, committed: await committed(one, number), drawn: await drawn(one, number) }).toEqual({ asked, number, committed: isLie, drawn: isLie });
    }
  });

  it('is a lie where the trace has padding in place of the last token', async () => {
    const one = signed(STOPPED, { drawn: [10, 11, null] });
    expect(await drawn(one, 2)).toBe(true);
    expect(await drawn(one, 1)).toBe(false);
  });

  it('finds a stop token in each place of the largest stop set, whichever cells of the header it lies across', async () => {
    const stopTokens = Array.from({ length: 255 }, (_, i) => 1_000_003 * (i + 1));
    for (const place of [0, 24, 25, 54, 84, 254]) {
      const one = signed({ ...STOPPED, stopTokens, tokens: [10, 11, stopTokens[place]] });
      expect(await committed(one, 2)).toBe(false);
      expect(await committed(one, 1)).toBe(false);
    }
    expect(await committed(signed({ ...STOPPED, stopTokens }), 2)).toBe(true);
    console.log(`FinishReasonCheck: at most ${gas} gas`);
  });

  it('finding 8: is a lie where the receipt counts another number of prompt tokens than the request has', async () => {
    const prompt = (one: Signed) => says(one, promptEvidence(one.payload.request));
    for (const promptTokens of [1, 5, 300]) expect(await prompt(signed({ ...ASKED, promptTokens }))).toBe(false);
    for (const promptTokens of [0, 4, 6, 2 ** 32 - 1]) expect(await prompt(signed(ASKED, { receipt: { promptTokens } }))).toBe(true);
    expect(await says(signed(ASKED), promptEvidence({ ...signed(ASKED).payload.request, nonce: 1n }))).toBe(E.otherOpening);
  });

  it('is a lie where the committed answer has another header, something behind its last token, or a leaf of another length', async () => {
    const bent = (asked: Asked, leaf: number, change: (bytes: Buffer) => Uint8Array | void): { one: Signed; leaves: Uint8Array[] } => {
      const leaves: Uint8Array[] = responseLeaves(asked);
      const copy = Buffer.from(leaves[leaf]);
      leaves[leaf] = change(copy) ?? copy;
      return { one: signed(asked, { responseRoot: treeRoot(leaves) }), leaves };
    };
    const long: Asked = { ...ASKED, maxTokens: 300, tokens: Array.from({ length: 300 }, (_, i) => i + 100) };
    for (let word = 0; word < 16; word++) {
      const { one, leaves } = bent(ASKED, 0, (bytes) => void (bytes[4 * word + 3] ^= 1));
      expect(await form(one, 0, word, leaves)).toBe(true);
      expect(await form(one, 0, (word + 1) % 16, leaves)).toBe(false);
    }
    for (const [asked, leaf, word] of [[ASKED, 1, 4], [ASKED, 1, 255], [long, 2, 44], [long, 2, 200]] as const) {
      const { one, leaves } = bent(asked, leaf, (bytes) => void (bytes[4 * word] = 1));
      expect(await form(one, leaf, word, leaves)).toBe(true);
      expect(await form(signed(asked), leaf, word)).toBe(false);
    }
    // A row of tokens has no word that must be zero.
    for (const word of [0, 3, 256]) expect(await form(signed(ASKED), 1, word)).toBe(E.noSuchToken);
    expect(await form(signed(ASKED), 0, 16)).toBe(E.noSuchToken);
    for (const [leaf, length] of [[0, 63], [0, 65], [0, 0], [1, 1020], [1, 1028], [1, 64]] as const) {
      const { one, leaves } = bent(ASKED, leaf, (bytes) => Buffer.concat([bytes, Buffer.alloc(8)]).subarray(0, length));
      expect(await form(one, leaf, 0, leaves)).toBe(true);
    }
  });

  it('is judged by what the receipt commits to alone: nothing of another receipt, and no other claim', async () => {
    const [one, other] = [signed(ASKED), signed({ ...STOPPED, tokens: [10, 2, 7] })];
    expect(await says(one, countsEvidence({ ...one.terms, maxTokens: 9 }))).toBe(E.otherOpening);
    expect(await says(one, countsEvidence(signed({ ...ASKED, maxTokens: 9 }).terms))).toBe(E.otherOpening);
    expect(await says(one, tokenEvidence(committedToken(other, 1), 1, one.payload.request))).toBe(E.otherOpening);
    expect(await says(one, tokenEvidence(drawnToken(other, 1), 1, one.payload.request))).toBe(E.otherOpening);
    expect(await says(one, tokenEvidence(committedToken(one, 1), 1, signed({ ...ASKED, stopTokens: [11] }).payload.request))).toBe(E.otherOpening);
    // Another token than the one that was opened.
    expect(await says(one, tokenEvidence(drawnToken(one, 1), 2, one.payload.request))).toBe(E.otherOpening);
    expect(await committed(one, 4)).toBe(E.noSuchToken);
    expect(await drawn(one, 4)).toBe(E.noSuchToken);
    expect(await says(one, beginCell().storeUint(4, 8).endCell())).toBe(E.noSuchClaim);
    expect(await says(one, beginCell().endCell())).toBe(9);
  });
});
