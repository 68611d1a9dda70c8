/** Evidence that may show a leaf to be wrong, slot by slot, likeliest first. Whether it does a check says (disputes/refute.ts). */
import type { Cell } from '@ton/core';
import { hasWideSwiGlu, type ExactConfig } from '../exact/config';
import { BLOCK } from '../exact/constants';
import type { Sampling } from '../exact/engine';
import type { LeafAddress } from '../exact/leafAddress';
import { hasDownSums } from '../exact/opTable';
import type { CheckName } from './checkTree';
import { downEvidence } from './checks/down';
import { drawEvidence } from './checks/draw';
import { headMaxEvidence } from './checks/headMax';
import { headNormEvidence } from './checks/headNorm';
import { headRowEvidence } from './checks/headRow';
import { inputEvidence, type InputSource } from './checks/input';
import { linearEvidence } from './checks/linear';
import { maxEvidence } from './checks/max';
import { normElements, normEvidence } from './checks/norm';
import { runningSumsEvidence } from './checks/runningSums';
import { scoreEvidence } from './checks/score';
import { sumsEvidence } from './checks/sums';
import { swiGluEvidence } from './checks/swiGlu';
import { topPlaceEvidence, topWeightEvidence } from './checks/top';
import { weightedEvidence } from './checks/weighted';

/** A leaf in dispute, beside what it should be. Both have the length that config and job give. */
export interface WrongLeaf {
  source: InputSource & { sampling: Sampling };
  address: LeafAddress;
  disputed: Buffer;
  honest: Buffer;
}

/** A check and, when it is wanted, the evidence for it. */
export interface Refutation {
  check: CheckName;
  evidence: () => Cell;
}

type Refutations = (leaf: WrongLeaf) => Refutation[];

/** Elements of so many bytes that differ, in order. */
function differing({ disputed, honest }: WrongLeaf, bytes: number): number[] {
  const elements: number[] = [];
  for (let at = 0; at < honest.length; at++) {
    const element = Math.floor(at / bytes);
    if (disputed[at] !== honest[at] && elements.at(-1) !== element) elements.push(element);
  }
  return elements;
}

/** What shows a maximum to be wrong: the element that has it, or the one that the leaf names. @param word of the maximum; its index stands behind it */
function shown({ disputed, honest }: WrongLeaf, word: number, count: number): number[] {
  const indexes = [honest, disputed].map((bytes) => bytes.readUInt32BE(4 * word + 4));
  return [...new Set(indexes)].filter((index) => index < count);
}

/** Maxima with their indexes, which a leaf of pairs has, each with what may show it to be wrong. */
const pairs = (leaf: WrongLeaf, count: number): [pair: number, shows: number][] =>
  differing(leaf, 8).flatMap((pair) => shown(leaf, 2 * pair, count).map((shows): [number, number] => [pair, shows]));

const linear = (bytes: (config: ExactConfig) => number): Refutations => (leaf) => {
  const { config, model, tree } = leaf.source;
  return differing(leaf, bytes(config)).map((element) => ({
    check: 'LinearCheck', evidence: () => linearEvidence(config, model, tree, leaf.address, element),
  }));
};
const words = linear(() => 4);
const down: Refutations = (leaf) => {
  const { config, model, tree } = leaf.source;
  return differing(leaf, 4).map((element) => ({ check: 'DownCheck', evidence: () => downEvidence(config, model, tree, leaf.address, element) }));
};
const lastResidual: Refutations = (leaf) => (hasDownSums(leaf.source.config) ? down : words)(leaf);
const gate = linear((config) => (hasWideSwiGlu(config) ? 4 : 2));

const input: Refutations = (leaf) => differing(leaf, 4).map((element) => ({
  check: 'InputCheck', evidence: () => inputEvidence(leaf.source, leaf.address, element),
}));

const norm: Refutations = (leaf) => {
  const { source: { config, tree }, address } = leaf;
  const of = normElements(config);
  const found = (element: number, shows?: number): Refutation => ({ check: 'NormCheck', evidence: () => normEvidence(config, tree, address, element, shows) });
  const [root, inverse] = [2 * (of.ssq + 1), 2 * (of.ssq + 1) + 1];
  return differing(leaf, 4).flatMap((word) => {
    if (word < 2) return shown(leaf, 0, config.dim).map((shows) => found(of.largest, shows));
    if (word === root) return [found(of.r)];
    if (word === inverse) return [found(of.inv)];
    // A sum of squares has two words.
    return [found(word >> 1)];
  });
};
const normRow: Refutations = (leaf) => differing(leaf, 1).map((byte) => ({
  check: 'NormCheck', evidence: () => normEvidence(leaf.source.config, leaf.source.tree, leaf.address, byte),
}));

