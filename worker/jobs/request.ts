import { checkJob, type Job } from '../../exact';
import {
  buildTerms,
  chainCells,
  DeclineReason,
  decodePayload,
  equalBytes,
  isExact,
  openRequest,
  OUTPUT_INLINE_BYTES,
  PADDING_BLOCK,
  requestCommitment,
  RESPONSE_HEADER_BYTES,
  samplingSeed,
  TermsFlag,
  termsHash,
  Tier,
  type TierValue,
  Visibility,
  type RequestPayload,
  type Terms,
} from '../../protocol';
import { MAX_OUTPUT_CELLS, type JobEscrowTerms } from '../../wrappers';
import type { ServedModel } from '../engine';
import type { WorkerKeys } from '../keys/workerKeys';

export interface RequestToOpen {
  /** Request bytes of the create message. */
  envelope: Uint8Array;
  /** Basechain hash of the escrow, 32 bytes. */
  escrow: Uint8Array;
  terms: JobEscrowTerms;
  /** Whether it is a CheckedJobEscrow, which asks the stake and can have coverage. */
  isChecked: boolean;
  /** Hash part of the stake that terms must name, 32 bytes. */
  stake: Uint8Array;
  keys: WorkerKeys;
  model: ServedModel;
  /** Tier of the worker key: it answers jobs of this one and of no other (attacks 9). */
  tier: TierValue;
  /** Most tokens of an answer that this worker takes. */
  maxTokens: number;
}

/** A request that was opened and whose every claim was checked against the escrow. */
export interface OpenedRequest {
  payload: RequestPayload;
  /** Rebuilt from the request and the escrow; their hash is the one that the address pins. */
  terms: Terms;
  /** What the engine is asked, seed included. */
  generation: Job;
}

export type OpenResult = { kind: 'opened'; request: OpenedRequest } | { kind: 'decline'; reason: number };

/**
 * Opens a request and checks it: it was sealed for this very escrow and terms, the rebuilt terms have the hash that the
 * address pins (so client, stake, key, price and request commitment are right), and this worker can serve them.
 */
export async function openJobRequest(input: RequestToOpen): Promise<OpenResult> {
  const { terms, model } = input;
  const decline = (reason: number): OpenResult => ({ kind: 'decline', reason });
  let payload: RequestPayload;
  let sealed: boolean;
  try {
    const opened = await openRequest(input.envelope, input.keys.sealingSecret, {
      networkId: terms.networkId,
      escrow: input.escrow,
      seq: 0,
      termsHash: terms.termsHash,
    });
    sealed = opened.sealed;
    payload = decodePayload(opened.payload);
  } catch {
    return decline(DeclineReason.unreadableRequest);
  }
  const rebuilt = buildTerms(payload, {
    networkId: terms.networkId,
    client: new Uint8Array(terms.client.hash),
    stake: input.stake,
    workerKey: terms.workerKey,
    price: terms.price,
  });
  if (!equalBytes(termsHash(rebuilt), terms.termsHash) || rebuilt.expiresAt !== terms.deadline) {
    return decline(DeclineReason.termsMismatch);
  }
  if (!equalBytes(rebuilt.modelRoot, model.model.modelRoot)) return decline(DeclineReason.unknownModel);
  if (!isSupported(payload, sealed, input)) return decline(DeclineReason.unsupportedTerms);
  const generation = generationOf(payload, input.escrow, 0, rebuilt.requestCommit);
  if (generation.maxTokens > input.maxTokens) return decline(DeclineReason.tooLong);
  try {
    checkJob(model.model.config, generation);
  } catch (error) {
    const sampling = String((error as { code?: unknown }).code).startsWith('input.sampling');
    return decline(sampling ? DeclineReason.unsupportedTerms : DeclineReason.tooLong);
  }
  if ((model.cannotDo?.(generation) ?? null) !== null) return decline(DeclineReason.unsupportedTerms);
  const cells = outputCellsFor(generation.maxTokens, sealed);
  // An escrow may promise more cells than deliver can check within its gas.
  if (cells > Math.min(terms.outputCells, MAX_OUTPUT_CELLS)) return decline(DeclineReason.outputTooLarge);
  return { kind: 'opened', request: { payload, terms: rebuilt, generation } };
}

/** The key's own tier, the model's semantics, a fixed price and no field that needs what this version lacks. */
function isSupported(payload: RequestPayload, sealed: boolean, { isChecked, tier, model }: RequestToOpen): boolean {
  const { asked, request, responseKey, commitSalt } = payload;
  const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
  const isPublic = asked.visibility === Visibility.public;
  return (
    asked.tier === tier &&
    asked.semantics === model.model.config.semantics &&
    // A stake stands for exact answers alone (contracts/staking/keys.tact).
    (isExact(asked.semantics) || (tier === Tier.attested && !isChecked)) &&
    (asked.flags & ~TermsFlag.reproducibleSeed) === (isChecked ? TermsFlag.checkKey : 0) &&
    asked.promptPrice === 0n &&
    asked.outputPrice === 0n &&
    (isChecked || asked.coverage === 0n) &&
    (tier === Tier.attested || isZero(asked.imageHash)) &&
    isZero(request.toolsHash) &&
    sealed === !isPublic &&
    isZero(responseKey) === isPublic &&
    isZero(commitSalt) === isPublic
  );
}

/** The engine's job that a payload asks for; client and worker both derive it, so that a re-run has the same seed. A job has seq 0. */
export function generationOf(payload: RequestPayload, escrow: Uint8Array, seq = 0, requestCommit = requestCommitment(payload)): Job {
  const { asked, request } = payload;
  const reproducible = (asked.flags & TermsFlag.reproducibleSeed) !== 0;
  const seed = samplingSeed(requestCommit, reproducible ? undefined : { escrow, seq });
  return {
    promptTokens: [...request.promptTokens],
    maxTokens: asked.maxTokens,
    stopTokens: [...request.stopTokens],
    sampling: { ...request.sampling, seed },
  };
}

/** Poly1305 tag at the end of a sealed answer. */
const TAG_BYTES = 16;

/** Cells beyond the inline bytes that the longest answer of `maxTokens` tokens fills. */
export function outputCellsFor(maxTokens: number, sealed: boolean): number {
  const plain = RESPONSE_HEADER_BYTES + maxTokens * 4;
  const length = sealed ? Math.ceil((plain + TAG_BYTES) / PADDING_BLOCK) * PADDING_BLOCK : plain;
  return chainCells(length, OUTPUT_INLINE_BYTES);
}
