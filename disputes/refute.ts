/** What shows a leaf to be wrong, or a receipt, found by running the checks here before the chain runs one. */
import { Cell } from '@ton/core';
import { leafIndex, type LeafAddress } from '../exact/leafAddress';
import type { ExactConfig } from '../exact/config';
import type { CheckName, ReceiptCheckName } from './checkTree';
import type { CommitSource } from './leafSource';
import { refutationsOf, type WrongLeaf } from './refutations';
import type { Replay } from './replay';
import type { RevealedNodes } from './revealedTree';

/** Runs a check on a step, or on the facts of a receipt: its verdict, null where it threw. A wrong proof ends a case for whoever brought it. */
export type Judge = (check: CheckName | ReceiptCheckName, about: Cell, evidence: Cell) => Promise<boolean | null>;

/** A check and evidence with which it says what its challenger says. */
export interface FoundProof<Name> {
  check: Name;
  evidence: Cell;
}

/** Evidence is tried up to so many times: the first is nearly always the one. */
const MOST_TRIES = 64;

/** The first evidence with which a check says that the leaf is wrong. @param commits leaves of earlier positions */
export const refute = (leaf: WrongLeaf, commits: KnownCommits, step: Cell, judge: Judge): Promise<FoundProof<CheckName> | null> =>
  firstProof(refutationsOf(leaf).slice(0, MOST_TRIES), commits, step, judge);

/** The first of these with which its check agrees, null where none does. @param about a step, or the facts of a receipt */
export async function firstProof<Name extends CheckName | ReceiptCheckName>(
  tries: readonly { check: Name; evidence: () => Cell }[], commits: KnownCommits, about: Cell, judge: Judge,
): Promise<FoundProof<Name> | null> {
  for (const { check, evidence } of tries) {
    const shown = await commits.build(evidence);
    if (shown !== null && (await judge(check, about, shown))) return { check, evidence: shown };
  }
  return null;
}

/** Commit leaves before the one in dispute, fetched when evidence first asks for one. */
export class KnownCommits implements CommitSource {
  private readonly known = new Map<number, ReturnType<CommitSource['leaf']>>();

  constructor(private readonly config: ExactConfig, private readonly prover: Pick<Replay, 'leaf'>, private readonly revealed: RevealedNodes) {}

  leaf(address: LeafAddress): ReturnType<CommitSource['leaf']> {
    const known = this.known.get(leafIndex(this.config, 'commit', address));
    if (known === undefined) throw new MissingLeaf(address);
    return known;
  }

  /** Evidence, once all that it asks for is here; null for what cannot be built. */
  async build(evidence: () => Cell): Promise<Cell | null> {
    for (;;) {
      try {
        return evidence();
      } catch (error) {
        if (error instanceof RangeError) return null;
        if (!(error instanceof MissingLeaf)) throw error;
        const index = leafIndex(this.config, 'commit', error.address);
        this.known.set(index, this.revealed.proof(await this.prover.leaf('commit', error.address), index));
      }
    }
  }
}

class MissingLeaf extends Error {
  constructor(readonly address: LeafAddress) {
    super('a commit leaf is not here yet');
  }
}
