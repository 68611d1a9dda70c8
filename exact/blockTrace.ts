/** Commit leaves of one block of 32 positions, and any node of the commit tree (docs/exact-arithmetic.md section 6). */
import { nodeHash, type Band } from './bands';
import type { ExactConfig } from './config';
import { TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { treeRoot } from './merkle';
import { treeDepths } from './opTable';
import type { NodeAddress } from './proof';
import type { CommitTensors } from './tensors';
import { CommitLayout, leafHash, type Leaf } from './trace';

interface PositionTrace {
  leaves: Leaf[];
  hashes: Uint8Array[];
  root: Uint8Array;
}

/** Collects the positions of one block, in order. */
export class BlockTrace {
  private readonly layout: CommitLayout;
  private readonly depth: number;
  private readonly positions: PositionTrace[] = [];

  constructor(config: ExactConfig, readonly block: number) {
    this.layout = new CommitLayout(config);
    this.depth = treeDepths(config).commit;
  }

  /** Positions held. */
  get length(): number {
    return this.positions.length;
  }

  add(tensors: CommitTensors): void {
    const leaves: Leaf[] = [];
    this.layout.visit(tensors, (leaf) => leaves.push(leaf && Uint8Array.from(leaf)));
    const hashes = leaves.map(leafHash);
    this.positions.push({ leaves, hashes, root: treeRoot(hashes, this.depth) });
  }

  /** Bytes of a leaf; null where a padding leaf stands. @param leaf index in the position */
  leaf(position: number, leaf: number): Leaf {
    return this.positions[position]?.leaves[leaf] ?? null;
  }

  roots(): Uint8Array[] {
    return this.positions.map(({ root }) => root);
  }

  hashes(position: number): Uint8Array[] {
    return this.positions[position]?.hashes ?? [];
  }
}

/** The block that a node lies in, or undefined where the block roots alone give its hash. */
export function blockOfNode(config: ExactConfig, { depth, index }: NodeAddress): number | undefined {
  const { block } = treeDepths(config);
  return depth <= block ? undefined : Math.floor(index / 2 ** (depth - block));
}

/**
 * Hash of any node of the commit tree.
 * @param trace of the node's block; undefined for a node above the blocks, or in a block without positions
 */
export function commitNode(
  config: ExactConfig, blockRoots: readonly Uint8Array[], trace: BlockTrace | undefined, at: NodeAddress,
): Uint8Array {
  const { block, commit } = treeDepths(config);
  const bands: Band[] = [
    { levels: block, feet: () => blockRoots },
    { levels: TRACE_BLOCK_DEPTH, feet: () => trace?.roots() ?? [] },
    { levels: commit, feet: (position) => trace?.hashes(position % TRACE_BLOCK) ?? [] },
  ];
  return nodeHash(bands, at);
}
