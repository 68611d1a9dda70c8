import { writeFileSync } from 'node:fs';
import type { Address } from '@ton/core';
import { toHex } from '../../protocol/bytes';
import { fileSystemError } from '../../worker/dataFolder';
import type { JobProof } from './prove';

/** Everything that `Groth16Verifier.sendProof` takes: points in hex, numbers in decimal. @throws StorageError */
export function writeProof(path: string, { job, proof: { a, b, c }, inputs }: JobProof, payee: Address): void {
  const file = { escrow: job.toRawString(), payee: payee.toRawString(), proof: { a: toHex(a), b: toHex(b), c: toHex(c) }, inputs: inputs.map(String) };
  try {
    writeFileSync(path, `${JSON.stringify(file)}\n`);
  } catch (cause) {
    throw fileSystemError(cause, path, 'the proof cannot be written');
  }
}
