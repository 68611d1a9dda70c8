import { sha256Of } from './sha256';
import { ByteReader, ByteWriter } from './byteCodec';
import { fitsUint } from './bytes';
import { commit, GREEDY_SAMPLING, type InferenceRequest, requestRoot } from './commitments';
import type { Terms } from './terms';
import { ProtocolError } from './protocolError';

/** What the request says of the terms; the rest the worker knows from the escrow and from itself. */
export interface AskedTerms {
  tier: number;
  visibility: number;
  flags: number;
  semantics: number;
  /** 16 bytes, never reused. */
  salt: Uint8Array;
  modelRoot: Uint8Array;
  maxTokens: number;
  expiresAt: number;
  promptPrice: bigint;
  outputPrice: bigint;
  coverage: bigint;
  /** 32 bytes, zero when no image is pinned. */
  imageHash: Uint8Array;
}

/** Everything that a client tells a worker; sealed unless the job is public. */
export interface RequestPayload {
  asked: AskedTerms;
  request: InferenceRequest;
  /** 32 bytes; the answer comes back under this key. Zero for a public job. */
  responseKey: Uint8Array;
  /** 32 bytes; hides the commitments. Zero for a public job. */
  commitSalt: Uint8Array;
}

/** What both sides know without being told: from the escrow's address and from whom they talk to. */
export interface JobContext {
  networkId: number;
  client: Uint8Array;
  stake: Uint8Array;
  workerKey: Uint8Array;
  /** nanoTON, the escrow's price. */
  price: bigint;
}

const VERSION = 1;
const Present = { prices: 1, coverage: 2, imageHash: 4, toolsHash: 8, sampling: 16 } as const;
function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}


/** Compact bytes of a payload, docs/protocol.md; a plain greedy request takes 135 bytes and its tokens. */
export function encodePayload(payload: RequestPayload): Uint8Array {
  const { asked, request } = payload;
  const { sampling } = request;
  const seeded = sampling.t !== 0 || sampling.topK !== 0 || sampling.topP16 !== 0 || sampling.minPX !== 0;
  const present =
    (asked.promptPrice !== 0n || asked.outputPrice !== 0n ? Present.prices : 0) |
    (asked.coverage !== 0n ? Present.coverage : 0) |
    (isZero(asked.imageHash) ? 0 : Present.imageHash) |
    (isZero(request.toolsHash) ? 0 : Present.toolsHash) |
    (seeded ? Present.sampling : 0);
  const writer = new ByteWriter()
    .uint('version', VERSION, 1)
    .uint('tier', tierByte(asked), 1)
    .uint('semantics', asked.semantics, 2)
    .fixed('salt', asked.salt, 16)
    .fixed('modelRoot', asked.modelRoot, 32)
    .uint('maxTokens', asked.maxTokens, 4)
    .uint('expiresAt', asked.expiresAt, 4)
    .uint('present', present, 1);
  if (present & Present.prices)
    writer.uint('promptPrice', asked.promptPrice, 8).uint('outputPrice', asked.outputPrice, 8);
  if (present & Present.coverage) writer.uint('coverage', asked.coverage, 8);
  if (present & Present.imageHash) writer.fixed('imageHash', asked.imageHash, 32);
  if (present & Present.toolsHash) writer.fixed('toolsHash', request.toolsHash, 32);
  writer
    .fixed('responseKey', payload.responseKey, 32)
    .fixed('commitSalt', payload.commitSalt, 32)
    .uint('nonce', request.nonce, 8);
  if (seeded) {
    writer
      .uint('t', sampling.t, 4)
      .uint('topK', sampling.topK, 2)
      .uint('topP16', sampling.topP16, 2)
      .uint('minPX', sampling.minPX, 2);
  }
  writer.uint('stopCount', request.stopTokens.length, 1);
  checkAscending(request.stopTokens);
  for (const token of request.stopTokens) writer.varint('stopToken', token);
  writer.varint('promptLength', request.promptTokens.length);
  for (const token of request.promptTokens) writer.varint('promptToken', token);
  return writer.bytes();
}

