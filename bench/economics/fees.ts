import { moves8B } from '../slashing.json';
import { CHALLENGER_MOVES, WORKER_MOVES } from './rules';

/** TON of one such move in the dearest dispute about a model of the shape of Llama 3 8B (`npm run bench -- slashing`, asserted by tests/gas). */
function feeOf(name: string): number {
  const { times, ton } = moves8B.find(({ move }) => move === name)!;
  return ton / times;
}

/** Network fees of moves, TON, wallet to case and back. */
export const MOVE_FEES = {
  opening: feeOf('challenge'), reveal: Math.max(feeOf('trace'), feeOf('children'), feeOf('position')), choice: feeOf('choose'), leaf: feeOf('leaf'), proof: feeOf('proof'),
} as const;

const rounds = WORKER_MOVES - 1;
/** Of a whole dispute, the longest that there is, TON. */
export const WORKER_FEES = rounds * MOVE_FEES.reveal + MOVE_FEES.leaf;
export const CHALLENGER_FEES = MOVE_FEES.opening + (CHALLENGER_MOVES - 1) * MOVE_FEES.choice + MOVE_FEES.proof;
