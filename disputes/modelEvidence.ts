/** Parts of a model as a one-step check wants them: tables up to tablesRoot, rows up to rowsRoot. */
import type { Cell } from '@ton/core';
import { HEADER_BYTES } from '../exact/modelFile';
import type { ModelPart } from '../exact/modelProof';
import { chainOf, leafCells, pathCells } from './evidenceCells';
import type { PartSource } from './leafSource';

/** Siblings that lead from either root to modelRoot. */
const ABOVE = 2;

/** A piece of a row with so many of its siblings, all of them if it does not say. */
export function rowCells(model: PartSource, address: ModelPart & { part: 'row' }, levels?: (all: number) => number): Uint8Array[] {
  const { bytes, path } = model.part(address);
  const all = path.length - ABOVE;
  return [...leafCells(bytes, address.leaf === 0 ? HEADER_BYTES : 0), ...pathCells(path.slice(0, levels?.(all) ?? all))];
}

/** A table with its way up. */
export function tableChain(model: PartSource, address: ModelPart): Cell {
  const { bytes, path } = model.part(address);
  return chainOf([...leafCells(bytes), ...pathCells(path.slice(0, path.length - ABOVE))]);
}
