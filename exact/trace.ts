/**
 * The trace: SHA-256 leaves of every slot of every position, and the roots above them (docs/exact-arithmetic.md
 * sections 5 and 6). A back end calls `position` once per position, in order, and reads the roots at the end.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { TraceLayoutError } from './errors';
import { bigEndian, headRowLeaves, plainLeaves, positionLeaves, transposedLeaves } from './leafLayout';
import { PADDING_LEAF, paddingRoot, sha256, treeRoot } from './merkle';
import { embeddingSlots, headSlots, layerSlots, traceDepths, type Slot } from './opTable';
import type { HeadTensors, LayerTensors, PositionTensors } from './tensors';

/** A leaf's bytes, or null where the op table puts a padding leaf. */
export type Leaf = Uint8Array | null;

/** Leaves by slot name of one group, in execution order. */
export type GroupLeaves = { slot: string; leaves: Leaf[] }[];

/** Lays out the leaves of a position; keeps the last 32 rows of V, whose transpose is a slot. */
export class TraceLayout {
  private readonly embedding;
  private readonly layer;
  private readonly head;
  /** v8 of the positions of the running trace block, per layer */
  private recentValues: Int8Array[][];
  private next: number;

  /** @param first the position that comes first; the first one of a trace block, since V's transpose begins there */
  constructor(readonly config: ExactConfig, first = 0) {
    if (first % TRACE_BLOCK !== 0) throw new RangeError(`position ${first} does not begin a trace block`);
    this.next = first;
    this.embedding = embeddingSlots(config);
    this.layer = layerSlots(config);
    this.head = headSlots(config);
    this.recentValues = Array.from({ length: config.layers }, () => []);
  }

  /** All groups of the next position: embedding, layers, head; an absent head is an empty group. */
  position(tensors: PositionTensors): GroupLeaves[] {
    const t = this.next++;
    if (tensors.layers.length !== this.config.layers) {
      throw new TraceLayoutError('exact.trace.layers', 'wrong number of layers', {
        expected: String(this.config.layers),
        received: String(tensors.layers.length),
      });
    }
    if (t % TRACE_BLOCK === 0) this.recentValues = this.recentValues.map(() => []);
    return [
      this.embedding.map((slot) => ({ slot: slot.name, leaves: plainLeaves(slot, tensors.embedding[slot.name]) })),
      ...tensors.layers.map((layer, i) => this.layerLeaves(layer, i, t)),
      tensors.head ? this.headLeaves(tensors.head) : [],
    ];
  }

  private layerLeaves(tensors: LayerTensors, layer: number, t: number): GroupLeaves {
    const recent = this.recentValues[layer];
    const { heads } = this.config;
    return this.layer.map((slot) => {
      switch (slot.name) {
        case 'q8':
          return { slot: slot.name, leaves: headRowLeaves(slot, tensors.q8, tensors.qExponents) };
        case 'k8':
          return { slot: slot.name, leaves: headRowLeaves(slot, tensors.k8, tensors.kExponents) };
        case 'v8':
          recent.push(tensors.v8.slice());
          return { slot: slot.name, leaves: headRowLeaves(slot, tensors.v8, tensors.vExponents) };
        case 'vt':
          return { slot: slot.name, leaves: transposedLeaves(this.config, recent) };
        case 'e':
        case 'p':
          return { slot: slot.name, leaves: positionLeaves(slot, tensors[slot.name], heads, t) };
        default:
          return { slot: slot.name, leaves: plainLeaves(slot, tensors[slot.name]) };
      }
    });
  }

  private headLeaves(tensors: HeadTensors): GroupLeaves {
    return this.head.map((slot) => {
      const { name } = slot;
      if (name === 'top') return { slot: name, leaves: [tensors.top ? bigEndian(tensors.top) : null] };
      const tensor = tensors[name];
      return { slot: name, leaves: tensor ? plainLeaves(slot, tensor) : padding(slot) };
    });
  }
}

const padding = (slot: Slot): Leaf[] => Array.from({ length: slot.leaves }, () => null);

/** Hash of a leaf: SHA-256 of its bytes, or the padding leaf. */
export const leafHash = (leaf: Leaf): Uint8Array => (leaf === null ? PADDING_LEAF : sha256(leaf));

/** Root of one group of fixed depth. */
export function groupRoot(group: GroupLeaves, depth: number): Uint8Array {
  return treeRoot(group.flatMap(({ leaves }) => leaves.map(leafHash)), depth);
}

/** Hashes positions as they come; memory grows by one hash per position. */
export class TraceHasher {
  private readonly layout: TraceLayout;
  private readonly depths;
  readonly positionRoots: Uint8Array[] = [];

  constructor(config: ExactConfig) {
    this.layout = new TraceLayout(config);
    this.depths = traceDepths(config);
  }

  /** Commits the next position. Tensors are read before this returns, so buffers may be reused. */
  position(tensors: PositionTensors): void {
    const { group, token } = this.depths;
    const roots = this.layout.position(tensors).map((leaves) => groupRoot(leaves, group));
    this.positionRoots.push(treeRoot(roots, token, group));
  }

  /** Root per 32-token block of positions; the last block may be partly padding. */
  blockRoots(): Uint8Array[] {
    const { group, token } = this.depths;
    const roots: Uint8Array[] = [];
    for (let i = 0; i < this.positionRoots.length; i += TRACE_BLOCK) {
      roots.push(treeRoot(this.positionRoots.slice(i, i + TRACE_BLOCK), TRACE_BLOCK_DEPTH, group + token));
    }
    return roots;
  }

  /** Root over all blocks so far. */
  traceRoot(): Uint8Array {
    const { block, total } = this.depths;
    const blocks = this.blockRoots();
    return blocks.length === 0 ? paddingRoot(total) : treeRoot(blocks, block, total - block);
  }
}
