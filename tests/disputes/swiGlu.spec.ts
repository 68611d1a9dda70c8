/** SwiGluCheck: the largest elements of the feed-forward and the int8 row in front of `down`. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { GREEDY, type ExactConfig } from '../../exact';
import { hasWideSwiGlu } from '../../exact/config';
import { BLOCK, SEGMENT_BYTES } from '../../exact/constants';
import { leafIndex } from '../../exact/leafAddress';
import { bigEndian, plainLeaves } from '../../exact/leafLayout';
import { layerSlots, paddedRowBytes } from '../../exact/opTable';
import { PositionTree } from '../../exact/positionTree';
import { requantize, roundShift } from '../../exact/reference/arithmetic';
import { downInput, hadamard64, swiGlu, wideSwiGlu } from '../../exact/reference/feedForward';
import { swiGluEvidence } from '../../disputes/checks/swiGlu';
import { encodeStep } from '../../disputes/step';
import { STEP_ERRORS } from '../../wrappers/SlashingCase';
import { checkOf, disputed, type Disputed, GOLDEN_MODELS, type Run, runOf } from './checks';
import { mutated, randomOf } from './mutations';

/** A model of each flavour, of 320 elements in two blocks of 256. */
const FLAVOURS = ['grouped', 'gated'];

const evidenceOf = ({ run, tree, address }: Disputed, element: number, shows?: number): Cell =>
  swiGluEvidence(run.model.config, run.prover, tree, address, element, shows);

interface FeedForward {
  gate: Buffer[];
  up: Buffer[];
  mlpMax: Buffer;
  xd: Buffer[];
  /** Of which `mlpMax` has the largest, in its order. */
  maximized: Int32Array[];
}

/** All that follows from gate and up, by the reference. */
function feedForward(config: ExactConfig, sigmoid: Uint16Array, gate: Int32Array, up: Int32Array): FeedForward {
  const slot = (name: string) => layerSlots(config).find((one) => one.name === name)!;
  const wide = hasWideSwiGlu(config);
  const shaped = (values: Int32Array): Int32Array | Int16Array => (wide ? values : Int16Array.from(values));
  const { y, shift, words } = wide
    ? wideSwiGlu(gate, up, sigmoid)
    : { y: swiGlu(Int16Array.from(gate), Int16Array.from(up), sigmoid), shift: 0, words: [] };
  const down = downInput(y, shift);
  const transformed = y.map((value) => roundShift(value, Math.max(0, 32 - Math.clz32(down.words[0]) - 24)));
  hadamard64(transformed);
  const cut = gate.map((g) => {
    const half = sigmoid[Math.min(512, roundShift(Math.abs(g), 2))];
    return requantize(g, g < 0 ? 32768 - half : half, 15);
  });
  return {
    gate: plainLeaves(slot('gate'), shaped(gate)), up: plainLeaves(slot('up'), shaped(up)),
    mlpMax: bigEndian(Uint32Array.of(...words, ...down.words)), xd: plainLeaves(slot('xd'), down.x.values),
    maximized: wide ? [cut, up, y, transformed] : [y, transformed],
  };
}

/** What the run itself has for gate and up. */
function computed(run: Run, t: number, group: number): FeedForward {
  const { config, tables } = run.model;
  const values = (slot: string): Int32Array => {
    const bytes = Buffer.concat(run.positions[t][group].find((one) => one.slot === slot)!.leaves.map((leaf) => leaf!));
    return Int32Array.from({ length: config.ffn }, (_, i) => (hasWideSwiGlu(config) ? bytes.readInt32BE(4 * i) : bytes.readInt16BE(2 * i)));
  };
  return feedForward(config, tables.sigmoid, values('gate'), values('up'));
}

/** The element that shows a maximum or its index to be wrong, as a challenger finds it. */
function shows(values: Int32Array, mlpMax: Buffer, element: number): number {
  const [maximum, index] = [mlpMax.readUInt32BE(8 * element), mlpMax.readUInt32BE(8 * element + 4)];
  if (index < values.length && Math.abs(values[index]) !== maximum) return index;
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return values.findIndex((value) => Math.abs(value) === largest);
}

