/** ScoreCheck: the largest score and exponent of each head, and the powers of two of its scores. */
import { describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { score } from '../../exact/reference/attention';
import { scoreEvidence } from '../../disputes/checks/score';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, type Run, runOf } from './checks';
import { mutated, randomOf } from './mutations';

/** Positions in two blocks of 256. */
const LONG = { promptTokens: Array.from({ length: 259 }, (_, i) => (i * i * 7 + 3) % 256), maxTokens: 1 };

const evidenceOf = ({ run, tree, t, address }: Disputed, element: number, position?: number): Cell =>
  scoreEvidence({ config: run.model.config, tree, commit: run.commit, t }, run.prover, address, element, position);

const leafOf = (run: Run, t: number, group: number, slot: string, leaf = 0): Buffer =>
  Buffer.from(run.positions[t][group].find((one) => one.slot === slot)!.leaves[leaf]!);

describe('scores of a position', () => {
  const judge = judgeOf('ScoreCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and a maximum is wrong where a position exceeds it or its index has another: ${name}`, async () => {
      const run = await runOf(name);
      const { heads, layers } = run.model.config;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const honest = disputed(run, t, group, 'attMax', 0);
        for (const element of group === 1 ? [0, 1] : [2 * heads - 2, 2 * heads - 1]) {
          for (const j of [0, 2, t]) expect(await verdict(honest, element, j)).toBe(false);
          const [value, index] = [honest.bytes.readInt32BE(8 * element), honest.bytes.readUInt32BE(8 * element + 4)];
          const other = index === 0 ? t : index - 1;
          const lie = (change: (bytes: Buffer) => void): Disputed => disputed(run, t, group, 'attMax', 0, change);
          const larger = lie((bytes) => bytes.writeInt32BE(value + 1, 8 * element));
          expect(await verdict(larger, element, index)).toBe(true);
          expect(await verdict(larger, element, other)).toBe(false);
          expect(await verdict(larger, element ^ 1, index)).toBe(false);
          const smaller = lie((bytes) => bytes.writeInt32BE(value - 1, 8 * element));
          expect(await verdict(smaller, element, index)).toBe(true);
          const elsewhere = lie((bytes) => bytes.writeUInt32BE(other, 8 * element + 4));
          expect(await verdict(elsewhere, element, Math.min(index, other))).toBe(true);
          const beyond = lie((bytes) => bytes.writeUInt32BE(t + 1, 8 * element + 4));
          expect(await verdict(beyond, element, other)).toBe(true);
        }
      }
    });

    it(`have powers of two that are right as they are, and wrong where a bit of one was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { heads, layers, context } = run.model.config;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const leaf = ((group === 1 ? 0 : heads - 1) * context) / 256;
        const honest = disputed(run, t, group, 'e', leaf);
        for (const element of [0, 1, t, t + 1, 255]) {
          expect(await verdict(honest, element)).toBe(false);
          const lie = disputed(run, t, group, 'e', leaf, (bytes) => (bytes[2 * element + 1] ^= 1));
          expect(await verdict(lie, element)).toBe(true);
          expect(await verdict(lie, element === 0 ? t : 0)).toBe(false);
        }
      }
    });
  }

  it('are checked in every block of positions', async () => {
    const run = await runOf('wide', LONG);
    const t = run.positions.length - 1;
    for (const head of [0, 1]) {
      const maximum = disputed(run, t, 1, 'attMax', 0);
      for (const j of [0, 31, 32, 255, 256, t]) expect(await verdict(maximum, 2 * head, j)).toBe(false);
      for (const [block, elements] of [[0, [0, 100, 255]], [1, [0, 1, t - 256, t - 255, 255]]] as const) {
        for (const element of elements) {
          const honest = disputed(run, t, 1, 'e', 3 * head + block);
          expect(await verdict(honest, element)).toBe(false);
          const lie = disputed(run, t, 1, 'e', 3 * head + block, (bytes) => (bytes[2 * element] ^= 0x80));
          expect(await verdict(lie, element)).toBe(true);
        }
      }
    }
    console.log(`ScoreCheck: at most ${judge.gas} gas`);
  });

  it('follow from any bytes of queries and keys as in the reference', async () => {
    const run = await runOf('extreme');
    const { headDim } = run.model.config;
    const random = randomOf(7);
    const t = run.positions.length - 1;
    for (let round = 0; round < 30; round++) {
      const fill = (bytes: Buffer): void => {
        for (let i = 0; i <= headDim; i++) bytes[i] = round % 3 === 0 ? 255 * random(2) : random(256);
        if (round % 2 === 0) bytes[0] = random(30);
      };
      const q = leafOf(run, t, 1, 'q8');
      const k = leafOf(run, t, 1, 'k8');
      fill(q);
      fill(k);
      const key = Buffer.concat([0, 1, 2, 3].map((word) => Buffer.from(k.subarray(1 + 30 * word, 31 + 30 * word)).reverse()));
      for (let i = headDim; i < 120; i++) key[i] = 128;
      for (let word = 0; word < 4; word++) Buffer.from(key.subarray(30 * word, 30 * word + 30)).reverse().copy(k, 1 + 30 * word);
      let sum = 0;
      for (let i = 0; i < headDim; i++) sum += (q[1 + i] - 128) * (key[i] - 128);
      const value = score(sum, q[0], k[0]);
      const inputs = [{ slot: 'q8', leaf: 0, change: (bytes: Buffer) => void q.copy(bytes) }, { slot: 'k8', leaf: 0, change: (bytes: Buffer) => void k.copy(bytes) }];
      for (const off of [0, 1, -1]) {
        const claimed = disputed(run, t, 1, 'attMax', 0, (bytes) => {
          bytes.writeInt32BE(value + off, 0);
          bytes.writeUInt32BE(t, 4);
        }, inputs);
        expect(await verdict(claimed, 0, t)).toBe(off !== 0);
      }
    }
  });

  it('are judged whatever maximum the leaf before them says', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 1;
    for (const largest of [-(2 ** 31), 2 ** 31 - 1]) {
      const at = disputed(run, t, 1, 'e', 0, undefined, [{ slot: 'attMax', leaf: 0, change: (bytes) => void bytes.writeInt32BE(largest, 0) }]);
      expect((await check(at.step, evidenceOf(at, t))).exitCode).toBeUndefined();
    }
  });

  it('are not compared with those of later positions', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 2;
    for (let element = 0; element < 8; element++) {
      const honest = disputed(run, t, 1, 'attMax', 0);
      expect(await check(honest.step, evidenceOf(honest, element, t + 1))).toMatchObject({ exitCode: 926 });
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped');
    const random = randomOf(11);
    const t = run.positions.length - 1;
    const honest = [disputed(run, t, 1, 'attMax', 0), disputed(run, t, 1, 'e', 2), disputed(run, t, 2, 'attMax', 0), disputed(run, t - 1, 1, 'e', 2)];
    const evidence = honest.flatMap((at) => [0, 1, t, 255].filter((element) => at.address.slot === 'e' || element < 8)
      .flatMap((element) => [evidenceOf(at, element, 0), evidenceOf(at, element, at.t)]));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 80; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
