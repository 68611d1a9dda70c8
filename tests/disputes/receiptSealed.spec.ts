/** MisSealedCheck: the bytes that a receipt signs are its answer, sealed as the protocol says. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { beginCell, Cell } from '@ton/core';
import { committedToken, drawnToken } from '../../disputes/receiptChecks/answerTokens';
import { sealedFormEvidence, sealedTagEvidence, sealedWordEvidence } from '../../disputes/receiptChecks/misSealed';
import { encodeResponse, FinishReason, sealResponse } from '../../protocol';
import { RECEIPT_ERRORS as E } from '../../wrappers';
import { patternBytes } from '../support/jobWorld';
import { checkOf, type Verdict } from './checks';
import { type Asked, type Lies, type Signed, signed } from './receipts';

const ASKED: Asked = { promptTokens: 5, maxTokens: 30, stopTokens: [], tokens: Array.from({ length: 30 }, (_, i) => 1_000_000 * i + 77), finishReason: FinishReason.length, way: 'sealed' };
const PUBLIC: Asked = { ...ASKED, way: 'public' };
/** Its last piece has the index 2 and 6 tokens. */
const CHANNEL: Asked = { ...ASKED, maxTokens: 70, tokens: Array.from({ length: 70 }, (_, i) => 5 * i), way: 'channel' };
const LONG: Asked = { ...ASKED, maxTokens: 200, tokens: Array.from({ length: 200 }, (_, i) => i ^ 0x5555) };

