/** Elements of every slot that may be the dearest of it to judge: the first and the last of its first and its last leaf, and each variety. */
import type { Cell } from '@ton/core';
import type { CheckName } from '../../disputes/checkTree';
import { downEvidence } from '../../disputes/checks/down';
import { drawEvidence } from '../../disputes/checks/draw';
import { headMaxEvidence } from '../../disputes/checks/headMax';
import { headNormEvidence } from '../../disputes/checks/headNorm';
import { headRowEvidence } from '../../disputes/checks/headRow';
import { inputEvidence } from '../../disputes/checks/input';
import { linearEvidence } from '../../disputes/checks/linear';
import { maxEvidence } from '../../disputes/checks/max';
import { normElements, normEvidence } from '../../disputes/checks/norm';
import { runningSumsEvidence } from '../../disputes/checks/runningSums';
import { scoreEvidence } from '../../disputes/checks/score';
import { sumsEvidence } from '../../disputes/checks/sums';
import { swiGluEvidence } from '../../disputes/checks/swiGlu';
import { topPlaceEvidence, topWeightEvidence } from '../../disputes/checks/top';
import { weightedEvidence } from '../../disputes/checks/weighted';
import type { LeafSource } from '../../disputes/leafSource';
import type { ExactConfig, Sampling } from '../../exact';
import { hasHeadNorm, hasWideSwiGlu } from '../../exact/config';
import { BLOCK, ROWS_PER_DOWN_LEAF, SEGMENT_BYTES, SUM_BLOCK, SUMS_PER_LEAF } from '../../exact/constants';
import { blocksOf, hasDownSums, HEAD_NORM_WORDS, headSlots, layerSlots, positionBlocks, segmentsOf } from '../../exact/opTable';
import type { InferenceRequest } from '../../protocol';
import type { RowAddress } from './largeModel';
import { earlierOf, headGroup, LAYER_GROUP, type LargePosition } from './largePosition';
import type { SparseModel } from './sparseTrees';

/** A position of a job, and the model that it is of. */
export interface Place {
  position: LargePosition;
  model: SparseModel;
  request: InferenceRequest;
  sampling: Sampling;
}

/** A step that may be the dearest of its slot. */
export interface StepCase {
  check: CheckName;
  /** What is judged: the slot, and its variety where it has some. */
  of: string;
  group: number;
  slot: string;
  leaf: number;
  /** The byte of the leaf in which the worker lied. */
  at: number;
  /** @param bytes of the leaf as the worker has it @param tree the worker's, with that leaf */
  evidence(place: Place, tree: LeafSource, bytes: Uint8Array): Cell;
}

const LINEAR = { q: 'query', k: 'key', v: 'value', h1: 'output', gate: 'gate', up: 'up', h2: 'down' } as const;

/** Slots, leaves and elements of linear steps. */
function linearPlaces(config: ExactConfig): { group: number; slot: string; leaf: number; element: number; bytes: 2 | 4; row: RowAddress }[] {
  const slots = [...layerSlots(config), ...headSlots(config)].filter(({ name }) => name in LINEAR || name === 'logits');
  return slots.flatMap(({ name, leaves, elements, elementBytes }) => [0, leaves - 1].flatMap((leaf) => [0, Math.min(BLOCK, elements - BLOCK * leaf) - 1].map((element) => {
    const matrix = name === 'logits' ? 'head' : `layers.${LAYER_GROUP - 1}.${LINEAR[name as keyof typeof LINEAR]}`;
    return { group: name === 'logits' ? headGroup(config) : LAYER_GROUP, slot: name, leaf, element, bytes: elementBytes as 2 | 4, row: { matrix, row: BLOCK * leaf + element } };
  })));
}

/** Rows that the steps below multiply with, and the one of the embedding. */
export const rowsOf = (config: ExactConfig): RowAddress[] => [...linearPlaces(config).map(({ row }) => row), { matrix: 'embedding', row: config.vocab - 1 }];

export function stepCases(config: ExactConfig, sampling: Sampling): StepCase[] {
  return sampling.t === 0
    ? [...inputs(config), ...norms(config), ...linears(config), ...(hasDownSums(config) ? downs(config) : []), ...heads(config), ...attention(config), ...feedForward(config), ...tokens(config, sampling)]
    : tokens(config, sampling);
}

