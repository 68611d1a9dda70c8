/**
 * Headers of safetensors files (https://github.com/huggingface/safetensors#format): u64 length, JSON of tensors, data.
 * One file, or several that model.safetensors.index.json names.
 */
import { closeSync, existsSync, fstatSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { refuse } from './architecture';
import { rowBytesOf, type NumberType } from './numberTypes';
import { openForReading, readFully, type StoredTensor } from './weights';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** The reference implementation refuses longer headers too. */
const MAX_HEADER_BYTES = 100_000_000;

const Entry = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const Index = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Every tensor of a Hugging Face folder by the name it has there. @throws ModelImportError */
export function readSafetensors(folder: string): Map<string, StoredTensor> {
  const index = join(folder, INDEX);
  if (!existsSync(index)) {
    const file = join(folder, SINGLE);
    if (existsSync(file)) return readHeader(file);
    refuse('weights', 'the folder has no weights', `${SINGLE} or ${INDEX}`, 'neither', 'other formats are not read');
  }
  const { weight_map: shards } = parseJson(Index, readFileSync(index, 'utf8'), INDEX);
  const tensors = new Map<string, StoredTensor>();
  for (const shard of new Set(Object.values(shards))) {
    if (basename(shard) !== shard) refuse('weights', `${INDEX} names a file elsewhere`, 'a file of the folder', shard);
    for (const [name, tensor] of readHeader(join(folder, shard))) {
      if (shards[name] === shard) tensors.set(name, tensor);
    }
  }
  for (const [name, shard] of Object.entries(shards)) {
    if (!tensors.has(name)) refuse('tensor.missing', `${shard} has no tensor ${name}`, name, 'nothing');
  }
  return tensors;
}

function readHeader(file: string): Map<string, StoredTensor> {
  const descriptor = openForReading(file);
  try {
    const size = fstatSync(descriptor).size;
    const prefix = Buffer.alloc(8);
    readFully(descriptor, file, prefix, 0);
    const length = Number(prefix.readBigUInt64LE());
    if (length > MAX_HEADER_BYTES || 8 + length > size) {
      refuse('safetensors', `${file} is not a safetensors file`, 'a header of its stated length', `${length} bytes`);
    }
    const header = Buffer.alloc(length);
    readFully(descriptor, file, header, 8);
    const entries = parseJson(z.record(z.string(), z.unknown()), header.toString('utf8'), file);
    const tensors = new Map<string, StoredTensor>();
    for (const [name, value] of Object.entries(entries)) {
      if (name !== '__metadata__') tensors.set(name, storedTensor(file, name, value, 8 + length, size));
    }
    return tensors;
  } finally {
    closeSync(descriptor);
  }
}

function storedTensor(file: string, name: string, value: unknown, dataStart: number, size: number): StoredTensor {
  const parsed = Entry.safeParse(value);
  if (!parsed.success) refuse('safetensors', `${file} describes tensor ${name} in an unknown way`, 'dtype, shape, data_offsets');
  const { dtype, shape, data_offsets: [begin, end] } = parsed.data;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    refuse('dtype', `tensor ${name} has numbers that cannot be imported`, 'F32, F16 or BF16', dtype,
      'take the weights before they were quantised');
  }
  const type: NumberType = dtype;
  if (shape.length < 1 || shape.length > 2) {
    refuse('tensor.shape', `tensor ${name} has a wrong shape`, 'a vector or a matrix', `[${shape.join(', ')}]`);
  }
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const bytes = rows * rowBytesOf(type, columns);
  if (end - begin !== bytes || dataStart + end > size) {
    refuse('truncated', `tensor ${name} does not fit ${file}`, `${bytes} bytes`, `${Math.min(end, size - dataStart) - begin}`);
  }
  return { file, name, type, offset: dataStart + begin, rows, columns };
}

/** JSON of a known form, or `model.import.json`. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, file: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuse('json', `${file} is not JSON`, 'JSON', 'other text', undefined, cause);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  refuse('json', `${file} is not as expected`, issue.message, issue.path.join('.') || 'the whole file');
}
