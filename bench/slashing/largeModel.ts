/** A model of the shape of Llama 3 8B, of which only some rows are known: random ones. */
import { type ExactConfig, type ModelPart } from '../../exact';
import { encodeConfig, hasHeadNorm, hasWideSwiGlu } from '../../exact/config';
import { bigEndian, modelRowLeaves } from '../../exact/leafLayout';
import { HEADER_BYTES, matrixShapes } from '../../exact/modelFile';
import type { HeadGains } from '../../exact/tables';
import { SparseModel } from './sparseTrees';

/** A number from 0 to limit - 1. */
export type Random = (limit: number) => number;

/** Numbers below a limit, the same for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const SHAPE: ExactConfig = {
  formatVersion: 2, semantics: 2, layers: 32, dim: 4096, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 8192, flags: 0, epsTerm: 1000,
};

/** The shape as Llama has it, and with all that a model can have besides: head norms, and 32 bits in front of SwiGLU. */
export const LARGE_CONFIGS: readonly ExactConfig[] = [SHAPE, { ...SHAPE, flags: 3 }];

export const flavourOf = (config: ExactConfig): string => (hasHeadNorm(config) && hasWideSwiGlu(config) ? 'head norms, wide SwiGLU' : 'plain');

/** Tables of one position and one layer. */
export interface LargeTables {
  cos: Int16Array;
  sin: Int16Array;
  gains?: { q: HeadGains; k: HeadGains };
  sigmoid: Uint16Array;
  /** Powers of two: entry i is 2^24 2^(-i / 1024). */
  sampling: Uint32Array;
  exp: Uint16Array;
}

export function largeTables(config: ExactConfig, random: Random): LargeTables {
  const { headDim } = config;
  const angles = Array.from({ length: headDim / 2 }, () => random(6283) / 1000);
  const [cos, sin] = [Math.cos, Math.sin].map((of) => Int16Array.from(angles, (angle) => Math.round(16384 * of(angle))));
  const gainsOf = (): HeadGains => ({ shift: random(16), gains: Int16Array.from({ length: headDim }, () => random(65536) - 32768) });
  return {
    cos, sin, gains: hasHeadNorm(config) ? { q: gainsOf(), k: gainsOf() } : undefined,
    sigmoid: Uint16Array.from({ length: 513 }, () => random(32768)),
    sampling: Uint32Array.from({ length: 1024 }, (_, i) => Math.round((2 ** 24 - 1) * 2 ** (-i / 1024))),
    exp: Uint16Array.from({ length: 256 }, () => random(65536)),
  };
}

/** Where rows come from that a step multiplies with, or looks into. */
export interface RowAddress {
  matrix: string;
  row: number;
}

/** @param t position whose cosines and sines are known @param layer from 0, whose gains are known */
export function largeModel(config: ExactConfig, tables: LargeTables, { t, layer, rows }: { t: number; layer: number; rows: readonly RowAddress[] }, random: Random): SparseModel {
  const { cos, sin, gains, sigmoid, sampling, exp } = tables;
  const weights = Buffer.alloc(3 * sampling.length);
  sampling.forEach((weight, i) => weights.writeUIntBE(weight, 3 * i, 3));
  const gainParts = (['q', 'k'] as const).flatMap((of) =>
    gains ? [{ address: { part: 'gains', layer, of } as ModelPart, bytes: Buffer.concat([Buffer.of(gains[of].shift), bigEndian(gains[of].gains)]) }] : []);
  return new SparseModel(config, [
    { address: { part: 'config' }, bytes: encodeConfig(config) },
    { address: { part: 'exp' }, bytes: bigEndian(exp) }, { address: { part: 'sigmoid' }, bytes: bigEndian(sigmoid) }, { address: { part: 'sampling' }, bytes: weights },
    { address: { part: 'rope', t }, bytes: Buffer.concat([bigEndian(cos), bigEndian(sin)]) },
    ...gainParts, ...rows.flatMap((row) => rowParts(config, row, random)),
  ]);
}

function rowParts(config: ExactConfig, { matrix, row }: RowAddress, random: Random): { address: ModelPart; bytes: Uint8Array }[] {
  const { columns } = matrixShapes(config).find(({ name }) => name === matrix)!;
  const values = Int8Array.from({ length: columns }, () => random(255) - 127);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(values.reduce((sum, w) => sum + w, 0));
  header.writeUInt16BE(32768 + random(32768), 4);
  header.writeUInt8(30, 6);
  return modelRowLeaves(header, values).map((bytes, leaf) => ({ address: { part: 'row', matrix, row, leaf }, bytes }));
}