const headNorm: Refutations = (leaf) => {
  const { source, address } = leaf;
  const { headDim } = source.config;
  const found = (element: number, shows?: number): Refutation => ({ check: 'HeadNormCheck', evidence: () => headNormEvidence(source, address, element, shows) });
  return differing(leaf, 4).flatMap((word) => {
    if (address.slot !== 'headNorm' || word % 6 > 1) return [found(word)];
    return shown(leaf, word - (word % 6), headDim).map((shows) => found(word, shows));
  });
};
const headMax: Refutations = (leaf) => pairs(leaf, leaf.source.config.headDim).flatMap(([pair, shows]) =>
  [2 * pair, 2 * pair + 1].map((word): Refutation => ({ check: 'HeadMaxCheck', evidence: () => headMaxEvidence(leaf.source, leaf.address, word, shows) })));
const headRow: Refutations = (leaf) => differing(leaf, 1).map((byte) => ({
  check: 'HeadRowCheck', evidence: () => headRowEvidence(leaf.source, leaf.address, byte),
}));

const weighted = (bytes: number): Refutations => (leaf) => differing(leaf, bytes).map((element) => ({
  check: 'WeightedCheck', evidence: () => weightedEvidence(leaf.source, leaf.address, element),
}));
const outputMax: Refutations = (leaf) => shown(leaf, 0, leaf.source.config.heads * leaf.source.config.headDim).map((element) => ({
  check: 'WeightedCheck', evidence: () => weightedEvidence(leaf.source, leaf.address, element),
}));

const scoreMax: Refutations = (leaf) => pairs(leaf, leaf.source.t + 1).map(([pair, position]) => ({
  check: 'ScoreCheck', evidence: () => scoreEvidence(leaf.source, leaf.source.model, leaf.address, pair, position),
}));
const weights: Refutations = (leaf) => differing(leaf, 2).map((element) => ({
  check: 'ScoreCheck', evidence: () => scoreEvidence(leaf.source, leaf.source.model, leaf.address, element),
}));

const sums = (elementOf: (leaf: WrongLeaf) => number[]): Refutations => (leaf) => elementOf(leaf).map((element) => ({
  check: 'SumsCheck', evidence: () => sumsEvidence(leaf.source, leaf.address, element),
}));
/** Low bytes of a block's weights stand in front of their high bytes. */
const planes = (leaf: WrongLeaf): number[] => [...new Set(differing(leaf, 1).map((byte) => byte % BLOCK))];

const swiGluMax: Refutations = (leaf) => {
  const { config, model, tree } = leaf.source;
  return pairs(leaf, config.ffn).map(([pair, shows]) => ({ check: 'SwiGluCheck', evidence: () => swiGluEvidence(config, model, tree, leaf.address, pair, shows) }));
};
const swiGluRow: Refutations = (leaf) => {
  const { config, model, tree } = leaf.source;
  return differing(leaf, 1).map((byte) => ({ check: 'SwiGluCheck', evidence: () => swiGluEvidence(config, model, tree, leaf.address, byte) }));
};

const max: Refutations = (leaf) => shown(leaf, 0, leaf.source.config.vocab).map((id) => ({ check: 'MaxCheck', evidence: () => maxEvidence(leaf.source, id) }));

/** Words of an entry of `top`: a logit, its id, its weight. */
const ENTRY_BYTES = 12;
const top: Refutations = (leaf) => {
  const { source, disputed, honest } = leaf;
  return differing(leaf, ENTRY_BYTES).flatMap((entry): Refutation[] => {
    const ids = [disputed, honest].map((bytes) => bytes.readUInt32BE(ENTRY_BYTES * entry + 4)).filter((id) => id < source.config.vocab);
    return [
      ...ids.map((id): Refutation => ({ check: 'TopCheck', evidence: () => topPlaceEvidence(source, entry, id) })),
      { check: 'TopCheck', evidence: () => topWeightEvidence(source, entry) },
    ];
  });
};
const runningSums: Refutations = (leaf) => differing(leaf, 8).map((element) => ({
  check: 'RunningSumsCheck', evidence: () => runningSumsEvidence(leaf.source, leaf.address, element),
}));
const draw: Refutations = ({ source, disputed }) => (['total', 'token'] as const).map((part) => ({
  check: 'DrawCheck', evidence: () => drawEvidence(source, source.sampling, disputed, part),
}));

const REFUTATIONS: Record<string, Refutations> = {
  token: input, h: input,
  norm1: norm, norm2: norm, norm, x1: normRow, x2: normRow, x: normRow,
  q: words, k: words, v: words, h1: words, h2: lastResidual, downSums: down, logits: words, gate, up: gate,
  headNorm, qn: headNorm, kn: headNorm, headMax, q8: headRow, k8: headRow, v8: headRow,
  vt: weighted(1), pv: weighted(4), oMax: outputMax, o8: weighted(1),
  attMax: scoreMax, e: weights, attSums: sums((leaf) => differing(leaf, 4)), p: sums(planes),
  mlpMax: swiGluMax, xd: swiGluRow, max, top, sums: runningSums, draw,
};

/** For a leaf that differs from the honest one. @throws RangeError for a slot that no check judges */
export function refutationsOf(leaf: WrongLeaf): Refutation[] {
  const of = REFUTATIONS[leaf.address.slot];
  if (of === undefined) throw new RangeError(`no check judges the slot ${leaf.address.slot}`);
  return of(leaf);
}
