/**
 * Groth16 (eprint 2016/260, section 3.2) over BLS12-381. A key is read once; a proof takes two random numbers r and s, three
 * transforms of the rows' values and five sums of many points:
 *   A = alpha + sum w a + r delta,  B = beta + sum w b + s delta,  C = sum w c + sum h t + s A + r B - r s delta,
 * where t are the key's points of the quotient and h the values of A B - C at the odd roots of 1 of order 2n, between the rows.
 */
import { randomBytes } from 'node:crypto';
import { bls12_381 } from '@noble/curves/bls12-381';
import { g1Bytes, g2Bytes, type Groth16Proof, type VerificationKey, verifyProof } from '../../protocol/zk';
import { FIELD_BYTES, FIELD_MODULUS, readElement, writeElement } from '../field';
import { COORDINATES, readCoordinate } from './elements';
import { ProverError } from './errors';
import { type KeyMemory, loadKey } from './keyMemory';
import { LEAST_BITS, MOST_BITS, restBytes, type ScalarSet, type SetName, sumBytes, windowsOf } from './layout';
import { Pool, SCRATCH, type TaskResult } from './pool';
import { readWitness } from './wtns';
import type { ProvingKey } from './zkey';

export interface ProverOptions {
  /** Each on a core of its own, at best. */
  threads: number;
}

/** Milliseconds: `total` and `verify` by the clock, the rest by what threads worked, together. */
export type ProofMillis = Record<'total' | 'rows' | 'transforms' | 'digits' | SetName | 'verify', number>;

export interface Proven {
  proof: Groth16Proof;
  publicSignals: bigint[];
  millis: ProofMillis;
}

/** Products in the field that a sum of a pair, and the weighing of a run, take. */
const PAIR_PRODUCTS = 6;
const RUN_PRODUCTS = 27;
/** Of the last sum, which has few points. */
const LAST_BITS = 4;

export class Prover {
  private readonly verification: VerificationKey;
  private readonly wires: number;
  private readonly publicSignals: number;
  private readonly domainLog: number;
  private readonly loaded: KeyMemory;
  private readonly pool: Pool;
  /** Proofs come one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Reads a key into memory and starts the threads.
   * @throws ProverError `prover.memory`, `prover.not-built`, `prover.unsupported`
   * @throws ProvingKeyError `zkey.point`
   */
  constructor(key: ProvingKey, { threads }: ProverOptions) {
    this.verification = key.verification;
    this.wires = key.wires;
    this.publicSignals = key.publicSignals;
    this.domainLog = key.domainLog;
    this.loaded = loadKey(key, threads);
    const { module, memory, layout } = this.loaded;
    this.pool = new Pool(layout.workspaces.map((workspace, i) => ({ module, memory, workspace, scratch: layout.scratches[i] })));
  }

  /**
   * A proof that verifies. What depends on the witness is wiped from the memory before it is handed out.
   * @param witness as a .wtns file
   * @throws CircuitError `circuit.file`
   * @throws ProverError `prover.witness` for one that is not of this key, `prover.unsatisfied` for one that breaks a constraint,
   *   `prover.thread`
   */
  prove(witness: Uint8Array): Promise<Proven> {
    const next = this.last.then(async () => {
      try {
        return await this.proveNow(readWitness(witness, this.wires));
      } finally {
        this.wipe();
      }
    });
    this.last = next.catch(() => {});
    return next;
  }

  async close(): Promise<void> {
    await this.pool.close();
    this.wipe();
  }

  private async proveNow(wires: Uint8Array): Promise<Proven> {
    const started = performance.now();
    const millis = Object.fromEntries(['total', 'rows', 'transforms', 'digits', 'a', 'b1', 'b2', 'c', 'h', 'last', 'verify'].map((part) => [part, 0])) as ProofMillis;
    const count = async (part: keyof ProofMillis, ...tasks: Promise<TaskResult>[]): Promise<void> => {
      for (const { millis: taken } of await Promise.all(tasks)) millis[part] += taken;
    };
    const { memory, layout } = this.loaded;
    const { scalars, factors, matrices, values, roots, witness } = layout;
    const [r, s] = [randomScalar(), randomScalar()];
    new Uint8Array(memory.buffer, scalars.wires.scalars).set(wires);
    this.writeScalars(scalars.wires, this.wires, [r, s]);

    await count('rows', ...this.inShares(this.wires, (from, to) => this.pool.run('readScalars', scalars.wires.scalars, factors.wire, from, to, witness)));
    const rows = 2 ** this.domainLog;
    await count('rows', ...matrices.flatMap((matrix, i) => this.inShares(rows, (from, to) =>
      this.pool.run('multiplyRows', matrix.starts, matrix.wires, matrix.coefficients, witness, from, to, values[i]))));
    await count('rows', ...this.inShares(rows, (from, to) => this.pool.run('multiplyAll', values[0], values[1], from, to, values[2])));

    const wireBits = bestBits(countFull(wires));
    const quotient = count('transforms', ...values.map((at) => this.pool.run('shiftValues', at, this.domainLog, roots, factors.inverseRows))).then(async () => {
      await count('transforms', ...this.inShares(rows, (from, to) =>
        this.pool.run('quotientScalars', values[0], values[1], values[2], factors.plainOne, from, to, scalars.quotient.scalars)));
      const bits = bestBits(rows);
      await count('digits', ...this.writeDigits(scalars.quotient, bits));
      await this.sum('h', scalars.quotient, bits, count);
    });
    await Promise.all([quotient, (async () => {
      await count('digits', ...this.writeDigits(scalars.wires, wireBits));
      await Promise.all((['b2', 'a', 'b1', 'c'] as const).map((name) => this.sum(name, scalars.wires, wireBits, count)));
    })()]);

    const { sets } = layout;
    const summed = ['c', 'h', 'a', 'b1'] as const;
    const bytes = new Uint8Array(memory.buffer);
    summed.forEach((name, i) => bytes.copyWithin(sets.last.points + i * restBytes(1), sets[name].joined, sets[name].joined + restBytes(1)));
    this.writeScalars(scalars.last, 0, [1n, 1n, s, r, (FIELD_MODULUS - ((r * s) % FIELD_MODULUS)) % FIELD_MODULUS]);
    await count('last', ...this.writeDigits(scalars.last, LAST_BITS));
    await this.sum('last', scalars.last, LAST_BITS, count);

    const verifying = performance.now();
    const proof = { a: this.point1('a'), b: this.point2('b2'), c: this.point1('last') };
    const signals = new DataView(wires.buffer, wires.byteOffset, wires.byteLength);
    const publicSignals = Array.from({ length: this.publicSignals }, (_, i) => readElement(signals, (1 + i) * FIELD_BYTES));
    if (!verifyProof(this.verification, proof, publicSignals)) {
      throw new ProverError('prover.unsatisfied', 'no proof came about', { expected: 'a witness that satisfies the constraints of the key', received: 'one that breaks at least one of them' });
    }
    millis.verify = performance.now() - verifying;
    millis.total = performance.now() - started;
    return { proof, publicSignals, millis };
  }

