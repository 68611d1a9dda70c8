/**
 * Leaves of every slot of a position, in execution order (docs/exact-arithmetic.md section 5): what the position tree
 * commits to when a dispute has found a position.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK } from './constants';
import { TraceLayoutError } from './errors';
import { bigEndian, headRowLeaves, plainLeaves, positionLeaves, transposedLeaves } from './leafLayout';
import { embeddingSlots, headSlots, layerSlots, type Slot } from './opTable';
import type { HeadTensors, LayerTensors, PositionTensors } from './tensors';
import type { Leaf } from './trace';

/** Leaves by slot name of one group, in execution order. */
export type GroupLeaves = { slot: string; leaves: Leaf[] }[];

/** Hears all positions in order; keeps the last 32 rows of V, whose transpose is a slot. */
export class PositionLayout {
  private readonly embedding;
  private readonly layer;
  private readonly head;
  /** v8 of the positions of the running trace block, per layer */
  private recentValues: Int8Array[][];
  private next: number;

  /** @param first the position that comes first; the first one of a trace block, since V's transpose begins there */
  constructor(readonly config: ExactConfig, first = 0) {
    if (first % TRACE_BLOCK !== 0) throw new RangeError(`position ${first} does not begin a trace block`);
    this.next = first;
    this.embedding = embeddingSlots(config);
    this.layer = layerSlots(config);
    this.head = headSlots(config);
    this.recentValues = Array.from({ length: config.layers }, () => []);
  }

  /** Takes the next position without laying it out. */
  pass({ layers }: Pick<PositionTensors, 'layers'>): void {
    if (layers.length !== this.config.layers) {
      throw new TraceLayoutError('exact.trace.layers', 'wrong number of layers', {
        expected: String(this.config.layers),
        received: String(layers.length),
      });
    }
    if (this.next++ % TRACE_BLOCK === 0) this.recentValues = this.recentValues.map(() => []);
    layers.forEach(({ v8 }, i) => this.recentValues[i].push(v8.slice()));
  }

  /** All groups of the next position: embedding, layers, head; an absent head is an empty group. */
  position(tensors: PositionTensors): GroupLeaves[] {
    const t = this.next;
    this.pass(tensors);
    return [
      this.embedding.map((slot) => ({ slot: slot.name, leaves: plainLeaves(slot, tensors.embedding[slot.name]) })),
      ...tensors.layers.map((layer, i) => this.layerLeaves(layer, this.recentValues[i], t)),
      tensors.head ? this.headLeaves(tensors.head) : [],
    ];
  }

  private layerLeaves(tensors: LayerTensors, recent: Int8Array[], t: number): GroupLeaves {
    const { config } = this;
    return this.layer.map((slot) => {
      const { name } = slot;
      switch (name) {
        case 'q8':
          return { slot: name, leaves: headRowLeaves(config, slot, tensors.q8, tensors.qExponents) };
        case 'k8':
          return { slot: name, leaves: headRowLeaves(config, slot, tensors.k8, tensors.kExponents) };
        case 'v8':
          return { slot: name, leaves: headRowLeaves(config, slot, tensors.v8, tensors.vExponents) };
        case 'vt':
          return { slot: name, leaves: transposedLeaves(config, recent) };
        case 'e':
        case 'p':
          return { slot: name, leaves: positionLeaves(slot, tensors[name], config.heads, t) };
        default: {
          const tensor = tensors[name] ?? new Uint32Array(0);
          if (slot.layout === 'blocks') expectElementBytes(slot, tensor);
          return { slot: name, leaves: plainLeaves(slot, tensor) };
        }
      }
    });
  }

  private headLeaves(tensors: HeadTensors): GroupLeaves {
    return this.head.map((slot) => {
      const { name } = slot;
      if (name === 'top') return { slot: name, leaves: [tensors.top ? bigEndian(tensors.top) : null] };
      const tensor = tensors[name];
      return { slot: name, leaves: tensor ? plainLeaves(slot, tensor) : padding(slot) };
    });
  }
}

/** gate and up may have either width; the config says which. */
function expectElementBytes({ name, elementBytes }: Slot, tensor: { BYTES_PER_ELEMENT: number; length: number }): void {
  if (tensor.length === 0 || tensor.BYTES_PER_ELEMENT === elementBytes) return;
  throw new TraceLayoutError(`exact.trace.${name}`, `slot ${name} has elements of a wrong width`, {
    expected: `${elementBytes} bytes each`,
    received: String(tensor.BYTES_PER_ELEMENT),
  });
}

const padding = (slot: Slot): Leaf[] => Array.from({ length: slot.leaves }, () => null);
