/**
 * A step of the decoder as one of the threads sees it (docs/exact-arithmetic.md section 4): which kernel runs on which
 * addresses. Between two phases all threads meet; in a phase columns, rows, or columns and heads are dealt out to whoever
 * is free. All arithmetic is in kernels/; this moves no number but exponents from one kernel to the next.
 */
import { hasHeadNorm, hasWideSwiGlu } from '../config';
import { positionBlocks } from '../opTable';
import type { Kernels } from './kernels';
import { DEALT, STATE_HEADER, STATE_WORDS, type LayerPlan, type Plan } from './plan';
import type { Stack } from './weights';

/** Fraction bits of outputs. */
const WIDE_BITS = 16;
const GATE_BITS = 8;
/** Parameter `mode` of the kernel `linear`. */
const MODE = { i32: 0, i16: 1, residual: 2 } as const;
/** Rows that the kernel `linear` computes together. */
const ROWS = 4;
/** How often a thread looks whether the others have come, before it sleeps. */
const LOOKS = 200_000;
/** Pieces that the rows of a matrix are cut into for each of several threads, which are not equally fast. */
const PIECES = 8;

export class Program {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  /** Of the running step. */
  private slot = 0;
  private count = 0;
  private drawing = 0;

  constructor(
    private readonly plan: Plan, private readonly kernels: Kernels, memory: ArrayBufferLike, private readonly thread: number,
  ) {
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
  }

  /** Runs the step whose columns are in this slot's states; returns when all threads have. */
  run(slot: number): void {
    const { layers, states, ends, head } = this.plan;
    this.slot = slot;
    this.count = this.words[states[slot] / 4];
    this.drawing = this.words[states[slot] / 4 + 1];
    this.eachColumn((shift, state) => this.embed(shift, state));
    let h = ends.h;
    layers.forEach((layer, index) => {
      this.attention(layer, h, index);
      this.feedForward(layer);
      h = layer.at.h2;
    });
    if (this.drawing > 0) {
      this.eachColumn((shift) => this.norm(h, ends.norm, ends.x, shift, WIDE_BITS), this.drawing);
      this.linear(head, MODE.i32, ends.logits, 0, this.drawing);
      this.eachColumn((shift, state) => this.draw(shift, state), this.drawing);
    }
  }

  private meet(): void {
    this.kernels.meet(this.plan.meeting, this.plan.threads, LOOKS);
  }

  /** Deals 0 .. count - 1 out to the threads, one phase at a time. */
  private deal(count: number, body: (item: number) => void): void {
    const { threads, meeting } = this.plan;
    if (threads === 1) {
      for (let item = 0; item < count; item++) body(item);
      return;
    }
    const dealt = (meeting + DEALT) / 4;
    for (;;) {
      const item = Atomics.add(this.words, dealt, 1);
      if (item >= count) return;
      body(item);
    }
  }

  /** Columns: bytes to add to column 0's addresses, and the index of the state's first word. */
  private eachColumn(body: (shift: number, state: number) => void, count = this.count): void {
    const { columnBytes, states } = this.plan;
    const first = states[this.slot] / 4 + STATE_HEADER;
    this.deal(count, (column) => body(column * columnBytes, first + column * STATE_WORDS));
    this.meet();
  }

  private embed(shift: number, state: number): void {
    const { embedding: { weights, scales, columns }, ends, draws, stepsAhead, columnBytes } = this.plan;
    const drawnBy = this.words[state + 3];
    // Of the step before, which used the slot before.
    const { draw } = draws[(this.slot + stepsAhead - 1) % stepsAhead];
    const token = drawnBy < 0 ? this.words[state + 2] : this.words[(draw + drawnBy * columnBytes) / 4 + 3];
    this.kernels.embed(weights + token * columns, columns, this.words[scales / 4 + token], ends.h + shift);
  }

  /** Ops 2 and 3; `bits` are the fraction bits of what is multiplied with it. */
  private norm(h: number, words: number, x: number, shift: number, bits: number): void {
    const { config: { dim, epsTerm }, scratch } = this.plan;
    const exponent = this.kernels.norm(h + shift, dim, epsTerm, words + shift, x + shift, scratch.wide + shift);
    this.setShift(shift, -exponent - bits);
  }

