/**
 * Checks of what a prover shows (docs/exact-arithmetic.md sections 6, 10). Every depth and length comes from the
 * config, so no proof can say how long its own path is. A proof is worth as much as the root it ends in: take that
 * from a receipt, and the config from `provenConfig`, never from the proof alone.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK_DEPTH } from './constants';
import { ProofError } from './errors';
import { leafIndex, type LeafAddress } from './leafAddress';
import { describeShape, fits, leafShape, type JobShape } from './leafShape';
import { HASH_BYTES, node, treeRoot } from './merkle';
import { traceDepths } from './opTable';
import { leafHash, type Leaf } from './trace';

/** One leaf of a trace and its way up. */
export interface LeafProof {
  address: LeafAddress;
  /** null: a padding leaf */
  bytes: Leaf;
  /**
   * siblings of 32 bytes, bottom up: as many as the trace is deep. The first groupDepth + tokenDepth + 5 of them reach
   * blockRoot, all of them traceRoot.
   */
  path: Uint8Array[];
}

/** A node of the trace tree. */
export interface NodeAddress {
  /** levels below traceRoot; 0 is traceRoot itself */
  depth: number;
  /** from the left, 0 .. 2^depth - 1 */
  index: number;
}

/** A dispute descends five levels a round: 32 children. */
export const ROUND_LEVELS = 5;

/** Levels between a leaf and the root of its block. */
export function blockPathLength(config: ExactConfig): number {
  const { group, token } = traceDepths(config);
  return group + token + TRACE_BLOCK_DEPTH;
}

/**
 * Checks that a leaf is in a trace.
 * @param bytes null for a padding leaf
 * @param path siblings up to traceRoot
 * @param job closes what the op table leaves open, see `leafShape`
 * @throws ProofError `verification.proof.` `block`, `position`, `group`, `slot`, `leaf` (no such address), `bytes`
 * (length, or padding where a leaf belongs and the reverse), `root-length`, `path` (length), `root` (leads elsewhere)
 */
export function verifyLeaf(
  config: ExactConfig, traceRoot: Uint8Array, address: LeafAddress, bytes: Leaf, path: readonly Uint8Array[],
  job?: JobShape,
): void {
  const index = checkedIndex(config, address, bytes, job);
  climbTo(traceRoot, leafHash(bytes), index, path, traceDepths(config).total);
}

/**
 * The same up to the root of the leaf's block, whose number the caller knows from where it has the root. Errors as
 * `verifyLeaf`.
 * @param path siblings up to blockRoot
 */
export function verifyLeafInBlock(
  config: ExactConfig, blockRoot: Uint8Array, address: LeafAddress, bytes: Leaf, path: readonly Uint8Array[],
  job?: JobShape,
): void {
  const levels = blockPathLength(config);
  const index = checkedIndex(config, address, bytes, job) % 2 ** levels;
  climbTo(blockRoot, leafHash(bytes), index, path, levels);
}

function checkedIndex(config: ExactConfig, address: LeafAddress, bytes: Leaf, job?: JobShape): number {
  const index = leafIndex(config, address);
  const shape = leafShape(config, address, job);
  if (!fits(shape, bytes)) {
    throw new ProofError('verification.proof.bytes', 'the leaf cannot stand at its address', {
      expected: describeShape(shape),
      received: bytes === null ? 'a padding leaf' : `${bytes.length} bytes`,
    });
  }
  return index;
}

/**
 * Climbs from a leaf's hash to a root of known depth.
 * @throws ProofError `verification.proof.root-length`, `.path`, `.root`
 */
export function climbTo(
  root: Uint8Array, hash: Uint8Array, index: number, path: readonly Uint8Array[], depth: number,
): void {
  checkRootLength(root);
  const lengths = path.every((sibling) => sibling.length === HASH_BYTES);
  if (path.length !== depth || !lengths) {
    throw new ProofError('verification.proof.path', 'the path has a wrong length', {
      expected: `${depth} hashes of ${HASH_BYTES} bytes`,
      received: lengths ? `${path.length} hashes` : 'a hash of another length',
    });
  }
  const reached = path.reduce(
    (at, sibling, level) => (Math.floor(index / 2 ** level) % 2 === 1 ? node(sibling, at) : node(at, sibling)),
    hash,
  );
  demandRoot(root, reached);
}

function checkRootLength(root: Uint8Array): void {
  if (root.length === HASH_BYTES) return;
  throw new ProofError('verification.proof.root-length', 'the root has a wrong length', {
    expected: `${HASH_BYTES} bytes`,
    received: `${root.length} bytes`,
  });
}

function demandRoot(root: Uint8Array, reached: Uint8Array): void {
  if (Buffer.from(reached).equals(root)) return;
  throw new ProofError('verification.proof.root', 'the proof does not lead to the root', {
    expected: Buffer.from(root).toString('hex'),
    received: Buffer.from(reached).toString('hex'),
  });
}

/** Levels that one round opens below a node: 5, or what is left above the leaves. */
export function roundLevels(config: ExactConfig, depth: number): number {
  return Math.min(ROUND_LEVELS, traceDepths(config).total - depth);
}

/** @throws ProofError `<code>.depth`, `.index` for a node that has no children in this trace */
export function checkInnerNode(config: ExactConfig, { depth, index }: NodeAddress, code = 'verification.proof'): void {
  const demand = (field: string, value: number, limit: number) => {
    if (Number.isInteger(value) && value >= 0 && value < limit) return;
    throw new ProofError(`${code}.${field}`, `no inner node of the trace has this ${field}`, {
      expected: `0..${limit - 1}`,
      received: String(value),
    });
  };
  demand('depth', depth, traceDepths(config).total);
  demand('index', index, 2 ** depth);
}

/**
 * Checks the children that one round of a dispute opens: nodes 5 levels down (fewer in the last round), left to right.
 * @param hash of the node, known from the round before or from the receipt
 * @throws ProofError `verification.proof.depth`, `.index`, `.children` (count or length), `.root-length`, `.root`
 */
export function verifyChildren(
  config: ExactConfig, hash: Uint8Array, at: NodeAddress, children: readonly Uint8Array[],
): void {
  checkInnerNode(config, at);
  checkRootLength(hash);
  const levels = roundLevels(config, at.depth);
  if (children.length !== 2 ** levels || !children.every((child) => child.length === HASH_BYTES)) {
    throw new ProofError('verification.proof.children', 'these are not the children of a node', {
      expected: `${2 ** levels} hashes of ${HASH_BYTES} bytes`,
      received: `${children.length}`,
    });
  }
  demandRoot(hash, treeRoot(children, levels));
}
