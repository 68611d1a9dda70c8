/** What opens a job's commitment: whoever is given this file can prove, and knows the input. */
import { existsSync } from 'node:fs';
import { Address } from '@ton/core';
import { z } from 'zod';
import { inputCommitment, type CircuitModel } from '../../circuits';
import { writePrivateFile } from '../../worker/dataFolder';
import type { ZkJobTerms } from '../../wrappers/zk';
import { UsageError, VerificationError } from '../errors';
import { readJson } from './files';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  format: z.literal('open-cocoon-opening-1'),
  networkId: z.int(),
  /** Raw addresses. */
  job: z.string(),
  client: z.string(),
  verifier: z.string(),
  modelHash: hash,
  /** Unix seconds, as all times here. */
  createdAt: z.int().nonnegative(),
  deadline: z.int().nonnegative(),
  /** nanoTON, decimal. */
  price: z.string().regex(/^\d{1,20}$/),
  isExclusive: z.boolean(),
  values: z.array(z.int()),
  /** Hex. */
  salt: hash,
});
export type Opening = z.infer<typeof schema>;

/** @throws StorageError; UsageError `usage.opening-exists`: without its opening nobody can prove another job */
export function writeOpening(path: string, opening: Opening): void {
  if (existsSync(path)) throw new UsageError('usage.opening-exists', 'a file of that name is there already', { received: path, hint: 'it may be the only opening of another job: give another name' });
  writePrivateFile(path, `${JSON.stringify(opening)}\n`);
}

/** @throws StorageError; UsageError `usage.opening` */
export const readOpening = (path: string): Opening =>
  readJson(path, schema, (cause) => new UsageError('usage.opening', 'this file opens no job', { expected: 'what cocoon zk job wrote', received: path, cause }));

export const saltOf = ({ salt }: Opening): bigint => BigInt(`0x${salt}`);

/** The terms of the opened job, its commitment computed again. @throws CircuitInputError */
export const termsOf = (opening: Opening, model: CircuitModel): ZkJobTerms => ({
  networkId: opening.networkId, deadline: opening.deadline, price: BigInt(opening.price), isExclusive: opening.isExclusive,
  client: Address.parse(opening.client), verifier: Address.parse(opening.verifier), commit: inputCommitment(model, opening.values, saltOf(opening)),
});

/** @throws VerificationError `verification.zk.opening` unless the file is about this circuit */
export function requireModel(opening: Opening, modelHash: string): void {
  if (opening.modelHash === modelHash) return;
  throw new VerificationError('verification.zk.opening', 'the job is about another circuit', { expected: opening.modelHash, received: modelHash, hint: 'give its model: --circuit FILE' });
}
