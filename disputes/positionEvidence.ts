/** Leaves of a position tree as a one-step check wants them: those of one group behind the first stop at the group's root. */
import type { ExactConfig } from '../exact/config';
import { placedSlots } from '../exact/leafAddress';
import { PADDING_LEAF } from '../exact/merkle';
import { treeDepths } from '../exact/opTable';
import { leafHash } from '../exact/trace';
import { leafCells, pathCells } from './evidenceCells';
import type { CommitSource, LeafSource } from './leafSource';

/** Bytes of leaves with their ways up, in the order in which a check asks for them. */
export class PositionEvidence {
  private readonly cells: Uint8Array[] = [];
  private group = -1;

  constructor(
    private readonly config: ExactConfig,
    private readonly tree: LeafSource,
  ) {}

  /** Leaves that stand one behind the other: of the further ones the siblings up to where their way meets that of those before. */
  run(group: number, first: number, leaves: number): this {
    this.leaf(group, first);
    for (let index = first + 1; index < first + leaves; index++) this.add(group, index, divergence(index));
    return this;
  }

  /** @param index in the group */
  leaf(group: number, index: number): this {
    const { group: groupDepth, token } = treeDepths(this.config);
    this.add(group, index, groupDepth);
    if (group !== this.group) this.cells.push(...pathCells(this.siblings(group, index, groupDepth, groupDepth + token)));
    this.group = group;
    return this;
  }

  /** @param leaf of the slot */
  slot(group: number, name: string, leaf = 0): this {
    return this.leaf(group, placedSlots(this.config, 'inner', group).find((slot) => slot.name === name)!.first + leaf);
  }

  /** A block of the residual in front of a group's attention, or of its feed-forward. @param group 1 to layers + 1 */
  residual(group: number, isBehindAttention: boolean, block: number): this {
    if (isBehindAttention) return this.slot(group, 'h1', block);
    return this.slot(group - 1, group === 1 ? 'h' : 'h2', block);
  }

  /** A leaf of the commit tree. */
  committed({ bytes, path }: ReturnType<CommitSource['leaf']>): this {
    if (bytes === null) throw new RangeError('the commit leaf is padding');
    this.cells.push(...leafCells(bytes), ...pathCells(path));
    return this;
  }

  private add(group: number, index: number, levels: number): void {
    const bytes = this.tree.leaf(group, index);
    if (bytes === null) throw new RangeError(`leaf ${index} of group ${group} is padding`);
    this.cells.push(...leafCells(bytes), ...pathCells(this.siblings(group, index, 0, levels)));
  }

  private siblings(group: number, index: number, from: number, to: number): Uint8Array[] {
    const { group: groupDepth, positionTotal } = treeDepths(this.config);
    const place = group * 2 ** groupDepth + index;
    return Array.from({ length: to - from }, (_, i) => this.tree.node({ depth: positionTotal - from - i, index: Math.floor(place / 2 ** (from + i)) ^ 1 }));
  }

  get parts(): readonly Uint8Array[] {
    return this.cells;
  }
}

/** Levels at which a leaf of a run does not yet stand below the way of those before it. */
export function divergence(index: number): number {
  let level = 0;
  while (index % 2 ** (level + 1) === 0) level++;
  return level;
}

/** Hash of a leaf; of a padding leaf 32 zero bytes. */
export const hashOfLeaf = (bytes: Uint8Array | null): Uint8Array => (bytes === null ? PADDING_LEAF : leafHash(Buffer.from(bytes)));
