import { createHash } from 'node:crypto';
import { buildChannelRequest, type ChannelRequest, type RequestPayload, SEMANTICS, type TierValue, TermsFlag, Visibility } from '../../protocol';
import type { ModelCard, TokenRequest } from '../backend';
import { freshBytes } from '../freshBytes';
import type { LinkParties } from './link';

/** A channel that is open, the worker behind it, and what it asks for. */
export interface BoughtChannel extends LinkParties {
  /** Basechain hashes. */
  client: Uint8Array;
  stake: Uint8Array;
  tier: TierValue;
  /** 32 zero bytes unless an image is pinned. */
  imageHash: Uint8Array;
  /** nanoTON per million tokens. */
  promptPrice: bigint;
  outputPrice: bigint;
  /** Most nanoTON, cumulative, that this client signs for; the deposit, or less. */
  budget: bigint;
}

/** Seconds for which a request may be answered. */
const REQUEST_SECONDS = 600;

export const semanticsOf = ({ semantics = SEMANTICS }: ModelCard): number => semantics;

/**
 * What the client commits to. Response key and salt follow from the seed that the gateway drew or was given, so that
 * the same seed asks for the same answer; the terms' own salt never repeats.
 * @param now Unix seconds
 */
export function payloadOf(asked: TokenRequest, bought: BoughtChannel, card: ModelCard, now: number): RequestPayload {
  const { seed, ...sampling } = asked.sampling;
  const derived = (label: string): Uint8Array => new Uint8Array(createHash('sha256').update(`open cocoon ${label}`).update(seed).digest());
  return {
    asked: {
      tier: bought.tier, visibility: Visibility.sealed, flags: TermsFlag.reproducibleSeed, semantics: semanticsOf(card), salt: freshBytes(16),
      modelRoot: card.modelRoot, maxTokens: asked.maxTokens, expiresAt: now + REQUEST_SECONDS, promptPrice: bought.promptPrice,
      outputPrice: bought.outputPrice, coverage: 0n, imageHash: bought.imageHash,
    },
    request: {
      promptTokens: asked.promptTokens, sampling, stopTokens: [...new Set(asked.stopTokens)].sort((a, b) => a - b),
      nonce: Buffer.from(derived('nonce')).readBigUInt64BE(), toolsHash: new Uint8Array(32),
    },
    // A key seals one answer: fresh for every request.
    responseKey: freshBytes(32),
    commitSalt: derived('commit salt'),
  };
}

/** The request under a number, with its terms. */
export function orderOf(payload: RequestPayload, { networkId, client, stake, workerKey, channel }: BoughtChannel, seq: number): ChannelRequest {
  return buildChannelRequest(payload, { networkId, client, stake, workerKey, price: 0n }, { channel, seq });
}
