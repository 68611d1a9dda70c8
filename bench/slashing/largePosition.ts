/** One position of a large model: the leaves of its embedding, of one layer and of its head, as far as possible by the reference. */
import { createHash } from 'node:crypto';
import { type ExactConfig, type LeafAddress, type Sampling } from '../../exact';
import { hasHeadNorm } from '../../exact/config';
import { TRACE_BLOCK } from '../../exact/constants';
import { leafIndex, type Tree } from '../../exact/leafAddress';
import { bigEndian, plainLeaves } from '../../exact/leafLayout';
import { embeddingSlots, headSlots, layerSlots, type Slot } from '../../exact/opTable';
import { normalize } from '../../exact/reference/norm';
import { sample } from '../../exact/reference/sampling';
import { headLeaves } from '../../tests/disputes/heads';
import type { LargeTables, Random } from './largeModel';
import { SparseTrace } from './sparseTrees';

/** The layer whose leaves are known, and what the last one leaves to the head. The first has the dearest ways up: the embedding is its residual. */
export const LAYER_GROUP = 1;
/** An earlier position, in the middle of its blocks, that attention reads. */
export const earlierOf = ({ context }: ExactConfig): number => Math.floor(0.15 * context);
/** Steps from the largest logit to one whose weight stands at the end of the table. */
const LAST_OF_TABLE = 45390;

const MAX = 2 ** 31 - 1;
type Leaves = Map<string, readonly Uint8Array[]>;

export const headGroup = ({ layers }: ExactConfig): number => layers + 1;

/** Both trees as a worker has them, as far as steps of this position need them. */
export class LargePosition {
  private readonly groups: ReadonlyMap<number, Leaves>;
  readonly commit: SparseTrace;
  readonly tree: SparseTrace;
  /** The leaf of the commit tree from which the dispute goes on to the position. */
  readonly committed: LeafAddress;

  /** @param t the last position that the context has room for */
  constructor(readonly config: ExactConfig, readonly t: number, tables: LargeTables, sampling: Sampling, random: Random) {
    this.groups = new Map([
      [0, embedding(config, random)], [LAYER_GROUP, layer(config, t, tables, random)],
      [config.layers, lastLayer(config, random)], [headGroup(config), head(config, tables, sampling, random)],
    ]);
    const placed = [...this.groups].flatMap(([group, slots]) => [...slots].flatMap(([slot, all]) => {
      const first = this.indexOf('inner', this.address(group, slot));
      return all.map((bytes, leaf): [number, Uint8Array] => [first + leaf, bytes]);
    }));
    this.tree = SparseTrace.of(config, 'inner', new Map(placed));
    this.committed = this.address(config.layers, 'v8');
    const cached = (['k8', 'v8'] as const).map((slot): [LeafAddress, Uint8Array] => [this.address(LAYER_GROUP, slot, 0, earlierOf(config)), this.leaf(LAYER_GROUP, slot)]);
    const draw: [LeafAddress, Uint8Array] = [this.address(headGroup(config), 'draw', 0, t - 1), bytesOf(16, random)];
    const leaves: [LeafAddress, Uint8Array][] = [...cached, draw, [this.committed, this.leaf(LAYER_GROUP, 'v8')]];
    this.commit = SparseTrace.of(config, 'commit', new Map(leaves.map(([address, bytes]) => [this.indexOf('commit', address), bytes])));
  }

  address(group: number, slot: string, leaf = 0, t = this.t): LeafAddress {
    return { block: Math.floor(t / TRACE_BLOCK), position: t % TRACE_BLOCK, group, slot, leaf };
  }

  leaf(group: number, slot: string, leaf = 0): Uint8Array {
    return this.groups.get(group)!.get(slot)![leaf];
  }

  indexOf(tree: Tree, address: LeafAddress): number {
    return leafIndex(this.config, tree, address);
  }
}

