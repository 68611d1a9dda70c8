/** Evidence for contracts/slashing/checks/SumsCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { BLOCK } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { positionBlocks } from '../../exact/opTable';
import { AttentionEvidence, kvHeadOf, type AttentionSource } from '../cacheEvidence';
import { chainOf } from '../evidenceCells';
import { LAYER_SLOTS } from '../step';

/** @param element of the leaf in dispute: a word of `attSums`; of `p` a weight, of which two bytes stand there */
export function sumsEvidence(source: AttentionSource, { group, slot, leaf }: LeafAddress, element: number): Cell {
  const { config, t } = source;
  const isSums = slot === 'attSums';
  const blocks = positionBlocks(config);
  const parts = beginCell().storeUint(LAYER_SLOTS.indexOf(isSums ? 'attSums' : 'p'), 8).storeUint(element, 16);
  const block = isSums ? element % (blocks + 1) : leaf % blocks;
  const position = isSums ? BLOCK * block : BLOCK * block + element;
  // A total stands behind the last block.
  if (block === blocks || position > t) return parts.endCell();
  const evidence = new AttentionEvidence(source, group);
  if (isSums) evidence.slot('e', leaf * blocks + block);
  else {
    const head = Math.floor(leaf / blocks);
    evidence.slot('attMax').slot('attSums', head).slot('e', leaf).cached('v8', kvHeadOf(config, head), position);
  }
  return parts.storeRef(chainOf(evidence.parts)).endCell();
}
