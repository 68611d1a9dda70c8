/** Leaves that the choice of a token follows from, as contracts/slashing/sampling.tact takes them. */
import type { Cell } from '@ton/core';
import type { ExactConfig } from '../exact/config';
import { BLOCK, SUMS_PER_LEAF } from '../exact/constants';
import { placedSlots } from '../exact/leafAddress';
import type { HeadSlotName } from '../exact/opTable';
import { chainOf, leafCells, pathCells } from './evidenceCells';
import type { LeafSource, PartSource } from './leafSource';
import { PositionEvidence } from './positionEvidence';

/** Where evidence about a token comes from: the tree is that of the position in dispute. */
export interface HeadSource {
  config: ExactConfig;
  tree: LeafSource;
  model: PartSource;
}

/** Leaves of the head group of the position in dispute. */
export class HeadEvidence {
  private readonly evidence: PositionEvidence;

  constructor(private readonly source: HeadSource) {
    this.evidence = new PositionEvidence(source.config, source.tree);
  }

  slot(name: HeadSlotName, leaf = 0): this {
    const group = this.source.config.layers + 1;
    const { first } = placedSlots(this.source.config, 'inner', group).find((slot) => slot.name === name)!;
    this.evidence.leaf(group, first + leaf);
    return this;
  }

  /** The block that holds the logit of an id. */
  logits(id: number): this {
    return this.slot('logits', Math.floor(id / BLOCK));
  }

  /** The leaf that holds a running sum. */
  sum(number: number): this {
    return this.slot('sums', Math.floor(number / SUMS_PER_LEAF));
  }

  get chain(): Cell {
    return chainOf(this.evidence.parts);
  }
}

/** Siblings that lead from the sampling table to tablesRoot; two more lead to modelRoot. */
const BELOW_TABLES = 2;

/** The table of weights and its way up. */
export function samplingTable(model: PartSource): Cell {
  const { bytes, path } = model.part({ part: 'sampling' });
  return chainOf([...leafCells(bytes), ...pathCells(path.slice(0, BELOW_TABLES))]);
}