  /** All windows, then the sum of them. */
  private async sum(name: SetName, { count, digits }: ScalarSet, bits: number, counted: (part: SetName, ...tasks: Promise<TaskResult>[]) => Promise<void>): Promise<void> {
    const { group, points, places, count: size, sums, joined } = this.loaded.layout.sets[name];
    const windows = windowsOf(bits);
    await counted(name, ...Array.from({ length: windows }, (_, window) =>
      this.pool.run(`windowSum${group}`, points, places, size, digits + 2 * window * count, 2 ** (bits - 1), SCRATCH, sums + window * sumBytes(group))));
    await counted(name, this.pool.run(`joinWindows${group}`, sums, windows, bits, SCRATCH, joined));
  }

  private writeDigits({ count, scalars, digits }: ScalarSet, bits: number): Promise<TaskResult>[] {
    return this.inShares(count, (from, to) => this.pool.run('writeDigits', scalars, from, to, bits, windowsOf(bits), count, digits));
  }

  /** One task for each thread. */
  private inShares<T>(count: number, run: (from: number, to: number) => T): T[] {
    const { threads } = this.pool;
    return Array.from({ length: threads }, (_, i) => run(Math.floor((count * i) / threads), Math.floor((count * (i + 1)) / threads)));
  }

  private writeScalars({ scalars, count }: ScalarSet, from: number, numbers: readonly bigint[]): void {
    const view = new DataView(this.loaded.memory.buffer, scalars, count * FIELD_BYTES);
    numbers.forEach((number, i) => writeElement(number, view, (from + i) * FIELD_BYTES));
  }

  private coordinates(name: SetName, count: number): bigint[] {
    const { memory, layout } = this.loaded;
    return Array.from({ length: count }, (_, i) => readCoordinate(memory.buffer, layout.sets[name].joined + i * COORDINATES.bytes));
  }

  private point1(name: SetName): Uint8Array {
    const [x, y] = this.coordinates(name, 2);
    return g1Bytes(bls12_381.G1.Point.fromAffine({ x, y }));
  }

  private point2(name: SetName): Uint8Array {
    const [x0, x1, y0, y1] = this.coordinates(name, 4);
    return g2Bytes(bls12_381.G2.Point.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } }));
  }

  private wipe(): void {
    const { memory, layout, kernels } = this.loaded;
    new Uint8Array(memory.buffer, layout.secrets, layout.end - layout.secrets).fill(0);
    layout.workspaces.forEach((workspace) => kernels.forget(workspace));
  }
}

/** Bits of digits with which this many scalars of full size take the fewest products. */
export function bestBits(scalars: number): number {
  const products = (bits: number): number => windowsOf(bits) * (PAIR_PRODUCTS * scalars + RUN_PRODUCTS * 2 ** (bits - 1));
  let best = LEAST_BITS;
  for (let bits = LEAST_BITS; bits <= MOST_BITS; bits++) if (products(bits) < products(best)) best = bits;
  return best;
}

const ORDER_TOP = Number(FIELD_MODULUS >> 224n);

/** Scalars that are far from 0 on both sides. */
function countFull(wires: Uint8Array): number {
  const view = new DataView(wires.buffer, wires.byteOffset, wires.byteLength);
  let full = 0;
  for (let at = FIELD_BYTES - 4; at < wires.length; at += FIELD_BYTES) {
    const top = view.getUint32(at, true);
    if (top !== 0 && top !== ORDER_TOP) full++;
  }
  return full;
}

/** Uniform below r, from the system's source. */
function randomScalar(): bigint {
  for (;;) {
    const bytes = randomBytes(FIELD_BYTES);
    bytes[0] &= 0x7f;
    const number = BigInt(`0x${bytes.toString('hex')}`);
    if (number < FIELD_MODULUS) return number;
  }
}