/** First and last byte of the first and the last leaf of a row of so many values, padding not counted. */
function rowEnds(values: number): { leaf: number; byte: number }[] {
  const last = Math.ceil(values / SEGMENT_BYTES) - 1;
  return [[0, 0], [0, Math.min(SEGMENT_BYTES, values) - 1], [last, 0], [last, values - SEGMENT_BYTES * last - 1]].map(([leaf, byte]) => ({ leaf, byte }));
}

const inputs = (config: ExactConfig): StepCase[] => {
  const source = ({ position: { t, commit }, model, request }: Place, tree: LeafSource) => ({ config, model, tree, request, t, commit: { leaf: commit.committed.bind(commit) } });
  const step = (of: string, slot: string, leaf: number, element: number): StepCase => ({
    check: 'InputCheck', of, group: 0, slot, leaf, at: 4 * element + 3,
    evidence: (place, tree) => inputEvidence(source(place, tree), place.position.address(0, slot, leaf), element),
  });
  const last = blocksOf(config.dim) - 1;
  return [step('token', 'token', 0, 0), ...[[0, 0], [0, BLOCK - 1], [last, 0], [last, (config.dim - 1) % BLOCK]].map(([leaf, element]) => step('h', 'h', leaf, element))];
};

function norms(config: ExactConfig): StepCase[] {
  const { largest, inv } = normElements(config);
  const step = (group: number, slot: string, leaf: number, element: number, at: number, shows?: (bytes: Uint8Array) => number): StepCase => ({
    check: 'NormCheck', of: slot, group, slot, leaf, at,
    evidence: ({ position }, tree, bytes) => normEvidence(config, tree, position.address(group, slot, leaf), element, shows?.(bytes)),
  });
  const rows = (group: number, slot: string): StepCase[] => rowEnds(config.dim).map(({ leaf, byte }) => step(group, slot, leaf, byte, byte));
  const scalars = (group: number, slot: string): StepCase[] => Array.from({ length: inv + 1 }, (_, element) => {
    const words = 2 * (inv - 3) + 2;
    const at = element <= inv - 2 ? 8 * element + (element === largest ? 3 : 7) : 4 * (words + element - inv + 3) + 3;
    return step(group, slot, 0, element, at, (bytes) => Buffer.from(bytes).readUInt32BE(4));
  });
  const groups = [[LAYER_GROUP, '1'], [LAYER_GROUP, '2'], [headGroup(config), '']] as const;
  return groups.flatMap(([group, suffix]) => [...scalars(group, `norm${suffix}`), ...rows(group, `x${suffix}`)]);
}

const linears = (config: ExactConfig): StepCase[] => linearPlaces(config).map(({ group, slot, leaf, element, bytes: size }) => {
  const [check, evidenceOf] = slot === 'h2' && hasDownSums(config) ? (['DownCheck', downEvidence] as const) : (['LinearCheck', linearEvidence] as const);
  return {
    check, of: slot, group, slot, leaf, at: size * element + size - 1,
    evidence: ({ position, model }, tree) => evidenceOf(config, model, tree, position.address(group, slot, leaf), element),
  };
});

/** Of the first row of `down` and of the last one. */
function downs(config: ExactConfig): StepCase[] {
  const pieces = segmentsOf(config.ffn);
  const last = config.dim / ROWS_PER_DOWN_LEAF - 1;
  return [[0, 0], [last, (ROWS_PER_DOWN_LEAF - 1) * pieces]].flatMap(([leaf, row]) => [0, pieces - 1].map((piece): StepCase => ({
    check: 'DownCheck', of: 'downSums', group: LAYER_GROUP, slot: 'downSums', leaf, at: 4 * (row + piece) + 3,
    evidence: ({ position, model }, tree) => downEvidence(config, model, tree, position.address(LAYER_GROUP, 'downSums', leaf), row + piece),
  })));
}

