/** From a tokenizer.json to the tokenizer section of a model file: only what encoding needs, in one form. */
import { Template } from '@huggingface/jinja';
import { ModelFileError } from '../errors';
import { tokenizerSection, type TokenizerJson, type TokenizerParts } from '../jsonTokenizer';
import { Tokenizer } from '../tokenizer';
import { refuse } from './architecture';

type Json = Record<string, unknown>;

/**
 * The section, checked as a model file's is.
 * @param json a tokenizer.json
 * @throws ModelImportError `model.import.tokenizer`, `model.import.chat-template`
 */
export function checkedTokenizer(json: Json, parts: Omit<TokenizerParts, 'json'>, vocab: number): Buffer {
  const { type } = json.model as Json;
  if (type !== undefined && type !== 'BPE') {
    refuse('tokenizer', 'this kind of tokenizer cannot be imported', 'BPE', String(type));
  }
  if (parts.chatTemplate !== '') {
    try {
      new Template(parts.chatTemplate);
    } catch (cause) {
      const received = cause instanceof Error ? cause.message : String(cause);
      refuse('chat-template', 'the chat template cannot be read', 'a Jinja template', received, undefined, cause);
    }
  }
  const stopTokens = [...new Set(parts.stopTokens)].sort((a, b) => a - b);
  const section = tokenizerSection({ ...parts, stopTokens, json: minimal(json) });
  try {
    Tokenizer.parse(section, vocab);
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error;
    refuse('tokenizer', error.shortMessage, error.expected, error.received, undefined, error);
  }
  return section;
}

/** What encoding and decoding need, with merges as pairs and nothing that is off. */
function minimal(json: Json): TokenizerJson {
  const model = json.model as Json;
  const merges = (model.merges as (string | [string, string])[] | undefined ?? [])
    .map((merge) => (typeof merge === 'string' ? merge.split(' ', 2) : merge));
  const added = (json.added_tokens as Json[] | undefined ?? [])
    .map(({ id, content, special = false, normalized, ...rest }) =>
      ({ id, content, special, ...(normalized === undefined ? {} : { normalized }), ...withoutDefaults(rest) }));
  return {
    added_tokens: added.sort((a, b) => Number(a.id) - Number(b.id)),
    decoder: json.decoder ?? null,
    model: { ...withoutDefaults(model), type: 'BPE', merges },
    normalizer: json.normalizer ?? null,
    pre_tokenizer: json.pre_tokenizer ?? null,
  } as unknown as TokenizerJson;
}

/** Members that are null, false or empty say what their absence says. */
const withoutDefaults = (value: Json): Json =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== false && member !== ''));
