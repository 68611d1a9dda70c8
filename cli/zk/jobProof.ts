/** The proof for a job, made in a process of its own and checked before it goes anywhere. */
import type { Address } from '@ton/core';
import { createCircuit, infer, witnessOf, writeWtns } from '../../circuits';
import { proveInChild } from '../../circuits/groth16';
import { contextWord } from '../../protocol/zk/context';
import { verifyProof } from '../../protocol/zk/proof';
import type { Groth16Proof } from '../../protocol/zk/types';
import { ZkJobEscrow } from '../../wrappers/zk';
import { VerificationError } from '../errors';
import type { KnownCircuit } from './circuitFiles';
import { type Opening, requireModel, saltOf, termsOf } from './opening';

export interface ProofQuestion {
  opening: Opening;
  /** File of the proving key. */
  zkey: string;
  /** Who is paid: the proof is about it, so a copy pays nobody else. */
  payee: Address;
}

export interface JobProof {
  job: Address;
  proof: Groth16Proof;
  /** All public inputs but the context word: commitment and verdict. */
  inputs: bigint[];
  verdict: number;
  proveMillis: number;
  peakRssMb: number;
}

/** The job that a file opens. @throws VerificationError `verification.zk.opening`; CircuitInputError */
export async function jobOf({ model, modelHash, verifier }: KnownCircuit, opening: Opening): Promise<Address> {
  requireModel(opening, modelHash);
  const terms = termsOf(opening, model);
  const { address } = await ZkJobEscrow.fromTerms(terms);
  if (address.toRawString() === opening.job && verifier.address.equals(terms.verifier)) return address;
  throw new VerificationError('verification.zk.opening', 'the file does not open this job', { expected: address.toRawString(), received: opening.job });
}

/** @throws VerificationError `verification.zk.opening`, `verification.zk.proof`; CircuitInputError; ProverError; ProvingKeyError */
export async function proveJob(circuit: KnownCircuit, { opening, zkey, payee }: ProofQuestion): Promise<JobProof> {
  const { model, identity, verifier } = circuit;
  const job = await jobOf(circuit, opening);
  const started = performance.now();
  const context = contextWord({ networkId: opening.networkId, verifier: verifier.address.hash, escrow: job.hash, payee: payee.hash });
  const { wires, commit, verdict } = witnessOf(createCircuit(model), { values: opening.values, salt: saltOf(opening), context });
  const { proof, peakRssMb } = await proveInChild(zkey, writeWtns(wires));
  const inputs = [commit, BigInt(verdict)];
  // Whatever proved: what would not be paid is not given to anybody.
  if (verdict !== infer(model, opening.values).verdict || !verifyProof(identity.key, proof, [...inputs, context])) {
    throw new VerificationError('verification.zk.proof', 'the proof does not hold under the key of the verifier', { expected: 'the proving key of this verifier', received: zkey });
  }
  return { job, proof, inputs, verdict, proveMillis: Math.round(performance.now() - started), peakRssMb };
}
