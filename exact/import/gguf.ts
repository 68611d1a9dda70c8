/**
 * GGUF files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) of the llama, qwen2 and qwen3 architectures with
 * F32, F16, BF16 and Q8_0 tensors. The header is read by Hugging Face's parser; whatever cannot be imported is refused by
 * name before any work.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { GGMLQuantizationType, gguf, type GGUFParseOutput, type GGUFTensorInfo } from '@huggingface/gguf';
import { z } from 'zod';
import { refuse, type Architecture, type Family } from './architecture';
import { rowBytesOf, type NumberType } from './numberTypes';
import { ropeFrequencies, type RopeScaling } from './rope';
import { Weights, type StoredTensor } from './weights';

/** Values of the header; of numbers the parser gives u64 as bigint. */
export type GgufMetadata = Record<string, unknown>;

const FAMILIES: Record<string, Family> = { llama: 'llama', qwen2: 'qwen2', qwen3: 'qwen3' };
const TYPES = new Map<number, NumberType>([
  [GGMLQuantizationType.F32, 'F32'], [GGMLQuantizationType.F16, 'F16'], [GGMLQuantizationType.BF16, 'BF16'],
  [GGMLQuantizationType.Q8_0, 'Q8_0'],
]);
const HEAD = 'output.weight';
const ROPE_FREQUENCIES = 'rope_freqs.weight';

/** Opens a file. @throws ModelImportError */
export async function openGguf(file: string): Promise<{ weights: Weights; metadata: GgufMetadata }> {
  const { metadata, tensors } = await parse(file);
  const divisors = tensors.get(ROPE_FREQUENCIES);
  tensors.delete(ROPE_FREQUENCIES);
  const read = divisors && frequencyDivisors(divisors);
  const architecture = architectureOf(metadata, tensors, read);
  return { weights: new Weights(architecture, renamed(tensors, architecture)), metadata };
}

/** What a file's header says, whatever its architecture and its number types. @throws ModelImportError */
export async function readGgufMetadata(file: string): Promise<GgufMetadata> {
  return (await parseHeader(file)).metadata as unknown as GgufMetadata;
}

