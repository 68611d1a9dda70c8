/** The form of a tokenizer.json in a tokenizer section of kind 2. */
import { z } from 'zod';
import { refuseSection as refuse } from './tokenizerSection';

const id = z.int().nonnegative();
const AddedToken = z.looseObject({ id, content: z.string().min(1), special: z.boolean() });
const Part = z.looseObject({ type: z.string() }).nullable();
/** What a section keeps of a tokenizer.json. */
const TokenizerJson = z.strictObject({
  added_tokens: z.array(AddedToken),
  decoder: Part,
  model: z.looseObject({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), id),
    merges: z.array(z.tuple([z.string(), z.string()])),
  }),
  normalizer: Part,
  pre_tokenizer: Part,
});
export type TokenizerJson = z.infer<typeof TokenizerJson>;

/** @throws ModelFileError `model.tokenizer.json` for what the library could stumble over */
export function checkTokenizerJson(json: unknown): TokenizerJson {
  const parsed = TokenizerJson.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse('json', 'the tokenizer is not one that can be used', issue.message, issue.path.join('.'));
}