function heads(config: ExactConfig): StepCase[] {
  const { heads: count, kvHeads, headDim } = config;
  const source = ({ position: { t }, model }: Place, tree: LeafSource) => ({ config, tree, model, t });
  const address = ({ position }: Place, slot: string, leaf: number) => position.address(LAYER_GROUP, slot, leaf);
  const slotOf = (name: string) => layerSlots(config).find((slot) => slot.name === name)!;
  const indexAt = (bytes: Uint8Array, word: number): number => Buffer.from(bytes).readUInt32BE(4 * (word + 1));
  const [keys, values] = [4 * count, 4 * (count + kvHeads)];
  const maxima = [0, 2, keys - 4, keys - 2, keys, values - 2, values, values + 2 * kvHeads - 2].map((word): StepCase => ({
    check: 'HeadMaxCheck', of: 'headMax', group: LAYER_GROUP, slot: 'headMax', leaf: 0, at: 4 * word + 3,
    evidence: (place, tree, bytes) => headMaxEvidence(source(place, tree), address(place, 'headMax', 0), word, indexAt(bytes, word)),
  }));
  const rows = (['q8', 'k8', 'v8'] as const).flatMap((slot) => {
    const { leaves } = slotOf(slot);
    const inLeaf = slot === 'q8' ? 1 : kvHeads;
    const row = Math.ceil(headDim / 120) * 120;
    return [0, leaves - 1].flatMap((leaf) => [0, inLeaf, inLeaf + headDim - 30, inLeaf * (1 + row) - row, inLeaf * (1 + row) - row + headDim - 9].map((byte): StepCase => ({
      check: 'HeadRowCheck', of: slot, group: LAYER_GROUP, slot, leaf, at: byte,
      evidence: (place, tree) => headRowEvidence(source(place, tree), address(place, slot, leaf), byte),
    })));
  });
  if (!hasHeadNorm(config)) return [...maxima, ...rows];
  const norm = (slot: 'headNorm' | 'qn' | 'kn', leaf: number, element: number): StepCase => ({
    check: 'HeadNormCheck', of: slot, group: LAYER_GROUP, slot, leaf, at: 4 * element + 3,
    evidence: (place, tree, bytes) =>
      headNormEvidence(source(place, tree), address(place, slot, leaf), element, indexAt(bytes, element - (element % HEAD_NORM_WORDS))),
  });
  const words = HEAD_NORM_WORDS * (count + kvHeads);
  return [
    ...maxima, ...rows, ...[0, 2, 3, 4, 5].flatMap((field) => [field, HEAD_NORM_WORDS * (count - 1) + field, words - HEAD_NORM_WORDS + field].map((word) => norm('headNorm', 0, word))),
    ...(['qn', 'kn'] as const).flatMap((slot) => [0, slotOf(slot).leaves - 1].flatMap((leaf) => [0, headDim - 1, BLOCK - 1].map((element) => norm(slot, leaf, element)))),
  ];
}

function attention(config: ExactConfig): StepCase[] {
  const { heads: count, headDim } = config;
  const blocks = positionBlocks(config);
  const earlier = earlierOf(config);
  const source = ({ position: { t, commit } }: Place, tree: LeafSource) => ({ config, tree, t, commit: { leaf: commit.committed.bind(commit) } });
  const address = ({ position }: Place, slot: string, leaf: number) => position.address(LAYER_GROUP, slot, leaf);
  const slotOf = (name: string) => layerSlots(config).find((slot) => slot.name === name)!;
  const step = (check: CheckName, slot: string, leaf: number, at: number, evidence: (place: Place, tree: LeafSource, bytes: Uint8Array) => Cell): StepCase =>
    ({ check, of: slot, group: LAYER_GROUP, slot, leaf, at, evidence });
  const [block, inBlock] = [Math.floor(earlier / BLOCK), earlier % BLOCK];
  const perHead = [0, count - 1].map((head) => head * blocks + block);
  const maxima = [0, 1, 2 * count - 2, 2 * count - 1].map((element) => step('ScoreCheck', 'attMax', 0, 8 * element + 3, (place, tree) =>
    scoreEvidence(source(place, tree), place.model, address(place, 'attMax', 0), element, earlier)));
  const scores = perHead.map((leaf) => step('ScoreCheck', 'e', leaf, 2 * inBlock + 1, (place, tree) =>
    scoreEvidence(source(place, tree), place.model, address(place, 'e', leaf), inBlock)));
  const sums = [0, count - 1].flatMap((leaf) => [0, blocks - 1, blocks, blocks + 1, 2 * blocks, 2 * blocks + 1].map((word) =>
    step('SumsCheck', 'attSums', leaf, 4 * word + 3, (place, tree) => sumsEvidence(source(place, tree), address(place, 'attSums', leaf), word))));
  const weights = perHead.map((leaf) => step('SumsCheck', 'p', leaf, inBlock, (place, tree) =>
    sumsEvidence(source(place, tree), address(place, 'p', leaf), inBlock)));
  const weighted = (slot: string, leaf: number, at: number, element: number): StepCase => step('WeightedCheck', slot, leaf, at, (place, tree) =>
    weightedEvidence(source(place, tree), address(place, slot, leaf), element));
  const pieces = slotOf('vt').leaves / blocks;
  const transposed = [block * pieces, (block + 1) * pieces - 1].flatMap((leaf) => [0, slotOf('vt').perLeaf - BLOCK].map((from) => from + (earlier % BLOCK)).map((byte) => weighted('vt', leaf, byte, byte)));
  const { leaves, perLeaf } = slotOf('pv');
  const partial = [0, leaves - 1].flatMap((leaf) => [0, blocks - 1, perLeaf - blocks, perLeaf - 1].map((word) => weighted('pv', leaf, 4 * word + 3, word)));
  const outputs = count * headDim;
  const largest = weighted('oMax', 0, 3, outputs - 1);
  const rows = rowEnds(outputs).map(({ leaf, byte }) => weighted('o8', leaf, byte, byte));
  return [...maxima, ...scores, ...sums, ...weights, ...transposed, ...partial, largest, ...rows];
}

