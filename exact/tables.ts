/** Lookup tables of the exact arithmetic. They are data with a hash, because libm differs between platforms. */
import { hasHeadNorm, type ExactConfig } from './config';
import { ModelFileError } from './errors';
import { node, sha256, treeRoot } from './merkle';
import { depthFor } from './opTable';

const EXP_ENTRIES = 256;
const SIGMOID_ENTRIES = 513;
const SAMPLING_ENTRIES = 1024;

/** Gains of the head norm of a layer's q or k: real gain = gains[i] * 2^-shift. */
export interface HeadGains {
  /** 0..15 */
  shift: number;
  /** [headDim] */
  gains: Int16Array;
}

export interface Tables {
  /** [256] round(65535 * 2^(-i/256)) */
  exp: Uint16Array;
  /** [513] Q15 of the sigmoid over [0, 8] */
  sigmoid: Uint16Array;
  /** [1024] round((2^24 - 1) * 2^(-i/1024)) */
  sampling: Uint32Array;
  /** [context][headDim / 2] Q14 */
  cos: Int16Array;
  sin: Int16Array;
  /** [layers], QK_NORM only */
  gains?: { q: HeadGains; k: HeadGains }[];
}

const MAX_GAIN_SHIFT = 15;

const ropeBytes = (config: ExactConfig): number => 2 * config.headDim;
/** Bytes of one leaf of the gains: shift, then i16[headDim]. */
export const gainsBytes = (config: ExactConfig): number => 1 + 2 * config.headDim;

export function tablesLength(config: ExactConfig): number {
  return 2 * EXP_ENTRIES + 2 * SIGMOID_ENTRIES + 3 * SAMPLING_ENTRIES + config.context * ropeBytes(config)
    + (hasHeadNorm(config) ? 2 * config.layers * gainsBytes(config) : 0);
}

/** Reads and checks the tables section (section 3); refuses with code `model.tables.<name>`. */
export function parseTables(config: ExactConfig, bytes: Uint8Array): { tables: Tables; root: Uint8Array } {
  let at = 0;
  const cut = (length: number) => bytes.subarray(at, (at += length));
  const expBytes = cut(2 * EXP_ENTRIES);
  const sigmoidBytes = cut(2 * SIGMOID_ENTRIES);
  const samplingBytes = cut(3 * SAMPLING_ENTRIES);
  const half = config.headDim / 2;
  const tables: Tables = {
    exp: u16Table(expBytes),
    sigmoid: u16Table(sigmoidBytes),
    sampling: Uint32Array.from(
      { length: SAMPLING_ENTRIES },
      (_, i) => (samplingBytes[3 * i] << 16) | (samplingBytes[3 * i + 1] << 8) | samplingBytes[3 * i + 2],
    ),
    cos: new Int16Array(config.context * half),
    sin: new Int16Array(config.context * half),
  };
  const ropeLeaves: Uint8Array[] = [];
  for (let t = 0; t < config.context; t++) {
    const leaf = cut(ropeBytes(config));
    const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.length);
    for (let i = 0; i < half; i++) {
      tables.cos[t * half + i] = view.getInt16(2 * i);
      tables.sin[t * half + i] = view.getInt16(2 * (half + i));
    }
    ropeLeaves.push(sha256(leaf));
  }
  const gainLeaves: Uint8Array[] = [];
  const nextGains = (): HeadGains => {
    const leaf = cut(gainsBytes(config));
    gainLeaves.push(sha256(leaf));
    const gains = Int16Array.from({ length: config.headDim }, (_, i) => (leaf[1 + 2 * i] << 8) | leaf[2 + 2 * i]);
    return { shift: leaf[0], gains };
  };
  if (hasHeadNorm(config)) {
    tables.gains = Array.from({ length: config.layers }, () => ({ q: nextGains(), k: nextGains() }));
  }
  checkTables(tables);
  const rope = treeRoot(ropeLeaves, depthFor(config.context));
  const turns = tables.gains ? node(rope, treeRoot(gainLeaves, depthFor(gainLeaves.length))) : rope;
  const root = node(node(sha256(expBytes), sha256(sigmoidBytes)), node(sha256(samplingBytes), turns));
  return { tables, root };
}

const u16Table = (bytes: Uint8Array): Uint16Array =>
  Uint16Array.from({ length: bytes.length / 2 }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1]);

/** The properties that the proven widths rest on. */
function checkTables({ exp, sigmoid, sampling, cos, sin, gains = [] }: Tables): void {
  const demand = (ok: boolean, name: string, expected: string) => {
    if (!ok) throw new ModelFileError(`model.tables.${name}`, `the ${name} table is not allowed`, { expected });
  };
  const neverRises = (table: Uint16Array | Uint32Array) => table.every((x, i) => i === 0 || x <= table[i - 1]);
  const neverFalls = (table: Uint16Array) => table.every((x, i) => i === 0 || x >= table[i - 1]);
  demand(exp[0] === 65535 && neverRises(exp), 'exp', 'first entry 65535, never rising');
  demand(
    sigmoid[0] >= 16384 && sigmoid[512] === 32768 && neverFalls(sigmoid),
    'sigmoid', 'from at least 16384 to 32768, never falling',
  );
  demand(sampling[0] === 2 ** 24 - 1 && neverRises(sampling), 'sampling', 'first entry 2^24 - 1, never rising');
  const inUnit = (x: number) => x >= -16384 && x <= 16384;
  demand(cos.every(inUnit) && sin.every(inUnit), 'rope', 'entries of -16384..16384');
  const shifts = gains.flatMap(({ q, k }) => [q.shift, k.shift]);
  demand(shifts.every((shift) => shift <= MAX_GAIN_SHIFT), 'gains', `shifts of 0..${MAX_GAIN_SHIFT}`);
}
