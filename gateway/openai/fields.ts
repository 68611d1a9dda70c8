/** What becomes of fields that a request has besides those that are honoured. */
import { z } from 'zod';
import { badField, refusedField } from './errors';

/** Fields that change nothing about an answer. */
const HARMLESS = new Set([
  'user', 'metadata', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'service_tier', 'stream_options',
]);

/** Fields that change an answer and cannot be honoured, with the values that say "as usual". */
const REFUSED: Record<string, { usual: readonly unknown[]; hint?: string }> = {
  audio: { usual: [] },
  best_of: { usual: [1] },
  echo: { usual: [false] },
  frequency_penalty: { usual: [0] },
  function_call: { usual: [], hint: 'use tool_choice' },
  functions: { usual: [], hint: 'use tools' },
  grammar: { usual: [] },
  guided_choice: { usual: [] },
  guided_grammar: { usual: [] },
  guided_json: { usual: [] },
  guided_regex: { usual: [] },
  ignore_eos: { usual: [false] },
  length_penalty: { usual: [1] },
  logit_bias: { usual: [] },
  min_tokens: { usual: [0] },
  mirostat: { usual: [0] },
  modalities: { usual: [] },
  prediction: { usual: [] },
  presence_penalty: { usual: [0] },
  reasoning_effort: { usual: ['none'] },
  repeat_penalty: { usual: [1], hint: 'sampling has temperature, top_p, top_k, min_p and seed' },
  repetition_penalty: { usual: [1], hint: 'sampling has temperature, top_p, top_k, min_p and seed' },
  store: { usual: [false], hint: 'nothing is stored here' },
  suffix: { usual: [''] },
  typical_p: { usual: [1] },
  use_beam_search: { usual: [false] },
  verbosity: { usual: ['medium'] },
  web_search_options: { usual: [] },
};

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Modalities that are what every answer has. */
const isTextOnly = (field: string, value: unknown): boolean =>
  field === 'modalities' && Array.isArray(value) && value.length === 1 && value[0] === 'text';

/**
 * Checks a body by its schema, after the fields that cannot be honoured.
 * @returns the fields, and the names of those that nobody here knows
 * @throws OpenAiRequestError 400, naming the field
 */
export function checkFields<T extends z.ZodObject>(schema: T, body: Record<string, unknown>): { fields: z.infer<T>; ignored: string[] } {
  const known = Object.keys(schema.shape);
  for (const [field, value] of Object.entries(body)) {
    const rule = Object.hasOwn(REFUSED, field) && !known.includes(field) ? REFUSED[field] : undefined;
    if (!rule || rule.usual.includes(value) || isEmpty(value) || isTextOnly(field, value)) continue;
    throw refusedField(field, rule.hint);
  }
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(body).filter(([field]) => known.includes(field))));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    const where = path.map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${String(step)}`)).join('');
    throw badField(where, `'${where}' is not allowed: ${message}`);
  }
  const ignored = Object.keys(body).filter((field) => !known.includes(field) && !HARMLESS.has(field) && !Object.hasOwn(REFUSED, field));
  return { fields: parsed.data, ignored };
}
