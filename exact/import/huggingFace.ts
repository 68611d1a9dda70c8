/**
 * Folders as Hugging Face's transformers writes them: config.json of the Llama, Qwen2 and Qwen3 decoders, safetensors,
 * tokenizer files. Whatever the exact arithmetic does not have is refused by name here, before any work.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { refuse, type Architecture, type Family } from './architecture';
import { ropeFrequencies, type RopeScaling } from './rope';
import { parseJson, readSafetensors } from './safetensors';
import { Weights, type StoredTensor } from './weights';

const FAMILIES: Record<string, Family> = {
  LlamaForCausalLM: 'llama',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
};

const count = z.int().positive();
const Rope = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: count.optional(),
  partial_rotary_factor: z.number().optional(),
});
const Config = z.looseObject({
  architectures: z.array(z.string()).optional(),
  model_type: z.string().optional(),
  hidden_act: z.string().optional(),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: Rope.nullish(),
  rope_parameters: Rope.nullish(),
  partial_rotary_factor: z.number().optional(),
  tie_word_embeddings: z.boolean().optional(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  use_sliding_window: z.boolean().optional(),
  sliding_window: z.number().nullish(),
  layer_types: z.array(z.string()).nullish(),
  quantization_config: z.unknown().optional(),
  num_experts: z.number().nullish(),
  num_local_experts: z.number().nullish(),
});
type Config = z.infer<typeof Config>;

/** Opens the weights of a folder and checks that all of it can be imported. @throws ModelImportError */
export function openHuggingFace(folder: string): Weights {
  const file = join(folder, 'config.json');
  if (!existsSync(file)) refuse('config', 'the folder has no config.json', 'a folder of a Hugging Face model', folder);
  const architecture = architectureOf(parseJson(Config, readFileSync(file, 'utf8'), 'config.json'));
  return new Weights(architecture, renamed(readSafetensors(folder), architecture));
}

function architectureOf(config: Config): Architecture {
  const family = familyOf(config);
  demandPlain(config, family);
  const heads = config.num_attention_heads;
  const headDim = config.head_dim ?? (family === 'qwen3' ? 128 : config.hidden_size / heads);
  return {
    family,
    layers: config.num_hidden_layers,
    dim: config.hidden_size,
    heads,
    kvHeads: config.num_key_value_heads ?? heads,
    headDim,
    ffn: config.intermediate_size,
    vocab: config.vocab_size,
    maxContext: config.max_position_embeddings,
    epsilon: config.rms_norm_eps,
    biases: family === 'qwen2',
    headNorms: family === 'qwen3',
    tied: config.tie_word_embeddings ?? false,
    frequencies: frequenciesOf(config, headDim),
  };
}

function familyOf({ architectures = [], model_type, num_experts, num_local_experts }: Config): Family {
  const name = architectures[0] ?? model_type ?? 'none';
  if (/moe|mixtral/i.test(name) || (num_experts ?? 0) > 0 || (num_local_experts ?? 0) > 0) {
    refuse('experts', 'models with a mixture of experts cannot be imported', 'a dense model', name);
  }
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  if (family && architectures.length === 1) return family;
  refuse('architecture', 'this architecture cannot be imported', Object.keys(FAMILIES).join(', '), architectures.join(', ') || name);
}

/** Everything that a model of these families may have and the exact arithmetic has not. */
function demandPlain(config: Config, family: Family): void {
  const { hidden_act: activation = 'silu', layer_types: layerTypes } = config;
  if (activation !== 'silu') refuse('activation', 'this activation cannot be imported', 'silu', activation);
  const window = config.use_sliding_window ?? (family === 'llama' && typeof config.sliding_window === 'number');
  const other = layerTypes?.find((type) => type !== 'full_attention');
  if (window || other !== undefined) {
    refuse('sliding-window', 'sliding-window attention cannot be imported', 'full attention in every layer', other ?? 'a window');
  }
  if (config.attention_bias && family !== 'qwen2') {
    refuse('attention-bias', `attention_bias of a ${family} model cannot be imported`, 'attention_bias false', 'true');
  }
  if (config.mlp_bias) refuse('mlp-bias', 'mlp_bias cannot be imported', 'mlp_bias false', 'true');
  if (config.quantization_config !== undefined && config.quantization_config !== null) {
    refuse('dtype', 'quantised weights cannot be imported', 'F32, F16 or BF16', 'a quantization_config',
      'take the weights before they were quantised');
  }
}

/** RoPE as written before (rope_theta, rope_scaling) and since transformers 5 (rope_parameters). */
function frequenciesOf(config: Config, headDim: number): Float64Array {
  const rope = config.rope_parameters ?? config.rope_scaling ?? {};
  const theta = rope.rope_theta ?? config.rope_theta ?? 10000;
  const partial = rope.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
  if (partial !== 1) refuse('rope', 'RoPE on a part of each head cannot be imported', 'partial_rotary_factor 1', `${partial}`);
  return ropeFrequencies(theta, headDim, scalingOf(rope, config));
}

function scalingOf(rope: z.infer<typeof Rope>, config: Config): RopeScaling {
  const type = rope.rope_type ?? rope.type ?? 'default';
  const needed = (name: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number =>
    rope[name] ?? refuse('rope', `RoPE scaling ${type} lacks a number`, name, 'nothing');
  if (type === 'default') return { kind: 'none' };
  if (type === 'linear') return { kind: 'linear', factor: needed('factor') };
  if (type === 'llama3') {
    return {
      kind: 'llama3',
      factor: needed('factor'),
      lowFactor: needed('low_freq_factor'),
      highFactor: needed('high_freq_factor'),
      trainedContext: rope.original_max_position_embeddings ?? config.max_position_embeddings,
    };
  }
  refuse('rope', 'this RoPE scaling cannot be imported', 'default, linear or llama3', type);
}

const LAYER_NAMES: Record<string, string> = {
  'input_layernorm.weight': 'attentionNorm',
  'self_attn.q_proj.weight': 'query',
  'self_attn.k_proj.weight': 'key',
  'self_attn.v_proj.weight': 'value',
  'self_attn.q_proj.bias': 'queryBias',
  'self_attn.k_proj.bias': 'keyBias',
  'self_attn.v_proj.bias': 'valueBias',
  'self_attn.q_norm.weight': 'queryNorm',
  'self_attn.k_norm.weight': 'keyNorm',
  'self_attn.o_proj.weight': 'output',
  'post_attention_layernorm.weight': 'mlpNorm',
  'mlp.gate_proj.weight': 'gate',
  'mlp.up_proj.weight': 'up',
  'mlp.down_proj.weight': 'down',
};
const OTHER_NAMES: Record<string, string> = {
  'model.embed_tokens.weight': 'embedding',
  'model.norm.weight': 'norm',
  'lm_head.weight': 'head',
};

/** The tensors by the names of architecture.ts; unknown ones keep theirs, so that they are refused. */
function renamed(tensors: Map<string, StoredTensor>, { tied }: Architecture): Map<string, StoredTensor> {
  const out = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const [, layer, part] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
    // Old files carry RoPE's frequencies, which follow from the config, and tied ones may carry the head twice.
    if (part === 'self_attn.rotary_emb.inv_freq' || (tied && name === 'lm_head.weight')) continue;
    const known = layer === undefined ? OTHER_NAMES[name] : LAYER_NAMES[part] && `layers.${layer}.${LAYER_NAMES[part]}`;
    out.set(known ?? name, tensor);
  }
  return out;
}
