/** The tokens of a chat, as the model's own template writes it. */
import type { ChatMessage, ChatOptions } from '../../exact';
import type { ModelCard } from '../backend';
import { CALL_OPEN } from '../text/toolCalls';
import type { ChatFields, Message } from './chatRequest';
import { badField, OpenAiRequestError } from './errors';
import type { AnswerFormat } from './responseFormat';
import { checkLength } from './sampling';

export interface ChatPrompt {
  tokens: number[];
  /** Set where tool calls are to be looked for in the answer. */
  tools?: { onlyOne: boolean; answerPrefix: string };
  /** what the caller should know, in ASCII */
  warnings: string[];
}

/** @throws OpenAiRequestError 400; JobInputError `input.chat.*` when the template refuses the chat */
export function chatPrompt(card: ModelCard, fields: ChatFields, format: AnswerFormat | undefined): ChatPrompt {
  const messages = fields.messages.map(chatMessage);
  checkLength(card, messages.reduce((sum, { content }) => sum + content.length, 0), 'messages');
  if (format) instruct(messages, format.instruction);
  const { tools = [], tool_choice: choice = 'auto' } = fields;
  const usesTools = tools.length > 0 && choice !== 'none';
  if (usesTools) demandTools(card);
  if (!card.tokenizer.takesChats) return plainPrompt(card, fields, format);

  const options: ChatOptions = usesTools ? { tools, answerPrefix: answerPrefix(choice) } : {};
  const warnings = usesTools && tools.some((tool) => tool.function.strict) ? ['strict of tools is not enforced'] : [];
  return {
    tokens: card.tokenizer.encodeChat(messages, options),
    tools: usesTools
      ? { onlyOne: fields.parallel_tool_calls === false || typeof choice === 'object', answerPrefix: options.answerPrefix ?? '' }
      : undefined,
    warnings,
  };
}

/** Templates know system, not developer, and want text where OpenAI has null. */
function chatMessage(message: Message, index: number): ChatMessage {
  const content = contentText(message, index);
  if (message.role === 'tool') return { role: 'tool', content, tool_call_id: message.tool_call_id };
  const name = message.name ?? undefined;
  if (message.role !== 'assistant') return { role: message.role === 'developer' ? 'system' : message.role, content, name };
  const calls = message.tool_calls?.map((call, i) => ({
    id: call.id, type: 'function' as const,
    function: { name: call.function.name, arguments: argumentsOf(call.function.arguments, `messages[${index}].tool_calls[${i}]`) },
  }));
  return { role: 'assistant', content, name, ...(calls && calls.length > 0 && { tool_calls: calls }) };
}

function contentText({ content }: Message, index: number): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(({ type, text }, i) => {
    if (type === 'text' && text !== undefined) return text;
    throw badField(`messages[${index}].content[${i}].type`, 'this model reads text only', { expected: 'text', received: type.slice(0, 40) });
  }).join('');
}

function argumentsOf(json: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = json === '' ? {} : JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw badField(`${where}.function.arguments`, 'the arguments of a tool call are a JSON object, as text');
}

function instruct(messages: ChatMessage[], instruction: string): void {
  if (messages[0]?.role !== 'system') messages.unshift({ role: 'system', content: instruction });
  else messages[0] = { ...messages[0], content: `${messages[0].content}\n\n${instruction}` };
}

/** Calls are found in one form only; a template that writes another would make them look like text. */
function demandTools({ tokenizer, id }: ModelCard): void {
  const { takesChats, chatTemplate } = tokenizer;
  if (takesChats && /\btools\b/.test(chatTemplate) && chatTemplate.includes(CALL_OPEN)) return;
  throw new OpenAiRequestError(400, 'unsupported_parameter', `the model ${id} cannot be given tools`, {
    param: 'tools', expected: `a model whose chat template knows tools and writes calls as ${CALL_OPEN}`,
  });
}

/** A call that has to be made is begun for the model: that is all that a prompt can enforce. */
function answerPrefix(choice: Exclude<ChatFields['tool_choice'], undefined>): string {
  if (choice === 'required') return `${CALL_OPEN}\n{"name": "`;
  return typeof choice === 'object' ? `${CALL_OPEN}\n{"name": "${choice.function.name}", "arguments": ` : '';
}

/** A model without chats continues the last thing that the user said. */
function plainPrompt(card: ModelCard, { messages }: ChatFields, format: AnswerFormat | undefined): ChatPrompt {
  if (format) {
    throw new OpenAiRequestError(400, 'unsupported_parameter', `the model ${card.id} has no chat template and follows no format`, {
      param: 'response_format',
    });
  }
  const last = messages.map(({ role }) => role).lastIndexOf('user');
  if (last < 0) throw badField('messages', 'a model without a chat template needs a message of the user');
  const left = messages.length > 1 ? '; other messages were left out' : '';
  return {
    tokens: card.tokenizer.encodePrompt(contentText(messages[last], last)),
    warnings: [`this model has no chat template: the last user message was its whole prompt${left}`],
  };
}
