import { CHALLENGER_MOVES, WORKER_MOVES } from './rules';

/**
 * Network fees of moves of a dispute at most, TON, wallet to case and back. Opening, reveals and choices: tests/bench/disputeFees.spec.ts
 * measures them. A leaf: the same by size, for 4,096 bytes. A proof: the dearest one, a row of 14,336 weights with its residual.
 */
export const MOVE_FEES = { opening: 0.07, reveal: 0.03, choice: 0.013, leaf: 0.06, proof: 0.45 } as const;

const rounds = WORKER_MOVES - 1;
/** Of a whole dispute, the longest that there is, TON. */
export const WORKER_FEES = rounds * MOVE_FEES.reveal + MOVE_FEES.leaf;
export const CHALLENGER_FEES = MOVE_FEES.opening + (CHALLENGER_MOVES - 1) * MOVE_FEES.choice + MOVE_FEES.proof;
