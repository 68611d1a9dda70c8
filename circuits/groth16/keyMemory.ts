/** A proving key as the threads have it: one shared memory, filled once, in which any number of proofs are computed. */
import { COORDINATE_MODULUS, COORDINATES, radix, rootOfUnity, SCALARS, writeLimbs } from './elements';
import { FIELD_MODULUS, invert } from '../field';
import { ProvingKeyError } from './errors';
import { compiledKernels, instantiate, type Kernels, sharedMemory } from './kernels';
import { type GroupNumber, LAST_POINTS, type Layout, layOut, type PointSet, restBytes, SET_NAMES, type SetName, STAGED } from './layout';
import { bytesOf, COEFFICIENT_BYTES, FILE_G1_BYTES, FILE_G2_BYTES, type ProvingKey, SCALAR_BYTES } from './zkey';

export interface KeyMemory {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** On the host's own thread. */
  kernels: Kernels;
  layout: Layout;
}

/** Points of the file and the places of their scalars. */
interface FilePoints { group: GroupNumber; points: Uint8Array[]; places: number[] }

/** Coefficients of a matrix, row by row: offsets in the file's section. */
interface Matrix { starts: Uint32Array; offsets: Uint32Array }

/**
 * @param threads workspaces to make
 * @throws ProverError `prover.memory`, `prover.not-built`, `prover.unsupported`
 * @throws ProvingKeyError `zkey.point` for a point that is not on its curve
 */
export function loadKey(key: ProvingKey, threads: number): KeyMemory {
  const module = compiledKernels();
  const domain = 2 ** key.domainLog;
  const files = pointsOf(key);
  const matrices = [matrixOf(key.coefficients, 0, domain), matrixOf(key.coefficients, 1, domain)] as const;
  const sets = Object.fromEntries(SET_NAMES.map((name) => [name, { group: files[name].group, count: files[name].points.length }])) as Record<SetName, PointSet>;
  const layout = layOut(
    { threads, wires: key.wires, domain, sets, coefficients: [matrices[0].offsets.length, matrices[1].offsets.length] },
    // How much scratch memory they need the kernels tell without a memory of their own.
    instantiate(module, sharedMemory(1)),
  );
  const memory = sharedMemory(layout.end);
  const { factors } = layout;
  for (const workspace of layout.workspaces) {
    writeLimbs(COORDINATES, memory.buffer, workspace, COORDINATE_MODULUS - 2n);
    writeLimbs(COORDINATES, memory.buffer, workspace + COORDINATES.bytes, radix(COORDINATES) % COORDINATE_MODULUS);
  }
  const scalarRadix = radix(SCALARS);
  const numbers = {
    wire: scalarRadix ** 2n, coefficient: scalarRadix ** 2n >> 512n, one: scalarRadix, plainOne: 1n,
    inverseRows: scalarRadix * invert(BigInt(domain)), root: scalarRadix * rootOfUnity(key.domainLog + 1),
  };
  for (const [name, number] of Object.entries(numbers)) writeLimbs(SCALARS, memory.buffer, factors[name as keyof typeof numbers], number % FIELD_MODULUS);
  writeLimbs(COORDINATES, memory.buffer, factors.coordinate, (radix(COORDINATES) ** 2n >> 384n) % COORDINATE_MODULUS);
  const kernels = instantiate(module, memory);
  kernels.prepare(layout.workspaces[0]);
  kernels.writePowers(layout.roots, factors.root, factors.one, domain);
  for (const name of SET_NAMES) writePoints(kernels, memory.buffer, layout, name, files[name]);
  matrices.forEach((_, index) => writeMatrix(kernels, memory.buffer, layout, index, key.coefficients, matrices[index]));
  return { module, memory, kernels, layout };
}

