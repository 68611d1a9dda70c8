import { CellReader, CellWriter, type PlainCell } from './cells';
import { TAG_TERMS } from './constants';

/**
 * What client and worker agree on, docs/protocol.md. Addresses are basechain hashes. Prices are nanoTON per 1,000,000
 * tokens, `fixedPrice` and `coverage` nanoTON per job.
 */
export interface Terms {
  networkId: number;
  /** uint3, Tier. */
  tier: number;
  /** uint1, Visibility. */
  visibility: number;
  /** uint4, TermsFlag. */
  flags: number;
  /** uint16, SEMANTICS or CARD_SEMANTICS. */
  semantics: number;
  client: Uint8Array;
  stake: Uint8Array;
  workerKey: Uint8Array;
  /** 16 bytes, never reused: another request is another address. */
  salt: Uint8Array;
  modelRoot: Uint8Array;
  requestCommit: Uint8Array;
  responseKeyHash: Uint8Array;
  maxTokens: number;
  /** Unix seconds. */
  expiresAt: number;
  promptPrice: bigint;
  outputPrice: bigint;
  fixedPrice: bigint;
  coverage: bigint;
  /** 32 zero bytes when no image is pinned. */
  imageHash: Uint8Array;
}

function termsWriter(terms: Terms): CellWriter {
  const request = new CellWriter()
    .fixedBytes('modelRoot', terms.modelRoot, 32)
    .fixedBytes('requestCommit', terms.requestCommit, 32)
    .fixedBytes('responseKeyHash', terms.responseKeyHash, 32)
    .uint('maxTokens', terms.maxTokens, 32)
    .uint('expiresAt', terms.expiresAt, 32);
  const prices = new CellWriter()
    .coins('promptPrice', terms.promptPrice)
    .coins('outputPrice', terms.outputPrice)
    .coins('fixedPrice', terms.fixedPrice)
    .coins('coverage', terms.coverage)
    .fixedBytes('imageHash', terms.imageHash, 32);
  return new CellWriter()
    .uint('tag', TAG_TERMS, 32)
    .int32('networkId', terms.networkId)
    .uint('tier', terms.tier, 3)
    .uint('visibility', terms.visibility, 1)
    .uint('flags', terms.flags, 4)
    .uint('semantics', terms.semantics, 16)
    .fixedBytes('client', terms.client, 32)
    .fixedBytes('stake', terms.stake, 32)
    .fixedBytes('workerKey', terms.workerKey, 32)
    .fixedBytes('salt', terms.salt, 16)
    .ref(request)
    .ref(prices);
}

export const encodeTerms = (terms: Terms): PlainCell => termsWriter(terms).cell();

/** @throws ProtocolError WRONG_TAG, MALFORMED_CELL */
export function decodeTerms(cell: PlainCell): Terms {
  const root = new CellReader('Terms', cell);
  root.tag(TAG_TERMS);
  const head = {
    networkId: root.int32(),
    tier: root.number(3),
    visibility: root.number(1),
    flags: root.number(4),
    semantics: root.number(16),
    client: root.fixedBytes(32),
    stake: root.fixedBytes(32),
    workerKey: root.fixedBytes(32),
    salt: root.fixedBytes(16),
  };
  const request = root.ref('Terms request');
  const asked = {
    modelRoot: request.fixedBytes(32),
    requestCommit: request.fixedBytes(32),
    responseKeyHash: request.fixedBytes(32),
    maxTokens: request.number(32),
    expiresAt: request.number(32),
  };
  const prices = root.ref('Terms prices');
  const priced = {
    promptPrice: prices.coins(),
    outputPrice: prices.coins(),
    fixedPrice: prices.coins(),
    coverage: prices.coins(),
    imageHash: prices.fixedBytes(32),
  };
  for (const reader of [root, request, prices]) reader.end();
  return { ...head, ...asked, ...priced };
}

/** The hash that a job's address pins and every receipt repeats. 32 bytes. */
export const termsHash = (terms: Terms): Uint8Array => termsWriter(terms).hash();
