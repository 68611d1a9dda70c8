import { type Address, beginCell, Cell } from '@ton/core';
import {
  type BuilderSignature,
  type Governance,
  storeAcceptGovernance,
  storeActivateImage,
  storeBuilderSignature,
  storeCancelGovernance,
  storeHastenEvaluation,
  storeProposeBuiltImage,
  storeProposeGovernance,
  storeProposeImage,
  storePruneImage,
  storeRaiseEvaluation,
  storeRevokeImage,
} from '../build/Suite/Suite_AttestationRegistry';
import { toInteger } from './cells';

export const OP_PROPOSE_IMAGE = 0x0c20;
export const OP_PROPOSE_BUILT_IMAGE = 0x0c21;
export const OP_ACTIVATE_IMAGE = 0x0c22;
export const OP_REVOKE_IMAGE = 0x0c23;
export const OP_PRUNE_IMAGE = 0x0c24;
export const OP_PROPOSE_GOVERNANCE = 0x0c25;
export const OP_ACCEPT_GOVERNANCE = 0x0c26;
export const OP_CANCEL_GOVERNANCE = 0x0c27;
export const OP_PROVIDER_ACTIVATED = 0x0c28;
export const OP_IMAGE_QUERY = 0x0c62;
export const OP_IMAGE_STATUS = 0x0c63;
export const OP_HASTEN_EVALUATION = 0x0c67;
export const OP_RAISE_EVALUATION = 0x0c68;

/** An image that builders signed (protocol/ buildHash); every key once, in any order. */
export interface BuiltImage {
  imageHash: Uint8Array;
  claims: number;
  /** Unix seconds, at most NOTICE_SECONDS from now. */
  validUntil: number;
  signatures: { builder: Uint8Array; signature: Uint8Array }[];
}

export const packProposeImage = (imageHash: Uint8Array, claims: number, queryId = 0n): Cell =>
  beginCell()
    .store(
      storeProposeImage({ $$type: 'ProposeImage', queryId, imageHash: toInteger(imageHash), claims: BigInt(claims) }),
    )
    .endCell();

/** The builders' signatures as the contract wants them: a chain in ascending order of keys. */
function signatureChain(signatures: BuiltImage['signatures']): Cell {
  const descending = [...signatures].sort((a, b) => Buffer.compare(Buffer.from(b.builder), Buffer.from(a.builder)));
  let next: Cell | null = null;
  for (const { builder, signature } of descending) {
    const entry: BuilderSignature = {
      $$type: 'BuilderSignature',
      builder: toInteger(builder),
      signature: Buffer.from(signature),
      next,
    };
    next = beginCell().store(storeBuilderSignature(entry)).endCell();
  }
  return next ?? new Cell();
}

export const packProposeBuiltImage = (image: BuiltImage, queryId = 0n): Cell =>
  beginCell()
    .store(
      storeProposeBuiltImage({
        $$type: 'ProposeBuiltImage',
        queryId,
        imageHash: toInteger(image.imageHash),
        claims: BigInt(image.claims),
        validUntil: BigInt(image.validUntil),
        signatures: signatureChain(image.signatures),
      }),
    )
    .endCell();

export const packActivateImage = (imageHash: Uint8Array, queryId = 0n): Cell =>
  beginCell()
    .store(storeActivateImage({ $$type: 'ActivateImage', queryId, imageHash: toInteger(imageHash) }))
    .endCell();

export const packRevokeImage = (imageHash: Uint8Array, queryId = 0n): Cell =>
  beginCell()
    .store(storeRevokeImage({ $$type: 'RevokeImage', queryId, imageHash: toInteger(imageHash) }))
    .endCell();

export const packPruneImage = (imageHash: Uint8Array, queryId = 0n): Cell =>
  beginCell()
    .store(storePruneImage({ $$type: 'PruneImage', queryId, imageHash: toInteger(imageHash) }))
    .endCell();

export const packProposeGovernance = (next: Governance, queryId = 0n): Cell =>
  beginCell().store(storeProposeGovernance({ $$type: 'ProposeGovernance', queryId, next })).endCell();

export const packAcceptGovernance = (queryId = 0n): Cell =>
  beginCell().store(storeAcceptGovernance({ $$type: 'AcceptGovernance', queryId })).endCell();

export const packCancelGovernance = (queryId = 0n): Cell =>
  beginCell().store(storeCancelGovernance({ $$type: 'CancelGovernance', queryId })).endCell();

/** Which evaluation number of which platforms' collateral, and from which Unix second on. */
export interface HastenedEvaluation {
  fmspc: bigint;
  isProcessorCa: boolean;
  isQeIdentity: boolean;
  number: number;
  effectiveFrom: number;
}

export const packHastenEvaluation = (evaluation: HastenedEvaluation, queryId = 0n): Cell =>
  beginCell()
    .store(storeHastenEvaluation({
      $$type: 'HastenEvaluation', queryId, fmspc: evaluation.fmspc, isProcessorCa: evaluation.isProcessorCa,
      isQeIdentity: evaluation.isQeIdentity, number: BigInt(evaluation.number), effectiveFrom: BigInt(evaluation.effectiveFrom),
    }))
    .endCell();

export const packRaiseEvaluation = (number: number, queryId = 0n): Cell =>
  beginCell().store(storeRaiseEvaluation({ $$type: 'RaiseEvaluation', queryId, number: BigInt(number) })).endCell();

/**
 * Reads a log message of the registry: a provider became active. null when it is something else, or about an owner
 * outside the basechain, for whom the SDK knows no stake.
 */
export function parseProviderActivated(body: Cell): { owner: Address; stake: Address } | null {
  const slice = body.beginParse();
  if (slice.remainingBits !== 32 + 2 * 267 || slice.loadUint(32) !== OP_PROVIDER_ACTIVATED) return null;
  const owner = slice.loadAddress();
  const stake = slice.loadAddress();
  return owner.workChain === 0 && stake.workChain === 0 ? { owner, stake } : null;
}
