/**
 * Where answers come from. A back end sees token ids and whole numbers only: chats, text, stop strings and JSON are the
 * gateway's business, since a client commits to token ids.
 */
import type { Sampling, TokenLogits, Tokenizer } from '../exact';

/** A model that can be asked, and all that text needs to become tokens for it and back. */
export interface ModelCard {
  id: string;
  createdSeconds: number;
  ownedBy: string;
  /** 32 bytes: what the id stands for */
  modelRoot: Uint8Array;
  tokenizer: Tokenizer;
  /** what terms name; exact arithmetic where unset */
  semantics?: number;
  /** promptTokens + maxTokens - 1 may not pass it */
  contextTokens: number;
  vocabularySize: number;
  /** largest `topLogits` of a request; undefined where logits are not told at all */
  mostTopLogits?: number;
  /** JSON shown as `x_cocoon` in the list of models: price, attestation, number of providers */
  facts?: Readonly<Record<string, unknown>>;
}

export interface TokenRequest {
  /** id of a card */
  model: string;
  promptTokens: number[];
  maxTokens: number;
  /** tokens that end the answer; the one that did is its last */
  stopTokens: readonly number[];
  sampling: Sampling;
  /** logits to tell with every token: its own, and this many of the largest */
  topLogits?: number;
  /** The client is gone or gives up: end at once; the events end with an error. Answers to one request of it share their signal. */
  abort: AbortSignal;
  /**
   * The answer has what was asked for (a stop string, a tool call): produce no more, pay for what came, and end with
   * finishReason `enough`. Tokens that were under way may still come; the gateway leaves them out of its text.
   */
  enough: AbortSignal;
}

/** Tokens of an answer, as many as came together. */
export interface TokenPiece {
  kind: 'tokens';
  tokens: readonly number[];
  /** one per token, where the request asked for logits */
  logits?: readonly TokenLogits[];
  /** JSON, opaque to the gateway: stands for the answer up to here */
  receipt?: unknown;
}

/** The request was taken: first event of an answer. From here on errors come in the middle of a stream. */
export interface AnswerStart {
  kind: 'start';
  /** under which this answer can be found later; a header, so visible ASCII */
  reference?: string;
}

/** Last event of an answer. */
export interface AnswerEnd {
  kind: 'end';
  finishReason: 'stop' | 'length' | 'enough';
  promptTokens: number;
  /** as paid for: a stop token and tokens behind a stop string count */
  completionTokens: number;
  /** nanoTON, decimal */
  cost?: string;
  /**
   * Tokens before which draws were numbered anew, since another provider went on there: a sampled answer is then not the one that its seed
   * gives from a single provider. Unset where there are none, and for greedy answers.
   */
  redrawn?: readonly number[];
  /** JSON, opaque to the gateway; one for each provider that had a part in the answer */
  receipts?: readonly unknown[];
}

export type AnswerEvent = AnswerStart | TokenPiece | AnswerEnd;

export interface CompletionBackend {
  /** Cards may change between calls; ids are unique. */
  models(): readonly ModelCard[];
  /**
   * One answer: `start`, any number of `tokens`, `end`. Reading slowly holds back an answer, never its back end's
   * memory: at most `maxTokens` tokens wait. Leaving the loop early is an abort.
   * Errors are CocoonErrors: `gateway.channel-exhausted` (money is spent), `gateway.overloaded` (ask again later),
   * `input.*` (the request's fault), any other code (the answer cannot be had now).
   */
  complete(request: TokenRequest): AsyncIterable<AnswerEvent>;
}
