/** The one step that shows a leaf to be wrong, found by running the checks here before the chain runs one. */
import { Cell } from '@ton/core';
import { leafIndex, type LeafAddress } from '../exact/leafAddress';
import type { ExactConfig } from '../exact/config';
import type { CheckName } from './checkTree';
import type { CommitSource } from './leafSource';
import { refutationsOf, type WrongLeaf } from './refutations';
import type { Replay } from './replay';
import type { RevealedNodes } from './revealedTree';

/** Runs a check on a step: its verdict, null where it threw. A wrong proof ends a case for whoever brought it. */
export type Judge = (check: CheckName, step: Cell, evidence: Cell) => Promise<boolean | null>;

export interface FoundStep {
  check: CheckName;
  evidence: Cell;
}

/** The first evidence with which a check says that the leaf is wrong; null where there is none among so many. @param commits leaves of earlier positions */
export async function refute(leaf: WrongLeaf, commits: KnownCommits, step: Cell, judge: Judge, limit = 64): Promise<FoundStep | null> {
  for (const { check, evidence } of refutationsOf(leaf).slice(0, limit)) {
    const shown = await commits.build(evidence);
    if (shown !== null && (await judge(check, step, shown))) return { check, evidence: shown };
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
