/** A GGUF file (Q8_0) of a Llama shape with random weights, which llama.cpp loads: only its speed means anything. */
import { randomFillSync } from 'node:crypto';
import type { ExactConfig } from '../exact';
import { rowBytesOf } from '../exact/import/numberTypes';
import { writeGguf, type GgufTensor } from './ggufWriter';

/** Bytes of 32 weights in Q8_0: a float16 scale, then int8. */
const GROUP_BYTES = 34;
/** Float16 of about 0.0003: weights of about 0.02. */
const SCALE = 0x0d00;

type Shape = Pick<ExactConfig, 'layers' | 'dim' | 'heads' | 'kvHeads' | 'headDim' | 'ffn' | 'vocab' | 'context'>;

export function writeRandomGguf(file: string, shape: Shape): void {
  const { layers, dim, heads, kvHeads, headDim, ffn, vocab, context } = shape;
  // llama.cpp wants a token for every byte.
  const tokens = ['<unk>', '<s>', '</s>', ...Array.from({ length: 256 }, (_, i) =>
    `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  writeGguf(file, {
    'general.architecture': 'llama', 'llama.context_length': context, 'llama.embedding_length': dim,
    'llama.block_count': layers, 'llama.feed_forward_length': ffn, 'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': kvHeads, 'llama.rope.dimension_count': headDim, 'llama.vocab_size': vocab,
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': { f32s: tokens.map((_, i) => -i) },
    'tokenizer.ggml.token_type': { i32s: tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)) },
    'tokenizer.ggml.bos_token_id': 1, 'tokenizer.ggml.eos_token_id': 2,
  }, tensorsOf(shape));
}

function tensorsOf({ layers, dim, heads, kvHeads, headDim, ffn, vocab }: Shape): GgufTensor[] {
  const matrix = (name: string, columns: number, rows: number): GgufTensor =>
    ({ name, shape: [columns, rows], type: 'Q8_0', data: () => randomGroups(rows * rowBytesOf('Q8_0', columns)) });
  const norm = (name: string): GgufTensor =>
    ({ name, shape: [dim], type: 'F32', data: () => Buffer.from(new Float32Array(dim).fill(1).buffer) });
  const layer = (l: number): GgufTensor[] => [
    norm(`blk.${l}.attn_norm.weight`), norm(`blk.${l}.ffn_norm.weight`),
    matrix(`blk.${l}.attn_q.weight`, dim, heads * headDim), matrix(`blk.${l}.attn_k.weight`, dim, kvHeads * headDim),
    matrix(`blk.${l}.attn_v.weight`, dim, kvHeads * headDim), matrix(`blk.${l}.attn_output.weight`, heads * headDim, dim),
    matrix(`blk.${l}.ffn_gate.weight`, dim, ffn), matrix(`blk.${l}.ffn_up.weight`, dim, ffn),
    matrix(`blk.${l}.ffn_down.weight`, ffn, dim),
  ];
  return [
    matrix('token_embd.weight', dim, vocab), norm('output_norm.weight'), matrix('output.weight', dim, vocab),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
  ];
}

function randomGroups(bytes: number): Buffer {
  const data = randomFillSync(Buffer.alloc(bytes));
  for (let at = 0; at < bytes; at += GROUP_BYTES) data.writeUInt16LE(SCALE, at);
  return data;
}