/** What is summed with what. Wire 0 is 1; behind the wires come the two random numbers of a proof. */
function pointsOf(key: ProvingKey): Record<SetName, FilePoints> {
  const [first, second] = [key.wires, key.wires + 1];
  const set = (group: GroupNumber, bytes: Uint8Array, firstPlace: number, extra: [Uint8Array, number][] = []): FilePoints => {
    const size = group === 1 ? FILE_G1_BYTES : FILE_G2_BYTES;
    const found: FilePoints = { group, points: [], places: [] };
    for (let at = 0; at < bytes.length; at += size) {
      const point = bytes.subarray(at, at + size);
      // Zeros: the neutral element, of a wire that does not stand in the matrix.
      if (point.every((byte) => byte === 0)) continue;
      found.points.push(point);
      found.places.push(firstPlace + at / size);
    }
    for (const [point, place] of extra) {
      found.points.push(point);
      found.places.push(place);
    }
    return found;
  };
  return {
    a: set(1, key.a, 0, [[key.alpha1, 0], [key.delta1, first]]),
    b1: set(1, key.b1, 0, [[key.beta1, 0], [key.delta1, second]]),
    b2: set(2, key.b2, 0, [[key.beta2, 0], [key.delta2, second]]),
    c: set(1, key.c, key.publicSignals + 1),
    h: set(1, key.h, 0),
    // Sums come in place of all but the last of these.
    last: { group: 1, points: new Array<Uint8Array>(LAST_POINTS).fill(key.delta1), places: Array.from({ length: LAST_POINTS }, (_, i) => i) },
  };
}

function matrixOf(coefficients: DataView, matrix: number, rows: number): Matrix {
  const starts = new Uint32Array(rows + 1);
  for (let at = 0; at < coefficients.byteLength; at += COEFFICIENT_BYTES) if (coefficients.getUint32(at, true) === matrix) starts[coefficients.getUint32(at + 4, true) + 1]++;
  for (let row = 0; row < rows; row++) starts[row + 1] += starts[row];
  const offsets = new Uint32Array(starts[rows]);
  const next = starts.slice();
  for (let at = 0; at < coefficients.byteLength; at += COEFFICIENT_BYTES) {
    if (coefficients.getUint32(at, true) === matrix) offsets[next[coefficients.getUint32(at + 4, true)]++] = at;
  }
  return { starts, offsets };
}

/** Calls with STAGED at a time, at most: the first of them and how many. */
function inParts(count: number, write: (from: number, count: number) => void): void {
  for (let from = 0; from < count; from += STAGED) write(from, Math.min(STAGED, count - from));
}

function writePoints(kernels: Kernels, memory: ArrayBufferLike, { sets, staging, factors }: Layout, name: SetName, file: FilePoints): void {
  const { group, count, points, places } = sets[name];
  const staged = new Uint8Array(memory, staging);
  new Uint32Array(memory, places, count).set(file.places);
  inParts(count, (from, size) => {
    for (let i = 0; i < size; i++) staged.set(file.points[from + i], i * file.points[from + i].length);
    kernels.readCoordinates(staging, factors.coordinate, 2 * group * size, points + from * restBytes(group));
  });
  const off = kernels[`firstOffCurve${group}`](points, count);
  if (off !== -1) throw new ProvingKeyError('zkey.point', 'a point of the proving key is not on its curve', { expected: 'a point on the curve', received: `point ${file.places[off]} of section ${name}` });
}

function writeMatrix(kernels: Kernels, memory: ArrayBufferLike, { matrices, staging, factors }: Layout, index: number, file: DataView, { starts, offsets }: Matrix): void {
  const to = matrices[index];
  const staged = new Uint8Array(memory, staging);
  const bytes = bytesOf(file);
  new Uint32Array(memory, to.starts, starts.length).set(starts);
  const wires = new Uint32Array(memory, to.wires, offsets.length);
  inParts(offsets.length, (from, size) => {
    for (let i = 0; i < size; i++) {
      const at = offsets[from + i];
      wires[from + i] = file.getUint32(at + 8, true);
      staged.set(bytes.subarray(at + COEFFICIENT_BYTES - SCALAR_BYTES, at + COEFFICIENT_BYTES), i * SCALAR_BYTES);
    }
    kernels.readScalars(staging, factors.coefficient, 0, size, to.coefficients + from * SCALARS.bytes);
  });
}
