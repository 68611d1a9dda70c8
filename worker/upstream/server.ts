import { randomBytes } from 'node:crypto';
import type { Sampling } from '../../exact';
import { drawBytes } from '../../exact/scheduler';
import type { ServedJob } from '../engine';
import type { CardModel } from './modelCard';

/** What a server is asked for: the rest of an answer. */
export interface Question {
  /** The prompt, and the answer as far as it is known. */
  tokens: readonly number[];
  /** How many of them are of the answer. */
  answered: number;
  /** Most new tokens. */
  maxTokens: number;
  stopTokens: readonly number[];
  sampling: Sampling;
}

/** How one kind of server is talked to. */
export interface UpstreamServer {
  /** In words: kind and version, nothing that names the machine. */
  readonly description: string;
  /** What of a job it cannot do as asked; null for nothing. */
  cannotDo(job: ServedJob): string | null;
  /**
   * The new tokens, as many as came together. Ends where the server ended its answer; whether that is an end that was asked for,
   * the caller judges by the tokens.
   * @throws UpstreamError
   */
  answer(question: Question, signal: AbortSignal): AsyncIterable<readonly number[]>;
}

/** Looks at a server before it is used. @throws UpstreamError where it is another kind, has not the model or too little context */
export type OpenServer = (
  call: Caller, served: { model: CardModel; name: string }, signal: AbortSignal,
) => Promise<UpstreamServer>;

/** A server's endpoint, with limits. */
export interface Caller {
  json(method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
  events(path: string, body: unknown, signal: AbortSignal): AsyncIterable<unknown>;
}

/** Terms say sampling in whole numbers (docs/exact-arithmetic.md 7); servers take these. Greedy is temperature 0. */
export function samplingNumbers({ t, topK, topP16, minPX }: Sampling): { temperature: number; topK: number | null; topP: number; minP: number } {
  return {
    temperature: t === 0 ? 0 : (65_536 * Math.LOG2E) / t,
    topK: topK === 0 ? null : topK,
    topP: topP16 === 0 ? 1 : topP16 / 65_536,
    minP: minPX === 0 ? 0 : 2 ** (-minPX / 1_024),
  };
}

/**
 * Servers keep what they read for prompts that begin alike, so a client could tell by the time of its answer how somebody else's prompt
 * begins. With a salt of its own an answer finds nothing but what it read itself.
 */
export const freshSalt = (): string => randomBytes(32).toString('base64url');

/** 31 bits, which every server takes: of SHA-256(seed, number of the answer's tokens so far), so that no part of an answer draws as another did. */
export function seedAt(seed: Uint8Array, answered: number): number {
  return Buffer.from(drawBytes(seed, answered)).readUInt32BE() & 0x7fffffff;
}
