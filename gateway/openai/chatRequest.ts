/** What POST /v1/chat/completions takes. */
import { z } from 'zod';
import { badField } from './errors';
import { checkFields } from './fields';
import { ResponseFormat } from './responseFormat';
import { samplingShape } from './sampling';

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Content = z.union([z.string(), z.array(Part)]);
const ToolCall = z.looseObject({
  id: z.string(), type: z.literal('function').optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const Message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.enum(['system', 'developer', 'user']), content: Content, name: z.string().nullish() }),
  z.looseObject({
    role: z.literal('assistant'), content: Content.nullish(), name: z.string().nullish(), tool_calls: z.array(ToolCall).nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content: Content, tool_call_id: z.string() }),
]);
export type Message = z.infer<typeof Message>;

const Tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(), strict: z.boolean().nullish(),
  }),
});
export type Tool = z.infer<typeof Tool>;

const ToolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
]);

const ChatFields = z.object({
  ...samplingShape,
  messages: z.array(Message).min(1).max(4096),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
  tools: z.array(Tool).max(128).optional(),
  tool_choice: ToolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: ResponseFormat.optional(),
});
export type ChatFields = z.infer<typeof ChatFields>;

/** @throws OpenAiRequestError 400, naming the field */
export function parseChat(body: Record<string, unknown>): { fields: ChatFields; ignored: string[] } {
  const { fields, ignored } = checkFields(ChatFields, body);
  const { max_tokens: old, max_completion_tokens: current, tools = [], tool_choice: choice } = fields;
  if (old !== undefined && current !== undefined && old !== current) {
    throw badField('max_tokens', 'max_tokens and max_completion_tokens say different things');
  }
  if (fields.top_logprobs !== undefined && fields.logprobs !== true) {
    throw badField('top_logprobs', 'top_logprobs needs logprobs: true');
  }
  const named = typeof choice === 'object' ? choice.function.name : undefined;
  if ((choice === 'required' || named !== undefined) && tools.length === 0) throw badField('tool_choice', 'tool_choice needs tools');
  if (named !== undefined && !tools.some((tool) => tool.function.name === named)) {
    throw badField('tool_choice', 'tool_choice names a tool that is not among tools');
  }
  return { fields, ignored };
}
