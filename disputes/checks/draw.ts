/** Evidence for contracts/slashing/checks/DrawCheck.tact. */
import { beginCell, type Cell } from '@ton/core';
import { SUM_BLOCK } from '../../exact/constants';
import type { Sampling } from '../../exact/engine';
import { blocksOf } from '../../exact/opTable';
import { TokenEvidence, samplingTable, type TokenSource } from '../tokenEvidence';

/** Byte of `draw` at which the token stands. */
const TOKEN_OFFSET = 12;

/** @param part of the leaf that is judged in full mode: the token, or what stands before it; other modes judge the whole leaf at once */
export function drawEvidence(source: TokenSource, { t, topK }: Sampling, disputed: Uint8Array, part: 'total' | 'token' = 'token'): Cell {
  const { config, model } = source;
  const evidence = new TokenEvidence(source);
  const shown = beginCell();
  if (t === 0 || topK > 0) return shown.storeRef(evidence.slot(t === 0 ? 'max' : 'top').chain).endCell();
  shown.storeBit(part === 'token');
  if (part === 'total') return shown.storeRef(evidence.sum(blocksOf(config.vocab, SUM_BLOCK) - 1).chain).endCell();
  const token = Buffer.from(disputed).readUInt32BE(TOKEN_OFFSET);
  if (token >= config.vocab) return shown.endCell();
  evidence.logits(token).slot('max');
  if (token >= SUM_BLOCK) evidence.sum(Math.floor(token / SUM_BLOCK) - 1);
  return shown.storeRef(evidence.chain).storeRef(samplingTable(model)).endCell();
}
