import { CellWriter } from '../cells';
import { TAG_PROOF_CONTEXT } from '../constants';

/** For whom a proof counts. Addresses are basechain hashes, 32 bytes. */
export interface ProofContext {
  networkId: number;
  /** Groth16Verifier. */
  verifier: Uint8Array;
  /** ZkJobEscrow. */
  escrow: Uint8Array;
  /** Who is paid. A copy of the proof pays the same account (attacks 57). */
  payee: Uint8Array;
}

/**
 * The last public input, 248 bits: hash of tag "OCX1", networkId:int32 verifier:MsgAddressInt escrow:uint256 payee:uint256
 * without its last 8 bits. The tag is its domain. Groth16Verifier computes it itself.
 */
export function contextWord({ networkId, verifier, escrow, payee }: ProofContext): bigint {
  const hash = new CellWriter()
    .uint('tag', TAG_PROOF_CONTEXT, 32)
    .int32('networkId', networkId)
    .basechainAddress('verifier', verifier)
    .fixedBytes('escrow', escrow, 32)
    .fixedBytes('payee', payee, 32)
    .hash();
  return hash.reduce((word, byte) => (word << 8n) | BigInt(byte), 0n) >> 8n;
}
