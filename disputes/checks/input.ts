/** Evidence for contracts/slashing/checks/InputCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import type { ExactConfig } from '../../exact/config';
import { BLOCK, SEGMENT_BYTES, TRACE_BLOCK } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { type InferenceRequest, requestLeaves } from '../../protocol';
import { chainOf } from '../evidenceCells';
import type { CommitSource, LeafSource, PartSource } from '../leafSource';
import { rowCells } from '../modelEvidence';
import { markedLeaf } from '../opening';
import { PositionEvidence } from '../positionEvidence';

const TOKEN = 0;
const H = 1;

/** Where evidence about a position's input comes from; t is the position in dispute, whose tree this is. */
export interface InputSource {
  config: ExactConfig;
  model: PartSource;
  tree: LeafSource;
  commit: CommitSource;
  request: InferenceRequest;
  t: number;
}

/** @param element of the leaf in dispute; 0 of `token` */
export function inputEvidence(source: InputSource, { slot, leaf }: LeafAddress, element: number): Cell {
  const { config, model, tree } = source;
  const parts = beginCell().storeUint(slot === 'token' ? TOKEN : H, 8).storeUint(element, 16);
  if (slot === 'token') return parts.storeRef(givenToken(source)).endCell();
  const token = Buffer.from(tree.leaf(0, 0)!).readUInt32BE(0);
  const piece = Math.floor((BLOCK * leaf + element) / SEGMENT_BYTES);
  const row = (piece > 0 ? [0, piece] : [0]).flatMap((at) => rowCells(model, { part: 'row', matrix: 'embedding', row: token, leaf: at }));
  const evidence = new PositionEvidence(config, tree).leaf(0, 0);
  return parts.storeRef(chainOf(evidence.parts)).storeRef(chainOf(row)).endCell();
}

function givenToken({ config, tree, commit, request, t }: InputSource): Cell {
  if (t < request.promptTokens.length) return markedLeaf(requestLeaves(request), 1 + Math.floor(t / BLOCK));
  const before = t - 1;
  const draw = commit.leaf({ block: Math.floor(before / TRACE_BLOCK), position: before % TRACE_BLOCK, group: config.layers + 1, slot: 'draw', leaf: 0 });
  return chainOf(new PositionEvidence(config, tree).committed(draw).parts);
}
