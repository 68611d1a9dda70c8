/**
 * `response_format`. Tokens are drawn by a rule that anybody can check again, which knows no grammar; so a format is asked for
 * in the prompt and checked when the answer is whole, and never claimed unchecked.
 */
import { z } from 'zod';
import { badField, OpenAiRequestError } from './errors';

export const ResponseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: z.string().optional(), description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()), strict: z.boolean().nullish(),
    }),
  }),
]);
export type ResponseFormat = z.infer<typeof ResponseFormat>;

export interface AnswerFormat {
  /** said to the model */
  instruction: string;
  /** whether an answer that does not match is an error, not a remark */
  isStrict: boolean;
  matches(answer: string): boolean;
}

/** Undefined for plain text. @throws OpenAiRequestError 400 for a schema that cannot be checked */
export function answerFormat(format: ResponseFormat | undefined): AnswerFormat | undefined {
  if (!format || format.type === 'text') return undefined;
  if (format.type === 'json_object') {
    return { instruction: 'Answer with one JSON object and nothing else.', isStrict: false, matches: (text) => isObject(jsonOf(text)) };
  }
  const { schema, strict } = format.json_schema;
  const checked = checkerOf(schema);
  return {
    instruction: `Answer with JSON that matches this JSON Schema, and nothing else: ${JSON.stringify(schema)}`,
    isStrict: strict === true,
    matches: (text) => checked.safeParse(jsonOf(text)).success,
  };
}

/** An answer that breaks a strict schema; 422, so that no client sends the request again by itself. */
export const formatViolated = (): OpenAiRequestError => new OpenAiRequestError(
  422, 'response_format_violated', 'the model did not answer in the format that was asked for', {
    param: 'response_format', hint: 'ask again with another seed, or without strict',
  });

function checkerOf(schema: Record<string, unknown>): z.ZodType {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    throw badField('response_format.json_schema.schema', 'this JSON Schema cannot be checked here', {
      expected: 'JSON Schema of draft-07 or 2020-12 without external references',
    });
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
