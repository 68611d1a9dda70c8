/** Trees of a model far too large to compute here: the leaves that one check opens, and random nodes beside them. */
import { createHash } from 'node:crypto';
import { sha256 } from '../../exact/merkle';
import type { ExactConfig } from '../../exact/config';
import { modelPlace, type ModelPart } from '../../exact/modelProof';
import { treeDepths } from '../../exact/opTable';
import type { NodeAddress } from '../../exact/proof';
import type { LeafSource, PartSource } from '../../disputes/leafSource';

/** A tree of fixed depth of which some leaves are known; every other node is a hash of its place. */
class SparseTree {
  private readonly levels: Map<number, Uint8Array>[];

  constructor(private readonly depth: number, leaves: ReadonlyMap<number, Uint8Array>, private readonly name: string) {
    this.levels = [new Map(leaves)];
    for (let level = 0; level < depth; level++) {
      const above = new Map<number, Uint8Array>();
      for (const index of this.levels[level].keys()) {
        const parent = Math.floor(index / 2);
        if (!above.has(parent)) above.set(parent, sha256(Buffer.concat([this.at(level, 2 * parent), this.at(level, 2 * parent + 1)])));
      }
      this.levels.push(above);
    }
  }

  /** @param level above the leaves */
  at(level: number, index: number): Uint8Array {
    return this.levels[level].get(index) ?? createHash('sha256').update(`${this.name}/${level}/${index}`).digest();
  }

  get root(): Uint8Array {
    return this.at(this.depth, 0);
  }

  path(index: number): Uint8Array[] {
    return Array.from({ length: this.depth }, (_, level) => this.at(level, Math.floor(index / 2 ** level) ^ 1));
  }
}

/** Leaves by index in the position tree. */
export class SparsePosition implements LeafSource {
  private readonly tree: SparseTree;
  private readonly depths;

  constructor(config: ExactConfig, private readonly leaves: ReadonlyMap<number, Uint8Array>) {
    this.depths = treeDepths(config);
    this.tree = new SparseTree(this.depths.positionTotal, new Map([...leaves].map(([index, bytes]) => [index, sha256(bytes)])), 'position');
  }

  get root(): Uint8Array {
    return this.tree.root;
  }

  leaf(group: number, leaf: number): Uint8Array | null {
    return this.leaves.get(group * 2 ** this.depths.group + leaf) ?? null;
  }

  node({ depth, index }: NodeAddress): Uint8Array {
    return this.tree.at(this.depths.positionTotal - depth, index);
  }
}

/** Parts of a model by address; all that are asked for must have been given. */
export class SparseModel implements PartSource {
  private readonly rows: SparseTree;
  private readonly rowsDepth: number;

  /** @param parts leaves of rows */
  constructor(private readonly config: ExactConfig, private readonly parts: readonly { address: ModelPart; bytes: Uint8Array }[]) {
    this.rowsDepth = modelPlace(config, parts[0].address).depth - 2;
    this.rows = new SparseTree(this.rowsDepth, new Map(parts.map(({ address, bytes }) => [this.indexOf(address), sha256(bytes)])), 'rows');
  }

  get rowsRoot(): Uint8Array {
    return this.rows.root;
  }

  part(address: ModelPart): { bytes: Uint8Array; path: Uint8Array[] } {
    const known = this.parts.find((one) => this.indexOf(one.address) === this.indexOf(address));
    if (known === undefined) throw new RangeError('a part that was not given');
    const beyond = [new Uint8Array(32), new Uint8Array(32)];
    return { bytes: known.bytes, path: [...this.rows.path(this.indexOf(address)), ...beyond] };
  }

  private indexOf(address: ModelPart): number {
    return modelPlace(this.config, address).index - 2 ** this.rowsDepth;
  }
}
