import { TRACE_BLOCK, type Generation } from '../../exact';
import { CHUNK_TOKENS, commit, equalBytes, FinishReason, responseRoot } from '../../protocol';

/** What a worker's receipt stands for. */
export interface SignedAnswerParts {
  tokens: readonly number[];
  /** FinishReason; `cancelled` where only the beginning of an answer came. */
  finishReason: number;
  responseCommit: Uint8Array;
  /** 32 zero bytes where the receipt commits to no trace. */
  traceCommit: Uint8Array;
}

/** The same request, computed again. */
export interface ComputedParts {
  tokens: readonly number[];
  finishReason: number;
  /** Commitments under the request's own salt; null where whoever computed does not tell. */
  responseCommit: Uint8Array | null;
  traceCommit: Uint8Array | null;
}

/** The first thing that differs, looked for in this order. */
export type Difference =
  /**
   * A token. `index` counts from the answer's first, `chunk` is index / 32; `position` is the step of the model whose output it is, and
   * `block` the trace block of that position.
   */
  | { part: 'answer'; index: number; chunk: number; position: number; block: number }
  | { part: 'finish reason' }
  | { part: 'response commitment' }
  /** Tokens agree, what they were computed from does not: the game of a challenge finds where. */
  | { part: 'trace' };

/** Commitments of a run under a request's salt. */
export function partsOf({ tokens, finishReason, traceRoot }: Pick<Generation, 'tokens' | 'finishReason' | 'traceRoot'>, commitSalt: Uint8Array): ComputedParts {
  const reason = FinishReason[finishReason];
  return {
    tokens, finishReason: reason, responseCommit: commit('response', commitSalt, responseRoot({ finishReason: reason, tokens })),
    traceCommit: commit('trace', commitSalt, traceRoot),
  };
}

/**
 * Compares what was signed with what the request gives, bit for bit; null when nothing differs. Of an answer that ended early the
 * tokens that came are compared with the first ones that were computed, and its commitment with theirs.
 */
export function compareAnswer(
  signed: SignedAnswerParts, computed: ComputedParts, { promptTokens, commitSalt }: { promptTokens: number; commitSalt: Uint8Array },
): Difference | null {
  const isWhole = signed.finishReason !== FinishReason.cancelled;
  const expected = isWhole ? computed.tokens : computed.tokens.slice(0, signed.tokens.length);
  const index = firstDifference(signed.tokens, expected);
  if (index !== null) {
    const position = promptTokens - 1 + index;
    return { part: 'answer', index, chunk: Math.floor(index / CHUNK_TOKENS), position, block: Math.floor(position / TRACE_BLOCK) };
  }
  if (!isWhole) {
    const prefix = commit('response', commitSalt, responseRoot({ finishReason: FinishReason.cancelled, tokens: expected }));
    return equalBytes(prefix, signed.responseCommit) ? null : { part: 'response commitment' };
  }
  if (computed.finishReason !== signed.finishReason) return { part: 'finish reason' };
  if (computed.responseCommit !== null && !equalBytes(computed.responseCommit, signed.responseCommit)) return { part: 'response commitment' };
  if (computed.traceCommit !== null && !equalBytes(computed.traceCommit, signed.traceCommit)) return { part: 'trace' };
  return null;
}

/** Whether two runs of one request gave the same bits, as far as both tell them. */
export function agree(a: ComputedParts, b: ComputedParts): boolean {
  const same = (x: Uint8Array | null, y: Uint8Array | null): boolean => x === null || y === null || equalBytes(x, y);
  return (
    firstDifference(a.tokens, b.tokens) === null && a.finishReason === b.finishReason && same(a.responseCommit, b.responseCommit) &&
    same(a.traceCommit, b.traceCommit)
  );
}

function firstDifference(a: readonly number[], b: readonly number[]): number | null {
  const index = a.findIndex((token, i) => token !== b[i]);
  if (index >= 0) return index;
  return a.length === b.length ? null : a.length;
}
