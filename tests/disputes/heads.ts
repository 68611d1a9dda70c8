/** Heads of q, k and v with any elements, and the leaves of all that follows from them by the reference. */
import type { Cell } from '@ton/core';
import type { ExactConfig } from '../../exact';
import { leafIndex } from '../../exact/leafAddress';
import { headRowLeaves, plainLeaves } from '../../exact/leafLayout';
import { layerSlots, treeDepths } from '../../exact/opTable';
import { int8Exponent, maximum, toInt8 } from '../../exact/reference/arithmetic';
import { headEpsTerm, normHeads } from '../../exact/reference/headNorm';
import { rotate } from '../../exact/reference/rope';
import type { HeadGains } from '../../exact/tables';
import type { AttentionHeadSource } from '../../disputes/attentionHeads';
import { encodeStep } from '../../disputes/step';
import type { Disputed, Run } from './checks';

/** What the linear ops left, i32 with 16 fraction bits. */
export interface HeadElements {
  q: Int32Array;
  k: Int32Array;
  v: Int32Array;
}

/** cos and sin [headDim / 2] of the position, gains of the layer if the model has some. */
export interface HeadTables {
  cos: Int16Array;
  sin: Int16Array;
  gains?: { q: HeadGains; k: HeadGains };
}

export type LeavesBySlot = Record<string, Buffer[]>;

/** Leaves of the slots `q` to `v8`. */
export function headLeaves(config: ExactConfig, { cos, sin, gains }: HeadTables, { q, k, v }: HeadElements): LeavesBySlot {
  const { headDim } = config;
  const tensors: Record<string, Int32Array | Uint32Array> = { q, k, v };
  let [queries, keys] = [q.slice(), k.slice()];
  if (gains) {
    const eps = headEpsTerm(config);
    const words = [...normHeads(queries, headDim, gains.q, eps), ...normHeads(keys, headDim, gains.k, eps)];
    Object.assign(tensors, { headNorm: Uint32Array.from(words), qn: queries, kn: keys });
    [queries, keys] = [queries.slice(), keys.slice()];
  }
  const rows: Record<string, { values: Int8Array; exponents: Uint8Array }> = {};
  const words: number[] = [];
  for (const [name, y] of [['q8', queries], ['k8', keys], ['v8', v.slice()]] as const) {
    const row = { values: new Int8Array(y.length), exponents: new Uint8Array(y.length / headDim) };
    for (let from = 0; from < y.length; from += headDim) {
      if (name !== 'v8') {
        const before = rotate(y, from, headDim, cos, sin);
        words.push(before.max, before.index);
      }
      const { max, index } = maximum(y, from, from + headDim);
      words.push(max, index);
      const exponent = int8Exponent(max);
      row.exponents[from / headDim] = exponent;
      toInt8(y, exponent, row.values, from, from + headDim);
    }
    rows[name] = row;
  }
  tensors.headMax = Uint32Array.from(words);
  const slots = layerSlots(config).filter(({ name }) => name in tensors || name in rows);
  return Object.fromEntries(slots.map((slot) => {
    const { name } = slot;
    return [name, name in rows ? headRowLeaves(config, slot, rows[name].values, rows[name].exponents) : plainLeaves(slot, tensors[name])];
  }));
}

/** The model's tables for a position and a layer's group. */
export function tablesOf({ model: { config, tables } }: Run, t: number, group: number): HeadTables {
  const half = config.headDim / 2;
  return { cos: tables.cos.subarray(t * half, (t + 1) * half), sin: tables.sin.subarray(t * half, (t + 1) * half), gains: tables.gains?.[group - 1] };
}

/** Puts leaves into a position, as `disputed` wants it. */
export const inputsOf = (leaves: LeavesBySlot): { slot: string; leaf: number; change: (bytes: Buffer) => void }[] =>
  Object.entries(leaves).flatMap(([slot, all]) => all.map((bytes, leaf) => ({ slot, leaf, change: (target: Buffer): void => void bytes.copy(target) })));

/** The same bytes as a leaf of another slot; without one at the same place of another group. */
export function misplaced({ run, tree, t, address, bytes }: Disputed, slot: string | undefined, group: number): Cell {
  const { config } = run.model;
  const width = 2 ** treeDepths(config).group;
  const index = slot === undefined ? group * width + (leafIndex(config, 'inner', address) % width) : leafIndex(config, 'inner', { ...address, group, slot });
  return encodeStep({
    config, rowsRoot: run.rowsRoot, tablesRoot: run.tablesRoot, positionRoot: tree.root, traceRoot: run.traceRoot, index, leaf: bytes, t, job: run.job,
  });
}

export const sourceOf = ({ run, tree, t }: Disputed): AttentionHeadSource => ({ config: run.model.config, tree, model: run.prover, t });

/** Elements of a kind that changes with the round: zeros, all equal, saturated, tiny, most negative but one, single ones, of every size. */
export function elementsOf(length: number, round: number, random: (limit: number) => number): Int32Array {
  const MAX = 2 ** 31 - 1;
  const kinds: (() => number)[] = [
    () => 0,
    () => 12345 << (round % 16),
    () => MAX * (random(2) * 2 - 1),
    () => random(3) - 1,
    () => -MAX,
    () => (random(16) === 0 ? MAX - random(3) : 0),
    () => Math.floor((random(2 ** 32) - 2 ** 31) / 2 ** random(31)) || -1,
  ];
  return Int32Array.from({ length }, kinds[round % kinds.length]);
}

export const allElements = ({ heads, kvHeads, headDim }: ExactConfig, round: number, random: (limit: number) => number): HeadElements => ({
  q: elementsOf(heads * headDim, round, random), k: elementsOf(kvHeads * headDim, round, random), v: elementsOf(kvHeads * headDim, round, random),
});

/** Bytes that no honest leaf has. */
export const IMPOSSIBLE = [0x00, 0xff, 0x80, 0x7f];

/** A committed maximum with its index, at a word of a leaf. */
export interface Maximum {
  value: number;
  index: number;
}

export const maximumAt = (bytes: Buffer, word: number): Maximum => ({ value: bytes.readUInt32BE(4 * word), index: bytes.readUInt32BE(4 * word + 4) });

/** Every way in which a maximum of `count` values can lie: too large, too small, a higher and a lower index, one that is none. */
export function liesAbout({ value, index }: Maximum, count: number): Maximum[] {
  const indexes = [index + 1, index - 1, count - 1, 0, count, 2 ** 32 - 1].filter((at) => at >= 0 && at !== index);
  const values = [value + 1, value - 1, 2 ** 32 - 1, 0].filter((one) => one >= 0 && one !== value);
  return [...indexes.map((at) => ({ value, index: at })), ...values.map((one) => ({ value: one, index })), { value: values[0], index: indexes[0] }];
}

/** The element that refutes a lie: the larger one, that at the claimed index, or the equal one in front. */
export function refuter(lie: Maximum, truth: Maximum, count: number): number {
  if (lie.value < truth.value || lie.index >= count) return truth.index;
  return lie.value > truth.value ? lie.index : Math.min(lie.index, truth.index);
}
