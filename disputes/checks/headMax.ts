/** Evidence for contracts/slashing/checks/HeadMaxCheck.tact. */
import type { Cell } from '@ton/core';
import type { LeafAddress } from '../../exact/leafAddress';
import { AttentionHeadEvidence, type AttentionHeadSource } from '../attentionHeads';

/**
 * @param element word of the leaf in dispute
 * @param shown element of the word's head that shows the maximum, or its index, to be wrong
 */
export function headMaxEvidence(source: AttentionHeadSource, { group }: LeafAddress, element: number, shown: number): Cell {
  const { heads, kvHeads } = source.config;
  const evidence = new AttentionHeadEvidence(source, group);
  // Of a head of q or k four words, the last two of what RoPE makes of it; of one of v two.
  const values = 4 * (heads + kvHeads);
  const head = Math.floor(element / 4);
  if (element >= values) evidence.head('v', Math.floor((element - values) / 2));
  else if (head < heads) evidence.head('q', head);
  else evidence.head('k', head - heads);
  if (element < values && element % 4 >= 2) evidence.rope();
  return evidence.cell(undefined, [element, shown]);
}
