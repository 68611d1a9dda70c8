/** Where everything lies in the memory that the threads share. Addresses are bytes from its start. */
import { COORDINATES, SCALARS } from './elements';
import type { Kernels } from './kernels';
import { SCALAR_BYTES } from './zkey';

export type GroupNumber = 1 | 2;

/** Points that are summed together, each times the scalar at its place. */
export interface PointSet {
  group: GroupNumber;
  count: number;
  points: number;
  /** u32 each: which of the scalars is its own. */
  places: number;
  /** Sums of windows, and the sum of them at rest. */
  sums: number;
  joined: number;
}

/** Those of the key, and the one that makes the proof's C. */
export const SET_NAMES = ['a', 'b1', 'b2', 'c', 'h', 'last'] as const;
export type SetName = (typeof SET_NAMES)[number];

/** Scalars, and their digits: i16 [windows][count]. */
export interface ScalarSet { count: number; scalars: number; digits: number }

/** Elements: what wires are times, by what they are in, and the roots' generator. */
export const FACTORS = ['wire', 'coefficient', 'coordinate', 'one', 'plainOne', 'inverseRows', 'root'] as const;

export interface Sizes {
  threads: number;
  wires: number;
  domain: number;
  sets: Record<SetName, { group: GroupNumber; count: number }>;
  /** Coefficients of both matrices. */
  coefficients: readonly [number, number];
}

export interface Layout {
  workspaces: number[];
  scratches: number[];
  factors: Record<(typeof FACTORS)[number], number>;
  sets: Record<SetName, PointSet>;
  /** starts and wires: u32. */
  matrices: { starts: number; wires: number; coefficients: number }[];
  roots: number;
  /** For parts of the file while it is read. */
  staging: number;
  /** Of the wires and the two random numbers, of the quotient, of the last set. */
  scalars: Record<'wires' | 'quotient' | 'last', ScalarSet>;
  /** Wires as elements. */
  witness: number;
  /** Rows of A, B and C, as elements. */
  values: number[];
  /** What depends on a witness lies from here to the end. */
  secrets: number;
  end: number;
}

/** Digits have at least so many bits, at most so many. */
export const LEAST_BITS = 4;
export const MOST_BITS = 13;
/** Scalars with their sign have 255 bits. */
export const windowsOf = (bits: number): number => Math.ceil(255 / bits);

export const LAST_POINTS = 5;
/** Points or coefficients of the file that are read at a time. */
export const STAGED = 1024;
/** A point of G2. */
const STAGED_BYTES = 192;

const FIRST_ADDRESS = 65536;
const LINE = 64;

/** Bytes of a point at rest, and of one while sums run. */
export const restBytes = (group: GroupNumber): number => 2 * group * COORDINATES.bytes;
export const sumBytes = (group: GroupNumber): number => 3 * group * COORDINATES.bytes;

export function layOut({ threads, wires, domain, sets, coefficients }: Sizes, kernels: Kernels): Layout {
  let next = FIRST_ADDRESS;
  // Whatever reads whole words may look a word behind what it reads.
  const take = (bytes: number): number => {
    const at = next;
    next = (Math.floor((at + bytes) / LINE) + 1) * LINE;
    return at;
  };
  const each = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  const record = <Name extends string, T>(names: readonly Name[], make: (name: Name) => T) => Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, T>;
  const scalarSet = (count: number): ScalarSet => ({ count, scalars: take(count * SCALAR_BYTES), digits: take(2 * count * windowsOf(LEAST_BITS)) });

  const fixed = {
    workspaces: each(threads, () => take(kernels.workspaceBytes())),
    factors: record(FACTORS, () => take(COORDINATES.bytes)),
    matrices: coefficients.map((count) => ({ starts: take(4 * (domain + 1)), wires: take(4 * count), coefficients: take(count * SCALARS.bytes) })),
    roots: take(domain * SCALARS.bytes),
    staging: take(STAGED * STAGED_BYTES),
  };
  const points = record(SET_NAMES, (name) => ({ ...sets[name], points: take(sets[name].count * restBytes(sets[name].group)), places: take(4 * sets[name].count) }));
  const secrets = next;
  const scratchBytes = Math.max(...SET_NAMES.map((name) => kernels[`windowBytes${sets[name].group}`](sets[name].count, 2 ** (MOST_BITS - 1))));
  return {
    ...fixed,
    sets: record(SET_NAMES, (name) => ({ ...points[name], sums: take(windowsOf(LEAST_BITS) * sumBytes(points[name].group)), joined: take(restBytes(points[name].group)) })),
    scalars: { wires: scalarSet(wires + 2), quotient: scalarSet(domain), last: scalarSet(LAST_POINTS) },
    witness: take(wires * SCALARS.bytes),
    values: each(3, () => take(domain * SCALARS.bytes)),
    scratches: each(threads, () => take(scratchBytes + sumBytes(2))),
    secrets,
    end: next,
  };
}
