import { randomBytes } from 'node:crypto';
import { GREEDY, SEMANTICS, samplingFrom, type ExactModel } from '../../exact';
import { TermsFlag, Tier, type TierValue, Visibility, type RequestPayload } from '../../protocol';

/** What the client asks for. */
export interface Question {
  prompt: string;
  /** `seed` becomes the request's nonce; the sampling seed follows from it and from the job's address. */
  sampling: { temperature: number; topK?: number; topP?: number; seed: number };
  maxTokens: number;
  isPublic: boolean;
  /** What the worker key must be; bonded when unset. */
  tier?: TierValue;
  /** The stake is asked about the worker key before the job opens. */
  isChecked?: boolean;
  /** Stake that stands behind this answer alone, nanoTON; only of a checked job. */
  coverage?: bigint;
}

/** The plain request with fresh salts and keys. @param expiresAt Unix seconds @param imageHash that an attested key must have */
export function makePayload(
  options: Question,
  model: ExactModel,
  stopTokens: number[],
  expiresAt: number,
  imageHash: Uint8Array = new Uint8Array(32),
): RequestPayload {
  const { seed, temperature, ...filters } = options.sampling;
  const { t, topK, topP16, minPX } =
    temperature === 0 ? GREEDY : samplingFrom({ temperature, ...filters, seed: new Uint8Array(32) });
  const secret = (): Uint8Array => (options.isPublic ? new Uint8Array(32) : new Uint8Array(randomBytes(32)));
  return {
    asked: {
      tier: options.tier ?? Tier.bonded,
      visibility: options.isPublic ? Visibility.public : Visibility.sealed,
      // A public request with a seed gives the same answer again in any job; a sealed one is salted anyway.
      flags:
        (options.isPublic && temperature !== 0 ? TermsFlag.reproducibleSeed : 0) |
        (options.isChecked === true ? TermsFlag.checkKey : 0),
      semantics: SEMANTICS,
      salt: new Uint8Array(randomBytes(16)),
      modelRoot: model.modelRoot,
      maxTokens: options.maxTokens,
      expiresAt,
      promptPrice: 0n,
      outputPrice: 0n,
      coverage: options.coverage ?? 0n,
      imageHash,
    },
    request: {
      promptTokens: model.tokenizer.encodePrompt(options.prompt),
      sampling: { t, topK, topP16, minPX },
      stopTokens: [...stopTokens].sort((a, b) => a - b),
      nonce: temperature === 0 ? randomBytes(8).readBigUInt64BE() : BigInt(seed),
      toolsHash: new Uint8Array(32),
    },
    responseKey: secret(),
    commitSalt: secret(),
  };
}
