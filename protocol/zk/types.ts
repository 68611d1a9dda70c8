/**
 * Groth16 (eprint 2016/260) over BLS12-381. Points are compressed as ZCash's specification says: 48 bytes in G1, x big-endian
 * with three flags in its first bits; 96 bytes in G2, x.c1 before x.c0.
 */
export interface VerificationKey {
  /** G1. */
  alpha: Uint8Array;
  /** G2. */
  beta: Uint8Array;
  /** G2. */
  gamma: Uint8Array;
  /** G2. */
  delta: Uint8Array;
  /** G1: the constant's point, then one for each public input in the circuit's order. */
  ic: Uint8Array[];
}

export interface Groth16Proof {
  /** G1. */
  a: Uint8Array;
  /** G2. */
  b: Uint8Array;
  /** G1. */
  c: Uint8Array;
}

/** Where a verification key comes from. */
export interface KeySetup {
  /** Whoever made a development key can forge proofs. */
  kind: 'development' | 'ceremony';
  /** SHA-256 of the powers of tau, of the constraints and of the proving key, in hex. */
  phase1Hash: string;
  r1csHash: string;
  zkeyHash: string;
  /** Contributions of phase 2. */
  contributions: number;
  /** The public beacon that ended phase 2, in hex. */
  beacon: string | null;
}