function feedForward(config: ExactConfig): StepCase[] {
  const step = (slot: string, leaf: number, at: number, element: number, shows = 0): StepCase => ({
    check: 'SwiGluCheck', of: slot, group: LAYER_GROUP, slot, leaf, at,
    evidence: ({ position, model }, tree) => swiGluEvidence(config, model, tree, position.address(LAYER_GROUP, slot, leaf), element, shows),
  });
  const maxima = hasWideSwiGlu(config) ? [0, 1, 2, 3] : [0, 1];
  const rows = rowEnds(config.ffn).map(({ leaf, byte }) => step('xd', leaf, byte, byte));
  return [...maxima.map((element) => step('mlpMax', 0, 8 * element + 3, element, config.ffn - 1)), ...rows];
}

function tokens(config: ExactConfig, sampling: Sampling): StepCase[] {
  const group = headGroup(config);
  const source = ({ model }: Place, tree: LeafSource) => ({ config, tree, model });
  const step = (check: CheckName, of: string, slot: string, leaf: number, at: number, evidence: (place: Place, tree: LeafSource, bytes: Uint8Array) => Cell): StepCase =>
    ({ check, of, group, slot, leaf, at, evidence });
  const draw = (of: string, at: number, part?: 'total' | 'token'): StepCase => step('DrawCheck', `draw, ${of}`, 'draw', 0, at, (place, tree, bytes) =>
    drawEvidence(source(place, tree), sampling, bytes, part));
  if (sampling.t === 0) {
    return [step('MaxCheck', 'max', 'max', 0, 3, (place, tree) => maxEvidence(source(place, tree), config.vocab - 1)), draw('greedy', 15)];
  }
  if (sampling.topK > 0) {
    const last = sampling.topK - 1;
    const place = step('TopCheck', 'top', 'top', 0, 12 * last + 3, (at, tree, bytes) =>
      topPlaceEvidence(source(at, tree), last, Buffer.from(bytes).readUInt32BE(12 * last + 4)));
    const weight = step('TopCheck', 'top', 'top', 0, 12 * last + 11, (at, tree) => topWeightEvidence(source(at, tree), last));
    return [place, weight, draw('of a list', 15)];
  }
  const numbers = [0, 1, SUMS_PER_LEAF - 1, SUMS_PER_LEAF, 2 * SUMS_PER_LEAF, blocksOf(config.vocab, SUM_BLOCK) - 2].filter((number) => number < config.vocab / SUM_BLOCK);
  const sums = numbers.map((number) => {
    const [leaf, element] = [Math.floor(number / SUMS_PER_LEAF), number % SUMS_PER_LEAF];
    return step('RunningSumsCheck', 'sums', 'sums', leaf, 8 * element + 7, (place, tree) =>
      runningSumsEvidence(source(place, tree), place.position.address(group, 'sums', leaf), element));
  });
  return [...sums, draw('of all', 11, 'total'), draw('of all', 15)];
}
