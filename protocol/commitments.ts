import { sha256Of } from './sha256';
import { ByteWriter } from './byteCodec';
import { asciiBytes, equalBytes, tokenBytes, uintBytes } from './bytes';
import { expectLength } from './cells';
import type { ResponsePlaintext } from './response';
import { encodeResponse } from './response';

/** Integer sampling parameters, docs/exact-arithmetic.md section 7; all zero is greedy. */
export interface SamplingTerms {
  /** uint32: round(2^16 log2(e) / temperature). */
  t: number;
  /** uint16. */
  topK: number;
  /** uint16, in 1/65536. */
  topP16: number;
  /** uint16. */
  minPX: number;
}

export const GREEDY_SAMPLING: SamplingTerms = { t: 0, topK: 0, topP16: 0, minPX: 0 };

/** What is asked, exactly; the client commits to it in the terms. */
export interface InferenceRequest {
  /** Token ids as the client made them. */
  promptTokens: readonly number[];
  sampling: SamplingTerms;
  /** Ascending, no token twice. */
  stopTokens: readonly number[];
  /** uint64, chosen at random. */
  nonce: bigint;
  /** 32 bytes; zero without tools. */
  toolsHash: Uint8Array;
}

/** Tokens in one leaf of a commitment: 1,024 bytes. */
export const ROW_TOKENS = 256;
const ROW_BYTES = ROW_TOKENS * 4;
const ZERO_HASH = new Uint8Array(32);
const REQUEST_MAGIC = asciiBytes('OCQ1');
const COMMITMENT_MAGIC = asciiBytes('OCC1');
const SEED_MAGIC = asciiBytes('OCS1');

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const leafHash = (bytes: Uint8Array): Uint8Array => sha256Of(LEAF, bytes);
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256Of(NODE, left, right);

/**
 * SHA-256 tree over leaves in order: leaf = H(00 || bytes), node = H(01 || left || right), an odd node is paired with 32
 * zero bytes. The header leaf says how many leaves there are.
 */
export function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves.map(leafHash);
  while (level.length > 1) level = levelAbove(level);
  return level[0];
}

function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let index = 0; index < level.length; index += 2) above.push(nodeHash(level[index], level[index + 1] ?? ZERO_HASH));
  return above;
}

/** Siblings on the way from a leaf of such a tree to its root, bottom up. */
export function treeSiblings(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  const siblings: Uint8Array[] = [];
  let level = leaves.map(leafHash);
  for (let at = index; level.length > 1; at >>= 1) {
    siblings.push(level[at ^ 1] ?? ZERO_HASH);
    level = levelAbove(level);
  }
  return siblings;
}

/** Bytes in leaves of 1,024, the last one zero padded. */
function rows(bytes: Uint8Array): Uint8Array[] {
  const padded = new Uint8Array(Math.ceil(bytes.length / ROW_BYTES) * ROW_BYTES);
  padded.set(bytes);
  const leaves: Uint8Array[] = [];
  for (let start = 0; start < padded.length; start += ROW_BYTES) leaves.push(padded.subarray(start, start + ROW_BYTES));
  return leaves;
}

/** The header of a request, docs/protocol.md: first leaf of its tree. */
function requestHeader(request: InferenceRequest): Uint8Array {
  expectLength('toolsHash', request.toolsHash, 32);
  const { sampling, stopTokens, promptTokens } = request;
  return new ByteWriter()
    .rest(REQUEST_MAGIC)
    .uint('kind', 0, 1) // tokens
    .uint('promptLength', promptTokens.length, 4)
    .uint('t', sampling.t, 4)
    .uint('topK', sampling.topK, 2)
    .uint('topP16', sampling.topP16, 2)
    .uint('minPX', sampling.minPX, 2)
    .uint('stopCount', stopTokens.length, 1)
    .rest(tokenBytes(stopTokens))
    .uint('nonce', request.nonce, 8)
    .rest(request.toolsHash)
    .bytes();
}

/** Leaves of the tree over a request: the header, then the prompt's tokens in rows. */
export const requestLeaves = (request: InferenceRequest): Uint8Array[] => [requestHeader(request), ...rows(tokenBytes(request.promptTokens))];

/** Root over the request. */
export const requestRoot = (request: InferenceRequest): Uint8Array => treeRoot(requestLeaves(request));

/** Leaves of the tree over an answer's plaintext: its header block of 64 bytes, then its tokens in rows. */
export function responseLeaves(response: ResponsePlaintext): Uint8Array[] {
  const plain = encodeResponse(response);
  return [plain.subarray(0, 64), ...rows(plain.subarray(64))];
}

/** Root over the answer's plaintext. */
export const responseRoot = (response: ResponsePlaintext): Uint8Array => treeRoot(responseLeaves(response));

export type CommitmentLabel = 'request' | 'response' | 'trace';
const LABELS: Record<CommitmentLabel, Uint8Array> = { request: asciiBytes('request'), response: asciiBytes('response'), trace: asciiBytes('trace') };

/**
 * Hiding commitment (attacks 6): SHA-256("OCC1" || SHA-256(salt32 || label) || root). Opening one reveals only its own
 * label's salt. The client chooses the salt inside the sealed request; a public job has 32 zero bytes.
 */
export function commit(label: CommitmentLabel, salt: Uint8Array, root: Uint8Array): Uint8Array {
  expectLength('commitSalt', salt, 32);
  expectLength('root', root, 32);
  return sha256Of(COMMITMENT_MAGIC, labelSalt(label, salt), root);
}

/** What opens the commitments of one label alone. */
export const labelSalt = (label: CommitmentLabel, salt: Uint8Array): Uint8Array => sha256Of(salt, LABELS[label]);

export function opens(commitment: Uint8Array, label: CommitmentLabel, salt: Uint8Array, root: Uint8Array): boolean {
  return equalBytes(commitment, commit(label, salt, root));
}

/**
 * Seed of sampling (attacks 10): SHA-256("OCS1" || escrow || seq || requestCommit); a reproducible one leaves out escrow
 * and seq.
 */
export function samplingSeed(requestCommit: Uint8Array, place?: { escrow: Uint8Array; seq: number }): Uint8Array {
  const where = place ? [place.escrow, uintBytes(place.seq, 4)] : [];
  return sha256Of(SEED_MAGIC, ...where, requestCommit);
}
