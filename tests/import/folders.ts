/** Small random models in Hugging Face's format, written to a folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../exact/randomModels';
import { CHAT_TEMPLATE, tokenizerJson } from './tokenizers';

export type Json = Record<string, unknown>;
export type FolderTensors = Map<string, { shape: number[]; values: Float32Array }>;

/** A config.json of a family, with changes. */
export function hfConfig(architecture: string, changes: Json = {}): Json {
  return {
    architectures: [architecture], hidden_act: 'silu', hidden_size: 192, intermediate_size: 256, num_hidden_layers: 2,
    num_attention_heads: 4, num_key_value_heads: 2, head_dim: 32, vocab_size: 300, max_position_embeddings: 512,
    rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: false, ...changes,
  };
}

/** Tensors that a config asks for, random, with some channels larger than the others. */
export function randomTensors(config: Json, seed: number): FolderTensors {
  const random = new Random(seed);
  const normal = () => random.list(6, -1000, 1000).reduce((sum, x) => sum + x, 0) / 1414;
  const tensors: FolderTensors = new Map();
  const add = (name: string, shape: number[], make: (i: number) => number) => {
    const size = shape.reduce((product, n) => product * n, 1);
    tensors.set(name, { shape, values: Float32Array.from({ length: size }, (_, i) => make(i)) });
  };
  const matrix = (name: string, rows: number, columns: number) => add(name, [rows, columns], () => normal() / Math.sqrt(columns));
  const around = (name: string, size: number) => add(name, [size], () => 1 + normal() / 4);
  const [d, f, v, layers, heads, kv, hd] = ['hidden_size', 'intermediate_size', 'vocab_size', 'num_hidden_layers',
    'num_attention_heads', 'num_key_value_heads', 'head_dim'].map((name) => config[name] as number);
  const [architecture] = config.architectures as string[];
  add('model.embed_tokens.weight', [v, d], normal);
  for (let l = 0; l < layers; l++) {
    const name = (part: string) => `model.layers.${l}.${part}`;
    around(name('input_layernorm.weight'), d);
    around(name('post_attention_layernorm.weight'), d);
    for (const [part, rows] of [['q', heads * hd], ['k', kv * hd], ['v', kv * hd]] as const) {
      matrix(name(`self_attn.${part}_proj.weight`), rows, d);
      if (architecture.startsWith('Qwen2')) add(name(`self_attn.${part}_proj.bias`), [rows], () => normal() / 2);
    }
    if (architecture.startsWith('Qwen3')) {
      around(name('self_attn.q_norm.weight'), hd);
      around(name('self_attn.k_norm.weight'), hd);
    }
    matrix(name('self_attn.o_proj.weight'), d, heads * hd);
    matrix(name('mlp.gate_proj.weight'), f, d);
    matrix(name('mlp.up_proj.weight'), f, d);
    matrix(name('mlp.down_proj.weight'), d, f);
  }
  around('model.norm.weight', d);
  if (!config.tie_word_embeddings) matrix('lm_head.weight', v, d);
  return tensors;
}

/** Bytes of a safetensors file of 32-bit floats. */
export function safetensors(tensors: FolderTensors, dtype = 'F32'): Buffer {
  const header: Json = {};
  const data: Buffer[] = [];
  let at = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + values.byteLength] };
    data.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    at += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data]);
}

/** A folder that is removed after the test. */
export function temporaryFolder(t: { after(clean: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-import-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A model folder with weights in one file, and a small tokenizer. */
export function writeFolder(folder: string, config: Json, tensors: FolderTensors): void {
  const write = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);
  write('config.json', JSON.stringify(config));
  write('model.safetensors', safetensors(tensors));
  write('tokenizer.json', JSON.stringify(tokenizerJson()));
  write('tokenizer_config.json', JSON.stringify({ eos_token: '<|im_end|>', chat_template: CHAT_TEMPLATE }));
  write('generation_config.json', JSON.stringify({ eos_token_id: [266, 268] }));
}
