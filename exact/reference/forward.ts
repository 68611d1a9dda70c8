/**
 * The decoder, one position at a time (docs/exact-arithmetic.md section 4). Llama's shape: RMSNorm, rotary
 * grouped-query attention, SwiGLU, with Qwen's biases and head norms; every number an integer. Read this file first, the others are its steps.
 */
import { hasWideSwiGlu } from '../config';
import type { LayerMatrices, ExactModel } from '../modelFile';
import type { LayerTensors, PositionTensors } from '../tensors';
import { clamp16, int8Exponent, maximum, requantize, saturate32, toInt8 } from './arithmetic';
import { attend, createAttentionOutput } from './attention';
import { createCache, type LayerCache } from './cache';
import { downInput, swiGlu, wideSwiGlu } from './feedForward';
import { headEpsTerm, normHeads } from './headNorm';
import { GATE_BITS, WIDE_BITS, linear, type Activation } from './linear';
import { normalize } from './norm';
import { rotate } from './rope';

/** What the head group commits before sampling. */
export interface HeadOutput {
  norm: Uint32Array;
  x: Int8Array;
  /** [vocab] i32 with 16 fraction bits */
  logits: Int32Array;
}

/** One sequence: a model, its cache and the number of positions done. */
export class Sequence {
  private readonly cache: LayerCache[];
  private position = 0;

  constructor(private readonly model: ExactModel) {
    this.cache = createCache(model.config);
  }

  /**
   * Runs the next position on `token`.
   * @param wantLogits false for prompt tokens before the last, whose head is never computed
   */
  step(token: number, wantLogits: boolean): { tensors: PositionTensors; head?: HeadOutput } {
    const { model } = this;
    let h = this.embed(token);
    const embedding = { token: Uint32Array.of(token), h };
    const layers: LayerTensors[] = [];
    for (let l = 0; l < model.config.layers; l++) {
      const tensors = this.layer(l, h);
      layers.push(tensors);
      h = tensors.h2;
    }
    this.position++;
    const tensors = { embedding, layers };
    if (!wantLogits) return { tensors };
    const { x, words } = normalize(h, model.config.epsTerm);
    return { tensors, head: { norm: words, x: x.values, logits: linear(model.head, x, WIDE_BITS) } };
  }

  /** Op 1. */
  private embed(token: number): Int32Array {
    const { weights, multipliers, shifts, columns } = this.model.embedding;
    const row = weights.subarray(token * columns, (token + 1) * columns);
    return Int32Array.from(row, (w) => requantize(w, multipliers[token], shifts[token] - WIDE_BITS));
  }

  private layer(l: number, h: Int32Array): LayerTensors {
    const { config, layers } = this.model;
    const matrices = layers[l];
    const norm1 = normalize(h, config.epsTerm);
    const attention = this.attention(l, norm1.x);
    const h1 = addResidual(h, linear(matrices.output, attention.x, WIDE_BITS));

    const norm2 = normalize(h1, config.epsTerm);
    const { x, ...mlp } = this.swiGlu(matrices, norm2.x);
    const h2 = addResidual(h1, linear(matrices.down, x, WIDE_BITS));
    return {
      norm1: norm1.words,
      x1: norm1.x.values,
      ...attention.tensors,
      h1,
      norm2: norm2.words,
      x2: norm2.x.values,
      ...mlp,
      xd: x.values,
      h2,
    };
  }

  /** Ops 16 to 18. */
  private swiGlu(matrices: LayerMatrices, x2: Activation) {
    const { config, tables: { sigmoid } } = this.model;
    const gate = linear(matrices.gate, x2, GATE_BITS);
    const up = linear(matrices.up, x2, GATE_BITS);
    if (hasWideSwiGlu(config)) {
      const { y, shift, words } = wideSwiGlu(gate, up, sigmoid);
      const down = downInput(y, shift);
      return { gate, up, mlpMax: Uint32Array.of(...words, ...down.words), x: down.x };
    }
    const narrow = { gate: Int16Array.from(gate, clamp16), up: Int16Array.from(up, clamp16) };
    const down = downInput(swiGlu(narrow.gate, narrow.up, sigmoid));
    return { ...narrow, mlpMax: down.words, x: down.x };
  }

