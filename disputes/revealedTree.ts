/** The worker's trees as a challenger knows them: his own, but for the nodes that the worker has shown. */
import { node } from '../exact/merkle';
import type { LeafProof, NodeAddress } from '../exact/proof';
import type { LeafSource } from './leafSource';

const nameOf = ({ depth, index }: NodeAddress): string => `${depth}/${index}`;

/**
 * Nodes that the worker showed in one descent. All leaves before the one in dispute are the same in both trees. So are the nodes above them, except
 * those on the way to the one in dispute and to the right of it: and these the worker showed.
 */
export class RevealedNodes {
  private readonly shown = new Map<string, Uint8Array>();

  /** Takes what the worker showed below a node. @param children left to right, so many levels down as their number says */
  reveal(at: NodeAddress, children: readonly Uint8Array[]): void {
    let level = [...children];
    for (let levels = Math.log2(children.length); ; levels--) {
      level.forEach((hash, i) => this.shown.set(nameOf({ depth: at.depth + levels, index: at.index * 2 ** levels + i }), hash));
      if (levels === 0) return;
      level = Array.from({ length: level.length / 2 }, (_, i) => node(level[2 * i], level[2 * i + 1]));
    }
  }

  at(at: NodeAddress): Uint8Array | undefined {
    return this.shown.get(nameOf(at));
  }

  /** A leaf before the one in dispute, as it stands in the worker's tree. @param index of the leaf */
  proof({ bytes, path }: LeafProof, index: number): { bytes: Uint8Array | null; path: Uint8Array[] } {
    const way = path.map((own, level) => this.at({ depth: path.length - level, index: Math.floor(index / 2 ** level) ^ 1 }) ?? own);
    return { bytes, path: way };
  }
}

/** A position tree. */
export class RevealedTree implements LeafSource {
  constructor(private readonly own: LeafSource, private readonly revealed: RevealedNodes) {}

  leaf(group: number, leaf: number): Uint8Array | null {
    return this.own.leaf(group, leaf);
  }

  node(at: NodeAddress): Uint8Array {
    return this.revealed.at(at) ?? this.own.node(at);
  }
}