describe('the bytes that a receipt signs', () => {
  let check: (facts: Cell, evidence: Cell) => Promise<Verdict>;
  let gas = { form: 0, word: 0, tag: 0 };
  beforeAll(async () => void (check = await checkOf('MisSealedCheck', 'isLie')));

  const says = async ({ facts }: Signed, evidence: Cell, claim: keyof typeof gas): Promise<boolean | number | undefined> => {
    const { isWrong, exitCode, gas: used } = await check(facts, evidence);
    gas[claim] = Math.max(gas[claim], used);
    return isWrong ?? exitCode;
  };
  /** Tokens of a channel's earlier pieces. */
  const before = ({ answer, receipt }: Signed): number => (receipt.index === 0 ? 0 : answer.tokens.length - (answer.tokens.length % 32 || 32));
  const tokenOf = (one: Signed, word: number, open = committedToken as (of: Signed, number: number) => Cell): Cell | undefined => {
    const number = before(one) + word - 16;
    return word < 16 || number >= one.answer.tokens.length ? undefined : open(one, number);
  };
  const form = (one: Signed) => says(one, sealedFormEvidence(one), 'form');
  const tag = (one: Signed) => says(one, sealedTagEvidence(one), 'tag');
  const word = (one: Signed, number: number, open?: typeof drawnToken) => says(one, sealedWordEvidence(one, number, tokenOf(one, number, open)), 'word');

  it('are right in form, tag and every word as a worker seals them: a job, a piece of a channel, a public answer', async () => {
    for (const asked of [ASKED, CHANNEL, PUBLIC]) {
      const one = signed(asked);
      expect(await form(one)).toBe(false);
      expect(await tag(one)).toBe(asked.way === 'public' ? E.noSuchClaim : false);
      const words = Math.floor((one.bytes.length - (asked.way === 'public' ? 0 : 16)) / 4);
      for (let number = 0; number < words; number++) expect({ number, isLie: await word(one, number) }).toEqual({ number, isLie: false });
      for (const number of [16, 21]) expect(await word(one, number, drawnToken)).toBe(false);
      if (asked.way !== 'public') for (const number of [words, words + 3, words + 4]) expect(await word(one, number)).toBe(E.noSuchToken);
    }
  });

  it('are right for every number of tokens about which the padding changes', async () => {
    for (const way of ['sealed', 'channel', 'public'] as const) {
      for (const length of [1, 31, 32, 33, 43, 44, 45, 64, 107, 108, 109, 200]) {
        const one = signed({ ...ASKED, maxTokens: length, tokens: Array.from({ length }, (_, i) => i), way });
        expect({ way, length, form: await form(one), last: await word(one, 15 + length - before(one)) }).toEqual({ way, length, form: false, last: false });
        if (way !== 'public') expect(await tag(one)).toBe(false);
      }
    }
    // A prompt of three pieces: the answer's first piece has the index 2.
    for (const length of [7, 40]) {
      const one = signed({ ...ASKED, promptTokens: 4100, maxTokens: length, tokens: Array.from({ length }, (_, i) => i), way: 'channel' }, { drawn: [] });
      expect([await form(one), await tag(one), await word(one, 0), await word(one, 16)]).toEqual([false, false, false, false]);
    }
  });

  it('finding 4: are a lie where they are garbage, in every word and in their tag', async () => {
    for (const asked of [ASKED, CHANNEL]) {
      const one = signed(asked, { output: (bytes) => patternBytes(bytes.length, 99) });
      expect(await tag(one)).toBe(true);
      for (const number of [0, 1, 5, 16, 20, 21, 40]) expect({ number, isLie: await word(one, number) }).toEqual({ number, isLie: true });
    }
  });

  it('finding 4: are a lie where one bit of them was changed, in the word or the tag that has it', async () => {
    for (const [asked, byte] of [[ASKED, 8], [ASKED, 24], [ASKED, 150], [ASKED, 152], [ASKED, 230], [CHANNEL, 90], [CHANNEL, 200], [PUBLIC, 9], [PUBLIC, 100]] as const) {
      const one = signed(asked, { output: (bytes) => bytes.map((value, i) => (i === byte ? value ^ 4 : value)) });
      const number = Math.floor(byte / 4);
      expect({ byte, isLie: await word(one, number) }).toEqual({ byte, isLie: true });
      expect(await word(one, number + 1)).toBe(false);
      if (asked !== PUBLIC) expect(await tag(one)).toBe(true);
    }
    for (const fromEnd of [1, 16]) {
      const one = signed(ASKED, { output: (bytes) => bytes.map((value, i) => (i === bytes.length - fromEnd ? value ^ 128 : value)) });
      expect([await tag(one), await word(one, 3)]).toEqual([true, false]);
    }
  });

  it('are a lie where they seal another answer than the receipt commits to, or than the trace drew', async () => {
    const tokens = ASKED.tokens.map((token, i) => (i === 9 ? token + 1 : token));
    const sealOther = (one: Signed) => sealResponse(encodeResponse({ finishReason: one.receipt.finishReason, tokens }), one.responseKey, one.receipt.termsHash);
    const other = signed(ASKED, { output: () => sealOther(signed(ASKED)) });
    expect([await form(other), await tag(other), await word(other, 24), await word(other, 25), await word(other, 25, drawnToken), await word(other, 26)]).toEqual([false, false, false, true, true, false]);
    // Whoever commits to what nobody can open is held to its trace.
    const hidden = signed(ASKED, { output: () => sealOther(signed(ASKED)), receipt: { responseCommit: patternBytes(32, 4) } });
    expect([await word(hidden, 25), await word(hidden, 25, drawnToken), await word(hidden, 24, drawnToken)]).toEqual([E.otherOpening, true, false]);
    const padded = signed(ASKED, { drawn: ASKED.tokens.map((token, i) => (i === 9 ? null : token)) });
    expect([await word(padded, 25, drawnToken), await word(padded, 24, drawnToken)]).toEqual([true, false]);
  });

  it('are a lie where they were sealed as another piece, for other terms, or with another reason or count', async () => {
    const plain = (one: Signed, change = {}) => encodeResponse({ finishReason: one.receipt.finishReason, tokens: one.answer.tokens.slice(before(one)), ...change });
    const wrong = (asked: Asked, seal: (one: Signed) => Uint8Array): Signed => signed(asked, { output: () => seal(signed(asked)) });
    const piece = wrong(CHANNEL, (one) => sealResponse(plain(one), one.responseKey, one.receipt.termsHash, { index: 2, final: false }));
    expect([await tag(piece), await word(piece, 0)]).toEqual([true, true]);
    const terms = wrong(ASKED, (one) => sealResponse(plain(one), one.responseKey, patternBytes(32, 1)));
    expect([await tag(terms), await word(terms, 0)]).toEqual([true, false]);
    const reason = wrong(ASKED, (one) => sealResponse(plain(one, { finishReason: FinishReason.stop }), one.responseKey, one.receipt.termsHash));
    expect([await word(reason, 1), await word(reason, 0)]).toEqual([true, false]);
    const count = wrong(ASKED, (one) => sealResponse(plain(one, { tokens: ASKED.tokens.slice(1) }), one.responseKey, one.receipt.termsHash));
    expect([await form(count), await word(count, 2)]).toEqual([false, true]);
  });

  it('are a lie where they are not a chain of bytes of the length that the answer has', async () => {
    const cut = (by: number) => (bytes: Uint8Array) => (by > 0 ? Buffer.concat([bytes, Buffer.alloc(by)]) : bytes.subarray(0, bytes.length + by));
    for (const by of [-256, -16, -1, 1, 16, 256]) {
      expect({ by, isLie: await form(signed(LONG, { output: cut(by) })) }).toEqual({ by, isLie: true });
      // Zeros behind a public answer are read as nothing.
      expect({ by, isLie: await form(signed(PUBLIC, { output: cut(by) })) }).toEqual({ by, isLie: by < 0 });
    }
    const cells = (...parts: (number | 'bit' | 'ref' | 'library')[]): Cell =>
      parts.reduceRight<Cell | null>((next, part) => {
        if (part === 'library') return beginCell().storeUint(2, 8).storeUint(5, 256).endCell({ exotic: true });
        const cell = beginCell();
        if (typeof part === 'number') cell.storeBuffer(Buffer.alloc(part));
        else if (part === 'bit') cell.storeBuffer(Buffer.alloc(104)).storeBit(false);
        else cell.storeBuffer(Buffer.alloc(127)).storeRef(Cell.EMPTY);
        return (next === null ? cell : cell.storeRef(next)).endCell();
      }, null)!;
    const shapes: [Cell, boolean][] = [
      [cells(24, 127, 105), false], [cells(24, 126, 106), true], [cells(23, 127, 106), true], [cells(24, 105, 127), true], [cells(24, 127, 104, 1), true], [cells(24, 127, 'bit'), true],
      [cells(24, 'ref', 105), true], [cells(24, 127, 105, 0), true], [cells('library'), true], [cells(24, 127, 'library'), true], [cells(0), true], [cells(24), true], [cells(24, 127, 127), true],
    ];
    for (const [cell, isLie] of shapes) expect({ cell: cell.toString(), isLie: await form(signed(ASKED, { output: () => cell })) }).toEqual({ cell: cell.toString(), isLie });
  });

  it('are a lie where their index cannot be that of the last piece', async () => {
    for (const [index, isLie] of [[2, false], [1, true], [3, true], [2 ** 32 - 1, true]] as const) {
      const one = signed(CHANNEL, { receipt: { index } });
      expect({ index, isLie: await form(one) }).toEqual({ index, isLie });
      if (isLie) expect(await tag(one)).toBe(E.noSuchToken);
    }
  });

  it('are judged with the key, the terms and the bytes of this receipt alone', async () => {
    const [one, other] = [signed(ASKED), signed(ASKED, { output: (bytes) => patternBytes(bytes.length, 99) })];
    expect(await word({ ...one, responseKey: patternBytes(32, 1) }, 0)).toBe(E.otherOpening);
    expect(await tag({ ...one, responseKey: patternBytes(32, 1) })).toBe(E.otherOpening);
    expect(await word({ ...one, output: other.output }, 0)).toBe(E.otherOpening);
    expect(await form({ ...one, output: other.output })).toBe(E.otherOpening);
    expect(await form({ ...one, terms: { ...one.terms, visibility: 1 } })).toBe(E.otherOpening);
    expect(await says(one, sealedWordEvidence(one, 25, committedToken(one, 10)), 'word')).not.toBe(true);
    expect(await says(one, sealedWordEvidence(one, 25), 'word')).toBe(9);
    expect(await says(one, beginCell().storeUint(3, 8).endCell(), 'form')).toBe(E.noSuchClaim);
  });

  it('are judged within a message\'s gas, an output of 40 cells and all', async () => {
    gas = { form: 0, word: 0, tag: 0 };
    const length = 1200;
    const one = signed({ ...ASKED, maxTokens: length, tokens: Array.from({ length }, (_, i) => i % 7), promptTokens: 1, way: 'sealed' }, { drawn: [] });
    expect([await form(one), await tag(one), await word(one, 15 + length)]).toEqual([false, false, false]);
    console.log(`MisSealedCheck: at most ${JSON.stringify(gas)} gas`);
    expect(Math.max(gas.form, gas.word, gas.tag)).toBeLessThan(900_000);
  });
});
