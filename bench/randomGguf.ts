/** A GGUF file (v3, Q8_0) of a Llama shape with random weights, which llama.cpp loads: only its speed means anything. */
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { ExactConfig } from '../exact';

const TYPE = { u32: 4, i32: 5, f32: 6, text: 8, list: 9 } as const;
/** Tensor types of ggml. */
const F32 = 0;
const Q8_0 = 8;
const ALIGNMENT = 32;
/** Q8_0: a float16 scale and 32 weights. */
const GROUP = 32;
const GROUP_BYTES = 34;
/** Float16 of about 0.0003: weights of about 0.02. */
const SCALE = 0x0d00;

type Shape = Pick<ExactConfig, 'layers' | 'dim' | 'heads' | 'kvHeads' | 'headDim' | 'ffn' | 'vocab' | 'context'>;
interface Tensor { name: string; shape: number[]; type: number }

export function writeRandomGguf(file: string, shape: Shape): void {
  const tensors = tensorsOf(shape);
  const bytesOf = ({ shape: dims, type }: Tensor) => {
    const elements = dims.reduce((a, b) => a * b);
    return type === F32 ? 4 * elements : (elements / GROUP) * GROUP_BYTES;
  };
  const padding = (bytes: number) => (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const info = Buffer.concat([
      text(tensor.name), u32(tensor.shape.length), ...tensor.shape.map(u64), u32(tensor.type), u64(offset),
    ]);
    offset += bytesOf(tensor) + padding(bytesOf(tensor));
    return info;
  });
  const keys = metadata(shape);
  const head = Buffer.concat([
    Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos,
  ]);
  const out = openSync(file, 'w');
  try {
    writeSync(out, Buffer.concat([head, Buffer.alloc(padding(head.length))]));
    for (const tensor of tensors) {
      const data = tensor.type === F32 ? ones(bytesOf(tensor) / 4) : randomGroups(bytesOf(tensor));
      writeSync(out, Buffer.concat([data, Buffer.alloc(padding(data.length))]));
    }
  } finally {
    closeSync(out);
  }
}

function tensorsOf({ layers, dim, heads, kvHeads, headDim, ffn, vocab }: Shape): Tensor[] {
  const matrix = (name: string, columns: number, rows: number) => ({ name, shape: [columns, rows], type: Q8_0 });
  const norm = (name: string) => ({ name, shape: [dim], type: F32 });
  const layer = (l: number): Tensor[] => [
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

function metadata({ layers, dim, heads, kvHeads, headDim, ffn, vocab, context }: Shape): Buffer[] {
  const key = (name: string, type: number, value: Buffer) => Buffer.concat([text(name), u32(type), value]);
  const number = (name: string, value: number) => key(name, TYPE.u32, u32(value));
  const list = (name: string, type: number, values: Buffer[]) =>
    key(name, TYPE.list, Buffer.concat([u32(type), u64(values.length), ...values]));
  // llama.cpp wants a token for every byte.
  const tokens = ['<unk>', '<s>', '</s>', ...Array.from({ length: 256 }, (_, i) =>
    `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)];
  while (tokens.length < vocab) tokens.push(`t${tokens.length}`);
  const kinds = tokens.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1));
  return [
    key('general.architecture', TYPE.text, text('llama')),
    number('llama.context_length', context), number('llama.embedding_length', dim), number('llama.block_count', layers),
    number('llama.feed_forward_length', ffn), number('llama.attention.head_count', heads),
    number('llama.attention.head_count_kv', kvHeads), number('llama.rope.dimension_count', headDim),
    number('llama.vocab_size', vocab), key('llama.attention.layer_norm_rms_epsilon', TYPE.f32, f32(1e-5)),
    key('tokenizer.ggml.model', TYPE.text, text('llama')),
    list('tokenizer.ggml.tokens', TYPE.text, tokens.map(text)),
    list('tokenizer.ggml.scores', TYPE.f32, tokens.map((_, i) => f32(-i))),
    list('tokenizer.ggml.token_type', TYPE.i32, kinds.map(u32)),
    number('tokenizer.ggml.bos_token_id', 1), number('tokenizer.ggml.eos_token_id', 2),
  ];
}

const filled = (bytes: number, write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
};
const u32 = (x: number): Buffer => filled(4, (b) => b.writeUInt32LE(x));
const u64 = (x: number): Buffer => filled(8, (b) => b.writeBigUInt64LE(BigInt(x)));
const f32 = (x: number): Buffer => filled(4, (b) => b.writeFloatLE(x));
const text = (x: string): Buffer => Buffer.concat([u64(Buffer.byteLength(x)), Buffer.from(x)]);
const ones = (count: number): Buffer => Buffer.from(new Float32Array(count).fill(1).buffer);

function randomGroups(bytes: number): Buffer {
  const data = randomFillSync(Buffer.alloc(bytes));
  for (let at = 0; at < bytes; at += GROUP_BYTES) data.writeUInt16LE(SCALE, at);
  return data;
}