  /** Of the widened activation of a column, for the next matrix. */
  private setShift(shift: number, value: number): void {
    this.words[(this.plan.scratch.shift + shift) / 4] = value;
  }

  /** Op 4 on the widened activations. */
  private linear(stack: Stack, mode: number, out: number, residual = 0, count = this.count): void {
    const { scratch, threads, columnBytes } = this.plan;
    const { weights, scales, rows, columns } = stack;
    const groups = rows / ROWS;
    const pieces = threads === 1 ? 1 : Math.min(groups, PIECES * threads);
    this.deal(pieces, (piece) => {
      const first = ROWS * Math.floor((groups * piece) / pieces);
      const end = ROWS * Math.floor((groups * (piece + 1)) / pieces);
      this.kernels.linear(
        weights, scales, first, end, columns, scratch.wide, scratch.shift, mode, out, residual, count, columnBytes,
      );
    });
    this.meet();
  }

  /** Ops 2 to 14: from h to h1. */
  private attention(layer: LayerPlan, h: number, index: number): void {
    const { at, stacks } = layer;
    const { scratch, config: { heads, headDim } } = this.plan;
    this.eachColumn((shift) => this.norm(h, at.norm1, at.x1, shift, WIDE_BITS));
    this.linear(stacks.qkv, MODE.i32, at.q);
    this.eachColumn((shift, state) => this.heads(layer, shift, state, index));
    this.eachHead((shift, state, head) => this.attend(layer, shift, state, head));
    this.eachColumn((shift) => {
      const exponent = this.kernels.quantize(
        scratch.o + shift, heads * headDim, at.oMax + shift, at.o8 + shift, scratch.wide + shift,
      );
      this.setShift(shift, -exponent);
    });
    this.linear(stacks.output, MODE.residual, at.h1, h);
  }

  /** Ops 5 to 7, and the cache. */
  private heads({ at, stacks, cache, committed, gainShifts }: LayerPlan, shift: number, state: number, index: number): void {
    const { kernels, plan: { tables, scratch, config, cachePositions } } = this;
    const { heads, kvHeads, headDim, dim, epsTerm } = config;
    const t = this.words[state];
    const position = this.words[state + 1] + t;
    const { k8, kExponents, v8, vExponents } = committed[this.slot];
    if (stacks.qkv.biases !== undefined) {
      kernels.addBiases(at.q + shift, stacks.qkv.biases, (heads + 2 * kvHeads) * headDim);
    }
    const normed = hasHeadNorm(config);
    if (normed) {
      const gains = tables.gains[index];
      const normHeads = (y: number, count: number, gain: number, gainShift: number, out: number, words: number) =>
        kernels.normHeads(y + shift, count, headDim, epsTerm, dim, gain, gainShift, out + shift, words + shift);
      normHeads(at.q, heads, gains.q, gainShifts!.q, at.qn, at.headNorm);
      normHeads(at.k, kvHeads, gains.k, gainShifts!.k, at.kn, at.headNorm + 24 * heads);
    }
    const cos = tables.cos + t * headDim; // headDim / 2 entries of two bytes
    const sin = tables.sin + t * headDim;
    const keyWords = at.headMax + 16 * heads + shift;
    const rotated = scratch.rotated + shift;
    const wide = scratch.wide + shift; // free until op 13
    kernels.rotatedHeads(
      (normed ? at.qn : at.q) + shift, heads, headDim, cos, sin, rotated, at.headMax + shift, at.q8 + shift,
      scratch.queries + shift, at.qExponents + shift,
    );
    kernels.rotatedHeads(
      (normed ? at.kn : at.k) + shift, kvHeads, headDim, cos, sin, rotated, keyWords, k8 + shift, wide, kExponents + shift,
    );
    kernels.plainHeads(at.v + shift, kvHeads, headDim, keyWords + 16 * kvHeads, v8 + shift, wide, vExponents + shift);
    kernels.remember(k8 + shift, kExponents + shift, kvHeads, headDim, cachePositions, position, cache.keys, cache.keyExponents);
    kernels.remember(
      v8 + shift, vExponents + shift, kvHeads, headDim, cachePositions, position, cache.values, cache.valueExponents,
    );
  }

