/** NormCheck: root mean squares of the residual, and the int8 rows that follow. */
import { describe, expect, it } from '@jest/globals';
import { normElements, normEvidence } from '../../disputes/checks/norm';
import { normalize } from '../../exact/reference/norm';
import { disputed, type Disputed, GOLDEN_MODELS, judgeOf, type Run, runOf } from './checks';
import { mutated, randomOf } from './mutations';


const evidenceOf = ({ run, tree, address }: Disputed, element: number, shows?: number) => normEvidence(run.model.config, tree, address, element, shows);

/** Groups and slots that a run has at its last position. */
const slotsOf = ({ model: { config } }: Run): [number, string][] => [
  ...[1, config.layers].flatMap((group): [number, string][] => ['norm1', 'x1', 'norm2', 'x2'].map((slot) => [group, slot])),
  [config.layers + 1, 'norm'], [config.layers + 1, 'x'],
];

describe('norms and the rows behind them', () => {
  const judge = judgeOf('NormCheck', evidenceOf);
  const { check, verdict } = judge;

  for (const name of GOLDEN_MODELS) {
    it(`are right as they are, and wrong where one bit was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { dim } = run.model.config;
      const t = run.positions.length - 1;
      const of = normElements(run.model.config);
      for (const [group, slot] of slotsOf(run)) {
        const honest = disputed(run, t, group, slot, 0);
        if (slot.startsWith('x')) {
          for (const element of [0, 1, dim - 1, honest.bytes.length - 1]) {
            expect(await verdict(honest, element)).toBe(false);
            const lie = disputed(run, t, group, slot, 0, (bytes) => (bytes[element] ^= 1));
            expect(await verdict(lie, element)).toBe(true);
            expect(await verdict(lie, element === 1 ? 0 : 1)).toBe(false);
          }
          continue;
        }
        const blocks = Math.ceil(dim / 256);
        const index = honest.bytes.readUInt32BE(4);
        for (let element = 0; element < blocks + 4; element++) expect(await verdict(honest, element, index)).toBe(false);
        for (let at = 0; at < dim; at += Math.ceil(dim / 7)) expect(await verdict(honest, of.largest, at)).toBe(false);
        // Which element a bit of the leaf belongs to; some of those behind it then disagree as well.
        const parts: [number, number][] = [[3, of.largest], [7, of.largest], [8, of.squares(0)], [15, of.squares(0)], [8 + 8 * blocks, of.ssq], [15 + 8 * blocks, of.ssq]];
        for (const [byte, element] of [...parts, [16 + 8 * blocks, of.r], [19 + 8 * blocks, of.r], [20 + 8 * blocks, of.inv], [23 + 8 * blocks, of.inv]]) {
          const lie = disputed(run, t, group, slot, 0, (bytes) => (bytes[byte] ^= 1));
          const shown = byte < 8 ? lie.bytes.readUInt32BE(4) : index;
          const shows = shown < dim ? [index, shown] : [index];
          const verdicts = await Promise.all(shows.map((one) => verdict(lie, element, one)));
          expect({ name, slot, byte, isWrong: verdicts.includes(true) }).toEqual({ name, slot, byte, isWrong: true });
        }
      }
    });
  }

  it('follow from any residual as in the reference', async () => {
    const run = await runOf('grouped');
    const { config } = run.model;
    const random = randomOf(3);
    const t = run.positions.length - 1;
    const of = normElements(config);
    const most = 2 ** 31 - 1;
    for (let round = 0; round < 16; round++) {
      const bits = 2 + 2 * round;
      const h = Int32Array.from({ length: config.dim }, (_, i) => {
        if (round === 0) return 0;
        if (round === 1) return most;
        if (round === 2) return -most;
        if (round === 3) return i === 5 ? -1 : 0;
        return Math.floor((random(2 ** 30) / 2 ** 30 - 0.5) * 2 ** Math.min(bits, 32)) || 0;
      }).map((value) => Math.max(-most, value));
      const { x, words } = normalize(h, config.epsTerm);
      const residual = Array.from({ length: Math.ceil(config.dim / 256) }, (_, leaf) => ({
        slot: 'h1', leaf, change: (bytes: Buffer) => void h.subarray(256 * leaf, 256 * leaf + 256).forEach((value, i) => bytes.writeInt32BE(value, 4 * i)),
      }));
      const write = (bytes: Buffer): void => void words.forEach((word, i) => bytes.writeUInt32BE(word, 4 * i));
      const norm = disputed(run, t, 1, 'norm2', 0, write, residual);
      for (let element = 0; element <= of.inv; element++) expect(await verdict(norm, element, words[1])).toBe(false);
      const row = disputed(run, t, 1, 'x2', 0, (bytes) => x.values.forEach((value, i) => (bytes[i] = value + 128)), [...residual, { slot: 'norm2', leaf: 0, change: write }]);
      for (const element of [0, 5, words[1], config.dim - 1]) expect(await verdict(row, element)).toBe(false);
    }
    console.log(`NormCheck: at most ${judge.gas} gas`);
  });

  it('are judged whatever the leaves before them say', async () => {
    const run = await runOf('grouped');
    const t = run.positions.length - 1;
    for (const byte of [0, 255]) {
      const fill = (bytes: Buffer): void => void bytes.fill(byte);
      const norm = disputed(run, t, 1, 'norm2', 0, fill, [{ slot: 'h1', leaf: 0, change: fill }]);
      for (let element = 0; element <= normElements(run.model.config).inv; element++) expect((await check(norm.step, evidenceOf(norm, element))).exitCode).toBeUndefined();
      const row = disputed(run, t, 1, 'x2', 0, fill, [{ slot: 'h1', leaf: 0, change: fill }, { slot: 'norm2', leaf: 0, change: fill }]);
      for (const element of [0, row.bytes.length - 1]) expect((await check(row.step, evidenceOf(row, element))).exitCode).toBeUndefined();
    }
  });

  it('are never wrong by evidence that was bent or belongs elsewhere', async () => {
    const run = await runOf('grouped');
    const random = randomOf(17);
    const t = run.positions.length - 1;
    const { layers } = run.model.config;
    const honest = [disputed(run, t, 1, 'norm1', 0), disputed(run, t, 1, 'x2', 0), disputed(run, t, 2, 'norm1', 0), disputed(run, t, layers + 1, 'x', 0), disputed(run, t - 1, 1, 'x1', 0)];
    const evidence = honest.flatMap((at) => [0, 1, 2].map((element) => evidenceOf(at, element)));
    for (const { step } of honest) {
      for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
      for (let n = 0; n < 60; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
    }
  });
});
