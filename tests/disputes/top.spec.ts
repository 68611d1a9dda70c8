/** TopCheck: the list of the largest logits from which a token is drawn. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { topPlaceEvidence, topWeightEvidence } from '../../disputes/checks/top';
import { STEP_ERRORS } from '../../wrappers';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, type Run, runOf } from './checks';
import { drawOf, headOf, logitsOf, SAMPLINGS, sourceOf, stepAt } from './headGroup';
import { mutated, randomOf } from './mutations';

const TOP = SAMPLINGS.top;
const LONG_TOP = SAMPLINGS['top of 256, with top-p and min-p'];
const ENTRY = 12;
const [Z, ID, W] = [0, 4, 8];

const placeOf = (at: Disputed, entry: number, id: number): Cell => topPlaceEvidence(sourceOf(at), entry, id);
const weightOf = (at: Disputed, entry: number): Cell => topWeightEvidence(sourceOf(at), entry);

/** Logits of a position, as its leaves have them. */
function logitsIn(run: Run, t: number): number[] {
  const { leaves } = run.positions[t][headOf(run)].find(({ slot }) => slot === 'logits')!;
  const bytes = Buffer.concat(leaves.map((leaf) => leaf!));
  return Array.from({ length: bytes.length / 4 }, (_, id) => bytes.readInt32BE(4 * id));
}

/** Evidence about the first entry of a list that differs from the honest one. */
function refutation(at: Disputed, honest: Buffer, logits: ArrayLike<number>): Cell {
  for (let offset = 0; offset < honest.length; offset += ENTRY) {
    const [own, right] = [at.bytes, honest].map((list) => ({ z: list.readInt32BE(offset + Z), id: list.readUInt32BE(offset + ID) }));
    const entry = offset / ENTRY;
    if (own.id < logits.length && own.z !== logits[own.id]) return placeOf(at, entry, own.id);
    if (own.id !== right.id) return placeOf(at, entry, right.id);
    if (at.bytes.readUInt32BE(offset + W) !== honest.readUInt32BE(offset + W)) return weightOf(at, entry);
  }
  throw new Error('the list is the honest one');
}

