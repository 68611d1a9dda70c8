/** Writes GGUF v3 files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), tensor by tensor. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { rowBytesOf, type NumberType } from '../exact/import/numberTypes';

const TYPE = { u32: 4, i32: 5, f32: 6, flag: 7, text: 8, list: 9 } as const;
/** Tensor types of ggml. */
const TENSOR_TYPE: Record<NumberType, number> = { F32: 0, F16: 1, Q8_0: 8, BF16: 30 };
const ALIGNMENT = 32;

/** Integers are u32, other numbers f32; of lists the first entry tells the type. */
export type GgufValue = number | boolean | string | { f32: number } | string[] | { f32s: number[] } | { i32s: number[] };

export interface GgufTensor {
  name: string;
  /** the fastest dimension first */
  shape: number[];
  type: NumberType;
  data: () => Buffer;
}

export function writeGguf(file: string, metadata: Record<string, GgufValue>, tensors: readonly GgufTensor[]): void {
  const bytesOf = ({ shape: [columns, rows = 1], type }: GgufTensor) => rows * rowBytesOf(type, columns);
  const padding = (bytes: number) => Buffer.alloc((ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT);
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const { name, shape, type } = tensor;
    const info = Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(TENSOR_TYPE[type]), u64(offset)]);
    offset += bytesOf(tensor) + padding(bytesOf(tensor)).length;
    return info;
  });
  const keys = Object.entries(metadata).map(([name, value]) => Buffer.concat([text(name), encoded(value)]));
  const head = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos]);
  const out = openSync(file, 'w');
  try {
    writeSync(out, Buffer.concat([head, padding(head.length)]));
    for (const tensor of tensors) {
      const data = tensor.data();
      if (data.length !== bytesOf(tensor)) throw new RangeError(`${tensor.name}: ${data.length} bytes for ${bytesOf(tensor)}`);
      writeSync(out, Buffer.concat([data, padding(data.length)]));
    }
  } finally {
    closeSync(out);
  }
}

function encoded(value: GgufValue): Buffer {
  if (typeof value === 'number') return Buffer.concat([u32(TYPE.u32), u32(value)]);
  if (typeof value === 'boolean') return Buffer.concat([u32(TYPE.flag), Buffer.from([value ? 1 : 0])]);
  if (typeof value === 'string') return Buffer.concat([u32(TYPE.text), text(value)]);
  if ('f32' in value) return Buffer.concat([u32(TYPE.f32), f32(value.f32)]);
  if ('f32s' in value) return list(TYPE.f32, value.f32s.map(f32));
  if ('i32s' in value) return list(TYPE.i32, value.i32s.map(u32));
  return list(TYPE.text, value.map(text));
}

const list = (type: number, values: Buffer[]): Buffer => Buffer.concat([u32(TYPE.list), u32(type), u64(values.length), ...values]);

function filled(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}
const u32 = (x: number): Buffer => filled(4, (b) => b.writeUInt32LE(x));
const u64 = (x: number): Buffer => filled(8, (b) => b.writeBigUInt64LE(BigInt(x)));
const f32 = (x: number): Buffer => filled(4, (b) => b.writeFloatLE(x));
const text = (x: string): Buffer => Buffer.concat([u64(Buffer.byteLength(x)), Buffer.from(x)]);
