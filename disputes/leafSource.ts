import type { LeafAddress } from '../exact/leafAddress';
import type { ModelPart } from '../exact/modelProof';
import type { NodeAddress } from '../exact/proof';

/** A position tree, or as much of it as evidence needs; exact/positionTree.ts is one. */
export interface LeafSource {
  /** Bytes of a leaf; null where a padding leaf stands. @param leaf index in the group */
  leaf(group: number, leaf: number): Uint8Array | null;
  node(at: NodeAddress): Uint8Array;
}

/** Commit leaves of earlier positions with their ways up to traceRoot, as a TraceProver (exact/prover.ts) has given them. */
export interface CommitSource {
  leaf(address: LeafAddress): { bytes: Uint8Array | null; path: readonly Uint8Array[] };
}

/** Leaves of a model's rows with their ways up to modelRoot; exact/modelProof.ts has one. */
export interface PartSource {
  part(address: ModelPart): { bytes: Uint8Array; path: readonly Uint8Array[] };
}
