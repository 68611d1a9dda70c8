/** Chats as a model's own Jinja template writes them. */
import { Template } from '@huggingface/jinja';
import { JobInputError } from './errors';

export interface ChatMessage {
  /** usually system, user or assistant; the template decides */
  role: string;
  content: string;
  /** who speaks, where several share a role; the function's, in a tool's answer */
  name?: string;
  /** what an assistant asked for */
  tool_calls?: readonly ChatToolCall[];
  /** which call a tool answers */
  tool_call_id?: string;
}

/** As Hugging Face's templates read it: `arguments` is an object, which they write as JSON themselves. */
export interface ChatToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: Record<string, unknown> };
}

/** What a chat may come with besides its messages. */
export interface ChatOptions {
  /** functions that the model may call, in OpenAI's form, for the template's `tools` */
  tools?: readonly unknown[];
  /** text that the answer has to begin with, written behind what the template wrote */
  answerPrefix?: string;
}

/** Special tokens that templates refer to, as text. */
export interface TemplateTokens {
  bos: string;
  eos: string;
}

/**
 * The text of a chat, up to where the answer begins.
 * @throws JobInputError `input.chat.template` when the template refuses the chat, or is none
 */
export function renderChat(
  template: string, messages: readonly ChatMessage[], tokens: TemplateTokens, options: ChatOptions = {},
): string {
  if (template === '') refuse('this model has no chat template', 'a model with a chat template', 'none');
  let compiled: Template;
  try {
    compiled = new Template(template);
  } catch (cause) {
    refuse('the chat template of this model cannot be read', 'a Jinja template', messageOf(cause), cause);
  }
  try {
    // raise_exception is the library's own; setting it again is an error.
    const text = compiled.render({
      messages, add_generation_prompt: true, bos_token: tokens.bos, eos_token: tokens.eos, tools: options.tools ?? null,
    });
    return `${text}${options.answerPrefix ?? ''}`;
  } catch (cause) {
    refuse('the chat template of this model refuses this chat', 'other messages', messageOf(cause), cause);
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function refuse(message: string, expected: string, received: string, cause?: unknown): never {
  throw new JobInputError('input.chat.template', message, { expected, received, cause, hint: 'give a prompt instead' });
}
