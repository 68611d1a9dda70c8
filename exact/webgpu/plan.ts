/** The fixed list of dispatches of a step, derived once per model from the arena and the resident weights. */
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from '../config';
import { BLOCK, SUM_BLOCK } from '../constants';
import { blocksOf } from '../opTable';
import type { Arena } from './arena';
import { KERNELS, paramWords, PARAMS_STRIDE, type KernelName, type KernelParams } from './kernels';
import { rowsPerGroup } from './shaders/common';
import { LINEAR_MODE, TILE } from './shaders/linear';
import { MLP_CHANNELS } from './shaders/mlp';
import { gainsOffset, type ResidentModel, type Stack } from './weights';

/** Parts of a step: `body` always; of the others, what its drawing columns need. */
export type Stage = 'body' | 'head' | 'full' | 'greedy' | 'top';

/** What the number of workgroups depends on. */
export interface StepShape {
  columns: number;
  /** The first columns, which draw a token. */
  drawing: number;
  /** Last position of any column. */
  last: number;
}

export interface PlannedDispatch {
  stage: Stage;
  kernel: KernelName;
  /** Byte offset of its uniform record. */
  params: number;
  layer: number;
  shard: number;
  /** Only in steps of few or of many columns; undefined: always. */
  when?: 'few' | 'many';
  /** Workgroups in x and y, for one column or, with `tiled`, for all. */
  size: (last: number) => [number, number];
  /** Workgroups in z: one per column, or one per so many. */
  columnsPerGroup: number;
}

export interface Plan {
  dispatches: PlannedDispatch[];
  /** All uniform records. */
  params: Uint32Array<ArrayBuffer>;
}

export interface PlanOptions {
  /** For steps of few columns. */
  linearKernel: LinearKernel;
  /** Steps of at least so many columns use `matmul`. */
  manyColumns: number;
  lanes: number;
}

export type LinearKernel = 'linearByThread' | 'linearByGroup' | 'linearBySubgroup';

const MAX_GROUPS = 65535;

/** Workgroups of a linear kernel as a rectangle, at most 65,535 wide. */
export function rectangle(groups: number): [number, number] {
  const height = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / height), height];
}

/** Lanes of `linearByGroup` that share a row of that many vectors: a power of two, 4..64. */
export function lanesPerRow(vectors: number): number {
  let lanes = 4;
  while (lanes < 64 && lanes < vectors) lanes *= 2;
  return lanes;
}

/** Rows that a workgroup of a linear kernel takes; a subgroup has 4 to 64 lanes, too many workgroups do no harm. */
export function rowsOfGroup(kernel: LinearKernel, rowLanes: number, subgroupSize: number): number {
  if (kernel === 'linearByThread') return 4 * KERNELS.linearByThread.workgroup;
  return KERNELS[kernel].workgroup / (kernel === 'linearByGroup' ? rowLanes : subgroupSize);
}

