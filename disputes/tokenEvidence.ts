/** Leaves that the choice of a token follows from, as contracts/slashing/sampling.tact takes them. */
import type { Cell } from '@ton/core';
import type { ExactConfig } from '../exact/config';
import { BLOCK, SUMS_PER_LEAF } from '../exact/constants';
import type { HeadSlotName } from '../exact/opTable';
import { chainOf } from './evidenceCells';
import type { LeafSource, PartSource } from './leafSource';
import { tableChain } from './modelEvidence';
import { PositionEvidence } from './positionEvidence';

/** Where evidence about a token comes from: the tree is that of the position in dispute. */
export interface TokenSource {
  config: ExactConfig;
  tree: LeafSource;
  model: PartSource;
}

/** Leaves of the head group of the position in dispute. */
export class TokenEvidence {
  private readonly evidence: PositionEvidence;

  constructor(private readonly source: TokenSource) {
    this.evidence = new PositionEvidence(source.config, source.tree);
  }

  slot(name: HeadSlotName, leaf = 0): this {
    this.evidence.slot(this.source.config.layers + 1, name, leaf);
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

/** The table of weights and its way up. */
export const samplingTable = (model: PartSource): Cell => tableChain(model, { part: 'sampling' });
