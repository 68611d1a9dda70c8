/** Random shapes, weights and jobs for the tests that compare a back end with the reference. */
import { loadModel, type ExactModel, type Sampling } from '../../exact';
import type { Matrix } from '../../exact/modelFile';
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

/** Half of the models have weights of -127, 0, 127 and any allowed shift, so that they saturate nearly everywhere. */
export function randomModel(random: Random): ExactModel {
  const kvHeads = random.integer(1, 3);
  const headDim = random.pick([16, 32, 64, 128]);
  const config = {
    ...base.config, layers: random.integer(1, 3), dim: 64 * random.integer(1, 6), kvHeads,
    heads: kvHeads * random.integer(1, 3), headDim,
    ffn: 64 * random.integer(1, 12), vocab: random.integer(256, 900), context: 256 * random.integer(1, 4),
    epsTerm: random.integer(1, 2 ** 31),
  };
  const hard = random.pick([true, false]);
  const matrix = (name: string, rows: number, columns: number, minShift: number): Matrix => ({
    name, rows, columns,
    weights: Int8Array.from({ length: rows * columns }, () => (
      hard ? random.pick([-127, 127, 0]) : random.integer(-127, 127)
    )),
    multipliers: Uint16Array.from({ length: rows }, () => random.integer(32768, 65535)),
    shifts: Uint8Array.from({ length: rows }, () => hard ? random.integer(minShift, 30) : random.integer(20, 26)),
  });
  const { dim, ffn, vocab, heads, context } = config;
  const turns = Int16Array.from({ length: (context * headDim) / 2 }, () => random.integer(-16384, 16384));
  const layer = () => ({
    query: matrix('query', heads * headDim, dim, 11), key: matrix('key', kvHeads * headDim, dim, 11),
    value: matrix('value', kvHeads * headDim, dim, 11), output: matrix('output', dim, heads * headDim, 1),
    gate: matrix('gate', ffn, dim, 3), up: matrix('up', ffn, dim, 3), down: matrix('down', dim, ffn, 1),
  });
  return {
    ...base, config, tables: { ...base.tables, cos: turns, sin: turns.slice().reverse() },
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
