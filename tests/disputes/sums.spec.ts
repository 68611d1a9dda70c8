/** SumsCheck: sums of powers of two, and the weights of values. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { bitLength, roundShift } from '../../exact/reference/arithmetic';
import { sumsEvidence } from '../../disputes/checks/sums';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, runOf } from './checks';
import { mutated, randomOf } from './mutations';

/** Positions in two blocks of 256. */
const LONG = { promptTokens: Array.from({ length: 259 }, (_, i) => (i * i * 7 + 3) % 256), maxTokens: 1 };

const evidenceOf = ({ run, tree, t, address }: Disputed, element: number): Cell =>
  sumsEvidence({ config: run.model.config, tree, commit: run.commit, t }, address, element);

describe('weights of positions', () => {
  const judge = judgeOf('SumsCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`and their sums are right as they are, and wrong where one bit was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { heads, layers, context } = run.model.config;
      const blocks = context / 256;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const head = group === 1 ? 0 : heads - 1;
        const sums = disputed(run, t, group, 'attSums', head);
        for (let word = 0; word < 2 * blocks + 2; word++) {
          expect(await verdict(sums, word)).toBe(false);
          const lie = disputed(run, t, group, 'attSums', head, (bytes) => (bytes[4 * word + 3] ^= 1));
          expect(await verdict(lie, word)).toBe(true);
          expect(await verdict(lie, word === 0 ? blocks + 1 : 0)).toBe(false);
        }
        const weights = disputed(run, t, group, 'p', head * blocks);
        for (const element of [0, 1, t, t + 1, 255]) {
          expect(await verdict(weights, element)).toBe(false);
          for (const plane of [0, 256]) {
            const lie = disputed(run, t, group, 'p', head * blocks, (bytes) => (bytes[plane + element] ^= 1));
            expect(await verdict(lie, element)).toBe(true);
            expect(await verdict(lie, element === 0 ? t : 0)).toBe(false);
          }
        }
      }
    });
  }

  it('are checked in every block of positions', async () => {
    const run = await runOf('wide', LONG);
    const t = run.positions.length - 1;
    for (const head of [0, 1]) {
      for (let word = 0; word < 8; word++) {
        expect(await verdict(disputed(run, t, 1, 'attSums', head), word)).toBe(false);
        const lie = disputed(run, t, 1, 'attSums', head, (bytes) => (bytes[4 * word + 3] ^= 1));
        expect(await verdict(lie, word)).toBe(true);
      }
      for (const [block, element] of [[0, 0], [0, 255], [1, 0], [1, t - 256], [1, t - 255], [1, 255]]) {
        expect(await verdict(disputed(run, t, 1, 'p', 3 * head + block), element)).toBe(false);
        const lie = disputed(run, t, 1, 'p', 3 * head + block, (bytes) => (bytes[256 + element] ^= 0x80));
        expect(await verdict(lie, element)).toBe(true);
      }
    }
    console.log(`SumsCheck: at most ${judge.gas} gas`);
  });

  it('follow from any powers of two, totals and exponents as in the reference', async () => {
    const run = await runOf('extreme');
    const random = randomOf(5);
    const t = run.positions.length - 1;
    for (let round = 0; round < 24; round++) {
      const e = Uint16Array.from({ length: 256 }, () => (round % 3 === 0 ? 65535 : random(65536)));
      const total = Math.floor(2 ** (32 - (round % 12)) - 1 - random(1000));
      const u = Math.max(0, bitLength(total) - 23);
      const reduced = e.reduce((sum, power) => sum + roundShift(power, u), 0);
      const powers = { slot: 'e', leaf: 0, change: (bytes: Buffer): void => e.forEach((power, i) => void bytes.writeUInt16BE(power, 2 * i)) };
      const sums = disputed(run, t, 1, 'attSums', 0, (bytes) => {
        [e.reduce((sum, power) => sum + power, 0), total, reduced, reduced].forEach((word, i) => bytes.writeUInt32BE(word, 4 * i));
      }, [powers]);
      for (const word of [0, 2, 3]) expect(await verdict(sums, word)).toBe(false);
      const [exponent, largest, j] = [random(25), round === 5 ? 0xffffffff : random(25) + 24, random(t + 1)];
      const weight = roundShift(roundShift(e[t], u), Math.min(31, largest - exponent));
      const inputs = [
        powers,
        { slot: 'attMax', leaf: 0, change: (bytes: Buffer): void => void bytes.writeUInt32BE(largest, 8) },
        { slot: 'attSums', leaf: 0, change: (bytes: Buffer): void => void bytes.writeUInt32BE(total, 4) },
        { slot: 'v8', leaf: 0, change: (bytes: Buffer): void => void (bytes[0] = exponent) },
      ];
      const weights = disputed(run, t, 1, 'p', 0, (bytes) => {
        bytes[t] = weight & 255;
        bytes[256 + t] = weight >> 8;
        bytes[j === t ? 0 : j] ^= 1;
      }, inputs);
      expect(await verdict(weights, t)).toBe(false);
    }
  });

  it('are judged whatever exponent the leaf before them says', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 1;
    const inputs = [{ slot: 'attMax', leaf: 0, change: (bytes: Buffer): void => void bytes.writeUInt32BE(0, 8) }, { slot: 'v8', leaf: 0, change: (bytes: Buffer): void => void (bytes[0] = 255) }];
    const at = disputed(run, t, 1, 'p', 0, undefined, inputs);
    expect((await check(at.step, evidenceOf(at, t))).exitCode).toBeUndefined();
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped');
    const random = randomOf(13);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, 1, 'attSums', 0), disputed(run, t, 1, 'p', 2), disputed(run, t, 2, 'attSums', 1), disputed(run, t - 1, 1, 'p', 2)];
    const evidence = honest.flatMap((at) => [0, 1, 2, 3, t, 255].filter((element) => at.address.slot === 'p' || element < 4).map((element) => evidenceOf(at, element)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 80; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
