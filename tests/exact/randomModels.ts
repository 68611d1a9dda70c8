/** Random shapes, weights and jobs for the tests that compare a back end with the reference. */
import { loadModel, type ExactModel, type Sampling } from '../../exact';
import { hasHeadNorm } from '../../exact/config';
import type { Matrix } from '../../exact/modelFile';
import type { HeadGains } from '../../exact/tables';
import { modelPath } from './support';

const base = loadModel(modelPath('single'));

/** A linear congruential generator: the same numbers for a seed everywhere. */
export class Random {
  constructor(private state: number) {
    for (let i = 0; i < 8; i++) this.integer(0, 1);
  }

  integer(low: number, high: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((this.state / 2 ** 32) * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)];
  }

  list(length: number, low: number, high: number): number[] {
    return Array.from({ length }, () => this.integer(low, high));
  }
}

export interface RandomOptions {
  /** also models with biases, head norms and a wide SwiGLU, in any mixture */
  extended?: boolean;
  /** weights of -127, 0, 127, any allowed shift and extreme biases and gains; without it half of the models */
  hard?: boolean;
  /** few rows and positions, for tests of files and proofs */
  small?: boolean;
  /** what its shape is not left to chance in */
  shape?: Partial<ExactModel['config']>;
}

/** Half of the models have weights of -127, 0, 127 and any allowed shift, so that they saturate nearly everywhere. */
export function randomModel(random: Random, { extended = false, small = false, ...options }: RandomOptions = {}): ExactModel {
  const groups = random.integer(1, 3);
  const drawnDim = random.pick([16, 32, 64, 128]);
  const config = {
    ...base.config, layers: random.integer(1, small ? 2 : 3), dim: 64 * random.integer(1, small ? 2 : 6), kvHeads: groups,
    heads: groups * random.integer(1, 3), headDim: drawnDim,
    ffn: 64 * random.integer(1, small ? 3 : 12), vocab: random.integer(256, small ? 300 : 900),
    context: 256 * random.integer(1, small ? 1 : 4),
    epsTerm: random.integer(1, 2 ** 31), flags: extended ? random.integer(0, 3) : 0, ...options.shape,
  };
  const hard = options.hard ?? random.pick([true, false]);
  const biased = extended && random.pick([true, false]);
  const i32 = () => hard ? random.pick([-(2 ** 31), 2 ** 31 - 1, 0, -1, 12345]) : random.integer(-(2 ** 18), 2 ** 18);
  const biases = (rows: number) => biased ? Int32Array.from({ length: rows }, i32) : undefined;
  const gains = (): HeadGains => ({
    shift: random.integer(hard ? 0 : 10, hard ? 15 : 13),
    gains: Int16Array.from({ length: config.headDim }, () => (
      hard ? random.pick([-32768, 32767, 0, -1]) : random.integer(-32768, 32767)
    )),
  });
  const matrix = (name: string, rows: number, columns: number, minShift: number, withBias = false): Matrix => ({
    name, rows, columns,
    weights: Int8Array.from({ length: rows * columns }, () => (
      hard ? random.pick([-127, 127, 0]) : random.integer(-127, 127)
    )),
    multipliers: Uint16Array.from({ length: rows }, () => random.integer(32768, 65535)),
    shifts: Uint8Array.from({ length: rows }, () => hard ? random.integer(minShift, 30) : random.integer(20, 26)),
    biases: withBias ? biases(rows) : undefined,
  });
  const { dim, ffn, vocab, heads, kvHeads, headDim, context } = config;
  const turns = Int16Array.from({ length: (context * headDim) / 2 }, () => random.integer(-16384, 16384));
  const layer = () => ({
    query: matrix('query', heads * headDim, dim, 11, true), key: matrix('key', kvHeads * headDim, dim, 11, true),
    value: matrix('value', kvHeads * headDim, dim, 11, true), output: matrix('output', dim, heads * headDim, 1),
    gate: matrix('gate', ffn, dim, 3), up: matrix('up', ffn, dim, 3), down: matrix('down', dim, ffn, 1),
  });
  return {
    ...base, config,
    tables: {
      ...base.tables, cos: turns, sin: turns.slice().reverse(),
      gains: hasHeadNorm(config) ? Array.from({ length: config.layers }, () => ({ q: gains(), k: gains() })) : undefined,
    },
    embedding: matrix('embedding', vocab, dim, 17), layers: Array.from({ length: config.layers }, layer),
    head: matrix('head', vocab, dim, 11),
  };
}

export function randomSampling(random: Random): Sampling {
  const seed = Uint8Array.from(random.list(32, 0, 255));
  const minPX = random.pick([0, 3000]);
  return random.pick<Sampling>([
    { t: 0, topK: 0, topP16: 0, minPX: 0, seed },
    { t: random.integer(1, 2097151), topK: 0, topP16: 0, minPX, seed },
    { t: random.integer(1, 200000), topK: random.integer(1, 256), topP16: random.pick([0, 30000, 65535]), minPX, seed },
  ]);
}
