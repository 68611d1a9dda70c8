/** The decoder in floats, layer by layer over many tokens, so that each weight is read once. For calibration only. */
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../engine';
import { dot, multiplyTransposed, rmsNorm } from './floatMath';
import type { Weights } from './weights';

/** What the forward shows of a layer. */
export interface LayerActivations {
  /** after RoPE, [tokens][heads * headDim] */
  query: Float32Array;
  /** after RoPE, [tokens][kvHeads * headDim] */
  key: Float32Array;
  value: Float32Array;
  /** [tokens][ffn] */
  gate: Float32Array;
  up: Float32Array;
  /** silu(gate) * up */
  down: Float32Array;
  /** the residual behind the layer, [tokens][dim] */
  residual: Float32Array;
}

/** Floats of weights in memory at once. */
const BLOCK_FLOATS = 2 ** 20;

export class FloatForward {
  /** [tokens][dim] */
  private readonly residual: Float32Array;
  private readonly tokens: number;

  /** @param sequences token ids; each is a text of its own that begins at position 0 */
  constructor(
    private readonly weights: Weights,
    private readonly sequences: readonly (readonly number[])[],
    private readonly signal?: AbortSignal,
  ) {
    const { dim } = weights.architecture;
    const ids = sequences.flat();
    this.tokens = ids.length;
    this.residual = new Float32Array(ids.length * dim);
    ids.forEach((id, t) => this.residual.set(weights.rows('embedding', id, 1), t * dim));
  }

  /** Runs the next layer. */
  async layer(l: number): Promise<LayerActivations> {
    const { weights, residual } = this;
    const { epsilon } = weights.architecture;
    const name = (part: string) => `layers.${l}.${part}`;
    const x1 = rmsNorm(residual, weights.all(name('attentionNorm')), epsilon);
    const query = await this.heads(x1, name('query'));
    const key = await this.heads(x1, name('key'));
    const value = await this.linear(x1, name('value'));
    this.add(await this.linear(this.attend(query, key, value), name('output')));
    const x2 = rmsNorm(residual, weights.all(name('mlpNorm')), epsilon);
    const gate = await this.linear(x2, name('gate'));
    const up = await this.linear(x2, name('up'));
    const down = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
    this.add(await this.linear(down, name('down')));
    return { query, key, value, gate, up, down, residual };
  }

  /** Logits of every token, [tokens][vocab], once all layers are done. */
  async logits(): Promise<Float32Array> {
    const { weights, residual } = this;
    const { epsilon, tied } = weights.architecture;
    return this.linear(rmsNorm(residual, weights.all('norm'), epsilon), tied ? 'embedding' : 'head');
  }

  /** x times the transposed matrix, plus its bias where the model has one. */
  private async linear(x: Float32Array, name: string): Promise<Float32Array> {
    const { weights, tokens } = this;
    const { rows, columns } = weights.shape(name);
    const out = new Float32Array(tokens * rows);
    const perBlock = Math.max(4, Math.floor(BLOCK_FLOATS / columns / 4) * 4);
    for (let from = 0; from < rows; from += perBlock) {
      const count = Math.min(perBlock, rows - from);
      multiplyTransposed(x, tokens, columns, weights.rows(name, from, count), count, out, rows, from);
      await setImmediate();
      throwIfAborted(this.signal);
    }
    if (weights.architecture.biases && /(query|key|value)$/.test(name)) {
      const bias = weights.all(`${name}Bias`);
      for (let i = 0; i < out.length; i++) out[i] += bias[i % rows];
    }
    return out;
  }

  /** Queries or keys: linear, head norm, RoPE. */
  private async heads(x: Float32Array, name: string): Promise<Float32Array> {
    const { weights } = this;
    const { epsilon, headDim, headNorms, frequencies } = weights.architecture;
    const linear = await this.linear(x, name);
    const y = headNorms ? rmsNorm(linear, weights.all(`${name}Norm`), epsilon) : linear;
    const width = y.length / this.tokens;
    const half = headDim / 2;
    this.positions((t, token) => {
      for (let i = 0; i < half; i++) {
        const [cos, sin] = [Math.cos(t * frequencies[i]), Math.sin(t * frequencies[i])];
        for (let at = token * width + i; at < (token + 1) * width; at += headDim) {
          const [a, b] = [y[at], y[at + half]];
          y[at] = a * cos - b * sin;
          y[at + half] = b * cos + a * sin;
        }
      }
    });
    return y;
  }

  private attend(query: Float32Array, key: Float32Array, value: Float32Array): Float32Array {
    const { heads, kvHeads, headDim } = this.weights.architecture;
    const [width, keyWidth] = [heads * headDim, kvHeads * headDim];
    const out = new Float32Array(query.length);
    const scale = 1 / Math.sqrt(headDim);
    this.positions((t, token) => {
      const scores = new Float64Array(t + 1);
      for (let head = 0; head < heads; head++) {
        const at = token * width + head * headDim;
        const shared = Math.floor((head * kvHeads) / heads) * headDim;
        const row = (j: number) => (token - t + j) * keyWidth + shared;
        for (let j = 0; j <= t; j++) scores[j] = dot(query, at, key, row(j), headDim) * scale;
        const max = scores.reduce((best, score) => Math.max(best, score), -Infinity);
        let total = 0;
        for (let j = 0; j <= t; j++) total += scores[j] = Math.exp(scores[j] - max);
        for (let j = 0; j <= t; j++) {
          const share = scores[j] / total;
          const from = row(j);
          for (let i = 0; i < headDim; i++) out[at + i] += share * value[from + i];
        }
      }
    });
    return out;
  }

  private add(change: Float32Array): void {
    for (let i = 0; i < change.length; i++) this.residual[i] += change[i];
  }

  /** Every token of every sequence: its position in the sequence and its index among all tokens. */
  private positions(visit: (t: number, token: number) => void): void {
    let token = 0;
    for (const { length } of this.sequences) for (let t = 0; t < length; t++) visit(t, token++);
  }
}
