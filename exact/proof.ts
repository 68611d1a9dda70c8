/**
 * Checks of what a prover shows (docs/exact-arithmetic.md sections 6, 10). Every depth and length comes from the
 * config, so no proof can say how long its own path is. A proof is worth as much as the root it ends in: take that
 * from a receipt (positionRoot: from the worker's signature), and the config from `provenConfig`, never from the proof alone.
 */
import type { ExactConfig } from './config';
import { TRACE_BLOCK_DEPTH } from './constants';
import { ProofError } from './errors';
import { UNUSED, leafIndex, treeLevels, type LeafAddress, type Tree } from './leafAddress';
import { describeShape, fits, leafShape, type JobShape } from './leafShape';
import { HASH_BYTES, node, treeRoot } from './merkle';
import { treeDepths } from './opTable';
import { leafHash, type Leaf } from './trace';

/** One leaf of a tree and its way up. */
export interface LeafProof {
  address: LeafAddress;
  /** null: a padding leaf */
  bytes: Leaf;
  /**
   * siblings of 32 bytes, bottom up, as many as the tree is deep. In the commit tree the first commitDepth + 5 of them
   * reach blockRoot.
   */
  path: Uint8Array[];
}

/** A node of a tree. */
export interface NodeAddress {
  /** levels below the root; 0 is the root itself */
  depth: number;
  /** from the left, 0 .. 2^depth - 1 */
  index: number;
}

/** A dispute descends five levels a round: 32 children. */
export const ROUND_LEVELS = 5;

/** Levels between a commit leaf and the root of its block. */
export function blockPathLength(config: ExactConfig): number {
  return treeDepths(config).commit + TRACE_BLOCK_DEPTH;
}

/**
 * Checks that a leaf is in the commit tree.
 * @param bytes null for a padding leaf
 * @param path siblings up to traceRoot
 * @param job closes what the config leaves open, see `leafShape`
 * @throws ProofError `verification.proof.` `block`, `position`, `group`, `slot`, `leaf` (no such address), `bytes`
 * (length, or padding where a leaf belongs and the reverse), `root-length`, `path` (length), `root` (leads elsewhere)
 */
export function verifyLeaf(
  config: ExactConfig, traceRoot: Uint8Array, address: LeafAddress, bytes: Leaf, path: readonly Uint8Array[],
  job?: JobShape,
): void {
  const index = checkedIndex(config, 'commit', address, bytes, job);
  climbTo(traceRoot, leafHash(bytes), index, path, treeLevels(config, 'commit'));
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
  const index = checkedIndex(config, 'commit', address, bytes, job) % 2 ** levels;
  climbTo(blockRoot, leafHash(bytes), index, path, levels);
}

/**
 * Checks that a leaf is in the position tree of its position. Errors as `verifyLeaf`.
 * @param positionRoot what the worker has signed for position 32 block + position
 */
export function verifyInnerLeaf(
  config: ExactConfig, positionRoot: Uint8Array, address: LeafAddress, bytes: Leaf, path: readonly Uint8Array[],
  job?: JobShape,
): void {
  const index = checkedIndex(config, 'inner', address, bytes, job);
  climbTo(positionRoot, leafHash(bytes), index, path, treeLevels(config, 'inner'));
}

/**
 * Whether who committed to both roots contradicts himself: the leaf of the position tree is not the commit leaf of the
 * same address (k8, v8, draw).
 * @throws ProofError `verification.proof.address` for two addresses; for proofs that do not hold as `verifyLeaf`
 */
export function contradicts(
  config: ExactConfig, roots: { traceRoot: Uint8Array; positionRoot: Uint8Array }, commit: LeafProof, inner: LeafProof,
): boolean {
  const name = ({ block, position, group, slot, leaf }: LeafAddress) => [block, position, group, slot, leaf].join('/');
  const [expected, received] = [name(commit.address), name(inner.address)];
  if (expected !== received || commit.address.slot === UNUSED) {
    throw new ProofError('verification.proof.address', 'the leaves are not of one address of both trees', {
      expected, received,
    });
  }
  verifyLeaf(config, roots.traceRoot, commit.address, commit.bytes, commit.path);
  verifyInnerLeaf(config, roots.positionRoot, inner.address, inner.bytes, inner.path);
  return !Buffer.from(leafHash(commit.bytes)).equals(leafHash(inner.bytes));
}

function checkedIndex(config: ExactConfig, tree: Tree, address: LeafAddress, bytes: Leaf, job?: JobShape): number {
  const index = leafIndex(config, tree, address);
  const shape = leafShape(config, tree, address, job);
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
export function roundLevels(config: ExactConfig, tree: Tree, depth: number): number {
  return Math.min(ROUND_LEVELS, treeLevels(config, tree) - depth);
}

/** @throws ProofError `<code>.depth`, `.index` for a node that has no children in this tree */
export function checkInnerNode(
  config: ExactConfig, tree: Tree, { depth, index }: NodeAddress, code = 'verification.proof',
): void {
  const demand = (field: string, value: number, limit: number) => {
    if (Number.isInteger(value) && value >= 0 && value < limit) return;
    throw new ProofError(`${code}.${field}`, `no inner node of the tree has this ${field}`, {
      expected: `0..${limit - 1}`,
      received: String(value),
    });
  };
  demand('depth', depth, treeLevels(config, tree));
  demand('index', index, 2 ** depth);
}

/**
 * Checks the children that one round of a dispute opens: nodes 5 levels down (fewer in the last round), left to right.
 * @param hash of the node, known from the round before, from the receipt, or from the signed positionRoot
 * @throws ProofError `verification.proof.depth`, `.index`, `.children` (count or length), `.root-length`, `.root`
 */
export function verifyChildren(
  config: ExactConfig, tree: Tree, hash: Uint8Array, at: NodeAddress, children: readonly Uint8Array[],
): void {
  checkInnerNode(config, tree, at);
  checkRootLength(hash);
  const levels = roundLevels(config, tree, at.depth);
  if (children.length !== 2 ** levels || !children.every((child) => child.length === HASH_BYTES)) {
    throw new ProofError('verification.proof.children', 'these are not the children of a node', {
      expected: `${2 ** levels} hashes of ${HASH_BYTES} bytes`,
      received: `${children.length}`,
    });
  }
  demandRoot(hash, treeRoot(children, levels));
}
