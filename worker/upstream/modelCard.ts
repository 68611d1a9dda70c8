/**
 * Model cards: what an upstream's model is, in one JSON file that workers and clients share. Its root (protocol/modelCard.ts)
 * covers every byte, so also the tokenizer that turns texts into the ids that a client commits to.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { z } from 'zod';
import { Tokenizer } from '../../exact';
import { CARD_SEMANTICS, cardRoot } from '../../protocol';
import type { ServedModel } from '../engine';
import { UpstreamError } from '../errors';

export const CARD_FORMAT = 'open-cocoon-model-card-1';
/** Longer than any tokenizer that is known, in base64. */
const MAX_CARD_BYTES = 64 * 1024 * 1024;

/** One file of the model, as it is on disk. */
export const CardFile = z.strictObject({
  /** Relative to the model's folder. */
  name: z.string().regex(/^\w[\w.\-+ ]*(\/\w[\w.\-+ ]*)*$/).max(255),
  bytes: z.int().nonnegative(),
  /** lowercase hex */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type CardFile = z.infer<typeof CardFile>;

/** What a card says; docs/models.md describes it. */
export const CardContent = z.strictObject({
  format: z.literal(CARD_FORMAT),
  name: z.string().regex(/^[\w][\w.\-/:]{0,99}$/),
  /** positions of prompt and answer together */
  context: z.int().min(2).max(2 ** 24),
  /** ids are below it */
  vocabulary: z.int().min(2).max(2 ** 24),
  /** tokenizer section (docs/exact-arithmetic.md 3), base64 */
  tokenizer: z.base64().min(1),
  /** what the server loads, by name; never empty */
  files: z.array(CardFile).min(1).max(4_096),
});
export type CardContent = z.infer<typeof CardContent>;

/** A model that an upstream computes. */
export interface CardModel extends ServedModel {
  files: readonly CardFile[];
}

/** Reads a card. @throws UpstreamError `engine.upstream-card`; ModelFileError `model.tokenizer.*` */
export function parseCard(file: Uint8Array): CardModel {
  const refuse = (received: string, cause?: unknown): never => {
    throw new UpstreamError('engine.upstream-card', 'this is not a model card', {
      expected: `a JSON file of the format ${CARD_FORMAT}`, received, hint: 'cocoon model describe makes one', cause,
    });
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file));
  } catch (cause) {
    return refuse('no JSON', cause);
  }
  const parsed = CardContent.safeParse(json);
  if (!parsed.success) return refuse(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join(', ').slice(0, 300));
  const { name, context, vocabulary, tokenizer: section, files } = parsed.data;
  const tokenizer = Tokenizer.parse(new Uint8Array(Buffer.from(section, 'base64')), vocabulary);
  return {
    name, files, stopTokens: [...tokenizer.stopTokens],
    model: { modelRoot: cardRoot(file), tokenizer, config: { semantics: CARD_SEMANTICS, vocab: vocabulary, context } },
  };
}

/** @throws UpstreamError `engine.upstream-card` */
export function readCard(path: string): CardModel {
  const { size } = statSync(path);
  if (size <= MAX_CARD_BYTES) return parseCard(new Uint8Array(readFileSync(path)));
  throw new UpstreamError('engine.upstream-card', 'the model card is too long', { expected: `at most ${MAX_CARD_BYTES} bytes`, received: String(size) });
}

/** Whether a file is meant as a model card: exact models begin with "OCEXACT". */
export function isCard(path: string | undefined): path is string {
  if (path === undefined || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  const file = openSync(path, 'r');
  try {
    const first = Buffer.alloc(1);
    return readSync(file, first, 0, 1, 0) === 1 && first.toString() === '{';
  } finally {
    closeSync(file);
  }
}
