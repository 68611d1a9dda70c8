/** Heads of q, k and v and their tables, as contracts/slashing/heads.tact takes them. */
import { beginCell, type Cell } from '@ton/core';
import { hasHeadNorm, type ExactConfig } from '../exact/config';
import { BLOCK } from '../exact/constants';
import type { ModelPart } from '../exact/modelProof';
import { chainOf } from './evidenceCells';
import type { LeafSource, PartSource } from './leafSource';
import { tableChain } from './modelEvidence';
import { PositionEvidence } from './positionEvidence';

/** Where evidence about heads comes from: t is the position in dispute, whose tree this is. */
export interface AttentionHeadSource {
  config: ExactConfig;
  tree: LeafSource;
  model: PartSource;
  t: number;
}

/** Leaves of one layer, and a table. */
export class AttentionHeadEvidence {
  private readonly evidence: PositionEvidence;
  private part?: Cell;

  constructor(private readonly source: AttentionHeadSource, private readonly group: number) {
    this.evidence = new PositionEvidence(source.config, source.tree);
  }

  slot(name: string, leaf = 0): this {
    this.evidence.slot(this.group, name, leaf);
    return this;
  }

  /** The block that holds a head. @param of what the linear op made, or what becomes int8 */
  head(of: 'q' | 'k' | 'v', number: number, normed = hasHeadNorm(this.source.config)): this {
    return this.slot(normed && of !== 'v' ? `${of}n` : of, Math.floor((number * this.source.config.headDim) / BLOCK));
  }

  table(address: ModelPart): this {
    this.part = tableChain(this.source.model, address);
    return this;
  }

  /** Cosines and sines of the position. */
  rope(): this {
    return this.table({ part: 'rope', t: this.source.t });
  }

  /** @param numbers of 8 and of 16 bits that choose the element */
  cell(slot: number | undefined, numbers: readonly number[]): Cell {
    const cell = beginCell();
    if (slot !== undefined) cell.storeUint(slot, 8);
    for (const number of numbers) cell.storeUint(number, 16);
    if (this.evidence.parts.length > 0) cell.storeRef(chainOf(this.evidence.parts));
    return (this.part ? cell.storeRef(this.part) : cell).endCell();
  }
}