  /** Every head of every column. */
  private eachHead(body: (shift: number, state: number, head: number) => void): void {
    const { columnBytes, states, config: { heads } } = this.plan;
    const first = states[this.slot] / 4 + STATE_HEADER;
    this.deal(this.count * heads, (item) => {
      const column = Math.floor(item / heads);
      body(column * columnBytes, first + column * STATE_WORDS, item % heads);
    });
    this.meet();
  }

  /** Ops 8 to 12 of one head. */
  private attend({ at, cache, attention }: LayerPlan, shift: number, state: number, head: number): void {
    const { kernels, plan: { tables, scratch, config, cachePositions, perThread } } = this;
    const { heads, kvHeads, headDim, context } = config;
    const positions = this.words[state] + 1;
    const own = perThread[this.thread];
    const to = attention ?? own.attention;
    const kept = attention ? head : 0;
    const nP = positionBlocks(config);
    const first = Math.floor((head * kvHeads) / heads) * cachePositions + this.words[state + 1];
    kernels.scores(
      scratch.queries + shift + 2 * head * headDim, this.bytes[at.qExponents + shift + head], headDim,
      cache.keys + first * headDim, cache.keyExponents + first, positions, own.scores,
    );
    kernels.weigh(
      own.scores, positions, headDim, nP, cache.values + first * headDim, cache.valueExponents + first, tables.exp,
      to.attMax + 16 * kept, to.e + 2 * kept * context, to.attSums + 4 * kept * (2 * nP + 2), to.p + 2 * kept * context,
      to.pv + 4 * kept * headDim * nP, scratch.o + shift + 4 * head * headDim,
    );
  }

  /** Ops 15 to 19: from h1 to h2. */
  private feedForward({ stacks, at }: LayerPlan): void {
    const wide = hasWideSwiGlu(this.plan.config);
    this.eachColumn((shift) => this.norm(at.h1, at.norm2, at.x2, shift, GATE_BITS));
    this.linear(stacks.gateUp, wide ? MODE.i32 : MODE.i16, at.gate);
    this.eachColumn((shift) => this.gated(at, shift, wide));
    this.linear(stacks.down, MODE.residual, at.h2, at.h1);
  }

  /** Ops 16 to 18. */
  private gated(at: LayerPlan['at'], shift: number, wide: boolean): void {
    const { kernels, plan: { tables, scratch, config: { ffn } } } = this;
    const [gate, up, y] = [at.gate + shift, at.up + shift, scratch.y + shift];
    let cut = 0;
    if (wide) cut = kernels.wideSwiGlu(gate, up, ffn, tables.sigmoid, y, at.mlpMax + shift);
    else kernels.swiGlu(gate, up, ffn, tables.sigmoid, y);
    const words = at.mlpMax + (wide ? 16 : 0) + shift;
    const exponent = cut + kernels.downInput(
      y, ffn, scratch.transformed + shift, words, at.xd + shift, scratch.wide + shift,
    );
    this.setShift(shift, -exponent - WIDE_BITS);
  }

  /** Section 7, from the logits. */
  private draw(shift: number, state: number): void {
    const { kernels, plan: { ends, draws, tables, config: { vocab } } } = this;
    const draw = draws[this.slot].draw + shift;
    const logits = ends.logits + shift;
    const max = ends.max + shift;
    const best = kernels.argmax(logits, vocab, max);
    const [t, topK, topP16, minPX] = this.words.subarray(state + 4, state + 8);
    const random = 4 * (state + 8);
    if (t === 0) this.words.set([0, 0, 0, best], draw / 4);
    else if (topK === 0) {
      kernels.drawFull(logits, vocab, max, t, minPX, tables.sampling, random, ends.sums + shift, draw);
    } else {
      kernels.drawTop(
        logits, vocab, max, t, minPX, Math.min(topK, vocab), topP16, tables.sampling, random, ends.top + shift, draw,
      );
    }
  }
}
