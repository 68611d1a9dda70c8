/** Reading of exact/vectors (see its README) for the tests of exact/. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sampling } from '../../exact';

export const VECTORS = join(__dirname, '../../exact/vectors');
export const MODELS = ['grouped', 'wide', 'extreme', 'single', 'tall'] as const;
/** with head norms and biases; with a wide SwiGLU */
export const EXTENDED_MODELS = ['normed', 'gated'] as const;

export interface SamplingVector {
  t: number;
  topK: number;
  topP16: number;
  minPX: number;
  seed: string;
}

/** exact/vectors/ops.json: cases of single operations; tensors are big-endian bytes in base64. */
type Row = Record<string, string>;
type Numbers = Record<string, number>;
export interface OpVectors {
  rsh: number[][];
  requantize: number[][];
  residual: number[][];
  swiglu: number[][];
  norm: (Row & Numbers & { partial: number[] })[];
  linear: (Row & Numbers)[];
  rope: (Row & Numbers & { cos: number[]; sin: number[] })[];
  int8: (Row & Numbers)[];
  score: (Row & Numbers)[];
  attention: (Row & Numbers & { partial: number[][]; o: number[] })[];
  hadamard64: (Row & Numbers)[];
  embedding: (Row & Numbers)[];
  biased: (Row & Numbers)[];
  headNorm: (Row & Numbers & { gain: number[] })[];
  wideSwiglu: (Row & Numbers)[];
}

/** exact/vectors/sampling.json: one draw. */
export interface DrawCase extends SamplingVector {
  step: number;
  zmax: number;
  index: number;
  kept: number;
  W: number;
  token: number;
  lastEntries: [number, number, number][];
  sums: number[];
}

export interface RunVector {
  name: string;
  prompt: number[];
  sampling: SamplingVector;
  maxTokens: number;
  stop: number[];
  outputs: number[];
  finish: 'stop' | 'length';
  traceRoot: string;
  blockRoots: string[];
  positionRoots: string[];
  /** by position: per group, an object of slots; null is a padding leaf */
  leafHashes?: Record<string, Record<string, (string | null)[]>[]>;
  leaves?: Record<string, Record<string, (string | null)[]>[]>;
}

export const readVectors = <T>(name: string): T =>
  JSON.parse(readFileSync(join(VECTORS, `${name}.json`), 'utf8')) as T;
export const modelPath = (name: string): string => join(VECTORS, `${name}.cocoon`);
export const modelBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(modelPath(name)));
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function samplingOf({ t, topK, topP16, minPX, seed }: SamplingVector): Sampling {
  return { t, topK, topP16, minPX, seed: Buffer.from(seed, 'hex') };
}

const base64 = (text: string): Buffer => Buffer.from(text, 'base64');

export const i8 = (text: string): Int8Array => new Int8Array(base64(text));
export const u8 = (text: string): Uint8Array => new Uint8Array(base64(text));
export function i32(text: string): Int32Array {
  const bytes = base64(text);
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32BE(4 * i));
}

export function u16(text: string): Uint16Array {
  const bytes = base64(text);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i));
}
