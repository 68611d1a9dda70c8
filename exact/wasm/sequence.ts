/**
 * The decoder, one position at a time: which kernel runs on which addresses (docs/exact-arithmetic.md section 4). All
 * arithmetic is in kernels/; the host moves no number but exponents from one kernel to the next.
 */
import { hasHeadNorm, hasWideSwiGlu, type ExactConfig } from '../config';
import type { Sampling } from '../engine';
import type { ExactModel } from '../modelFile';
import { positionBlocks } from '../opTable';
import type { HeadTensors, LayerTensors, PositionTensors } from '../tensors';
import {
  Arena, cacheShapes, endShapes, layerShapes, scratchShapes, viewsOf, type Addresses, type Views,
} from './arena';
import { instantiate, type Kernels } from './kernels';
import { ResidentModel, type LayerStacks, type Stack } from './weights';

/** Fraction bits of outputs. */
const WIDE_BITS = 16;
const GATE_BITS = 8;
/** Third-last parameter of the kernel `linear`. */
const MODE = { i32: 0, i16: 1, residual: 2 } as const;

/** What the draw of a position needs: parameters, and the first 16 bytes of SHA-256(seed, step). */
export interface Draw {
  sampling: Sampling;
  random: Uint8Array;
}

interface Layer {
  stacks: LayerStacks;
  at: Addresses<ReturnType<typeof layerShapes>>;
  cache: Addresses<ReturnType<typeof cacheShapes>>;
  tensors: LayerTensors;
}

/** A model with one KV cache. Tensors that it returns are views, valid until the next step. */
export class WasmSequence {
  private readonly config: ExactConfig;
  private readonly resident: ResidentModel;
  private readonly layers: Layer[];
  private readonly ends: Addresses<ReturnType<typeof endShapes>>;
  private readonly endViews: Views<ReturnType<typeof endShapes>>;
  private readonly scratch: Addresses<ReturnType<typeof scratchShapes>>;
  private readonly kernels: Kernels;
  private readonly memory: ArrayBuffer;
  /** Shifts of the head norm's gains. */
  private readonly gainShifts: { q: number; k: number }[];
  private position = 0;

  /** @throws WasmUnavailableError */
  constructor(model: ExactModel) {
    const { config } = model;
    const arena = new Arena();
    const shapes = layerShapes(config);
    this.config = config;
    this.gainShifts = (model.tables.gains ?? []).map(({ q, k }) => ({ q: q.shift, k: k.shift }));
    this.resident = new ResidentModel(model, arena);
    this.ends = arena.place(endShapes(config));
    this.scratch = arena.place(scratchShapes(config));
    const placed = this.resident.layers.map((stacks) => (
      { stacks, at: arena.place(shapes), cache: arena.place(cacheShapes(config)) }
    ));
    const { kernels, memory } = instantiate(arena.bytes);
    this.kernels = kernels;
    this.memory = memory;
    this.resident.writeTo(memory);
    this.endViews = viewsOf(memory, endShapes(config), this.ends);
    this.layers = placed.map((layer) => {
      const { headNorm, qn, kn, ...tensors } = viewsOf(memory, shapes, layer.at);
      return { ...layer, tensors: hasHeadNorm(config) ? { ...tensors, headNorm, qn, kn } : tensors };
    });
  }

  /** Starts again at position 0; what only later positions write becomes zero. */
  reset(): void {
    this.position = 0;
    for (const { tensors } of this.layers) tensors.pv.fill(0);
  }

  /**
   * Runs the next position on `token`.
   * @param draw absent for prompt tokens before the last, whose head is never computed
   */
  step(token: number, draw?: Draw): PositionTensors {
    const { embedding } = this.resident;
    const { columns } = embedding;
    const scale = new Uint32Array(this.memory, embedding.scales + 4 * token, 1)[0];
    this.kernels.embed(embedding.weights + token * columns, columns, scale, this.ends.h);
    let h = this.ends.h;
    for (const [index, layer] of this.layers.entries()) {
      this.attention(layer, h, index);
      this.feedForward(layer);
      h = layer.at.h2;
    }
    this.position++;
    return {
      embedding: { token: Uint32Array.of(token), h: this.endViews.h },
      layers: this.layers.map(({ tensors }) => tensors),
      head: draw && this.head(h, draw),
    };
  }

  private norm(h: number, words: number, x: number): number {
    const { dim, epsTerm } = this.config;
    return this.kernels.norm(h, dim, epsTerm, words, x, this.scratch.wide);
  }

  /** Op 4 on the widened activation; `exponent` is the activation's. */
  private linear(stack: Stack, exponent: number, bits: number, mode: number, out: number, residual = 0): void {
    const { weights, scales, rows, columns } = stack;
    this.kernels.linear(weights, scales, rows, columns, this.scratch.wide, -exponent - bits, mode, out, residual);
  }

