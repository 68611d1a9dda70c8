/** Nodes of a tree of which only some levels are at hand, the others being folded from them. */
import { treeRoot } from './merkle';
import type { NodeAddress } from './proof';

/** Levels between two levels that are at hand. */
export interface Band {
  levels: number;
  /** Hashes at the foot of the band below one node at its head, which has this index; missing ones are padding. */
  feet: (head: number) => readonly Uint8Array[];
}

/** Hash of any node. @param bands from the root down to the leaves */
export function nodeHash(bands: readonly Band[], at: NodeAddress): Uint8Array {
  let start = 0;
  let below = bands.reduce((sum, { levels }) => sum + levels, 0);
  for (const { levels, feet } of bands) {
    const end = start + levels;
    below -= levels;
    if (at.depth <= end) {
      const width = 2 ** (end - at.depth);
      const head = Math.floor(at.index / 2 ** (at.depth - start));
      const first = (at.index % 2 ** (at.depth - start)) * width;
      return treeRoot(feet(head).slice(first, first + width), end - at.depth, below);
    }
    start = end;
  }
  throw new RangeError(`depth ${at.depth} lies below the leaves`);
}
