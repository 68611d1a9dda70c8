/**
 * The fixed 32-byte config of an exact model (docs/exact-arithmetic.md section 2). Everything that a contract must know
 * about a model's shape is in it: the op table, all lengths and all tree depths follow.
 */
import { CONFIG_BYTES, FORMAT_VERSION, MAX_TREE_DEPTH, QK_NORM, SEMANTICS, WIDE_SWIGLU } from './constants';
import { ModelConfigError } from './errors';
import { treeDepths } from './opTable';

export interface ExactConfig {
  formatVersion: number;
  semantics: number;
  layers: number;
  dim: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ffn: number;
  vocab: number;
  context: number;
  /** QK_NORM, WIDE_SWIGLU */
  flags: number;
  /** floor(dim * epsilon of RMSNorm * 2^32) */
  epsTerm: number;
}

/** Every head of q and k is normed before RoPE (op 5n). */
/** Weights that a position multiplies, the head's included. */
export const weightsPerPosition = ({ layers, dim, heads, kvHeads, headDim, ffn, vocab }: ExactConfig): number =>
  layers * dim * (2 * (heads + kvHeads) * headDim + 3 * ffn) + vocab * dim;

export const hasHeadNorm = ({ flags }: Pick<ExactConfig, 'flags'>): boolean => (flags & QK_NORM) !== 0;
/** gate and up have 32 bits (op 16w). */
export const hasWideSwiGlu = ({ flags }: Pick<ExactConfig, 'flags'>): boolean => (flags & WIDE_SWIGLU) !== 0;

/** Reads the 32 bytes and checks every limit. */
export function decodeConfig(bytes: Uint8Array): ExactConfig {
  if (bytes.length !== CONFIG_BYTES) {
    throw new ModelConfigError('model.config.length', 'config has a wrong length', {
      expected: `${CONFIG_BYTES} bytes`,
      received: `${bytes.length} bytes`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, CONFIG_BYTES);
  const config: ExactConfig = {
    formatVersion: view.getUint16(0),
    semantics: view.getUint16(2),
    layers: view.getUint16(4),
    dim: view.getUint16(6),
    heads: view.getUint16(8),
    kvHeads: view.getUint16(10),
    headDim: view.getUint16(12),
    ffn: view.getUint16(14),
    vocab: view.getUint32(16),
    context: view.getUint32(20),
    flags: view.getUint32(24),
    epsTerm: view.getUint32(28),
  };
  checkConfig(config);
  return config;
}

/** The 32 bytes of a config that `checkConfig` accepts. */
export function encodeConfig(config: ExactConfig): Uint8Array {
  checkConfig(config);
  const bytes = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(bytes.buffer);
  const { formatVersion, semantics, layers, dim, heads, kvHeads, headDim, ffn } = config;
  [formatVersion, semantics, layers, dim, heads, kvHeads, headDim, ffn].forEach((x, i) => view.setUint16(2 * i, x));
  [config.vocab, config.context, config.flags, config.epsTerm].forEach((x, i) => view.setUint32(16 + 4 * i, x));
  return bytes;
}

/** Refuses by field name whatever could overflow, have no op table, or be too deep to prove. */
export function checkConfig(config: ExactConfig): void {
  const demand = (field: keyof ExactConfig | 'trace', ok: boolean, expected: string, received: number) => {
    if (ok) return;
    throw new ModelConfigError(`model.config.${field}`, `the model's ${field} is not allowed`, {
      expected,
      received: String(received),
    });
  };
  const within = (field: keyof ExactConfig, low: number, high: number, step = 1) => {
    const x = config[field];
    const text = `${low}..${high}${step > 1 ? `, a multiple of ${step}` : ''}`;
    demand(field, Number.isInteger(x) && x >= low && x <= high && x % step === 0, text, x);
  };
  demand('formatVersion', config.formatVersion === FORMAT_VERSION, String(FORMAT_VERSION), config.formatVersion);
  demand('semantics', config.semantics === SEMANTICS, String(SEMANTICS), config.semantics);
  within('layers', 1, 126);
  within('dim', 64, 8192, 64);
  within('heads', 1, 64);
  demand('headDim', [16, 32, 64, 128].includes(config.headDim), '16, 32, 64 or 128', config.headDim);
  demand('heads', config.heads * config.headDim <= 8192, 'heads * headDim <= 8192', config.heads);
  within('kvHeads', 1, config.heads);
  demand('kvHeads', config.heads % config.kvHeads === 0, `a divisor of ${config.heads} heads`, config.kvHeads);
  within('ffn', 64, 28672, 64);
  within('vocab', 256, 262144);
  within('context', 256, 32768, 256);
  within('flags', 0, QK_NORM | WIDE_SWIGLU);
  within('epsTerm', 1, 0xffffffff);
  const headEpsilon = Math.floor((config.epsTerm * config.headDim) / config.dim);
  const fits = !hasHeadNorm(config) || headEpsilon <= 0xffffffff;
  demand('epsTerm', fits, 'epsTerm * headDim / dim below 2^32', headEpsilon);
  const { commitTotal, positionTotal } = treeDepths(config);
  const deepest = Math.max(commitTotal, positionTotal);
  demand('trace', deepest <= MAX_TREE_DEPTH, `trees of at most ${MAX_TREE_DEPTH} levels`, deepest);
}
