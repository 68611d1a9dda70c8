/** Evidence for contracts/slashing/checks/HeadNormCheck.tact. */
import type { Cell } from '@ton/core';
import { BLOCK } from '../../exact/constants';
import type { LeafAddress } from '../../exact/leafAddress';
import { HEAD_NORM_WORDS } from '../../exact/opTable';
import { AttentionHeadEvidence, type AttentionHeadSource } from '../attentionHeads';
import { LAYER_SLOTS } from '../step';

/** Slots that the check judges. */
export type HeadNormSlot = 'headNorm' | 'qn' | 'kn';

/** Words of a head behind its M, i and ssq: they follow from the leaf itself. */
const ROOT_WORD = 4;

/**
 * @param element of the leaf in dispute: a word of `headNorm`
 * @param shown for M and i of a head: the element of the head that shows one of them to be wrong
 */
export function headNormEvidence(source: AttentionHeadSource, { group, slot, leaf }: LeafAddress, element: number, shown = 0): Cell {
  const { heads, headDim } = source.config;
  const name = slot as HeadNormSlot;
  const number = LAYER_SLOTS.indexOf(name);
  const evidence = new AttentionHeadEvidence(source, group);
  if (name !== 'headNorm') {
    const of = name === 'qn' ? 'q' : 'k';
    const head = Math.floor((BLOCK * leaf + element) / headDim);
    evidence.slot('headNorm').head(of, head, false).table({ part: 'gains', layer: group - 1, of });
    return evidence.cell(number, [element]);
  }
  const field = element % HEAD_NORM_WORDS;
  if (field >= ROOT_WORD) return evidence.cell(number, [element]);
  const head = Math.floor(element / HEAD_NORM_WORDS);
  if (head < heads) evidence.head('q', head, false);
  else evidence.head('k', head - heads, false);
  return evidence.cell(number, field < 2 ? [element, shown] : [element]);
}
