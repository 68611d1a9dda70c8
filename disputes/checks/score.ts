/** Evidence for contracts/slashing/checks/ScoreCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { positionBlocks } from '../../exact/opTable';
import { AttentionEvidence, kvHeadOf, type AttentionSource } from '../cacheEvidence';
import { chainOf } from '../evidenceCells';
import type { PartSource } from '../leafSource';
import { tableChain } from '../modelEvidence';
import { LAYER_SLOTS } from '../step';

/**
 * @param element of `attMax` 2 h for the scores of head h, 2 h + 1 for its values' exponents; of `e` in its leaf
 * @param position up to t that shows the maximum to be wrong; for an element of `e` it follows
 */
export function scoreEvidence(
  source: AttentionSource, model: PartSource, { group, slot, leaf }: LeafAddress, element: number, position = source.t,
): Cell {
  const { config, t } = source;
  const isMax = slot === 'attMax';
  const parts = beginCell().storeUint(LAYER_SLOTS.indexOf(isMax ? 'attMax' : 'e'), 8).storeUint(element, 16);
  if (isMax) parts.storeUint(position, 32);
  const blocks = positionBlocks(config);
  const head = isMax ? Math.floor(element / 2) : Math.floor(leaf / blocks);
  const at = isMax ? position : BLOCK * (leaf % blocks) + element;
  if (!isMax && at > t) return parts.endCell();
  const evidence = new AttentionEvidence(source, group);
  if (!isMax) evidence.slot('attMax');
  if (isMax && element % 2 === 1) evidence.cached('v8', kvHeadOf(config, head), at);
  else evidence.slot('q8', head).cached('k8', kvHeadOf(config, head), at);
  parts.storeRef(chainOf(evidence.parts));
  if (isMax) return parts.endCell();
  return parts.storeRef(tableChain(model, { part: 'exp' })).endCell();
}