  /** Op 5n: normed copies of q and k and their slots, where the model has head norms. */
  private headNorms(l: number, q: Int32Array, k: Int32Array) {
    const { config, tables } = this.model;
    if (!tables.gains) return undefined;
    const [qn, kn] = [q.slice(), k.slice()];
    const eps = headEpsTerm(config);
    const ofQ = normHeads(qn, config.headDim, tables.gains[l].q, eps);
    const ofK = normHeads(kn, config.headDim, tables.gains[l].k, eps);
    return { headNorm: Uint32Array.of(...ofQ, ...ofK), qn, kn };
  }

  /** Ops 5 to 13. */
  private attention(l: number, x: Activation) {
    const { config, tables } = this.model;
    const matrices = this.model.layers[l];
    const cache = this.cache[l];
    const { heads, kvHeads, headDim } = config;
    const t = this.position;
    const q = linear(matrices.query, x, WIDE_BITS);
    const k = linear(matrices.key, x, WIDE_BITS);
    const v = linear(matrices.value, x, WIDE_BITS);
    const norms = this.headNorms(l, q, k);

    const half = headDim / 2;
    const cos = tables.cos.subarray(t * half, (t + 1) * half);
    const sin = tables.sin.subarray(t * half, (t + 1) * half);
    const queries = quantizeHeads((norms?.qn ?? q).slice(), heads, headDim, (y, from) => rotate(y, from, headDim, cos, sin));
    const keys = quantizeHeads((norms?.kn ?? k).slice(), kvHeads, headDim, (y, from) => rotate(y, from, headDim, cos, sin));
    const values = quantizeHeads(v, kvHeads, headDim);
    cache.keys.set(keys.values, t * kvHeads * headDim);
    cache.values.set(values.values, t * kvHeads * headDim);
    cache.keyExponents.set(keys.exponents, t * kvHeads);
    cache.valueExponents.set(values.exponents, t * kvHeads);

    const { o, ...committed } = createAttentionOutput(config, t + 1);
    for (let head = 0; head < heads; head++) {
      attend(config, head, queries.values, queries.exponents[head], cache, t + 1, tables.exp, { o, ...committed });
    }
    const { max, index } = maximum(o);
    const exponent = int8Exponent(max);
    const o8 = new Int8Array(o.length);
    toInt8(o, exponent, o8);
    return {
      x: { values: o8, exponent: exponent - WIDE_BITS },
      tensors: {
        q, k, v, ...norms,
        headMax: Uint32Array.from([...queries.words, ...keys.words, ...values.words]),
        q8: queries.values, qExponents: queries.exponents,
        k8: keys.values, kExponents: keys.exponents,
        v8: values.values, vExponents: values.exponents,
        ...committed,
        oMax: Uint32Array.of(max, index),
        o8,
      },
    };
  }
}

/**
 * Op 7, after op 6 where `rotateHead` is given: int8 with one exponent per head.
 * @returns words of the headMax slot: M and index before the rotation (if any), then of what is quantised
 */
function quantizeHeads(
  y: Int32Array,
  heads: number,
  headDim: number,
  rotateHead?: (y: Int32Array, from: number) => { max: number; index: number },
) {
  const values = new Int8Array(y.length);
  const exponents = new Uint8Array(heads);
  const words: number[] = [];
  for (let head = 0; head < heads; head++) {
    const from = head * headDim;
    if (rotateHead) {
      const before = rotateHead(y, from);
      words.push(before.max, before.index);
    }
    const { max, index } = maximum(y, from, from + headDim);
    words.push(max, index);
    exponents[head] = int8Exponent(max);
    toInt8(y, exponents[head], values, from, from + headDim);
  }
  return { values, exponents, words };
}

/** Ops 14 and 19. */
function addResidual(h: Int32Array, y: Int32Array): Int32Array {
  return h.map((value, i) => saturate32(value + y[i]));
}
