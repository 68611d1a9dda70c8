/** Leaves of one block of 32 positions, and the hash of any node of a trace (docs/exact-arithmetic.md section 6). */
import type { ExactConfig } from './config';
import { TRACE_BLOCK, TRACE_BLOCK_DEPTH } from './constants';
import { treeRoot } from './merkle';
import { traceDepths } from './opTable';
import type { NodeAddress } from './proof';
import type { PositionTensors } from './tensors';
import { TraceLayout, leafHash, type Leaf } from './trace';

interface PositionTrace {
  /** [group][leaf of the group] */
  leaves: Leaf[][];
  hashes: Uint8Array[][];
  groupRoots: Uint8Array[];
  root: Uint8Array;
}

/** Collects the positions of one block, in order. */
export class BlockTrace {
  private readonly layout: TraceLayout;
  private readonly depths;
  private readonly positions: PositionTrace[] = [];

  constructor(config: ExactConfig, readonly block: number) {
    this.layout = new TraceLayout(config, TRACE_BLOCK * block);
    this.depths = traceDepths(config);
  }

  /** Positions held. */
  get length(): number {
    return this.positions.length;
  }

  add(tensors: PositionTensors): void {
    const leaves = this.layout.position(tensors).map((group) => group.flatMap((slot) => slot.leaves));
    const hashes = leaves.map((group) => group.map(leafHash));
    const groupRoots = hashes.map((group) => treeRoot(group, this.depths.group));
    const root = treeRoot(groupRoots, this.depths.token, this.depths.group);
    this.positions.push({ leaves, hashes, groupRoots, root });
  }

  /** Bytes of a leaf; null where a padding leaf stands. @param leaf index in the group */
  leaf(position: number, group: number, leaf: number): Leaf {
    return this.positions[position]?.leaves[group]?.[leaf] ?? null;
  }

  positionRoots(): Uint8Array[] {
    return this.positions.map(({ root }) => root);
  }

  /** Roots of the groups of a position; none for an absent one. */
  groupRoots(position: number): Uint8Array[] {
    return this.positions[position]?.groupRoots ?? [];
  }

  leafHashes(position: number, group: number): Uint8Array[] {
    return this.positions[position]?.hashes[group] ?? [];
  }
}

/** The block that a node lies in, or undefined where the block roots alone give its hash. */
export function blockOfNode(config: ExactConfig, { depth, index }: NodeAddress): number | undefined {
  const { block } = traceDepths(config);
  return depth <= block ? undefined : Math.floor(index / 2 ** (depth - block));
}

/**
 * Hash of any node.
 * @param trace of the node's block; undefined for a node above the blocks, or in a block without positions
 */
export function nodeHash(
  config: ExactConfig, blockRoots: readonly Uint8Array[], trace: BlockTrace | undefined, at: NodeAddress,
): Uint8Array {
  const { block, token, group } = traceDepths(config);
  // From the root down: what stands at the foot of each band, given the number of the node at its head.
  const bands: [number, (head: number) => readonly Uint8Array[]][] = [
    [block, () => blockRoots],
    [TRACE_BLOCK_DEPTH, () => trace?.positionRoots() ?? []],
    [token, (position) => trace?.groupRoots(position % TRACE_BLOCK) ?? []],
    [group, (head) => trace?.leafHashes(Math.floor(head / 2 ** token) % TRACE_BLOCK, head % 2 ** token) ?? []],
  ];
  let start = 0;
  let below = traceDepths(config).total;
  for (const [levels, feetOf] of bands) {
    const end = start + levels;
    below -= levels;
    if (at.depth <= end) {
      const width = 2 ** (end - at.depth);
      const head = Math.floor(at.index / 2 ** (at.depth - start));
      const first = (at.index % 2 ** (at.depth - start)) * width;
      return treeRoot(feetOf(head).slice(first, first + width), end - at.depth, below);
    }
    start = end;
  }
  throw new RangeError(`depth ${at.depth} lies below the leaves`);
}
