/** Bodies of the moves in a case (contracts/slashing/caseMessages.tact); hashes have 32 bytes. */
import { beginCell, Cell } from '@ton/core';
import {
  storeCheckRun, storeChooseChild, storeEndTurn, storeProveAtOnce, storeProveContradiction, storeProveReceipt, storeProveStep, storeShowChildren, storeShowLeaf, storeShowPosition,
  storeShownPlace, storeShowTrace,
} from '../build/Suite/Suite_SlashingCase';
import { toInteger } from './cells';

/** nanoTON to send with a move, and with a proof, whose check may cost 600k gas; what is not used returns. */
export const CASE_MOVE_VALUE = 100_000_000n;
export const CASE_PROOF_VALUE = 500_000_000n;

export interface ShownTrace {
  traceRoot: Uint8Array;
  /** SHA-256(commitSalt || "trace"): opens the receipt's traceCommit. */
  labelSalt: Uint8Array;
  children: readonly Uint8Array[];
}

export interface ShownPosition {
  positionRoot: Uint8Array;
  /** By the worker's key over `positionHash`, 64 bytes. */
  signature: Uint8Array;
  children: readonly Uint8Array[];
}

/** A check of disputes/checkTree.ts with its place and siblings there, and its evidence. */
export interface CheckRun {
  check: Cell;
  index: number;
  path: readonly Uint8Array[];
  evidence: Cell;
}

/** Hash of the position tree's leaf, and its siblings. */
export interface ContradictingLeaf {
  hash: Uint8Array;
  path: readonly Uint8Array[];
}

/** What both descents would have found, and what shows it to be wrong. */
export interface StepAtOnce {
  traceRoot: Uint8Array;
  /** As in ShownTrace. */
  labelSalt: Uint8Array;
  /** The leaf of the commit tree: its hash, its index, its siblings up to traceRoot. */
  committed: { hash: Uint8Array; index: number; path: readonly Uint8Array[] };
  position: { positionRoot: Uint8Array; signature: Uint8Array };
  /** The leaf in dispute: its bytes as a chain of disputes/evidenceCells.ts, its index, its siblings up to positionRoot. */
  leaf: { bytes: Cell; index: number; path: readonly Uint8Array[] };
  /** Null: the leaf is the one that the trace commits to otherwise. */
  proof: CheckRun | null;
}

/** Hashes, three to a cell, each cell with the next as its reference. */
export function packHashes(hashes: readonly Uint8Array[]): Cell {
  let next: Cell | null = null;
  for (let at = Math.floor((hashes.length - 1) / 3) * 3; at >= 0; at -= 3) {
    const cell = beginCell().storeBuffer(Buffer.concat(hashes.slice(at, at + 3)));
    next = (next === null ? cell : cell.storeRef(next)).endCell();
  }
  return next ?? Cell.EMPTY;
}

/** Siblings of a path, three to a cell. @param behind what follows them in the chain, an empty cell where they end it */
export function packPath(siblings: readonly Uint8Array[], behind = Cell.EMPTY): Cell {
  let next = behind;
  for (let at = Math.floor((siblings.length - 1) / 3) * 3; at >= 0; at -= 3) next = beginCell().storeBuffer(Buffer.concat(siblings.slice(at, at + 3))).storeRef(next).endCell();
  return next;
}

export const packShowTrace = ({ traceRoot, labelSalt, children }: ShownTrace): Cell =>
  beginCell().store(storeShowTrace({ $$type: 'ShowTrace', traceRoot: toInteger(traceRoot), labelSalt: toInteger(labelSalt), children: packHashes(children) })).endCell();

/** @param child from the left, 0..31 */
export const packChooseChild = (child: number): Cell => beginCell().store(storeChooseChild({ $$type: 'ChooseChild', child: BigInt(child) })).endCell();

export const packShowChildren = (children: readonly Uint8Array[]): Cell =>
  beginCell().store(storeShowChildren({ $$type: 'ShowChildren', children: packHashes(children) })).endCell();

export const packShowPosition = ({ positionRoot, signature, children }: ShownPosition): Cell =>
  beginCell().store(storeShowPosition({
    $$type: 'ShowPosition', positionRoot: toInteger(positionRoot), signature: Buffer.from(signature), children: packHashes(children),
  })).endCell();

/** @param leaf chain of disputes/evidenceCells.ts */
export const packShowLeaf = (leaf: Cell): Cell => beginCell().store(storeShowLeaf({ $$type: 'ShowLeaf', leaf })).endCell();

export const packProveStep = ({ check, index, path, evidence }: CheckRun): Cell =>
  beginCell().store(storeProveStep({ $$type: 'ProveStep', check, index: BigInt(index), path: packPath(path), evidence })).endCell();

export const packProveReceipt = ({ check, index, path, evidence }: CheckRun): Cell =>
  beginCell().store(storeProveReceipt({ $$type: 'ProveReceipt', check, index: BigInt(index), path: packPath(path), evidence })).endCell();

export const packProveContradiction = ({ hash, path }: ContradictingLeaf): Cell =>
  beginCell().store(storeProveContradiction({ $$type: 'ProveContradiction', hash: toInteger(hash), path: packPath(path) })).endCell();

export const packProveAtOnce = ({ traceRoot, labelSalt, committed, position: { positionRoot, signature }, leaf, proof }: StepAtOnce): Cell =>
  beginCell().store(storeProveAtOnce({
    $$type: 'ProveAtOnce', traceRoot: toInteger(traceRoot), labelSalt: toInteger(labelSalt), commitHash: toInteger(committed.hash), commitIndex: BigInt(committed.index),
    index: BigInt(leaf.index), leaf: leaf.bytes,
    place: beginCell().store(storeShownPlace({
      $$type: 'ShownPlace', positionRoot: toInteger(positionRoot), signature: Buffer.from(signature), paths: packPath(leaf.path, packPath(committed.path)),
    })).endCell(),
    proof: proof && beginCell().store(storeCheckRun({ $$type: 'CheckRun', check: proof.check, index: BigInt(proof.index), path: packPath(proof.path), evidence: proof.evidence })).endCell(),
  })).endCell();

export const packEndTurn = (): Cell => beginCell().store(storeEndTurn({ $$type: 'EndTurn' })).endCell();
