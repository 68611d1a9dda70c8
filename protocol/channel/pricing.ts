import type { Terms } from '../terms';

/** Tokens of an answer in one chunk, which is also a block of the trace; one voucher pays one chunk. */
export const CHUNK_TOKENS = 32;
/** Prompt tokens that are prepaid at a time (attacks 44). */
export const PROMPT_PIECE_TOKENS = 2_048;

const PRICED_TOKENS = 1_000_000n;

export type Prices = Pick<Terms, 'promptPrice' | 'outputPrice' | 'fixedPrice'>;

/** nanoTON due for so many tokens of one request: the fixed price and the tokens' prices per million, rounded up once. */
export function dueFor(prices: Prices, promptTokens: number, outputTokens: number): bigint {
  const tokens = BigInt(promptTokens) * prices.promptPrice + BigInt(outputTokens) * prices.outputPrice;
  return prices.fixedPrice + (tokens + PRICED_TOKENS - 1n) / PRICED_TOKENS;
}

/** How far the work on a request has come: prompt tokens read, answer tokens made. */
export interface Progress {
  promptTokens: number;
  outputTokens: number;
}

/** The prompt's first piece; it is prepaid with the request itself. */
export function firstPiece(promptTokens: number): Progress {
  return { promptTokens: Math.min(promptTokens, PROMPT_PIECE_TOKENS), outputTokens: 0 };
}

/**
 * What has to be paid before work goes on beyond `done`: the next piece of the prompt in advance, then nothing more than
 * what was delivered. So a client that leaves costs the worker one chunk, and a worker that leaves costs the client one
 * piece of its prompt.
 */
export function payableBeyond(prices: Prices, done: Progress, promptTokens: number): bigint {
  const read = Math.min(promptTokens, done.promptTokens + PROMPT_PIECE_TOKENS);
  return dueFor(prices, read, done.outputTokens);
}
