/** The zk tier in figures: what the chain takes to check a proof and pay for it, what proving takes, and how good the shipped circuit is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { infer, parseModelText } from '../../circuits';
import { measureZkFees } from '../zkFees';
import { measureProver, type ProverReport } from './measure';

const DIGITS = join(__dirname, '../../models/digits-8x8');

export interface ZkReport extends ProverReport {
  /** Of both contracts, with 3 public inputs. */
  verifyAndPayGas: number;
  /** Of all that follows from creating a job and from proving it, wallets included; mTON. */
  jobMilliTon: number;
  /** Shares of the held-out digits: of the model in floats as its training recorded it, and of the integers as they are computed here. */
  accuracyFloat: number;
  accuracyInteger: number;
}

/** @param proofs of each prover that count */
export async function measureZk(proofs: number, progress: (line: string) => void): Promise<ZkReport> {
  const fees = await measureZkFees();
  const feeOf = (operation: string) => fees.find((row) => row.operation === operation)!;
  const accuracy = accuracyOf();
  progress(`verification and payout: ${feeOf('zk-verify-and-pay').gas} gas`);
  return { verifyAndPayGas: feeOf('zk-verify-and-pay').gas, jobMilliTon: feeOf('zk-job-total').milliTon, ...accuracy, ...(await measureProver(proofs, progress)) };
}

function accuracyOf(): Pick<ZkReport, 'accuracyFloat' | 'accuracyInteger'> {
  const model = parseModelText(readFileSync(`${DIGITS}.json`, 'utf8'));
  const { accuracyFloat, digits } = JSON.parse(readFileSync(`${DIGITS}-held-out.json`, 'utf8')) as { accuracyFloat: number; digits: [string, number][] };
  const right = digits.filter(([pixels, digit]) => infer(model, [...pixels].map((pixel) => parseInt(pixel, 16))).verdict === digit).length;
  return { accuracyFloat, accuracyInteger: Math.round((10_000 * right) / digits.length) / 10_000 };
}
