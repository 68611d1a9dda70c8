/** The worker's position tree as a challenger knows it: his own, but for the nodes that the worker has shown. */
import { node } from '../exact/merkle';
import type { NodeAddress } from '../exact/proof';
import type { LeafSource } from './leafSource';

const nameOf = ({ depth, index }: NodeAddress): string => `${depth}/${index}`;

/**
 * All leaves before the one in dispute are the same in both trees. So are the nodes above them, except those on the way to the one in dispute and
 * to the right of it: and these the worker showed.
 */
export class RevealedTree implements LeafSource {
  private readonly shown = new Map<string, Uint8Array>();

  constructor(private readonly own: LeafSource) {}

  /** Takes what the worker showed below a node. @param children left to right, so many levels down as their number says */
  reveal(at: NodeAddress, children: readonly Uint8Array[]): void {
    let level = [...children];
    for (let levels = Math.log2(children.length); ; levels--) {
      level.forEach((hash, i) => this.shown.set(nameOf({ depth: at.depth + levels, index: at.index * 2 ** levels + i }), hash));
      if (levels === 0) return;
      level = Array.from({ length: level.length / 2 }, (_, i) => node(level[2 * i], level[2 * i + 1]));
    }
  }

  leaf(group: number, leaf: number): Uint8Array | null {
    return this.own.leaf(group, leaf);
  }

  node(at: NodeAddress): Uint8Array {
    return this.shown.get(nameOf(at)) ?? this.own.node(at);
  }
}
