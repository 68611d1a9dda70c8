/** From a model to the files of its circuit, and what is written down about it. */
import { toHex } from '../protocol/bytes';
import { sha256 } from '../protocol/sha256';
import { PUBLIC_SIGNALS, constraintsOf, createCircuit, type Circuit } from './circuit';
import { weightCommitment } from './commitment';
import { CircuitError } from './errors';
import { modelHash, sizeOf, type CircuitModel, type Requantise } from './model';
import type { R1cs } from './r1cs';
import { writeR1cs } from './r1csFile';
import { infer } from './reference';
import { WasmBackend } from './wasm/backend';
import type { RequantiseWidth, WeightMode } from './widths';
import { checkWitness, witnessOf } from './witness';

export interface CircuitRecord {
  format: 'cocoon-circuit-1';
  name: string;
  /** SHA-256, in hex, of the canonical model and of the .r1cs file. */
  modelHash: string;
  r1csHash: string;
  weights: WeightMode;
  /** Of committed weights, with salt 0, in hex; a circuit of them is that of every model of the same shape and ranges. */
  weightCommitment: string | null;
  publicSignals: ['commit', 'verdict', 'context'];
  constraints: number;
  wires: number;
  /** Rows that a proof takes: constraints, one for each public signal and one, up to a power of two. */
  domain: number;
  input: { values: number; minimum: number; bits: number };
  verdict: CircuitModel['verdict'];
  layers: LayerRecord[];
  /** Bits that each gap to the largest output is opened to. */
  argmaxBits: number[];
}

interface LayerRecord {
  kind: 'dense' | 'conv2d';
  outputs: number;
  requantise: Requantise | null;
  /** Between these lies every sum of the layer, whatever the input. */
  lowest: number;
  highest: number;
  /** Bits that the sum of each output is opened to; 0 where it is never above 0. */
  openedBits: number[];
}

export interface BuiltCircuit { circuit: Circuit; r1cs: R1cs; r1csFile: Uint8Array; record: CircuitRecord }

/** @throws CircuitModelError `model.zk.width` */
export function buildCircuit(model: CircuitModel, mode: WeightMode = 'constant'): BuiltCircuit {
  const circuit = createCircuit(model, mode);
  const r1cs = constraintsOf(circuit);
  const r1csFile = writeR1cs(r1cs);
  const { minimum, bits } = model.input;
  const record: CircuitRecord = {
    format: 'cocoon-circuit-1', name: model.name, modelHash: toHex(modelHash(model)), r1csHash: toHex(sha256(r1csFile)),
    weights: mode, weightCommitment: mode === 'constant' ? null : weightCommitment(model).toString(16).padStart(64, '0'),
    publicSignals: ['commit', 'verdict', 'context'],
    constraints: r1cs.constraints.length, wires: r1cs.wires, domain: domainOf(r1cs),
    input: { values: sizeOf(model.input), minimum, bits },
    verdict: model.verdict, layers: circuit.widths.layers.map(({ sums, requantise }, i) => ({
      kind: model.layers[i].kind, outputs: sums.length, requantise: model.layers[i].requantise ?? null,
      lowest: Math.min(...sums.map(({ low }) => low)), highest: Math.max(...sums.map(({ high }) => high)),
      openedBits: requantise.map(openedBits),
    })),
    argmaxBits: circuit.widths.argmax,
  };
  return { circuit, r1cs, r1csFile, record };
}

/** Groth16's domain, as snarkjs makes it. */
export const domainOf = ({ constraints }: R1cs): number => 2 ** Math.ceil(Math.log2(constraints.length + PUBLIC_SIGNALS + 1));

const openedBits = ({ dead, magnitude, signed }: RequantiseWidth): number => (dead ? 0 : magnitude + (signed ? 1 : 0));

const CHECKED_INPUTS = 16;

/**
 * Compares circuit, reference and wasm on the least, the largest and scattered inputs, and evaluates every constraint for each.
 * @returns how many inputs were compared
 * @throws CircuitError `circuit.witness`, `circuit.agreement`: a defect of this program
 */
export function selfCheck({ circuit, r1cs }: BuiltCircuit): number {
  const { model } = circuit;
  const { minimum, bits } = model.input;
  const wasm = new WasmBackend(model);
  for (let n = 0; n < CHECKED_INPUTS; n++) {
    const values = Array.from({ length: sizeOf(model.input) }, (_, i) => {
      const scattered = Math.imul(n * 65537 + i + 1, 0x9e3779b1) >>> 8;
      return minimum + (n === 0 ? 0 : n === 1 ? 2 ** bits - 1 : scattered % 2 ** bits);
    });
    const { wires, verdict } = witnessOf(circuit, { values, salt: BigInt(n), context: BigInt(n) });
    checkWitness(r1cs, wires);
    const verdicts = [verdict, infer(model, values).verdict, wasm.infer(values).verdict];
    if (new Set(verdicts).size > 1) {
      throw new CircuitError('circuit.agreement', 'circuit, reference and wasm do not agree', { expected: 'one verdict', received: verdicts.join(', ') });
    }
  }
  return CHECKED_INPUTS;
}
