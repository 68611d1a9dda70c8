/**
 * A dispute before it is played: what a worker holds of a trace, asked for without the chain, and both descents walked over it. Nothing of it is
 * believed: every answer is checked as the case would check it, so what is found is found there too.
 */
import type { ExactConfig } from '../exact/config';
import { commitAddressAt, innerAddressAt, leafIndex, treeLevels, type Tree } from '../exact/leafAddress';
import { PADDING_LEAF } from '../exact/merkle';
import { roundLevels, verifyChildren, type NodeAddress } from '../exact/proof';
import { commit, equalBytes, portableEd25519 } from '../protocol';
import { type CaseSubject, positionHash, type ShownPosition } from '../wrappers';
import { DisputeError } from './errors';
import { hashOfLeaf } from './positionEvidence';
import type { Replay } from './replay';
import { RevealedNodes } from './revealedTree';

/** What a worker holds of the trace of one receipt. Hashes have 32 bytes. */
export interface HeldTrace {
  /** Asked first. */
  traceRoot(): Promise<Uint8Array>;
  /** Nodes that one round of a dispute shows below a node of the commit tree, left to right. */
  children(at: NodeAddress): Promise<readonly Uint8Array[]>;
  /** The root of the position tree of t, signed for this receipt. */
  position(t: number): Promise<Omit<ShownPosition, 'children'>>;
  innerChildren(t: number, at: NodeAddress): Promise<readonly Uint8Array[]>;
  /** Bytes of a leaf of the position tree of t. */
  leaf(t: number, index: number): Promise<Uint8Array>;
  /** Is told why a walk over it came to nothing. */
  failed?(error: unknown): void;
}

/** Where both descents end, with all that a case wants to see of the way. */
export interface FoundStep {
  traceRoot: Uint8Array;
  committed: { hash: Uint8Array; index: number; path: Uint8Array[] };
  t: number;
  position: Omit<ShownPosition, 'children'>;
  /** Of the position tree. */
  leaf: { bytes: Buffer; index: number; path: Uint8Array[] };
  /** What was shown on the way, for evidence. */
  commit: RevealedNodes;
  inner: RevealedNodes;
  /** Whether the leaf is right, and not the one to which the trace commits. */
  isContradiction: boolean;
}

/** What a side computes. */
type Own = Pick<Replay, 'children' | 'innerChildren' | 'leaf'>;

/**
 * Walks both descents. @returns null where a descent on chain has to decide: where one side has a leaf and the other padding
 * @throws DisputeError `dispute.held` for what does not fit the receipt or itself, `dispute.no-difference`; ProofError; errors of whoever is asked
 */
export async function findHeld(config: ExactConfig, subject: CaseSubject, commitSalt: Uint8Array, own: Own, held: HeldTrace): Promise<FoundStep | null> {
  const traceRoot = await held.traceRoot();
  demand(equalBytes(commit('trace', commitSalt, traceRoot), subject.traceCommit), 'another trace than the receipt commits to');
  const outer = new Walk(config, 'commit', traceRoot, (at) => held.children(at), (at) => own.children(at));
  while (!outer.isDown) {
    if (!(await outer.descend())) throw new DisputeError('dispute.no-difference', 'the worker shows what this machine computes');
  }
  const address = commitAddressAt(config, outer.at.index);
  if ((await own.leaf('commit', address)).bytes === null) return null;
  const committed = { hash: outer.hash, index: outer.at.index, path: outer.path(outer.at.index) };
  const t = 32 * address.block + address.position;
  const position = await held.position(t);
  const { networkId, judged: { receipt }, workerKey } = subject;
  demand(portableEd25519.verify(positionHash(networkId, receipt.hash(), t, position.positionRoot), position.signature, workerKey), 'a position that the worker did not sign');
  const inner = new Walk(config, 'inner', position.positionRoot, (at) => held.innerChildren(t, at), (at) => own.innerChildren(t, at));
  const found = { traceRoot, committed, t, position, commit: outer.shown, inner: inner.shown };
  const same = leafIndex(config, 'inner', address);
  while (!inner.isDown) {
    // Where all up to it is right, the trace has another leaf than the position tree.
    if (!(await inner.descend()) || same < inner.firstLeaf) {
      const leaf = await own.leaf('inner', address);
      return { ...found, leaf: { bytes: Buffer.from(leaf.bytes!), index: same, path: inner.shown.proof(leaf, same).path }, isContradiction: true };
    }
  }
  const { index } = inner.at;
  const { bytes: honest } = await own.leaf('inner', innerAddressAt(config, t, index));
  if (honest === null || equalBytes(inner.hash, PADDING_LEAF)) return null;
  const bytes = Buffer.from(await held.leaf(t, index));
  demand(bytes.length === honest.length && equalBytes(hashOfLeaf(bytes), inner.hash), 'other bytes than those of the leaf');
  return { ...found, leaf: { bytes, index, path: inner.path(index) }, isContradiction: false };
}

/** @throws DisputeError `dispute.held` */
function demand(holds: boolean, what: string): void {
  if (!holds) throw new DisputeError('dispute.held', `the worker shows ${what}`, { hint: 'the case goes on on chain' });
}

type Children = (at: NodeAddress) => Promise<readonly Uint8Array[]>;

/** One descent: always to the first child that differs. */
class Walk {
  readonly shown = new RevealedNodes();
  at: NodeAddress = { depth: 0, index: 0 };

  constructor(private readonly config: ExactConfig, private readonly tree: Tree, public hash: Uint8Array, private readonly theirs: Children, private readonly ours: Children) {}

  private get levels(): number {
    return treeLevels(this.config, this.tree);
  }

  get isDown(): boolean {
    return this.at.depth === this.levels;
  }

  /** The first leaf below the node. */
  get firstLeaf(): number {
    return this.at.index * 2 ** (this.levels - this.at.depth);
  }

  /** One round. @returns false where no child differs */
  async descend(): Promise<boolean> {
    const { config, tree, at, hash } = this;
    const [theirs, ours] = [await this.theirs(at), await this.ours(at)];
    verifyChildren(config, tree, hash, at, theirs);
    this.shown.reveal(at, theirs);
    const first = theirs.findIndex((child, i) => !equalBytes(child, ours[i]));
    if (first < 0) return false;
    const levels = roundLevels(config, tree, at.depth);
    this.at = { depth: at.depth + levels, index: at.index * 2 ** levels + first };
    this.hash = theirs[first];
    return true;
  }

  /** Siblings of the leaf that was found, bottom up. */
  path(index: number): Uint8Array[] {
    return Array.from({ length: this.levels }, (_, level) => this.shown.at({ depth: this.levels - level, index: Math.floor(index / 2 ** level) ^ 1 })!);
  }
}