/** tier:uint3 visibility:uint1 flags:uint4, as in the terms. */
function tierByte({ tier, visibility, flags }: AskedTerms): number {
  if (!fitsUint(tier, 3) || !fitsUint(visibility, 1) || !fitsUint(flags, 4)) {
    throw new ProtocolError('OUT_OF_RANGE', 'Tier, visibility or flags do not fit their fields', {
      expected: '0..7, 0..1 and 0..15',
      received: `${tier}, ${visibility} and ${flags}`,
    });
  }
  return (tier << 5) | (visibility << 4) | flags;
}

function checkAscending(tokens: readonly number[]): void {
  if (tokens.some((token, index) => index > 0 && token <= tokens[index - 1])) {
    throw new ProtocolError('STOP_SET', 'The stop tokens are not in canonical order', {
      expected: 'ascending, no token twice',
    });
  }
}

/** Reads a payload with zero padding behind it; refuses every other form. @throws ProtocolError */
export function decodePayload(bytes: Uint8Array): RequestPayload {
  const reader = new ByteReader('request payload', bytes);
  const version = reader.number(1);
  if (version !== VERSION) {
    throw new ProtocolError('UNKNOWN_VERSION', 'The request has an unknown version', {
      expected: '1',
      received: String(version),
    });
  }
  const head = reader.number(1);
  const asked: AskedTerms = {
    tier: head >> 5,
    visibility: (head >> 4) & 1,
    flags: head & 15,
    semantics: reader.number(2),
    salt: reader.fixed(16),
    modelRoot: reader.fixed(32),
    maxTokens: reader.number(4),
    expiresAt: reader.number(4),
    promptPrice: 0n,
    outputPrice: 0n,
    coverage: 0n,
    imageHash: new Uint8Array(32),
  };
  const present = reader.number(1);
  if (present > 31) throw reader.malformed('known presence bits');
  if (present & Present.prices) {
    asked.promptPrice = reader.uint(8);
    asked.outputPrice = reader.uint(8);
    if (asked.promptPrice === 0n && asked.outputPrice === 0n) throw reader.malformed('no absent field marked present');
  }
  if (present & Present.coverage && (asked.coverage = reader.uint(8)) === 0n)
    throw reader.malformed('coverage above 0');
  if (present & Present.imageHash && isZero((asked.imageHash = reader.fixed(32))))
    throw reader.malformed('an image hash');
  let toolsHash: Uint8Array = new Uint8Array(32);
  if (present & Present.toolsHash && isZero((toolsHash = reader.fixed(32)))) throw reader.malformed('a tools hash');
  const responseKey = reader.fixed(32);
  const commitSalt = reader.fixed(32);
  const nonce = reader.uint(8);
  let sampling = GREEDY_SAMPLING;
  if (present & Present.sampling) {
    sampling = { t: reader.number(4), topK: reader.number(2), topP16: reader.number(2), minPX: reader.number(2) };
    if (Object.values(sampling).every((value) => value === 0)) throw reader.malformed('sampling parameters');
  }
  const stopTokens = Array.from({ length: reader.number(1) }, () => reader.varint());
  checkAscending(stopTokens);
  const promptTokens = reader.varints(reader.varint());
  reader.zeroPadding();
  return { asked, request: { promptTokens, sampling, stopTokens, nonce, toolsHash }, responseKey, commitSalt };
}

/** The commitment to the request that the terms hold. */
export function requestCommitment(payload: RequestPayload): Uint8Array {
  return commit('request', payload.commitSalt, requestRoot(payload.request));
}

/**
 * The whole terms, from what was asked and what both sides know. A worker compares their hash with the one that the
 * escrow's address pins: a request copied from another job never fits (attacks 2, 3, 7, 14).
 */
export function buildTerms(payload: RequestPayload, context: JobContext): Terms {
  return {
    ...payload.asked,
    networkId: context.networkId,
    client: context.client,
    stake: context.stake,
    workerKey: context.workerKey,
    requestCommit: requestCommitment(payload),
    responseKeyHash: sha256Of(payload.responseKey),
    fixedPrice: context.price,
  };
}
