/** A small tokenizer.json of the byte-level kind that Llama 3, Qwen and GPT-2 use. */
import type { Json } from './folders';

/** GPT-2's letters for the 256 bytes. */
export function byteLetters(): string[] {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return letters;
}

export const MERGES: [string, string][] = [
  ['Ġ', 't'], ['h', 'e'], ['Ġ', 'a'], ['i', 'n'], ['r', 'e'], ['Ġt', 'he'], ['e', 'r'], ['o', 'n'], ['Ġ', 's'], ['n', 'd'],
];
/** Qwen's rule for cutting a text into pieces. */
export const QWEN_PIECES = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
export const SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

/** Tokens in the order of their ids: bytes, merges, specials. */
export const tokenTexts = (): string[] => [...byteLetters(), ...MERGES.map((pair) => pair.join('')), ...SPECIALS];

export function tokenizerJson(): Json {
  const plain = tokenTexts().slice(0, 256 + MERGES.length);
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: SPECIALS.map((content, i) => ({
      id: plain.length + i, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true,
    })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: QWEN_PIECES }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false,
      byte_fallback: false, ignore_merges: false,
      vocab: Object.fromEntries(plain.map((text, id) => [text, id])),
      merges: MERGES.map((pair) => pair.join(' ')),
    },
  };
}

/** ChatML, as Qwen's templates write it. */
export const CHAT_TEMPLATE = "{%- for message in messages -%}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
  + "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";
