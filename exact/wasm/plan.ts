/** Where everything lies, and how steps are cut: plain data, which every thread gets. */
import type { ExactConfig } from '../config';
import type { ExactModel } from '../modelFile';
import {
  Arena, attentionShapes, cacheShapes, committedShapes, drawShapes, endShapes, layerShapes, scratchShapes, type Addresses,
} from './arena';
import { ResidentModel, type LayerStacks, type Stack, type TableAddresses } from './weights';

export interface PlanOptions {
  threads: number;
  /** Most columns of a step. */
  columns: number;
  cachePositions: number;
  stepsAhead: number;
  /** Keep all tensors of a column, for an observer; one column and one slot then. */
  keepLayers: boolean;
}

export interface LayerPlan {
  stacks: LayerStacks;
  at: Addresses<ReturnType<typeof layerShapes>>;
  cache: Addresses<ReturnType<typeof cacheShapes>>;
  /** By slot. */
  committed: Addresses<ReturnType<typeof committedShapes>>[];
  /** All heads' tensors, where they are kept. */
  attention?: AttentionAddresses;
  /** Shifts of the head norm's gains. */
  gainShifts?: { q: number; k: number };
}

export type AttentionAddresses = Addresses<ReturnType<typeof attentionShapes>>;

export interface Plan extends PlanOptions {
  config: ExactConfig;
  /** Of the memory. */
  bytes: number;
  embedding: Stack;
  head: Stack;
  tables: TableAddresses;
  layers: LayerPlan[];
  ends: Addresses<ReturnType<typeof endShapes>>;
  /** By slot. */
  draws: Addresses<typeof drawShapes>[];
  scratch: Addresses<ReturnType<typeof scratchShapes>>;
  /** From a column's tensors, committed rows and scratch to the next one's. */
  columnBytes: number;
  /** By thread: scores of one head, and its tensors where they are not kept. */
  perThread: { scores: number; attention: AttentionAddresses }[];
  /** Words by `CONTROL`. */
  control: number;
  /** Of the kernel `meet`; what has been dealt out is `DEALT` bytes further. */
  meeting: number;
  /** By slot: `STATE_HEADER` words, then `STATE_WORDS` a column. */
  states: number[];
}

/** Words by which the host drives the threads; `slots` is a ring of the slots of the last steps. */
export const CONTROL = { posted: 0, closing: 1, slots: 2 } as const;
export const DEALT = 128;
/** count, drawing */
export const STATE_HEADER = 4;
/** t, cacheBase, token, drawnBy or -1, t topK topP16 minPX of the sampling, r in 16 bytes */
export const STATE_WORDS = 12;

const CACHE_LINE = 64;
/** Columns this far apart would all fall on the same lines of a cache. */
const CACHE_WAY = 4096;

/** Plans the memory; `resident` copies the model to it. */
export function planMemory(model: ExactModel, options: PlanOptions): { plan: Plan; resident: ResidentModel } {
  const { config } = model;
  const { columns, cachePositions, stepsAhead, threads, keepLayers } = options;
  const arena = new Arena();
  const line = (bytes: number): number => arena.take(Math.ceil(bytes / CACHE_LINE) * CACHE_LINE + CACHE_LINE);
  const control = line(4 * (CONTROL.slots + stepsAhead));
  const meeting = line(3 * CACHE_LINE);
  const slots = Array.from({ length: stepsAhead }, (_, slot) => slot);
  const states = slots.map(() => line(4 * (STATE_HEADER + STATE_WORDS * columns)));
  const resident = new ResidentModel(model, arena);
  const perThread = Array.from({ length: threads }, () => ({
    scores: line(4 * config.context), attention: arena.place(attentionShapes(config, 1)),
  }));
  const caches = resident.layers.map(() => arena.place(cacheShapes(config, cachePositions)));

  const first = arena.take(0);
  const ends = arena.place(endShapes(config));
  const scratch = arena.place(scratchShapes(config));
  const draws = slots.map(() => arena.place(drawShapes));
  const shared = keepLayers ? undefined : arena.place(layerShapes(config));
  const layers = resident.layers.map((stacks, index): LayerPlan => ({
    stacks,
    at: shared ?? arena.place(layerShapes(config)),
    cache: caches[index],
    committed: slots.map(() => arena.place(committedShapes(config))),
    attention: keepLayers ? arena.place(attentionShapes(config, config.heads)) : undefined,
    gainShifts: model.tables.gains && { q: model.tables.gains[index].q.shift, k: model.tables.gains[index].k.shift },
  }));
  if ((arena.bytes - first) % CACHE_WAY === 0) arena.take(CACHE_LINE);
  const columnBytes = arena.bytes - first;
  arena.take((columns - 1) * columnBytes);
  return {
    resident,
    plan: {
      ...options, config, bytes: arena.bytes, embedding: resident.embedding, head: resident.head, tables: resident.tables,
      layers, ends, draws, scratch, columnBytes, perThread, control, meeting, states,
    },
  };
}
