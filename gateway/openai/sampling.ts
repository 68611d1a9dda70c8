/** How an answer is drawn, from the fields that both endpoints have. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { samplingFrom, type Sampling } from '../../exact';
import { CocoonError } from '../../protocol/errors';
import type { ModelCard } from '../backend';
import { freshBytes } from '../freshBytes';
import { badField, contextExceeded } from './errors';

const MOST_STOP_STRINGS = 16;
const MOST_CHOICES = 8;
const stopString = z.string().min(1).max(1024);

/** Fields of /v1/chat/completions and /v1/completions alike. */
export const samplingShape = {
  model: z.string().min(1),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.int().min(0).max(256).optional(),
  min_p: z.number().optional(),
  seed: z.int().optional(),
  n: z.int().min(1).max(MOST_CHOICES).optional(),
  stop: z.union([stopString, z.array(stopString).max(MOST_STOP_STRINGS)]).optional(),
  max_tokens: z.int().min(1).optional(),
  stream: z.boolean().optional(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).optional(),
};

const SamplingFields = z.object(samplingShape);
export type SamplingFields = z.infer<typeof SamplingFields>;

/** Parameters of each choice; the names that samplingFrom gives its fields are those of its errors. */
const PARAMS: Record<string, string> = {
  'input.sampling.temperature': 'temperature', 'input.sampling.topP': 'top_p', 'input.sampling.minP': 'min_p',
  'input.sampling.topK': 'top_k',
};

/**
 * @param choice index of the choice: each draws from a seed of its own
 * @throws OpenAiRequestError 400
 */
export function samplingOf(fields: SamplingFields, choice: number): Sampling {
  const { temperature = 1, top_p: topP = 1, top_k: topK = 0, min_p: minP = 0, seed } = fields;
  try {
    return samplingFrom({ temperature, topP, topK, minP, seed: seed === undefined ? freshBytes(32) : seedBytes(seed, choice) });
  } catch (error) {
    if (!(error instanceof CocoonError)) throw error;
    throw badField(PARAMS[error.code] ?? 'temperature', error.message);
  }
}

/** SHA-256 of "open cocoon seed", the seed as i64 and the choice as u32, both big-endian. */
export function seedBytes(seed: number, choice: number): Uint8Array {
  const numbers = Buffer.alloc(12);
  numbers.writeBigInt64BE(BigInt(seed));
  numbers.writeUInt32BE(choice, 8);
  return createHash('sha256').update('open cocoon seed').update(numbers).digest();
}

export const stopStringsOf = ({ stop = [] }: SamplingFields): string[] => (typeof stop === 'string' ? [stop] : stop);

/** No tokenizer makes fewer tokens of a text that says anything; only runs of blanks have longer ones. */
const CHARACTERS_PER_TOKEN = 32;

/**
 * Refuses a text that cannot fit before it is tokenised, which takes seconds for megabytes.
 * @throws OpenAiRequestError 400 `context_length_exceeded`
 */
export function checkLength(card: ModelCard, characters: number, param: string): void {
  if (characters <= CHARACTERS_PER_TOKEN * card.contextTokens) return;
  throw contextExceeded(card.contextTokens, `${characters} characters`, param);
}

/**
 * Tokens that an answer may have. What is asked for is an upper bound, so it is cut to what the context leaves, and an answer
 * that ends there says `length`.
 * @throws OpenAiRequestError 400 `context_length_exceeded`
 */
export function answerRoom(card: ModelCard, promptTokens: number, asked: number, param: string): number {
  const room = card.contextTokens - promptTokens + 1;
  if (room < 1) throw contextExceeded(card.contextTokens, `${promptTokens} tokens`, param);
  return Math.min(asked, room);
}