const bytesOf = (length: number, random: Random): Buffer => createHash('shake256', { outputLength: length }).update(String(random(2 ** 32))).digest();
const wordsOf = (count: number, random: Random): Int32Array => Int32Array.from({ length: count }, () => random(2 ** 32) - 2 ** 31);

/** Any elements. */
function anyLeaves(slot: Slot, random: Random): Buffer[] {
  if (slot.layout === 'row') return plainLeaves(slot, new Int8Array(bytesOf(slot.elements, random)));
  return Array.from({ length: slot.leaves }, (_, leaf) => bytesOf(slot.elementBytes * Math.min(slot.perLeaf, slot.elements - leaf * slot.perLeaf), random));
}

function embedding(config: ExactConfig, random: Random): Leaves {
  return new Map(embeddingSlots(config).map((slot) => [slot.name, slot.name === 'token' ? [bigEndian(Uint32Array.of(config.vocab - 1))] : anyLeaves(slot, random)]));
}

const lastLayer = (config: ExactConfig, random: Random): Leaves =>
  new Map(layerSlots(config).flatMap((slot) => (slot.name === 'h2' ? [[slot.name, anyLeaves(slot, random)] as const] : [])));

function layer(config: ExactConfig, t: number, { cos, sin, gains }: LargeTables, random: Random): Leaves {
  const { dim, heads, kvHeads, headDim, ffn } = config;
  const slots = layerSlots(config);
  const leaves: Leaves = new Map();
  const put = (name: string, tensor: Int8Array | Int32Array | Uint32Array): void => void leaves.set(name, plainLeaves(slots.find((slot) => slot.name === name)!, tensor));
  const h = wordsOf(dim, random);
  const h1 = wordsOf(dim, random);
  for (const [residual, norm, row] of [[h, 'norm1', 'x1'], [h1, 'norm2', 'x2']] as const) {
    const { x, words } = normalize(residual.map((value) => Math.max(value, -MAX)), config.epsTerm);
    put(norm, words);
    put(row, x.values);
  }
  put('h1', h1);
  const elements = { q: wordsOf(heads * headDim, random), k: wordsOf(kvHeads * headDim, random), v: wordsOf(kvHeads * headDim, random) };
  const tables = { cos, sin, gains: hasHeadNorm(config) ? gains : undefined };
  for (const [name, all] of Object.entries(headLeaves(config, tables, elements))) leaves.set(name, all);
  // Maxima of scores and of exponents with the positions that have them; of o and of SwiGLU with their elements.
  put('attMax', Uint32Array.from({ length: 4 * heads }, (_, word) => (word % 2 ? earlierOf(config) : random(word % 4 ? 16 : 2 ** 31))));
  put('oMax', Uint32Array.of(random(MAX), heads * headDim - 1));
  put('mlpMax', Uint32Array.from({ length: slots.find(({ name }) => name === 'mlpMax')!.elements }, (_, word) => (word % 2 ? ffn - 1 : random(2 ** 28))));
  for (const slot of slots) if (!leaves.has(slot.name)) leaves.set(slot.name, anyLeaves(slot, random));
  return leaves;
}

function head(config: ExactConfig, { sampling: table }: LargeTables, sampling: Sampling, random: Random): Leaves {
  const slots = headSlots(config);
  const { x, words } = normalize(wordsOf(config.dim, random).map((value) => Math.max(value, -MAX)), config.epsTerm);
  const logits = Int32Array.from({ length: config.vocab }, (_, id) => (id === config.vocab - 1 ? 0 : -LAST_OF_TABLE - (id % 3)));
  const { max, top, sums, draw } = sample(logits, sampling, 1, table);
  // Of all ids the last one has the most weights in front of it in its 64; one bit next to it stands the lie.
  if (sums) draw[3] = config.vocab - 2;
  const tensors: Record<string, Int8Array | Int32Array | Uint32Array | undefined> = { norm: words, x: x.values, logits, max, top, sums, draw };
  return new Map(slots.flatMap((slot) => (tensors[slot.name] ? [[slot.name, plainLeaves(slot, tensors[slot.name]!)] as const] : [])));
}