/** @param subgroupSize of the device; read by `linearBySubgroup` only */
export function planStep(
  config: ExactConfig, arena: Arena, model: ResidentModel, options: PlanOptions, subgroupSize = 1,
): Plan {
  const { dim, heads, kvHeads, headDim, ffn, vocab, epsTerm } = config;
  const { scratch, head, blockStride } = arena;
  const { exponents, partials } = scratch;
  const wide = hasWideSwiGlu(config);
  const dispatches: PlannedDispatch[] = [];
  const records: Uint32Array[] = [];
  const rowGroups = (rows: number): [number, number] => [Math.ceil(rows / rowsPerGroup(options.lanes)), 1];
  let stage: Stage = 'body';
  let layer = 0;

  function add<N extends KernelName>(
    kernel: N, params: KernelParams<N>, size: PlannedDispatch['size'] | [number, number],
    rest: Partial<Pick<PlannedDispatch, 'shard' | 'when' | 'columnsPerGroup'>> = {},
  ) {
    const record = paramWords(kernel, params);
    const fixed = typeof size === 'function' ? size : () => size;
    dispatches.push({
      stage, kernel, params: records.length * PARAMS_STRIDE, layer, shard: 0, size: fixed, columnsPerGroup: 1, ...rest,
    });
    records.push(record);
  }
  const norm = (input: number, scalars: number, output: number) =>
    add('norm', { input, width: dim, epsTerm, scalars, output, exponent: exponents.norm }, [1, 1]);
  const linear = (
    stack: Stack, input: number, exponent: number, output: number, fraction: number,
    mode: keyof typeof LINEAR_MODE = 'plain', residual = 0,
  ) => {
    const rowVectors = stack.columns / 16;
    const rowLanes = lanesPerRow(rowVectors);
    for (const piece of stack.pieces) {
      const { rows, shard, weightBase, scaleBase, biasBase } = piece;
      const params = {
        input, exponent, output: output + piece.firstRow, residual: residual + piece.firstRow, mode: LINEAR_MODE[mode],
        fraction, rows, rowVectors, weightBase, scaleBase, rowLanes, biasBase,
      };
      const few = rowsOfGroup(options.linearKernel, rowLanes, subgroupSize);
      add(options.linearKernel, params, rectangle(Math.ceil(rows / few)), { shard, when: 'few' });
      add('matmul', params, rectangle(Math.ceil(rows / TILE.rows)),
        { shard, when: 'many', columnsPerGroup: TILE.columns });
    }
  };

  for (const { firstRow, rows, weightBase, scaleBase, shard } of model.embedding.pieces) {
    add('embedding', { firstRow, rows, weightBase, scaleBase, width: dim, output: arena.h },
      [Math.ceil(dim / 4 / KERNELS.embedding.workgroup), 1], { shard });
  }
  const mlpGroups: [number, number] = [blocksOf(ffn, MLP_CHANNELS), 1];
  const count = mlpGroups[0];
  let h = arena.h;
  arena.layers.forEach((a, i) => {
    layer = i;
    const weights = model.layers[i];
    const shape = { heads, kvHeads, headDim, blocks: a.chunk, blockStride };
    norm(h, a.norm1, a.x1);
    linear(weights.qkv, a.x1, exponents.norm, a.qkv, 16);
    add('heads', {
      qkv: a.qkv, heads, kvHeads, headDim, headMax: a.headMax, output: a.q8, exponents: a.exponents,
      committed: a.committed, committedExponents: a.committedExponents,
      gains: hasHeadNorm(config) ? gainsOffset(config, i) : 0, epsTerm: headEpsilon(config), headNorm: a.headNorm,
      normed: a.normed,
    }, rowGroups(heads + 2 * kvHeads));
    add('scores', { ...shape, queries: a.q8, exponents: a.exponents },
      (last) => [Math.ceil(heads * (last + 1) / KERNELS.scores.workgroup), 1]);
    add('softmax', { ...shape, attMax: a.attMax, totals: a.totals }, rowGroups(heads));
    add('weightedValues', shape,
      (last) => [Math.ceil(heads * headDim / 4 / KERNELS.weightedValues.workgroup), blocksOf(last + 1, BLOCK)]);
    add('attentionOutput', {
      heads, headDim, blocks: a.chunk, blockStride, totals: a.totals, scratch: scratch.attention, maxima: a.oMax,
      output: a.o8, exponent: exponents.attention,
    }, [1, 1]);
    linear(weights.output, a.o8, exponents.attention, a.h1, 16, 'residual', h);
    norm(a.h1, a.norm2, a.x2);
    linear(weights.gateUp, a.x2, exponents.norm, scratch.gates, 8, wide ? 'plain' : 'clamp16');
    add('swiglu', {
      gates: scratch.gates, ffn, output: scratch.mlp, gateOut: a.gate, upOut: a.up,
      partials: wide ? partials.t : partials.y, upPartials: partials.up, wide: wide ? 1 : 0,
    }, mlpGroups);
    if (wide) {
      add('multiply', {
        values: scratch.mlp, gates: scratch.gates, ffn, partials: partials.t, upPartials: partials.up, count,
        yPartials: partials.y, maxima: a.mlpMax, shift: scratch.shift,
      }, mlpGroups);
    }
    const maxima = a.mlpMax + (wide ? 4 : 0);
    add('hadamard', {
      values: scratch.mlp, width: ffn, partials: partials.y, count, outPartials: partials.mixed, maxima,
      before: scratch.before,
    }, mlpGroups);
    add('packDown', {
      values: scratch.mlp, width: ffn, partials: partials.mixed, count, maxima: maxima + 2, before: scratch.before,
      shift: scratch.shift, output: a.xd, exponent: exponents.mlp,
    }, mlpGroups);
    linear(weights.down, a.xd, exponents.mlp, a.h2, 16, 'residual', a.h1);
    h = a.h2;
  });

  stage = 'head';
  norm(h, head.norm, head.x);
  linear(model.head, head.x, exponents.norm, head.logits, 16);
  add('argmax', { logits: head.logits, vocab, output: head.max }, [1, 1]);
  const sums = blocksOf(vocab, SUM_BLOCK);
  const drawing = {
    maxima: head.max, weights: scratch.weights, sums: head.sums, count: sums, vocab, output: arena.draw,
  };
  stage = 'full';
  add('sampleWeights', {
    logits: head.logits, vocab, maxima: head.max, weights: scratch.weights, blockSums: scratch.blockSums,
  }, [Math.ceil(sums / KERNELS.sampleWeights.workgroup), 1]);
  add('runningSums', { blockSums: scratch.blockSums, count: sums, output: head.sums }, [1, 1]);
  stage = 'greedy';
  add('draw', drawing, [1, 1]); // of greedy and full columns
  stage = 'top';
  add('drawTop', {
    logits: head.logits, vocab, maxima: head.max, list: head.top, found: scratch.found, output: arena.draw,
  }, [1, 1]);

  const params = new Uint32Array(records.length * (PARAMS_STRIDE / 4));
  records.forEach((record, i) => params.set(record, i * (PARAMS_STRIDE / 4)));
  return { dispatches, params };
}

/** Op 5n: epsTerm for the width of a head. */
const headEpsilon = ({ epsTerm, headDim, dim }: ExactConfig): number =>
  Math.max(1, Math.floor((epsTerm * headDim) / dim));
