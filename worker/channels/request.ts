import { checkJob, type Job } from '../../exact';
import {
  buildChannelRequest, type ChannelRequest, decodePayload, equalBytes, RefusalReason, type RefusalReasonValue,
  isExact, type RequestOpener, type RequestPayload, TermsFlag, Tier, type TierValue, Visibility,
} from '../../protocol';
import type { PaymentChannelTerms } from '../../wrappers';
import type { ServedModel } from '../engine';
import { generationOf } from '../jobs/request';

/** What a worker takes over channels. */
export interface ServingTerms {
  workerKey: Uint8Array;
  tier: TierValue;
  /** Least nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  maxTokens: number;
  /** Most seconds from now to a request's expiresAt. */
  maxSeconds: number;
}

/** A request that was opened, and all of whose claims hold. */
export interface OpenedChannelRequest {
  request: ChannelRequest;
  /** What the engine is asked, seed included. */
  job: Job;
}

export type ChannelRequestResult = { kind: 'opened'; opened: OpenedChannelRequest } | { kind: 'refused'; reason: RefusalReasonValue };

/** Where a request came from. */
export interface RequestPlace {
  channel: Uint8Array;
  terms: PaymentChannelTerms;
  seq: number;
  termsHash: Uint8Array;
}

/**
 * Opens a request and checks it: it was sealed in this session for these terms, the terms that follow from it and from the
 * channel have that hash (so client, stake, key, prices and commitment are right), and this worker serves them.
 */
export function openChannelRequest(
  sealed: Uint8Array,
  opener: RequestOpener,
  place: RequestPlace,
  serving: ServingTerms,
  model: ServedModel,
  now: number,
): ChannelRequestResult {
  const refused = (reason: RefusalReasonValue): ChannelRequestResult => ({ kind: 'refused', reason });
  const { unreadableRequest, unsupportedTerms, tooLong } = RefusalReason;
  let payload: RequestPayload;
  try {
    payload = decodePayload(opener.open(place.seq, sealed, place.termsHash));
  } catch {
    return refused(unreadableRequest);
  }
  const context = {
    networkId: place.terms.networkId,
    client: new Uint8Array(place.terms.client.hash),
    stake: new Uint8Array(place.terms.stake.hash),
    workerKey: serving.workerKey,
    price: 0n,
  };
  const request = buildChannelRequest(payload, context, place);
  if (!equalBytes(request.termsHash, place.termsHash)) return refused(unreadableRequest);
  if (!isServed(payload, serving, model, now)) return refused(unsupportedTerms);
  const job = generationOf(payload, place.channel, place.seq, request.terms.requestCommit);
  if (job.maxTokens > serving.maxTokens) return refused(tooLong);
  try {
    checkJob(model.model.config, job);
  } catch (error) {
    const isSampling = String((error as { code?: unknown }).code).startsWith('input.sampling');
    return refused(isSampling ? unsupportedTerms : tooLong);
  }
  if ((model.cannotDo?.(job) ?? null) !== null) return refused(unsupportedTerms);
  return { kind: 'opened', opened: { request, job } };
}

/** The key's own tier, this model and semantics, prices that are high enough, and no field that needs what this version lacks. */
function isServed({ asked, request, responseKey, commitSalt }: RequestPayload, serving: ServingTerms, model: ServedModel, now: number): boolean {
  const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
  return (
    asked.tier === serving.tier &&
    asked.visibility === Visibility.sealed &&
    asked.semantics === model.model.config.semantics &&
    (isExact(asked.semantics) || serving.tier === Tier.attested) &&
    equalBytes(asked.modelRoot, model.model.modelRoot) &&
    (asked.flags & ~TermsFlag.reproducibleSeed) === 0 &&
    asked.promptPrice >= serving.promptPrice &&
    asked.outputPrice >= serving.outputPrice &&
    asked.coverage === 0n &&
    asked.expiresAt > now &&
    asked.expiresAt <= now + serving.maxSeconds &&
    (serving.tier === Tier.attested || isZero(asked.imageHash)) &&
    isZero(request.toolsHash) &&
    !isZero(responseKey) &&
    !isZero(commitSalt)
  );
}