describe('the list of the largest logits', () => {
  const judge = judgeOf('TopCheck', (_at, evidence: Cell) => evidence);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`is right as it is, and wrong where a bit of it was changed: ${name}`, async () => {
      const run = await runOf(name, { sampling: TOP });
      const t = run.positions.length - 1;
      const logits = logitsIn(run, t);
      const honest = disputed(run, t, headOf(run), 'top', 0);
      const last = TOP.topK - 1;
      for (const entry of [0, last]) {
        expect(await verdict(honest, weightOf(honest, entry))).toBe(false);
        const own = honest.bytes.readUInt32BE(ENTRY * entry + ID);
        for (const id of [own, 0, 255, logits.length - 1]) expect(await verdict(honest, placeOf(honest, entry, id))).toBe(false);
        for (const field of [Z, ID, W]) {
          for (const bit of [0, 31]) {
            const lie = disputed(run, t, headOf(run), 'top', 0, (bytes) => (bytes[ENTRY * entry + field + 3 - (bit >> 3)] ^= 1 << bit % 8));
            expect([entry, field, bit, await verdict(lie, refutation(lie, honest.bytes, logits))]).toEqual([entry, field, bit, true]);
            expect(await verdict(lie, weightOf(lie, entry === 0 ? last : 0))).toBe(false);
            if (field === W) expect(await verdict(lie, placeOf(lie, entry, own))).toBe(false);
          }
        }
      }
    });
  }

  it('is wrong where entries were exchanged, left out, repeated, or another was put in', async () => {
    const run = await runOf('grouped', { sampling: TOP });
    const t = run.positions.length - 1;
    const logits = logitsIn(run, t);
    const honest = disputed(run, t, headOf(run), 'top', 0).bytes;
    const behind = logits.map((z, id) => ({ z, id })).sort((a, b) => b.z - a.z || a.id - b.id).slice(TOP.topK);
    const entryOf = ({ z, id }: { z: number; id: number }): Buffer => {
      const bytes = Buffer.alloc(ENTRY);
      bytes.writeInt32BE(z, Z);
      bytes.writeUInt32BE(id, ID);
      return bytes;
    };
    const entries = (list: Buffer): Buffer[] => Array.from({ length: TOP.topK }, (_, n) => Buffer.from(list.subarray(ENTRY * n, ENTRY * n + ENTRY)));
    for (const at of [0, 1, 9, TOP.topK - 2]) {
      const lists: Record<string, Buffer[]> = { exchanged: entries(honest), leftOut: entries(honest), repeated: entries(honest), other: entries(honest), unknown: entries(honest) };
      lists.exchanged.splice(at, 2, lists.exchanged[at + 1], lists.exchanged[at]);
      lists.leftOut.splice(at, 1);
      lists.leftOut.push(entryOf(behind[0]));
      lists.repeated[at + 1] = lists.repeated[at];
      lists.other[at] = entryOf(behind[behind.length - 1]);
      // One that no logit of the model stands in front of.
      lists.unknown[at] = entryOf({ z: at === 0 ? 2 ** 31 - 1 : honest.readInt32BE(ENTRY * (at - 1) + Z), id: logits.length });
      for (const [label, list] of Object.entries(lists)) {
        const lie = disputed(run, t, headOf(run), 'top', 0, (bytes) => void Buffer.concat(list).copy(bytes));
        expect([label, at, await verdict(lie, refutation(lie, honest, logits))]).toEqual([label, at, true]);
      }
    }
  });

  it('has equal logits by id, and the weights of the reference, whatever the logits are', async () => {
    const random = randomOf(29);
    for (const [name, sampling] of [['grouped', TOP], ['single', LONG_TOP]] as const) {
      const run = await runOf(name, { sampling });
      const { vocab } = run.model.config;
      const t = run.positions.length - 1;
      const count = Math.min(sampling.topK, vocab);
      for (let round = 0; round < 6; round++) {
        const logits = logitsOf(vocab, round, random);
        const { leaves, inputs } = drawOf(run, logits, stepAt(run, t));
        const honest = disputed(run, t, headOf(run), 'top', 0, (bytes) => void leaves.top.copy(bytes), inputs);
        for (const entry of [0, 1 + random(count - 1), count - 1]) {
          expect(await verdict(honest, weightOf(honest, entry))).toBe(false);
          for (const id of [leaves.top.readUInt32BE(ENTRY * entry + ID), random(vocab)]) expect(await verdict(honest, placeOf(honest, entry, id))).toBe(false);
        }
        const at = random(count - 1);
        const exchanged = disputed(run, t, headOf(run), 'top', 0, (bytes) => {
          leaves.top.copy(bytes);
          leaves.top.copy(bytes, ENTRY * at, ENTRY * (at + 1), ENTRY * (at + 2));
          leaves.top.copy(bytes, ENTRY * (at + 1), ENTRY * at, ENTRY * (at + 1));
        }, inputs);
        expect(await verdict(exchanged, refutation(exchanged, leaves.top, logits))).toBe(true);
      }
    }
    console.log(`TopCheck: at most ${judge.gas} gas`);
  });

  it('is judged whatever maximum the leaf before it says', async () => {
    const run = await runOf('grouped', { sampling: TOP });
    const t = run.positions.length - 1;
    for (const largest of [-(2 ** 31), -1, 0, 2 ** 31 - 1]) {
      for (const fill of [0x00, 0xff, 0x7f, 0x80]) {
        const inputs = [{ slot: 'max', leaf: 0, change: (bytes: Buffer): void => void bytes.writeInt32BE(largest, 0) }];
        const at = disputed(run, t, headOf(run), 'top', 0, (bytes) => bytes.fill(fill), inputs);
        for (const evidence of [weightOf(at, 0), weightOf(at, 19), placeOf(at, 0, 0), placeOf(at, 19, 299)]) {
          expect((await check(at.step, evidence)).exitCode).toBeUndefined();
        }
      }
    }
  });

  it('has no more entries than the job or the model allows', async () => {
    for (const [name, sampling, count] of [['grouped', TOP, 20], ['wide', LONG_TOP, 256]] as const) {
      const run = await runOf(name, { sampling });
      const at = disputed(run, run.positions.length - 1, headOf(run), 'top', 0);
      expect(at.bytes.length).toBe(ENTRY * count);
      expect(await verdict(at, placeOf(at, count - 1, 0))).toBe(false);
      expect(await check(at.step, placeOf(at, count, 0))).toMatchObject({ exitCode: 926 });
      expect(await check(at.step, weightOf(at, count))).toMatchObject({ exitCode: 926 });
    }
  });

  it('is weighed by the table of the model alone', async () => {
    const run = await runOf('grouped', { sampling: TOP });
    const at = disputed(run, run.positions.length - 1, headOf(run), 'top', 0);
    const { bytes, path } = run.prover.part({ part: 'sampling' });
    const other = Buffer.from(bytes);
    other[2] ^= 1;
    const evidence = topWeightEvidence({ ...sourceOf(at), model: { part: () => ({ bytes: other, path }) } }, 0);
    expect(await check(at.step, evidence)).toMatchObject({ exitCode: STEP_ERRORS.otherTable });
  });

  it('is never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped', { sampling: TOP });
    const random = randomOf(31);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, headOf(run), 'top', 0), disputed(run, t - 1, headOf(run), 'top', 0), disputed(run, t, headOf(run), 'draw', 0)];
    const evidence = honest.slice(0, 2).flatMap((at) => [0, 7, 19].flatMap((entry) => [weightOf(at, entry), placeOf(at, entry, 0), placeOf(at, entry, 299)]));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 60; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
    expect(await check(honest[2].step, evidence[0])).toMatchObject({ exitCode: 925 });
  });
});
