/** Trees of a model far too large to compute here: the leaves that are known, and nodes beside them that nobody can look behind. */
import { createHash } from 'node:crypto';
import type { LeafSource, PartSource } from '../../disputes/leafSource';
import type { ExactConfig } from '../../exact/config';
import { leafIndex, treeLevels, type LeafAddress, type Tree } from '../../exact/leafAddress';
import { node, sha256 } from '../../exact/merkle';
import { modelPlace, type ModelPart } from '../../exact/modelProof';
import { treeDepths } from '../../exact/opTable';
import { ROUND_LEVELS, roundLevels, type NodeAddress } from '../../exact/proof';

/** Nodes by number: 1 is the root, 2 n and 2 n + 1 stand below n. A leaf may stand at any depth. */
class SparseTree {
  private readonly nodes: Map<number, Uint8Array>;

  /** @param base of which all nodes are taken that do not stand above these leaves */
  constructor(leaves: ReadonlyMap<number, Uint8Array>, private readonly depth: number, private readonly name: string, private readonly base?: SparseTree) {
    this.nodes = new Map(leaves);
    const above = new Set<number>();
    for (const leaf of leaves.keys()) for (let at = leaf >> 1; at > 0; at >>= 1) above.add(at);
    for (const at of [...above].sort((a, b) => b - a)) this.nodes.set(at, node(this.at(2 * at), this.at(2 * at + 1)));
  }

  /** A node that is not known is the hash of its place, or of what a round of a dispute shows below it. */
  at(number: number): Uint8Array {
    const known = this.nodes.get(number) ?? this.base?.at(number);
    if (known !== undefined) return known;
    const depth = 31 - Math.clz32(number);
    const isShown = depth === this.depth || depth % ROUND_LEVELS === 0;
    const hash = isShown ? createHash('sha256').update(`${this.name}/${number}`).digest() : node(this.at(2 * number), this.at(2 * number + 1));
    this.nodes.set(number, hash);
    return hash;
  }

  with(leaf: number, hash: Uint8Array): SparseTree {
    return new SparseTree(new Map([[leaf, hash]]), this.depth, this.name, this);
  }

  path(number: number, levels: number): Uint8Array[] {
    return Array.from({ length: levels }, (_, level) => this.at((number >> level) ^ 1));
  }
}

/** A commit tree or the tree of a position, of which some leaves are known. */
export class SparseTrace implements LeafSource {
  private readonly levels: number;

  private constructor(private readonly config: ExactConfig, private readonly kind: Tree, private readonly leaves: ReadonlyMap<number, Uint8Array>, private readonly tree: SparseTree, private readonly base?: SparseTrace) {
    this.levels = treeLevels(config, kind);
  }

  /** @param leaves by index in the tree */
  static of(config: ExactConfig, kind: Tree, leaves: ReadonlyMap<number, Uint8Array>): SparseTrace {
    const levels = treeLevels(config, kind);
    return new SparseTrace(config, kind, leaves, new SparseTree(new Map([...leaves].map(([index, bytes]) => [2 ** levels + index, sha256(bytes)])), levels, kind));
  }

  /** The same with another leaf at one place. */
  with(index: number, bytes: Uint8Array): SparseTrace {
    return new SparseTrace(this.config, this.kind, new Map([[index, bytes]]), this.tree.with(2 ** this.levels + index, sha256(bytes)), this);
  }

  get root(): Uint8Array {
    return this.tree.at(1);
  }

  /** Of a position tree. */
  leaf(group: number, leaf: number): Uint8Array | null {
    return this.bytes(group * 2 ** treeDepths(this.config).group + leaf);
  }

  node({ depth, index }: NodeAddress): Uint8Array {
    return this.tree.at(2 ** depth + index);
  }

  /** What a round of a dispute shows below a node. */
  children({ depth, index }: NodeAddress): Uint8Array[] {
    const levels = roundLevels(this.config, this.kind, depth);
    return Array.from({ length: 2 ** levels }, (_, i) => this.tree.at((2 ** depth + index) * 2 ** levels + i));
  }

  /** A leaf of a commit tree with its way up. */
  committed(address: LeafAddress): { bytes: Uint8Array | null; path: Uint8Array[] } {
    const index = leafIndex(this.config, this.kind, address);
    return { bytes: this.bytes(index), path: this.tree.path(2 ** this.levels + index, this.levels) };
  }

  private bytes(index: number): Uint8Array | null {
    return this.leaves.get(index) ?? this.base?.bytes(index) ?? null;
  }
}

/** Parts of a model by address; all that are asked for must have been given. */
export class SparseModel implements PartSource {
  private readonly bytes: ReadonlyMap<number, Uint8Array>;
  private readonly tree: SparseTree;

  constructor(private readonly config: ExactConfig, parts: readonly { address: ModelPart; bytes: Uint8Array }[]) {
    this.bytes = new Map(parts.map(({ address, bytes }) => [this.numberOf(address), bytes]));
    this.tree = new SparseTree(new Map([...this.bytes].map(([number, bytes]) => [number, sha256(bytes)])), 0, 'model');
  }

  get root(): Uint8Array {
    return this.tree.at(1);
  }

  get rowsRoot(): Uint8Array {
    return this.tree.at(0b101);
  }

  get tablesRoot(): Uint8Array {
    return this.tree.at(0b111);
  }

  /** SHA-256 of a tokenizer section that nobody has. */
  get tokenizer(): Uint8Array {
    return this.tree.at(0b110);
  }

  part(address: ModelPart): { bytes: Uint8Array; path: Uint8Array[] } {
    const bytes = this.bytes.get(this.numberOf(address));
    if (bytes === undefined) throw new RangeError('a part that was not given');
    return { bytes, path: this.tree.path(this.numberOf(address), modelPlace(this.config, address).depth) };
  }

  private numberOf(address: ModelPart): number {
    const { depth, index } = modelPlace(this.config, address);
    return 2 ** depth + index;
  }
}