async function parse(file: string): Promise<{ metadata: GgufMetadata; tensors: Map<string, StoredTensor> }> {
  const parsed = await parseHeader(file);
  const { size } = statSync(file);
  if (parsed.tensorDataOffset > BigInt(size)) {
    refuse('truncated', `${file} ends within its header`, `${parsed.tensorDataOffset} bytes`, `${size}`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const info of parsed.tensorInfos) {
    if (tensors.has(info.name)) refuse('gguf', `${file} has a tensor twice`, 'each once', info.name);
    tensors.set(info.name, storedTensor(file, info, parsed, size));
  }
  return { metadata: parsed.metadata as unknown as GgufMetadata, tensors };
}

async function parseHeader(file: string): Promise<GGUFParseOutput> {
  try {
    return await gguf(resolve(file), { allowLocalFile: true });
  } catch (cause) {
    const received = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    refuse('gguf', `${file} is not a GGUF file that can be read`, 'GGUF 2 or 3, whole', received, undefined, cause);
  }
}

function storedTensor(
  file: string, { name, shape, dtype, offset }: GGUFTensorInfo, { tensorDataOffset, littleEndian }: GGUFParseOutput, size: number,
): StoredTensor {
  if (!littleEndian) refuse('gguf', `${file} is big-endian`, 'a little-endian file', 'big-endian');
  const type = TYPES.get(dtype);
  if (!type) {
    refuse('dtype', `tensor ${name} has numbers that cannot be imported`, [...TYPES.values()].join(', '),
      GGMLQuantizationType[dtype] ?? `type ${dtype}`, 'take the F16, BF16 or Q8_0 file of this model');
  }
  const dims = shape.map(Number);
  if (dims.length < 1 || dims.length > 2 || dims.some((n) => !Number.isSafeInteger(n) || n < 1)) {
    refuse('tensor.shape', `tensor ${name} has a wrong shape`, 'a vector or a matrix', `[${dims.join(', ')}]`);
  }
  const [columns, rows = 1] = dims; // the fastest dimension comes first
  const first = Number(tensorDataOffset + offset);
  const end = first + rows * rowBytesOf(type, columns);
  if (end > size) refuse('truncated', `tensor ${name} does not fit ${file}`, `${end} bytes`, `${size}`);
  return { file, name, type, offset: first, rows, columns };
}

/** The divisors of RoPE's frequencies that converted Llama 3.1 models carry. */
function frequencyDivisors(tensor: StoredTensor): Float32Array {
  const { rows, columns } = tensor;
  if (rows !== 1 || tensor.type !== 'F32') refuse('rope', `${ROPE_FREQUENCIES} is not a vector of F32`, 'F32', tensor.type);
  const divisors = Weights.read(tensor, columns);
  if (divisors.some((divisor) => !(divisor > 0))) refuse('rope', `${ROPE_FREQUENCIES} has a divisor that is none`, 'numbers above 0');
  return divisors;
}

const count = z.union([z.int(), z.bigint().transform(Number)]).pipe(z.int().positive());
const positive = z.number().positive();

function architectureOf(metadata: GgufMetadata, tensors: Map<string, StoredTensor>, divisors?: Float32Array): Architecture {
  const name = String(metadata['general.architecture'] ?? 'none');
  if (Number(metadata['split.count'] ?? 0) > 1) refuse('source', 'split GGUF files cannot be imported', 'one file', 'several', 'join them with gguf-split');
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  if (!family) refuse('architecture', 'this architecture cannot be imported', Object.keys(FAMILIES).join(', '), name);
  const value = <T>(key: string, schema: z.ZodType<T>, otherwise?: T): T => {
    const given = metadata[`${name}.${key}`];
    if (given === undefined && otherwise !== undefined) return otherwise;
    const read = schema.safeParse(given);
    if (read.success) return read.data;
    refuse('config', `the header lacks a usable ${name}.${key}`, read.error.issues[0].message, given === undefined ? 'nothing' : String(given));
  };
  const layers = value('block_count', count);
  const dim = value('embedding_length', count);
  const heads = value('attention.head_count', count);
  const kvHeads = value('attention.head_count_kv', count, heads);
  const headDim = value('attention.key_length', count, dim / heads);
  const maxContext = value('context_length', count);
  const demand = (key: string, fits: (x: number) => boolean, what: string, message: string, expected: string) => {
    const given = metadata[`${name}.${key}`];
    if (given !== undefined && !fits(Number(given))) refuse(what, message, expected, String(given));
  };
  demand('expert_count', (x) => x === 0, 'experts', 'models with a mixture of experts cannot be imported', 'a dense model');
  demand('attention.value_length', (x) => x === headDim, 'dimension', 'heads of V have another width than those of K', `${headDim}`);
  demand('attention.sliding_window', (x) => x === 0 || x >= maxContext, 'sliding-window',
    'sliding-window attention cannot be imported', 'full attention in every layer');
  demand('rope.dimension_count', (x) => x === headDim, 'rope', 'RoPE on a part of each head cannot be imported', `${headDim}`);
  const embedding = tensors.get('token_embd.weight');
  if (!embedding) refuse('tensor.missing', 'the model has no tensor token_embd.weight', 'token_embd.weight', 'nothing');
  return {
    family, layers, dim, heads, kvHeads, headDim, maxContext,
    ffn: value('feed_forward_length', count),
    vocab: embedding.rows,
    epsilon: value('attention.layer_norm_rms_epsilon', positive),
    biases: family === 'qwen2',
    headNorms: family === 'qwen3',
    tied: !tensors.has(HEAD),
    frequencies: ropeFrequencies(value('rope.freq_base', positive, 10000), headDim, scalingOf(metadata, name, headDim, divisors)),
  };
}

function scalingOf(metadata: GgufMetadata, name: string, headDim: number, divisors?: Float32Array): RopeScaling {
  const type = String(metadata[`${name}.rope.scaling.type`] ?? 'none');
  if (type !== 'none' && type !== 'linear') refuse('rope', 'this RoPE scaling cannot be imported', 'none or linear', type);
  if (divisors) {
    if (type !== 'none' || divisors.length !== headDim / 2) {
      refuse('rope', `${ROPE_FREQUENCIES} does not fit the model`, `${headDim / 2} divisors, no other scaling`, `${divisors.length}, ${type}`);
    }
    return { kind: 'divisors', divisors };
  }
  if (type === 'none') return { kind: 'none' };
  const factor = Number(metadata[`${name}.rope.scaling.factor`]);
  if (!(factor > 0)) refuse('rope', 'RoPE scaling linear lacks a number', `${name}.rope.scaling.factor`, 'nothing');
  return { kind: 'linear', factor };
}

const LAYER_NAMES: Record<string, string> = {
  'attn_norm.weight': 'attentionNorm', 'ffn_norm.weight': 'mlpNorm',
  'attn_q.weight': 'query', 'attn_k.weight': 'key', 'attn_v.weight': 'value', 'attn_output.weight': 'output',
  'attn_q.bias': 'queryBias', 'attn_k.bias': 'keyBias', 'attn_v.bias': 'valueBias',
  'attn_q_norm.weight': 'queryNorm', 'attn_k_norm.weight': 'keyNorm',
  'ffn_gate.weight': 'gate', 'ffn_up.weight': 'up', 'ffn_down.weight': 'down',
};
const OTHER_NAMES: Record<string, string> = {
  'token_embd.weight': 'embedding', 'output_norm.weight': 'norm', [HEAD]: 'head',
};

/** The tensors by the names of architecture.ts; unknown ones keep theirs, so that they are refused. */
function renamed(tensors: Map<string, StoredTensor>, { family, headDim }: Architecture): Map<string, StoredTensor> {
  const half = headDim / 2;
  // llama.cpp turns neighbouring rows of a head, so its converter interleaves the halves that Hugging Face's models turn.
  const interleaved = (row: number): number => {
    const within = row % headDim;
    return row - within + 2 * (within % half) + Math.floor(within / half);
  };
  const out = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const [, layer, part] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? [];
    const known = layer === undefined ? OTHER_NAMES[name] : LAYER_NAMES[part] && `layers.${layer}.${LAYER_NAMES[part]}`;
    const turned = family === 'llama' && (part === 'attn_q.weight' || part === 'attn_k.weight');
    out.set(known ?? name, turned ? { ...tensor, order: interleaved } : tensor);
  }
  return out;
}
