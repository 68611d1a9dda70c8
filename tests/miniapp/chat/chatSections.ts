/** Tokenizers of kind 2 with chat templates as known families of models have them, shortened where one message of a user does not come by. */
import { tokenizerSection } from '../../../exact/jsonTokenizer';
import { byteLetters } from '../../import/tokenizers';

export const CHATS = {
  chatml: `{%- if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% else %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}
{%- for message in messages %}{%- if message.role != 'system' %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  llama: `{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n\\n' + message['content'] | trim + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}`,
  mistral: `{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ '[INST] ' + message['content'].rstrip() + ' [/INST]' }}{% endfor %}`,
  qwen: `{%- set ns = namespace(multi_step_tool=true, last=0) %}{%- for message in messages[::-1] %}{%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}{%- set ns.multi_step_tool = false %}{%- endif %}{%- endfor %}
{%- for message in messages %}{%- if message.role == "user" %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- elif message.role == "assistant" %}{{- message.content.split('</think>')[-1].lstrip('\\n') }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}`,
} as const;

const SPECIALS = ['<s>', '<|im_start|>', '<|im_end|>'];

/** Bytes, a few merges across words, and three special tokens; the first one begins a text. */
export function chatSection(chatTemplate: string): Uint8Array {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const letters = byteLetters();
  const merges: [string, string][] = [['a', 's'], ['\u010a', '\u010a'], ['\u0120', 'i'], ['u', 's'], ['\u0120', '\u0120']];
  const vocab = Object.fromEntries([...letters, ...merges.map((pair) => pair.join(''))].map((text, id) => [text, id]));
  const first = letters.length + merges.length;
  const added_tokens = SPECIALS.map((content, i) => ({ id: first + i, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }));
  const json = { added_tokens, decoder: byteLevel, normalizer: null, pre_tokenizer: byteLevel, model: { type: 'BPE' as const, vocab, merges } };
  return tokenizerSection({ json, bosToken: first, eosToken: first + 2, stopTokens: [first + 2], chatTemplate });
}
