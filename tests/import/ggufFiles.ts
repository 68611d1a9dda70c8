/** The models of folders.ts as llama.cpp's converter writes them: other names, interleaved rows, its own tokenizer fields. */
import { toHalf, type NumberType } from '../../exact/import/numberTypes';
import { writeGguf, type GgufTensor, type GgufValue } from '../../bench/ggufWriter';
import type { FolderTensors, Json } from './folders';
import { CHAT_TEMPLATE, MERGES, SPECIALS, tokenTexts } from './tokenizers';

const FAMILY: Record<string, string> = { LlamaForCausalLM: 'llama', Qwen2ForCausalLM: 'qwen2', Qwen3ForCausalLM: 'qwen3' };
const PARTS: [RegExp, string][] = [
  [/^model\.layers\.(\d+)\./, 'blk.$1.'], [/^model\.embed_tokens/, 'token_embd'], [/^model\.norm/, 'output_norm'],
  [/^lm_head/, 'output'], [/input_layernorm/, 'attn_norm'], [/post_attention_layernorm/, 'ffn_norm'],
  [/self_attn\.([qkv])_proj/, 'attn_$1'], [/self_attn\.([qk])_norm/, 'attn_$1_norm'], [/self_attn\.o_proj/, 'attn_output'],
  [/mlp\.(gate|up|down)_proj/, 'ffn_$1'],
];

/** As `permute` of convert_hf_to_gguf.py: row half * i + j of a head becomes row 2 j + i. */
function interleave(values: Float32Array, rows: number, headDim: number): Float32Array {
  const columns = values.length / rows;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const within = row % headDim;
    const to = row - within + 2 * (within % (headDim / 2)) + Math.floor((2 * within) / headDim);
    out.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return out;
}

/** Q8_0 of ggml: scale = largest / 127 as float16, weights rounded. */
function q8(values: Float32Array): Buffer {
  const bytes = Buffer.alloc((values.length / 32) * 34);
  for (let group = 0; group < values.length / 32; group++) {
    const block = values.subarray(32 * group, 32 * group + 32);
    const scale = Math.max(...block.map(Math.abs)) / 127;
    bytes.writeUInt16LE(toHalf(scale), 34 * group);
    block.forEach((x, i) => bytes.writeInt8(scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(x / scale))), 34 * group + 2 + i));
  }
  return bytes;
}

function bytesOf(values: Float32Array, type: NumberType): Buffer {
  if (type === 'F32') return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (type === 'Q8_0') return q8(values);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Buffer.from(Uint16Array.from(values, (x, i) => (type === 'F16' ? toHalf(x) : bits[i] >>> 16)).buffer);
}

/** The tokenizer of tokenizers.ts in a header. */
export const GGUF_TOKENIZER: Record<string, GgufValue> = {
  'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'qwen2', 'tokenizer.ggml.tokens': tokenTexts(),
  'tokenizer.ggml.token_type': { i32s: tokenTexts().map((text) => (SPECIALS.includes(text) ? 3 : 1)) },
  'tokenizer.ggml.merges': MERGES.map((pair) => pair.join(' ')),
  'tokenizer.ggml.eos_token_id': 268, 'tokenizer.ggml.eot_token_id': 266, 'tokenizer.ggml.add_bos_token': false,
  'tokenizer.chat_template': CHAT_TEMPLATE,
};

/** The header of a config.json's model. */
export function ggufMetadata(config: Json): Record<string, GgufValue> {
  const family = FAMILY[(config.architectures as string[])[0]];
  const of = (name: string, value: GgufValue): [string, GgufValue] => [`${family}.${name}`, value];
  const number = (name: string) => config[name] as number;
  return {
    'general.architecture': family,
    ...Object.fromEntries([
      of('block_count', number('num_hidden_layers')), of('embedding_length', number('hidden_size')),
      of('feed_forward_length', number('intermediate_size')), of('attention.head_count', number('num_attention_heads')),
      of('attention.head_count_kv', number('num_key_value_heads')), of('attention.key_length', number('head_dim')),
      of('attention.value_length', number('head_dim')), of('rope.dimension_count', number('head_dim')),
      of('context_length', number('max_position_embeddings')), of('rope.freq_base', { f32: number('rope_theta') }),
      of('attention.layer_norm_rms_epsilon', { f32: number('rms_norm_eps') }),
    ]),
    ...GGUF_TOKENIZER,
  };
}

/** Matrices in a type, vectors in F32. */
export function ggufTensors(config: Json, tensors: FolderTensors, type: NumberType): GgufTensor[] {
  const permuted = (config.architectures as string[])[0] === 'LlamaForCausalLM';
  return [...tensors].map(([name, { shape, values }]): GgufTensor => {
    const turned = permuted && /self_attn\.[qk]_proj/.test(name) ? interleave(values, shape[0], config.head_dim as number) : values;
    const own = shape.length === 1 ? 'F32' : type;
    return {
      name: PARTS.reduce((text, [from, to]) => text.replace(from, to), name), shape: [...shape].reverse(), type: own,
      data: () => bytesOf(turned, own),
    };
  });
}

export function writeModelGguf(file: string, config: Json, tensors: FolderTensors, type: NumberType): void {
  writeGguf(file, ggufMetadata(config), ggufTensors(config, tensors, type));
}
