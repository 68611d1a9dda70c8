/** What no check of receipts may say of an honest one, whatever is shown. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import fc from 'fast-check';
import { RECEIPT_CHECK_NAMES, type ReceiptCheckName } from '../../disputes/checkTree';
import { committedToken, drawnToken } from '../../disputes/receiptChecks/answerTokens';
import { deliveredTokenEvidence } from '../../disputes/receiptChecks/deliveredToken';
import { countsEvidence, formEvidence, promptEvidence, tokenEvidence } from '../../disputes/receiptChecks/finishReason';
import { sealedFormEvidence, sealedTagEvidence, sealedWordEvidence } from '../../disputes/receiptChecks/misSealed';
import { FinishReason, responseLeaves } from '../../protocol';
import { checkOf } from './checks';
import { honest, type Signed, signed } from './receipts';
import { randomOf } from './mutations';

type Shown = [ReceiptCheckName, Cell];

/** Everything that may be shown of a receipt about one of its tokens and one word of its bytes. */
function evidenceOf(one: Signed, number: number, word: number): Shown[] {
  const leaves = responseLeaves(one.answer);
  const { request } = one.payload;
  const tokens = [committedToken(one, number), drawnToken(one, number)];
  return [
    ['FinishReasonCheck', countsEvidence(one.terms)], ['FinishReasonCheck', promptEvidence(request)],
    ['FinishReasonCheck', formEvidence(leaves, one.commitSalt, 0, word % 16)],
    ['FinishReasonCheck', formEvidence(leaves, one.commitSalt, leaves.length - 1, word % 256)],
    ...tokens.map((token): Shown => ['FinishReasonCheck', tokenEvidence(token, number, request)]),
    ['DeliveredTokenCheck', deliveredTokenEvidence(one, one, number)],
    ['MisSealedCheck', sealedFormEvidence(one)], ['MisSealedCheck', sealedTagEvidence(one)],
    ...tokens.map((token): Shown => ['MisSealedCheck', sealedWordEvidence(one, word, token)]),
    ['MisSealedCheck', sealedWordEvidence(one, word)],
  ];
}

/** A tree of cells with one bit flipped, one cell cut or two references exchanged. */
function bent(cell: Cell, random: (limit: number) => number): Cell {
  const slice = cell.beginParse();
  const bits = cell.bits.length;
  const at = cell.refs.length === 0 ? 0 : random(cell.refs.length + 1);
  if (at > 0) {
    const front = beginCell().storeBits(slice.loadBits(bits));
    return cell.refs.reduce((builder, ref, i) => builder.storeRef(i === at - 1 ? bent(ref, random) : ref), front).endCell();
  }
  const kind = random(4);
  const refs = kind === 3 ? [...cell.refs].reverse() : cell.refs;
  const front = beginCell();
  if (bits === 0) front.storeUint(random(256), 8);
  else if (kind === 0) front.storeBits(slice.loadBits(Math.max(0, bits - 8)));
  else {
    const flipped = random(bits);
    front.storeBits(slice.loadBits(flipped)).storeBit(!slice.loadBit()).storeBits(slice.loadBits(bits - flipped - 1));
  }
  return refs.reduce((builder, ref) => builder.storeRef(ref), front).endCell();
}

const asked = fc.record({
  promptTokens: fc.constantFrom(1, 2, 5, 40, 255, 256, 257), maxTokens: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 250 })),
  stopTokens: fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 6 }).map((list) => list.sort((a, b) => a - b)),
  way: fc.constantFrom('channel' as const, 'sealed' as const, 'public' as const), seed: fc.nat(2 ** 31), spread: fc.constantFrom(8, 21, 60, 2 ** 32),
});

describe('an honest receipt', () => {
  const checks = new Map<ReceiptCheckName, Awaited<ReturnType<typeof checkOf>>>();
  beforeAll(async () => {
    for (const name of RECEIPT_CHECK_NAMES) checks.set(name, await checkOf(name, 'isLie'));
  });
  const runs = Number(process.env.COCOON_PROPERTY_RUNS ?? 25);

  it('is never a lie: whatever was asked, however the answer ended, whatever of it is shown, whole or bent or of another receipt', async () => {
    const counts = { [FinishReason.stop]: 0, [FinishReason.length]: 0, right: 0, thrown: 0 };
    let last: Shown[] = [];
    await fc.assert(fc.asyncProperty(asked, async ({ seed, spread, ...rest }) => {
      const random = randomOf(seed);
      const job = honest(Array.from({ length: rest.maxTokens }, () => random(spread)), rest);
      const one = signed(job);
      counts[job.finishReason as 0 | 1]++;
      const number = random(job.tokens.length);
      const shown = evidenceOf(one, number, random(one.bytes.length / 4));
      const said = async ([name, evidence]: Shown): Promise<boolean | undefined> => (await checks.get(name)!(one.facts, evidence)).isWrong;
      for (const each of shown) {
        const isLie = await said(each);
        counts[isLie === undefined ? 'thrown' : 'right']++;
        expect({ job, each: each[0], isLie: isLie ?? false }).toEqual({ job, each: each[0], isLie: false });
        for (let n = 0; n < 4; n++) expect(await said([each[0], bent(each[1], random)])).not.toBe(true);
        // Of another receipt, or for another check.
        expect(await said([RECEIPT_CHECK_NAMES[random(3)], each[1]])).not.toBe(true);
      }
      for (const each of last) expect(await said(each)).not.toBe(true);
      last = shown;
    }), { numRuns: runs, seed: 11 });
    expect(Math.min(counts[0], counts[1])).toBeGreaterThan(4);
    // Of the token that the word is, and of no other, the check of sealed words can say something.
    expect(counts.right).toBeGreaterThan(counts.thrown);
  });
});
