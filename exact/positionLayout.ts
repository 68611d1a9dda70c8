/**
 * Leaves of every slot of a position, in execution order (docs/exact-arithmetic.md section 5): what the position tree
 * commits to when a dispute has found a position.
 */
import type { ExactConfig } from './config';
import { downSums } from './downSums';
import { TraceLayoutError } from './errors';
import { bigEndian, headRowLeaves, plainLeaves, positionLeaves, transposedLeaves } from './leafLayout';
import type { ExactModel, Matrix } from './modelFile';
import { embeddingSlots, headSlots, layerSlots, type Slot } from './opTable';
import type { HeadTensors, LayerTensors, PositionTensors } from './tensors';
import type { Leaf } from './trace';

/** Leaves by slot name of one group, in execution order. */
export type GroupLeaves = { slot: string; leaves: Leaf[] }[];

/** Hears all positions in order; keeps all rows of V, whose transpose is a slot, as the partial sums of `down` are. */
export class PositionLayout {
  private readonly embedding;
  private readonly layer;
  private readonly head;
  /** v8 of the positions so far, per layer */
  private readonly values: Int8Array[][];
  private readonly down: readonly Matrix[];
  readonly config: ExactConfig;

  constructor({ config, layers }: Pick<ExactModel, 'config' | 'layers'>) {
    this.config = config;
    this.down = layers.map(({ down }) => down);
    this.embedding = embeddingSlots(config);
    this.layer = layerSlots(config);
    this.head = headSlots(config);
    this.values = Array.from({ length: config.layers }, () => []);
  }

  /** Takes the next position without laying it out. */
  pass({ layers }: Pick<PositionTensors, 'layers'>): void {
    if (layers.length !== this.config.layers) {
      throw new TraceLayoutError('exact.trace.layers', 'wrong number of layers', {
        expected: String(this.config.layers),
        received: String(layers.length),
      });
    }
    layers.forEach(({ v8 }, i) => this.values[i].push(v8.slice()));
  }

  /** All groups of the next position: embedding, layers, head; an absent head is an empty group. */
  position(tensors: PositionTensors): GroupLeaves[] {
    const t = this.values[0].length;
    this.pass(tensors);
    return [
      this.embedding.map((slot) => ({ slot: slot.name, leaves: plainLeaves(slot, tensors.embedding[slot.name]) })),
      ...tensors.layers.map((layer, i) => this.layerLeaves(layer, i, t)),
      tensors.head ? this.headLeaves(tensors.head) : [],
    ];
  }

  private layerLeaves(tensors: LayerTensors, i: number, t: number): GroupLeaves {
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
          return { slot: name, leaves: transposedLeaves(config, this.values[i]) };
        case 'downSums':
          return { slot: name, leaves: plainLeaves(slot, downSums(this.down[i], tensors.xd)) };
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