  /** Ops 2 to 14: from h to h1. */
  private attention({ stacks, at, cache }: Layer, h: number, index: number): void {
    const { kernels, scratch, resident: { tables }, config: { heads, kvHeads, headDim, context } } = this;
    const t = this.position;
    this.linear(stacks.qkv, this.norm(h, at.norm1, at.x1), WIDE_BITS, MODE.i32, at.q);
    if (stacks.qkv.biases !== undefined) kernels.addBiases(at.q, stacks.qkv.biases, (heads + 2 * kvHeads) * headDim);
    const normed = hasHeadNorm(this.config);
    if (normed) this.normHeads(at, index);

    const cos = tables.cos + t * headDim; // headDim / 2 entries of two bytes
    const sin = tables.sin + t * headDim;
    const keyWords = at.headMax + 16 * heads;
    const { rotated, queries, wide } = scratch;
    kernels.rotatedHeads(normed ? at.qn : at.q, heads, headDim, cos, sin, rotated, at.headMax, at.q8, queries, at.qExponents);
    kernels.rotatedHeads(normed ? at.kn : at.k, kvHeads, headDim, cos, sin, rotated, keyWords, at.k8, wide, at.kExponents);
    kernels.plainHeads(at.v, kvHeads, headDim, keyWords + 16 * kvHeads, at.v8, wide, at.vExponents);
    kernels.remember(at.k8, at.kExponents, kvHeads, headDim, context, t, cache.keys, cache.keyExponents);
    kernels.remember(at.v8, at.vExponents, kvHeads, headDim, context, t, cache.values, cache.valueExponents);

    const exponents = new Uint8Array(this.memory, at.qExponents, heads);
    const nP = positionBlocks(this.config);
    for (let head = 0; head < heads; head++) {
      const first = Math.floor((head * kvHeads) / heads) * context; // the kv head's first position
      const keys = cache.keys + first * headDim;
      const values = cache.values + first * headDim;
      const query = queries + 2 * head * headDim;
      kernels.scores(query, exponents[head], headDim, keys, cache.keyExponents + first, t + 1, scratch.scores);
      kernels.weigh(
        scratch.scores, t + 1, headDim, nP, values, cache.valueExponents + first, tables.exp,
        at.attMax + 16 * head, at.e + 2 * head * context, at.attSums + 4 * head * (2 * nP + 2),
        at.p + 2 * head * context, at.pv + 4 * head * headDim * nP, scratch.o + 4 * head * headDim,
      );
    }
    const exponent = kernels.quantize(scratch.o, heads * headDim, at.oMax, at.o8, wide);
    this.linear(stacks.output, exponent - WIDE_BITS, WIDE_BITS, MODE.residual, at.h1, h);
  }

  /** Op 5n: from q, k to qn, kn. */
  private normHeads(at: Layer['at'], index: number): void {
    const { kernels, resident: { tables }, config: { heads, kvHeads, headDim, dim, epsTerm } } = this;
    const eps = Math.max(1, Math.floor((epsTerm * headDim) / dim));
    const { q, k } = tables.gains[index];
    const shifts = this.gainShifts[index];
    kernels.normHeads(at.q, heads, headDim, eps, q, shifts.q, at.qn, at.headNorm);
    kernels.normHeads(at.k, kvHeads, headDim, eps, k, shifts.k, at.kn, at.headNorm + 24 * heads);
  }

  /** Ops 15 to 19: from h1 to h2. */
  private feedForward({ stacks, at }: Layer): void {
    const { kernels, scratch, resident: { tables }, config: { ffn } } = this;
    const wide = hasWideSwiGlu(this.config);
    this.linear(stacks.gateUp, this.norm(at.h1, at.norm2, at.x2), GATE_BITS, wide ? MODE.i32 : MODE.i16, at.gate);
    let shift = 0;
    if (wide) shift = kernels.wideSwiGlu(at.gate, at.up, ffn, tables.sigmoid, scratch.y, at.mlpMax);
    else kernels.swiGlu(at.gate, at.up, ffn, tables.sigmoid, scratch.y);
    const words = at.mlpMax + (wide ? 16 : 0);
    const exponent = shift + kernels.downInput(scratch.y, ffn, scratch.transformed, words, at.xd, scratch.wide);
    this.linear(stacks.down, exponent, WIDE_BITS, MODE.residual, at.h2, at.h1);
  }

  /** Op 20 and section 7. */
  private head(h: number, { sampling, random }: Draw): HeadTensors {
    const { kernels, ends, endViews, resident: { head, tables }, config: { vocab } } = this;
    this.linear(head, this.norm(h, ends.norm, ends.x), WIDE_BITS, MODE.i32, ends.logits);
    const { norm, x, logits, max, top, sums, draw } = endViews;
    const tensors: HeadTensors = { norm, x, logits, max, draw };
    const best = kernels.argmax(ends.logits, vocab, ends.max);
    const { t, topK, topP16, minPX } = sampling;
    if (t === 0) {
      draw.set([0, 0, 0, best]);
      return tensors;
    }
    new Uint8Array(this.memory, this.scratch.random, 16).set(random);
    const common = [ends.logits, vocab, ends.max, t, minPX] as const;
    if (topK === 0) {
      kernels.drawFull(...common, tables.sampling, this.scratch.random, ends.sums, ends.draw);
      return { ...tensors, sums };
    }
    const length = Math.min(topK, vocab);
    kernels.drawTop(...common, length, topP16, tables.sampling, this.scratch.random, ends.top, ends.draw);
    return { ...tensors, top: top.subarray(0, 3 * length) };
  }
}
