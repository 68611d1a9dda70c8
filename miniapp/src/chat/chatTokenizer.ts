/** Tokenizers of kind 2: a chunk of its own, loaded for a model that has one. */
import { JsonTokens } from '../../../exact/jsonTokens';
import type { TokenizerJson } from '../../../exact/tokenizerJson';
import { type ChatFrame, framed } from './frame';
import type { TextTokens } from './tokenizer';

/**
 * Its form was checked when it became part of the model (exact/tokenizerJson.ts), and the section is the model's: here whatever does not fit fails where it is used.
 * @throws ModelFileError
 */
export function chatTokenizer(section: Uint8Array, vocab: number, frame: ChatFrame | undefined): TextTokens {
  const tokens = new JsonTokens(section, vocab, (json) => json as TokenizerJson);
  if (!tokens.takesChats) return tokens;
  if (frame === undefined) throw new Error('chat template');
  return {
    stopTokens: tokens.stopTokens,
    encodePrompt: (prompt) => {
      tokens.refuseSpecial([prompt]);
      return tokens.encodeRendered(framed(frame, prompt));
    },
    decode: (ids) => tokens.decode(ids),
  };
}
