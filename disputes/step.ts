/** What the case tells a one-step check (contracts/slashing/step.tact). */
import { beginCell, type Cell } from '@ton/core';
import { encodeConfig, type ExactConfig } from '../exact/config';
import type { Sampling } from '../exact/engine';
import { matrixShapes } from '../exact/modelFile';
import { depthFor, headSlots, layerSlots, segmentsOf, type HeadSlotName, type LayerSlotName, type Slot, treeDepths } from '../exact/opTable';
import { chainOf, leafCells } from './evidenceCells';

/** The leaf in dispute and what is known of its job; hashes have 32 bytes. */
export interface DisputedStep {
  config: ExactConfig;
  rowsRoot: Uint8Array;
  tablesRoot: Uint8Array;
  positionRoot: Uint8Array;
  /** Of the commit tree. */
  traceRoot: Uint8Array;
  /** Of the leaf in the position tree. */
  index: number;
  leaf: Uint8Array;
  /** Position in the sequence. */
  t: number;
  job: StepJob;
}

/** What a request and its receipt say about a trace (contracts/slashing/job.tact); `seed` is that of the draws, 32 bytes. */
export interface StepJob {
  promptTokens: number;
  outputTokens: number;
  /** Of the tree over the request (protocol/commitments.ts), 32 bytes. */
  requestRoot: Uint8Array;
  sampling: Sampling;
}

export function encodeJob({ promptTokens, outputTokens, requestRoot, sampling }: StepJob): Cell {
  const { t, topK, topP16, minPX, seed } = sampling;
  return beginCell()
    .storeUint(promptTokens, 32).storeUint(outputTokens, 32).storeBuffer(Buffer.from(requestRoot)).storeUint(t, 32).storeUint(topK, 16).storeUint(topP16, 16).storeUint(minPX, 16).storeBuffer(Buffer.from(seed))
    .endCell();
}

export function decodeJob(cell: Cell): StepJob {
  const slice = cell.beginParse();
  const [promptTokens, outputTokens, requestRoot] = [slice.loadUint(32), slice.loadUint(32), slice.loadBuffer(32)];
  const [t, topK, topP16, minPX, seed] = [slice.loadUint(32), slice.loadUint(16), slice.loadUint(16), slice.loadUint(16), slice.loadBuffer(32)];
  slice.endParse();
  return { promptTokens, outputTokens, requestRoot, sampling: { t, topK, topP16, minPX, seed } };
}

/** Slots as contracts/slashing/config.tact numbers them, in execution order. */
export const LAYER_SLOTS: readonly LayerSlotName[] = [
  'norm1', 'x1', 'q', 'k', 'v', 'headNorm', 'qn', 'kn', 'headMax', 'q8', 'k8', 'v8', 'vt', 'attMax', 'e', 'attSums', 'p', 'pv', 'oMax', 'o8', 'h1', 'norm2', 'x2', 'gate',
  'up', 'mlpMax', 'xd', 'downSums', 'h2',
];
export const HEAD_SLOTS: readonly HeadSlotName[] = ['norm', 'x', 'logits', 'max', 'top', 'sums', 'draw'];

/** Levels of the tree of the model's rows. */
export function rowsDepth(config: ExactConfig): number {
  return depthFor(matrixShapes(config).reduce((sum, { rows, columns }) => sum + rows * segmentsOf(columns), 0), 3);
}

export function encodeStep({ config, rowsRoot, tablesRoot, positionRoot, traceRoot, index, leaf, t, job }: DisputedStep): Cell {
  const basis = beginCell()
    .storeBuffer(Buffer.from(encodeConfig(config))).storeBuffer(Buffer.from(rowsRoot)).storeBuffer(Buffer.from(tablesRoot)).storeRef(encodeJob(job)).storeRef(encodeLayout(config))
    .endCell();
  return beginCell()
    .storeBuffer(Buffer.from(traceRoot)).storeBuffer(Buffer.from(positionRoot)).storeUint(0, 256 + 32).storeUint(t, 32).storeUint(index, 32)
    .storeRef(basis).storeRef(chainOf(leafCells(leaf)))
    .endCell();
}

/** Where everything stands in the trees of a model (contracts/slashing/layout.tact). */
export function encodeLayout(config: ExactConfig): Cell {
  const { group, token, commit, block } = treeDepths(config);
  const leavesOf = ({ rows, columns }: { rows: number; columns: number }): number => rows * segmentsOf(columns);
  const [embedding, ...matrices] = matrixShapes(config).map(leavesOf);
  const rows = beginCell().storeUint(embedding, 32).storeUint(matrices.slice(0, 7).reduce((sum, leaves) => sum + leaves, 0), 32);
  let first = 0;
  for (const leaves of matrices.slice(0, 7)) {
    rows.storeUint(first, 32);
    first += leaves;
  }
  return beginCell()
    .storeUint(group, 8).storeUint(token, 8).storeUint(rowsDepth(config), 8).storeUint(commit, 8).storeUint(block, 8)
    .storeRef(firstLeaves(LAYER_SLOTS, layerSlots(config))).storeRef(firstLeaves(HEAD_SLOTS, headSlots(config))).storeRef(rows.endCell())
    .endCell();
}

/** First leaves of slots, and behind them the number of all leaves. */
function firstLeaves(names: readonly string[], slots: readonly Slot[]): Cell {
  const cell = beginCell();
  let first = 0;
  for (const name of names) {
    cell.storeUint(first, 24);
    first += slots.find((slot) => slot.name === name)?.leaves ?? 0;
  }
  return cell.storeUint(first, 24).endCell();
}
