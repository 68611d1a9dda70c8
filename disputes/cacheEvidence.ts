/** Keys and values that attention reads, as contracts/slashing/cache.tact takes them. */
import type { ExactConfig } from '../exact/config';
import { TRACE_BLOCK } from '../exact/constants';
import { headsPerLeaf } from '../exact/opTable';
import type { CommitSource, LeafSource } from './leafSource';
import { PositionEvidence } from './positionEvidence';

/** Where evidence about attention comes from: t is the position in dispute, whose tree this is. */
export interface AttentionSource {
  config: ExactConfig;
  tree: LeafSource;
  commit: CommitSource;
  t: number;
}

export const kvHeadOf = ({ heads, kvHeads }: ExactConfig, head: number): number => Math.floor((head * kvHeads) / heads);

/** Leaves of one layer of the position in dispute, and of its cache. */
export class AttentionEvidence {
  private readonly evidence: PositionEvidence;

  constructor(private readonly source: AttentionSource, private readonly group: number) {
    this.evidence = new PositionEvidence(source.config, source.tree);
  }

  slot(name: string, leaf = 0): this {
    this.evidence.slot(this.group, name, leaf);
    return this;
  }

  /** The leaf that holds a kv head at a position up to t. */
  cached(slot: 'k8' | 'v8', kvHead: number, position: number): this {
    const leaf = Math.floor(kvHead / headsPerLeaf(this.source.config));
    if (position === this.source.t) return this.slot(slot, leaf);
    const address = { block: Math.floor(position / TRACE_BLOCK), position: position % TRACE_BLOCK, group: this.group, slot, leaf };
    this.evidence.committed(this.source.commit.leaf(address));
    return this;
  }

  get parts(): readonly Uint8Array[] {
    return this.evidence.parts;
  }
}
