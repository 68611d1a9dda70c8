import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Address } from '@ton/core';
import { keyClaimHash } from '../../protocol';
import type { NewWorkerKey } from '../../wrappers';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadWorkerKeys } from '../../worker/keys/workerKeys';
import { UsageError } from '../errors';
import { hex } from './account';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A worker key's word that it belongs to a stake (proof of possession, attacks 14). It is made where the worker's keys
 * are and carried to where the owner's key is, so that the two never meet. Nothing in it is secret.
 */
export const claimSchema = z.strictObject({
  networkId: z.number().int(),
  stake: z.string(),
  workerKey: hash,
  sealingKey: hash,
  endUnix: z.number().int().min(0).max(0xffff_ffff),
  /** Ed25519 over keyClaimHash. */
  proof: z.string().regex(/^[0-9a-f]{128}$/),
});
export type ClaimFile = z.infer<typeof claimSchema>;

/** Signs a claim with the worker keys of a data folder (creating them). */
export function makeClaim(
  workerFolder: string,
  passphrase: string | undefined,
  place: { networkId: number; stake: Address; endUnix: number },
): ClaimFile {
  const keys = loadWorkerKeys(workerFolder, passphrase);
  const claim = { ...place, stake: new Uint8Array(place.stake.hash), sealingKey: keys.sealingPublic };
  const proof = nodeEd25519.sign(keyClaimHash(claim), keys.signingSecret);
  return {
    networkId: place.networkId,
    stake: place.stake.toRawString(),
    workerKey: hex(keys.signingPublic),
    sealingKey: hex(keys.sealingPublic),
    endUnix: place.endUnix,
    proof: hex(proof),
  };
}

/** @throws UsageError `usage.claim` unless it is whole, for this stake, and signed by the key that it names */
export function readClaim(path: string, place: { networkId: number; stake: Address }): ClaimFile {
  let claim: ClaimFile;
  try {
    claim = claimSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new UsageError('usage.claim', 'cannot read a claim', {
      expected: 'the JSON that `cocoon provider keys claim --json` printed',
      received: path,
      cause,
    });
  }
  checkClaim(claim, place);
  return claim;
}

/** @throws UsageError `usage.claim` */
export function checkClaim(claim: ClaimFile, place: { networkId: number; stake: Address }): void {
  if (claim.networkId !== place.networkId || claim.stake !== place.stake.toRawString()) {
    throw new UsageError('usage.claim', 'the claim is for another stake', {
      expected: `network ${place.networkId}, stake ${place.stake.toRawString()}`,
      received: `network ${claim.networkId}, stake ${claim.stake}`,
      hint: 'make it with --stake of this owner: cocoon provider keys claim',
    });
  }
  const signed = keyClaimHash({
    networkId: claim.networkId,
    stake: new Uint8Array(place.stake.hash),
    sealingKey: Buffer.from(claim.sealingKey, 'hex'),
    endUnix: claim.endUnix,
  });
  const { workerKey, proof } = newKeyOf(claim);
  if (nodeEd25519.verify(signed, proof, workerKey)) return;
  throw new UsageError('usage.claim', 'the claim is not signed by the worker key that it names', {
    received: claim.workerKey,
  });
}

export const newKeyOf = (claim: ClaimFile): NewWorkerKey => ({
  workerKey: Buffer.from(claim.workerKey, 'hex'),
  sealingKey: Buffer.from(claim.sealingKey, 'hex'),
  endUnix: claim.endUnix,
  proof: Buffer.from(claim.proof, 'hex'),
});
