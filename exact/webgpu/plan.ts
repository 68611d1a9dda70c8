/** The fixed list of dispatches of one position, derived once per model from the arena and the resident weights. */
import type { ExactConfig } from '../config';
import { BLOCK, SUM_BLOCK } from '../constants';
import { blocksOf } from '../opTable';
import type { Arena } from './arena';
import { KERNELS, paramWords, PARAMS_STRIDE, type KernelName, type KernelParams } from './kernels';
import { rowsPerGroup } from './shaders/common';
import { LINEAR_MODE } from './shaders/linear';
import type { ResidentModel, Stack } from './weights';

/** Parts of a position: `body` always; of the others, what the position and the sampling mode need. */
export type Stage = 'body' | 'head' | 'full' | 'greedy' | 'top';

export interface PlannedDispatch {
  stage: Stage;
  kernel: KernelName;
  /** Byte offset of its uniform record. */
  params: number;
  layer: number;
  shard: number;
  /** Workgroups at position t. */
  size: (t: number) => [number, number];
}

export interface Plan {
  dispatches: PlannedDispatch[];
  /** All uniform records. */
  params: Uint32Array<ArrayBuffer>;
}

export interface PlanOptions {
  linearKernel: LinearKernel;
  lanes: number;
}

export type LinearKernel = 'linearByThread' | 'linearByGroup';

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

export function planPosition(config: ExactConfig, arena: Arena, model: ResidentModel, options: PlanOptions): Plan {
  const { dim, heads, kvHeads, headDim, context, ffn, vocab, epsTerm } = config;
  const { scratch, body, head, blockStride } = arena;
  const dispatches: PlannedDispatch[] = [];
  const records: Uint32Array[] = [];
  const { linearKernel } = options;
  const rowGroups = (rows: number): [number, number] => [Math.ceil(rows / rowsPerGroup(options.lanes)), 1];
  let stage: Stage = 'body';
  let layer = 0;

  function add<N extends KernelName>(
    kernel: N, params: KernelParams<N>, size: PlannedDispatch['size'] | [number, number], shard = 0,
  ) {
    const record = paramWords(kernel, params);
    const fixed = typeof size === 'function' ? size : () => size;
    dispatches.push({ stage, kernel, params: records.length * PARAMS_STRIDE, layer, shard, size: fixed });
    records.push(record);
  }
  const norm = (input: number, scalars: number, output: number) =>
    add('norm', { input, width: dim, epsTerm, scalars, output, exponent: scratch.exponents.norm }, [1, 1]);
  const linear = (
    stack: Stack, input: number, exponent: number, output: number, fraction: number,
    mode: keyof typeof LINEAR_MODE = 'plain', residual = 0,
  ) => {
    const rowVectors = stack.columns / 16;
    const rowLanes = lanesPerRow(rowVectors);
    const rowsPerGroup = linearKernel === 'linearByThread'
      ? 4 * KERNELS.linearByThread.workgroup
      : KERNELS.linearByGroup.workgroup / rowLanes;
    for (const piece of stack.pieces) {
      add(linearKernel, {
        input, exponent, output: output + piece.firstRow, residual: residual + piece.firstRow, mode: LINEAR_MODE[mode],
        fraction, rows: piece.rows, rowVectors, weightBase: piece.weightBase, scaleBase: piece.scaleBase, rowLanes,
      }, rectangle(Math.ceil(piece.rows / rowsPerGroup)), piece.shard);
    }
  };

  for (const piece of model.embedding.pieces) {
    const { firstRow, rows, weightBase, scaleBase } = piece;
    add('embedding', { firstRow, rows, weightBase, scaleBase, width: dim, output: body.h },
      [Math.ceil(dim / 4 / KERNELS.embedding.workgroup), 1], piece.shard);
  }
  let h = body.h;
  body.layers.forEach((a, i) => {
    layer = i;
    const weights = model.layers[i];
    const shape = { heads, kvHeads, headDim, context, blocks: a.chunk, blockStride };
    norm(h, a.norm1, a.x1);
    linear(weights.qkv, a.x1, scratch.exponents.norm, a.qkv, 16);
    add('heads', {
      qkv: a.qkv, heads, kvHeads, headDim, context, headMax: a.headMax, output: a.int8, exponents: a.exponents,
    }, rowGroups(heads + 2 * kvHeads));
    add('scores', { ...shape, queries: a.int8, exponents: a.exponents },
      (t) => [Math.ceil(heads * (t + 1) / KERNELS.scores.workgroup), 1]);
    add('softmax', { ...shape, attMax: a.attMax, totals: a.totals }, rowGroups(heads));
    add('weightedValues', shape,
      (t) => [Math.ceil(heads * headDim / 4 / KERNELS.weightedValues.workgroup), blocksOf(t + 1, BLOCK)]);
    add('attentionOutput', {
      heads, headDim, blocks: a.chunk, blockStride, totals: a.totals, scratch: scratch.attention, maxima: a.oMax,
      output: a.o8, exponent: scratch.exponents.attention,
    }, [1, 1]);
    linear(weights.output, a.o8, scratch.exponents.attention, a.h1, 16, 'residual', h);
    norm(a.h1, a.norm2, a.x2);
    linear(weights.gateUp, a.x2, scratch.exponents.norm, scratch.gates, 8, 'clamp16');
    add('swiglu', { gates: scratch.gates, ffn, output: scratch.mlp, gateOut: a.gate, upOut: a.up },
      [Math.ceil(ffn / 2 / KERNELS.swiglu.workgroup), 1]);
    add('hadamard', {
      values: scratch.mlp, width: ffn, maxima: a.mlpMax, output: a.xd, exponent: scratch.exponents.mlp,
    }, [1, 1]);
    linear(weights.down, a.xd, scratch.exponents.mlp, a.h2, 16, 'residual', a.h1);
    h = a.h2;
  });

  stage = 'head';
  norm(h, head.norm, head.x);
  linear(model.head, head.x, scratch.exponents.norm, head.logits, 16);
  add('argmax', { logits: head.logits, vocab, output: head.max }, [1, 1]);
  const sums = blocksOf(vocab, SUM_BLOCK);
  const drawing = {
    maxima: head.max, weights: scratch.weights, sums: head.sums, count: sums, vocab, output: head.draw,
  };
  stage = 'greedy';
  add('draw', drawing, [1, 1]);
  stage = 'full';
  add('sampleWeights', {
    logits: head.logits, vocab, maxima: head.max, weights: scratch.weights, blockSums: scratch.blockSums,
  }, [Math.ceil(sums / KERNELS.sampleWeights.workgroup), 1]);
  add('runningSums', { blockSums: scratch.blockSums, count: sums, output: head.sums }, [1, 1]);
  add('draw', drawing, [1, 1]);
  stage = 'top';
  add('drawTop', {
    logits: head.logits, vocab, maxima: head.max, list: head.top, found: scratch.found, output: head.draw,
  }, [1, 1]);

  const params = new Uint32Array(records.length * (PARAMS_STRIDE / 4));
  records.forEach((record, i) => params.set(record, i * (PARAMS_STRIDE / 4)));
  return { dispatches, params };
}
