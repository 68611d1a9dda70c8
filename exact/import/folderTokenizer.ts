/** The tokenizer of a Hugging Face folder: tokenizer.json, and what its neighbours say about ends and chats. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { z } from 'zod';
import { refuse } from './architecture';
import { parseJson } from './safetensors';
import { checkedTokenizer } from './tokenizerParts';

const Ids = z.union([z.int().nonnegative(), z.array(z.int().nonnegative())]).nullish();
const Ends = z.looseObject({ eos_token_id: Ids });
const SpecialText = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const TokenizerConfig = z.looseObject({
  eos_token: SpecialText,
  chat_template: z.union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))]).nullish(),
});
const Json = z.looseObject({ model: z.looseObject({ type: z.string().optional() }) });

/** The tokenizer section for a folder's model. @throws ModelImportError `model.import.tokenizer` */
export function tokenizerOfFolder(folder: string, vocab: number): Buffer {
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const file = join(folder, name);
    return existsSync(file) ? parseJson(schema, readFileSync(file, 'utf8'), name) : undefined;
  };
  const json = read('tokenizer.json', Json);
  if (!json) refuse('tokenizer', 'the folder has no tokenizer.json', 'tokenizer.json', 'nothing', 'save it with a fast tokenizer');
  const config = read('tokenizer_config.json', TokenizerConfig) ?? {};
  const whole = library(json);
  const ends = read('generation_config.json', Ends)?.eos_token_id ?? read('config.json', Ends)?.eos_token_id ?? [];
  const eosText = typeof config.eos_token === 'string' ? config.eos_token : config.eos_token?.content;
  const eosOfText = eosText === undefined ? undefined : whole.token_to_id(eosText);
  const stops = new Set([ends, eosOfText ?? []].flat());
  const [firstEnd] = stops;
  return checkedTokenizer(json, {
    bosToken: firstToken(whole),
    eosToken: eosOfText ?? firstEnd,
    stopTokens: [...stops],
    chatTemplate: chatTemplateOf(folder, config.chat_template),
  }, vocab);
}

function library(json: object): Library {
  try {
    return new Library(json, {});
  } catch (cause) {
    refuse('tokenizer', 'this tokenizer cannot be imported', 'a known kind', cause instanceof Error ? cause.message : '', undefined, cause);
  }
}

/** The token that the tokenizer puts before a text, if any; nothing else may be added. */
function firstToken(whole: Library): number | undefined {
  const plain = whole.encode('a', { add_special_tokens: false }).ids;
  const full = whole.encode('a').ids;
  const added = full.length - plain.length;
  if (added === 0) return undefined;
  if (added === 1 && plain.every((id, i) => id === full[i + 1])) return full[0];
  refuse('tokenizer', 'the tokenizer adds tokens behind a text', 'at most one, before it', `${added}`);
}

function chatTemplateOf(folder: string, given: z.infer<typeof TokenizerConfig>['chat_template']): string {
  const file = join(folder, 'chat_template.jinja');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  if (typeof given === 'string') return given;
  return given?.find(({ name }) => name === 'default')?.template ?? '';
}
