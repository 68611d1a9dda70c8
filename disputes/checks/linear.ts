/** Evidence for contracts/slashing/checks/LinearCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK } from '../../exact/constants';
import type { ExactConfig } from '../../exact/config';
import type { LeafAddress } from '../../exact/leafAddress';
import { placedSlots } from '../../exact/leafAddress';
import { modelPlace } from '../../exact/modelProof';
import { segmentsOf } from '../../exact/opTable';
import { chainOf } from '../evidenceCells';
import type { LeafSource, PartSource } from '../leafSource';
import { rowCells } from '../modelEvidence';
import { divergence, PositionEvidence } from '../positionEvidence';

/** Per slot: number in the contract's op table, matrix, slot of the scalars in front of the values. */
const LINEAR: Record<string, { slot: number; matrix: string; scalars: string }> = {
  q: { slot: 2, matrix: 'query', scalars: 'norm1' },
  k: { slot: 3, matrix: 'key', scalars: 'norm1' },
  v: { slot: 4, matrix: 'value', scalars: 'norm1' },
  h1: { slot: 20, matrix: 'output', scalars: 'oMax' },
  gate: { slot: 23, matrix: 'gate', scalars: 'norm2' },
  up: { slot: 24, matrix: 'up', scalars: 'norm2' },
  h2: { slot: 28, matrix: 'down', scalars: 'mlpMax' },
  logits: { slot: 2, matrix: 'head', scalars: 'norm' },
};

/** @param element of the leaf in dispute */
export function linearEvidence(
  config: ExactConfig, model: PartSource, tree: LeafSource, { group, slot, leaf }: LeafAddress, element: number,
): Cell {
  const { slot: number, matrix, scalars } = LINEAR[slot];
  const columns = slot === 'h1' ? config.heads * config.headDim : slot === 'h2' ? config.ffn : config.dim;
  const row = BLOCK * leaf + element;
  const evidence = new PositionEvidence(config, tree);
  const rows: Uint8Array[] = [];
  // The values stand behind the scalars.
  evidence.run(group, placedSlots(config, 'inner', group).find((one) => one.name === scalars)!.first, 1 + segmentsOf(columns));
  for (let piece = 0; piece < segmentsOf(columns); piece++) {
    const address = { part: 'row', matrix: matrix === 'head' ? matrix : `layers.${group - 1}.${matrix}`, row, leaf: piece } as const;
    rows.push(...rowCells(model, address, (all) => (piece === 0 ? all : divergence(modelPlace(config, address).index % 2 ** all))));
  }
  if (slot === 'h1' || slot === 'h2') evidence.residual(group, slot === 'h2', leaf);
  return beginCell()
    .storeUint(number, 8).storeUint(element, 16)
    .storeRef(chainOf(rows)).storeRef(chainOf(evidence.parts))
    .endCell();
}
