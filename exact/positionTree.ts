/** The position tree of one position, whole (docs/exact-arithmetic.md section 6). */
import { nodeHash, type Band } from './bands';
import type { ExactConfig } from './config';
import { treeRoot } from './merkle';
import { treeDepths } from './opTable';
import type { GroupLeaves } from './positionLayout';
import type { NodeAddress } from './proof';
import { leafHash, type Leaf } from './trace';

export class PositionTree {
  /** positionRoot */
  readonly root: Uint8Array;
  private readonly leaves: Leaf[][];
  private readonly bands: Band[];

  /** @param groups of PositionLayout; none for a position that is not in the trace */
  constructor(config: ExactConfig, groups: readonly GroupLeaves[]) {
    const { group, token } = treeDepths(config);
    this.leaves = groups.map((slots) => slots.flatMap(({ leaves }) => leaves));
    const hashes = this.leaves.map((leaves) => leaves.map(leafHash));
    const roots = hashes.map((leaves) => treeRoot(leaves, group));
    this.root = treeRoot(roots, token, group);
    this.bands = [{ levels: token, feet: () => roots }, { levels: group, feet: (index) => hashes[index] ?? [] }];
  }

  /** Bytes of a leaf; null where a padding leaf stands. @param leaf index in the group */
  leaf(group: number, leaf: number): Leaf {
    return this.leaves[group]?.[leaf] ?? null;
  }

  node(at: NodeAddress): Uint8Array {
    return nodeHash(this.bands, at);
  }
}
