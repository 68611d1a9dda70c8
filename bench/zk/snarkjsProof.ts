/** Proofs as snarkjs has them: affine coordinates in decimal. */
import { type Groth16Proof, parseG1, parseG2 } from '../../protocol/zk';

export interface SnarkjsProof { protocol: 'groth16'; curve: 'bls12381'; pi_a: string[]; pi_b: string[][]; pi_c: string[] }

/** @throws ProtocolError BAD_POINT */
export function snarkjsProof({ a, b, c }: Groth16Proof): SnarkjsProof {
  const g1 = (name: string, bytes: Uint8Array): string[] => {
    const { x, y } = parseG1(name, bytes).toAffine();
    return [x, y, 1n].map(String);
  };
  const { x, y } = parseG2('B', b).toAffine();
  return { protocol: 'groth16', curve: 'bls12381', pi_a: g1('A', a), pi_b: [[x.c0, x.c1], [y.c0, y.c1], [1n, 0n]].map((pair) => pair.map(String)), pi_c: g1('C', c) };
}
