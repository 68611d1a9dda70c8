/** A run whose trees are in memory whole, honest or with lies in any of their leaves. */
import type { Replay } from '../../disputes/replay';
import { hashOfLeaf } from '../../disputes/positionEvidence';
import { leafIndex, placedSlots, positionOf, slotAt, treeLevels, type LeafAddress, type Tree } from '../../exact/leafAddress';
import { node, paddingRoot } from '../../exact/merkle';
import { treeDepths } from '../../exact/opTable';
import { roundLevels, type NodeAddress } from '../../exact/proof';
import type { Leaf } from '../../exact/trace';
import type { LeafSource } from '../../disputes/leafSource';
import type { PositionTree } from '../../exact/positionTree';
import type { Run } from './checks';

/** What stands at an address of a tree instead of the right leaf. */
export interface Lie {
  tree: Tree;
  address: LeafAddress;
  bytes: Leaf;
}

/** A tree of few leaves: every node is computed when it is first asked for. */
class SmallTree implements LeafSource {
  private readonly nodes = new Map<string, Uint8Array>();

  constructor(private readonly levels: number, private readonly hashes: readonly Uint8Array[], private readonly bytes: (index: number) => Leaf, private readonly groupLeaves: number) {}

  node({ depth, index }: NodeAddress): Uint8Array {
    const below = this.levels - depth;
    if (index * 2 ** below >= this.hashes.length) return paddingRoot(below);
    if (below === 0) return this.hashes[index];
    const name = `${depth}/${index}`;
    let known = this.nodes.get(name);
    if (known === undefined) {
      known = node(this.node({ depth: depth + 1, index: 2 * index }), this.node({ depth: depth + 1, index: 2 * index + 1 }));
      this.nodes.set(name, known);
    }
    return known;
  }

  leaf(group: number, leaf: number): Leaf {
    return this.bytes(group * this.groupLeaves + leaf);
  }

  path(index: number): Uint8Array[] {
    return Array.from({ length: this.levels }, (_, level) => this.node({ depth: this.levels - level, index: Math.floor(index / 2 ** level) ^ 1 }));
  }
}

export class StoredRun implements Replay {
  private readonly commit: { tree: SmallTree; leaves: Leaf[] };
  private readonly inner = new Map<number, { tree: SmallTree; leaves: Leaf[] }>();

  constructor(readonly run: Run, private readonly lies: readonly Lie[] = []) {
    this.commit = this.treeOf('commit', this.commitLeaves(), 0);
  }

  private get config() {
    return this.run.model.config;
  }

  private commitLeaves(): Leaf[] {
    const { commit } = treeDepths(this.config);
    const leaves: Leaf[] = Array.from({ length: this.run.positions.length * 2 ** commit }, () => null);
    this.run.positions.forEach((groups, t) => groups.forEach((slots, group) => {
      for (const { name, first } of placedSlots(this.config, 'commit', group)) {
        slots.find(({ slot }) => slot === name)?.leaves.forEach((bytes, i) => (leaves[t * 2 ** commit + first + i] = bytes));
      }
    }));
    return leaves;
  }

  private treeOf(tree: Tree, leaves: Leaf[], t: number): { tree: SmallTree; leaves: Leaf[] } {
    for (const lie of this.lies) {
      if (lie.tree !== tree || (tree === 'inner' && positionOf(lie.address) !== t)) continue;
      const index = leafIndex(this.config, tree, lie.address);
      while (leaves.length <= index) leaves.push(null);
      leaves[index] = lie.bytes;
    }
    const groupLeaves = 2 ** treeDepths(this.config).group;
    return { tree: new SmallTree(treeLevels(this.config, tree), leaves.map(hashOfLeaf), (index) => leaves[index] ?? null, groupLeaves), leaves };
  }

  private at(t: number): { tree: SmallTree; leaves: Leaf[] } {
    let known = this.inner.get(t);
    if (known === undefined) {
      const groupLeaves = 2 ** treeDepths(this.config).group;
      const groups = this.run.positions[t] ?? [];
      const leaves: Leaf[] = Array.from({ length: groups.length * groupLeaves }, () => null);
      groups.forEach((slots, group) => slots.flatMap((slot) => slot.leaves).forEach((bytes, i) => (leaves[group * groupLeaves + i] = bytes)));
      this.inner.set(t, (known = this.treeOf('inner', leaves, t)));
    }
    return known;
  }

  async result() {
    const tokens = Array.from({ length: this.run.job.outputTokens }, () => 0);
    return { tokens, traceRoot: this.commit.tree.node({ depth: 0, index: 0 }), blockRoots: [] };
  }

  private below(tree: Tree, { depth, index }: NodeAddress): NodeAddress[] {
    const levels = roundLevels(this.config, tree, depth);
    return Array.from({ length: 2 ** levels }, (_, i) => ({ depth: depth + levels, index: index * 2 ** levels + i }));
  }

  async children(at: NodeAddress): Promise<Uint8Array[]> {
    return this.below('commit', at).map((node) => this.commit.tree.node(node));
  }

  async innerChildren(t: number, at: NodeAddress): Promise<Uint8Array[]> {
    return this.below('inner', at).map((node) => this.at(t).tree.node(node));
  }

  async positionTree(t: number): Promise<PositionTree> {
    return this.at(t).tree as unknown as PositionTree;
  }

  async positionRoot(t: number): Promise<Uint8Array> {
    return this.at(t).tree.node({ depth: 0, index: 0 });
  }

  async leaf(tree: Tree, address: LeafAddress) {
    slotAt(this.config, tree, address);
    const index = leafIndex(this.config, tree, address);
    const { tree: own, leaves } = tree === 'commit' ? this.commit : this.at(positionOf(address));
    return { address, bytes: leaves[index] ?? null, path: own.path(index) };
  }
}
