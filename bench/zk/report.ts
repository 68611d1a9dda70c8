/** Everything that `npm run bench -- zk` says: what a proof costs on chain, what the shipped model is worth, how the prover does. */
import { infer } from '../../circuits';
import { heldOut, pixels, shippedModel } from '../../tests/circuits/support';
import { measureZkFees } from '../zkFees';
import { measureProver, type ProverReport } from './measure';

export interface ZkReport extends ProverReport {
  /** Of verifier and job together, for a valid proof in an open race. */
  verifyAndPayGas: number;
  /** Of the shipped model on its held-out images: as recorded when it was trained, and counted anew. */
  accuracyFloat: number;
  accuracyInteger: number;
}

/** @param proofs of each prover that count */
export async function measureZk(proofs: number, progress: (line: string) => void): Promise<ZkReport> {
  const verifyAndPayGas = (await measureZkFees()).find(({ operation }) => operation === 'zk-verify-and-pay')!.gas;
  const { accuracyFloat, digits } = heldOut();
  const model = shippedModel();
  const right = digits.filter(([image, digit]) => infer(model, pixels(image)).verdict === digit).length;
  const accuracyInteger = Math.round((10_000 * right) / digits.length) / 10_000;
  return { verifyAndPayGas, accuracyFloat, accuracyInteger, ...(await measureProver(proofs, progress)) };
}
