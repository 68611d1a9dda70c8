/** Keys and values of all positions so far, as int8 with one exponent per head. */
import type { ExactConfig } from '../config';

export interface LayerCache {
  /** [context][kvHeads headDim] */
  keys: Int8Array;
  values: Int8Array;
  /** [context][kvHeads] */
  keyExponents: Uint8Array;
  valueExponents: Uint8Array;
}

export function createCache(config: ExactConfig): LayerCache[] {
  const { layers, context, kvHeads, headDim } = config;
  return Array.from({ length: layers }, () => ({
    keys: new Int8Array(context * kvHeads * headDim),
    values: new Int8Array(context * kvHeads * headDim),
    keyExponents: new Uint8Array(context * kvHeads),
    valueExponents: new Uint8Array(context * kvHeads),
  }));
}