/** The honest leaves of a computation in front of the leaf in dispute. */
const inputsOf = ({ gate, up, mlpMax }: FeedForward, slot: string) => [
  ...gate.map((bytes, leaf) => ({ slot: 'gate', leaf, change: (to: Buffer): void => void bytes.copy(to) })),
  ...up.map((bytes, leaf) => ({ slot: 'up', leaf, change: (to: Buffer): void => void bytes.copy(to) })),
  ...(slot === 'xd' ? [{ slot: 'mlpMax', leaf: 0, change: (to: Buffer): void => void mlpMax.copy(to) }] : []),
];

describe('the feed-forward', () => {
  let check: Awaited<ReturnType<typeof checkOf>>;
  beforeAll(async () => {
    check = await checkOf('SwiGluCheck');
  });
  const verdict = async (at: Disputed, element: number, number?: number): Promise<boolean | number | undefined> => {
    const { isWrong, exitCode } = await check(at.step, evidenceOf(at, element, number));
    return isWrong ?? exitCode;
  };

  for (const name of GOLDEN_MODELS) {
    it(`has largest elements that are right as they are, and wrong where any bit was changed: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, ffn } = run.model.config;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const honest = disputed(run, t, group, 'mlpMax', 0);
        const { mlpMax, maximized } = computed(run, t, group);
        expect(honest.bytes).toEqual(mlpMax);
        for (const [element, values] of maximized.entries()) {
          const index = mlpMax.readUInt32BE(8 * element + 4);
          for (const number of [index, ffn - 1]) expect(await verdict(honest, element, number)).toBe(false);
          for (const bit of group === 1 ? [0, 21, 42, 63] : [30, 37]) {
            const lie = disputed(run, t, group, 'mlpMax', 0, (bytes) => (bytes[8 * element + (bit >> 3)] ^= 1 << bit % 8));
            expect(await verdict(lie, element, shows(values, lie.bytes, element))).toBe(true);
          }
          const larger = disputed(run, t, group, 'mlpMax', 0, (bytes) => bytes.writeUInt32BE(mlpMax.readUInt32BE(8 * element) + 1, 8 * element));
          expect(await verdict(larger, element, index === 0 ? 1 : 0)).toBe(false);
          const beyond = disputed(run, t, group, 'mlpMax', 0, (bytes) => bytes.writeUInt32BE(ffn, 8 * element + 4));
          expect(await verdict(beyond, element, ffn - 1)).toBe(true);
        }
        expect(await verdict(honest, maximized.length, 0)).toBe(STEP_ERRORS.noSuchElement);
        expect(await verdict(honest, 0, ffn)).toBe(STEP_ERRORS.noSuchElement);
      }
    });

    it(`has a row for down that is right as it is, and wrong where a bit was changed, in its padding too: ${name}`, async () => {
      const run = await runOf(name);
      const { layers, ffn } = run.model.config;
      const t = run.positions.length - 1;
      for (let group = 1; group <= layers; group++) {
        const honest = disputed(run, t, group, 'xd', 0);
        for (const byte of [36 + group, ffn - 1, honest.bytes.length - 1]) {
          expect(await verdict(honest, byte)).toBe(false);
          const lie = disputed(run, t, group, 'xd', 0, (bytes) => (bytes[byte] ^= 1 << byte % 8));
          expect(await verdict(lie, byte)).toBe(true);
          expect(await verdict(lie, ffn)).toBe(false);
        }
        expect(await verdict(honest, honest.bytes.length)).toBe(STEP_ERRORS.noSuchElement);
      }
    });
  }

  for (const name of FLAVOURS) {
    it(`follows from any gate and up as in the reference: ${name}`, async () => {
      const run = await runOf(name);
      const { config, tables } = run.model;
      const random = randomOf(17);
      const t = run.positions.length - 1;
      const limit = hasWideSwiGlu(config) ? 2 ** 31 - 1 : 32767;
      const lowest = hasWideSwiGlu(config) ? -limit : -32768;
      const signs = (i: number) => (_: unknown, j: number): number => ((i & j).toString(2).replace(/0/g, '').length % 2 ? -limit : limit);
      const values = (fill: (_: unknown, j: number) => number): Int32Array => Int32Array.from({ length: config.ffn }, fill);
      const any = (size: number): Int32Array => values(() => random(2 * size + 1) - size);
      const pairs: [Int32Array, Int32Array][] = [
        [any(limit), values(() => 0)], [values(() => limit), values(() => lowest)],
        [values(() => lowest), values(() => lowest)], [values(() => limit), values(signs(45))], [values((_, j) => 8 * (j - 160) + (j % 5)), any(300)],
        [values(() => limit), values((_, j) => (j === 200 ? lowest : 3))], [any(limit), any(limit)], [any(2048), any(2048)], [any(30), any(9)],
        // T is 255 everywhere, which rounds to 128.
        [values(() => 2), values((_, j) => (j % 64 ? 0 : 255))],
      ];
      for (const [gate, up] of pairs) {
        const honest = feedForward(config, tables.sigmoid, gate, up);
        const inputs = inputsOf(honest, 'mlpMax');
        const largest = disputed(run, t, 1, 'mlpMax', 0, (bytes) => void honest.mlpMax.copy(bytes), inputs);
        for (const [element, all] of honest.maximized.entries()) {
          expect(await verdict(largest, element, honest.mlpMax.readUInt32BE(8 * element + 4))).toBe(false);
          // Any element alone is what the reference says: named as the maximum with its index it passes, and nothing next to it does.
          const number = random(config.ffn);
          for (const off of [0, 2 * random(2) - 1]) {
            const claimed = disputed(run, t, 1, 'mlpMax', 0, (bytes) => {
              honest.mlpMax.copy(bytes);
              bytes.writeUInt32BE((Math.abs(all[number]) + off) >>> 0, 8 * element);
              bytes.writeUInt32BE(number, 8 * element + 4);
            }, inputs);
            expect(await verdict(claimed, element, number)).toBe(off !== 0);
          }
        }
        const inFront = inputsOf(honest, 'xd');
        const byte = random(config.ffn);
        for (const off of [0, 2 * random(2) - 1]) {
          const row = disputed(run, t, 1, 'xd', 0, (bytes) => {
            honest.xd[0].copy(bytes);
            bytes[byte] += off;
          }, inFront);
          expect(await verdict(row, byte)).toBe(off !== 0);
        }
      }
    });

    it(`is judged whatever the leaves before it say: ${name}`, async () => {
      const run = await runOf(name);
      const t = run.positions.length - 1;
      const rest = hasWideSwiGlu(run.model.config) ? [0, 0, 0] : [0];
      for (const pattern of [[0], [0x80, ...rest], [0x7f, ...rest], [0xff]]) {
        const inputs = ['gate', 'up'].flatMap((slot) => [0, 1].map((leaf) => ({ slot, leaf, change: (bytes: Buffer): void => void bytes.fill(Buffer.from(pattern)) })));
        for (const own of [0, 0xff]) {
          const largest = disputed(run, t, 1, 'mlpMax', 0, (bytes) => void bytes.fill(own), inputs);
          for (let element = 0; element < largest.bytes.length / 8; element++) expect(typeof (await check(largest.step, evidenceOf(largest, element, 257))).isWrong).toBe('boolean');
          const row = disputed(run, t, 1, 'xd', 0, undefined, [...inputs, { slot: 'mlpMax', leaf: 0, change: (bytes) => void bytes.fill(own) }]);
          expect(typeof (await check(row.step, evidenceOf(row, 319))).isWrong).toBe('boolean');
        }
      }
    });

    it(`is never wrong by evidence that was bent or belongs elsewhere: ${name}`, async () => {
      const run = await runOf(name);
      const random = randomOf(19);
      const t = run.positions.length - 1;
      const honest = [disputed(run, t, 1, 'mlpMax', 0), disputed(run, t, 1, 'xd', 0), disputed(run, t, 2, 'mlpMax', 0), disputed(run, t - 1, 1, 'xd', 0)];
      const evidence = honest.flatMap((at) => [0, 3, 300].filter((element) => at.address.slot === 'xd' || element < 4).map((element) => evidenceOf(at, element, 300)));
      for (const { step } of honest) {
        for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
        for (let n = 0; n < 20; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
      }
    });
  }

  it('needs the sigmoid table of the model', async () => {
    const run = await runOf('grouped');
    const at = disputed(run, run.positions.length - 1, 1, 'xd', 0);
    const { path } = run.prover.part({ part: 'sigmoid' });
    const model = { part: () => ({ bytes: Buffer.alloc(1026, 64), path }) };
    const said = await check(at.step, swiGluEvidence(run.model.config, model, at.tree, at.address, 0));
    expect(said.exitCode).toBe(STEP_ERRORS.otherTable);
  });

  for (const [label, flags] of [['16 bits', 0], ['32 bits', 2]] as const) {
    it(`of a large model is checked: ${label}`, async () => {
      const run = await runOf('grouped');
      const { sigmoid } = run.model.tables;
      const config: ExactConfig = { ...run.model.config, layers: 32, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 8192, flags };
      const random = randomOf(29);
      const values = (size: number): Int32Array => Int32Array.from({ length: config.ffn }, () => random(2 * size + 1) - size);
      const limit = flags === 2 ? 2 ** 31 - 1 : 32767;
      const honest = feedForward(config, sigmoid, values(limit), values(limit));
      const group = 32;
      const leaves: Record<string, Buffer[]> = { gate: honest.gate, up: honest.up, mlpMax: [honest.mlpMax], xd: honest.xd };
      const slots = layerSlots(config).map((slot) => ({ slot: slot.name, leaves: leaves[slot.name] ?? Array.from({ length: slot.leaves }, () => null) }));
      const tree = new PositionTree(config, Array.from({ length: config.layers + 2 }, (_, i) => (i === group ? slots : [])));
      let gas = 0;
      const judge = async (slot: string, leaf: number, bytes: Buffer, element: number, number?: number): Promise<boolean | undefined> => {
        const address = { block: 3, position: 7, group, slot, leaf };
        const step = encodeStep({
          config, rowsRoot: Buffer.alloc(32), tablesRoot: run.tablesRoot, positionRoot: tree.root, traceRoot: Buffer.alloc(32),
          index: leafIndex(config, 'inner', address), leaf: bytes, t: 103, job: { promptTokens: 104, outputTokens: 1, requestRoot: Buffer.alloc(32), sampling: GREEDY },
        });
        const said = await check(step, swiGluEvidence(config, run.prover, tree, address, element, number));
        gas = Math.max(gas, said.gas);
        return said.isWrong;
      };
      const changed = (bytes: Buffer, at: number): Buffer => {
        const lie = Buffer.from(bytes);
        lie[at] ^= 1;
        return lie;
      };
      for (const element of honest.maximized.keys()) {
        const index = honest.mlpMax.readUInt32BE(8 * element + 4);
        for (const number of [index, config.ffn - 1]) expect(await judge('mlpMax', 0, honest.mlpMax, element, number)).toBe(false);
        expect(await judge('mlpMax', 0, changed(honest.mlpMax, 8 * element + 3), element, index)).toBe(true);
      }
      expect(honest.xd.length).toBe(4);
      const last = paddedRowBytes(config.ffn) - 3 * SEGMENT_BYTES;
      for (const [leaf, byte] of [[0, 0], [0, BLOCK - 1], [1, 3599], [2, 3500], [3, config.ffn - 1 - 3 * SEGMENT_BYTES], [3, last - 1]]) {
        expect(await judge('xd', leaf, honest.xd[leaf], byte)).toBe(false);
        expect(await judge('xd', leaf, changed(honest.xd[leaf], byte), byte)).toBe(true);
      }
      console.log(`SwiGluCheck, ${label}: at most ${gas} gas`);
    });
  }
});
