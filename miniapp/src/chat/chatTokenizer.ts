/** Tokenizers of kind 2: a chunk of its own, loaded for a model that has one. */
import { JsonTokenizer, type TokenizerJson } from '../../../exact/jsonTokenizer';

/**
 * Its form was checked when it became part of the model (exact/tokenizerJson.ts), and the section is the model's: here whatever does not fit fails where it is used.
 * @throws ModelFileError
 */
export const chatTokenizer = (section: Uint8Array, vocab: number): JsonTokenizer => JsonTokenizer.parse(section, vocab, (json) => json as TokenizerJson);
