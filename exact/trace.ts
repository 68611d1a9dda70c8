/**
 * The commit tree: SHA-256 leaves of what later positions read and of the draw, hashed while a back end generates, and
 * the roots above them (docs/exact-arithmetic.md section 6). A back end commits every position once, in order, and
 * reads the roots at the end.
 */
import type { ExactConfig } from './config';
import { MAX_LEAF_BYTES, TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { TraceLayoutError } from './errors';
import { bigEndian, expectElements, expectHeads, writeHeadRows } from './leafLayout';
import { HASH_BYTES, PADDING_LEAF, foldRoot, hashInto, paddingRoot, sha256, treeRoot } from './merkle';
import { commitLeaves, keySlots, treeDepths } from './opTable';
import type { CommitTensors } from './tensors';

/** A leaf's bytes, or null where a padding leaf stands. */
export type Leaf = Uint8Array | null;

/** Hash of a leaf: SHA-256 of its bytes, or the padding leaf. */
export const leafHash = (leaf: Leaf): Uint8Array => (leaf === null ? PADDING_LEAF : sha256(leaf));

const DRAW_WORDS = 4;

/** Cuts the commit leaves of positions. */
export class CommitLayout {
  /** Leaves of one position. */
  readonly count: number;
  private readonly slots;
  private readonly room = new Uint8Array(MAX_LEAF_BYTES);

  constructor(private readonly config: ExactConfig) {
    this.slots = keySlots(config);
    this.count = commitLeaves(config);
  }

  /** Calls `visit` with every leaf of a position, in order; the bytes are only valid during the call. */
  visit({ layers, draw }: CommitTensors, visit: (leaf: Leaf, index: number) => void): void {
    const { config, room, slots: { k8, v8 } } = this;
    if (layers.length !== config.layers) {
      throw new TraceLayoutError('exact.trace.layers', 'wrong number of layers', {
        expected: String(config.layers),
        received: String(layers.length),
      });
    }
    if (draw) expectElements({ name: 'draw' }, draw, DRAW_WORDS);
    let index = 0;
    for (const layer of layers) {
      expectHeads(config, k8, layer.k8, layer.kExponents);
      expectHeads(config, v8, layer.v8, layer.vExponents);
      for (let leaf = 0; leaf < k8.leaves; leaf++) {
        visit(room.subarray(0, writeHeadRows(config, k8, layer.k8, layer.kExponents, leaf, room)), index++);
      }
      for (let leaf = 0; leaf < v8.leaves; leaf++) {
        visit(room.subarray(0, writeHeadRows(config, v8, layer.v8, layer.vExponents, leaf, room)), index++);
      }
    }
    visit(draw ? bigEndian(draw) : null, index);
  }
}

/** Hashes positions as they come; memory grows by one hash per block of 32 positions. */
export class TraceHasher {
  private readonly layout: CommitLayout;
  private readonly depths;
  /** Hashes of the leaves of a position, with room to fold them. */
  private readonly hashes: Uint8Array;
  private readonly fullBlocks: Uint8Array[] = [];
  /** Roots of the positions of the running block. */
  private positions: Uint8Array[] = [];

  constructor(config: ExactConfig) {
    this.layout = new CommitLayout(config);
    this.depths = treeDepths(config);
    this.hashes = new Uint8Array((this.layout.count + 1) * HASH_BYTES);
  }

  /** Commits the next position. Tensors are read before this returns, so buffers may be reused. */
  position(tensors: CommitTensors): void {
    this.layout.visit(tensors, (leaf, index) => this.hash(leaf, index));
    this.close();
  }

  /**
   * The same from leaf bytes that a back end has laid out itself: per layer k8 and v8, at the end the draw or null.
   * They are read before this returns.
   */
  leaves(leaves: readonly Leaf[]): void {
    expectElements({ name: 'leaves' }, leaves, this.layout.count);
    leaves.forEach((leaf, index) => this.hash(leaf, index));
    this.close();
  }

  private hash(leaf: Leaf, index: number): void {
    if (leaf === null) this.hashes.set(PADDING_LEAF, index * HASH_BYTES);
    else hashInto(leaf, this.hashes, index * HASH_BYTES);
  }

  private close(): void {
    this.positions.push(foldRoot(this.hashes, this.layout.count, this.depths.commit));
    if (this.positions.length < TRACE_BLOCK) return;
    this.fullBlocks.push(this.blockRoot());
    this.positions = [];
  }

  private blockRoot(): Uint8Array {
    return treeRoot(this.positions, TRACE_BLOCK_DEPTH, this.depths.commit);
  }

  /** Root per 32-token block of positions; the last block may be partly padding. */
  blockRoots(): Uint8Array[] {
    return this.positions.length === 0 ? [...this.fullBlocks] : [...this.fullBlocks, this.blockRoot()];
  }

  /** Root over all blocks so far. */
  traceRoot(): Uint8Array {
    const { block, commitTotal } = this.depths;
    const blocks = this.blockRoots();
    return blocks.length === 0 ? paddingRoot(commitTotal) : treeRoot(blocks, block, commitTotal - block);
  }
}
