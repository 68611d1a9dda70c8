import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NETWORKS } from '../config/settings';
import { requestFaucet } from '../client/devnetApi';
import { loadWallet } from '../client/wallet';
import { formatTon, type Output } from '../output';
import type { AnswerReport } from '../zk/answer';
import type { VerifierReport } from '../zk/verifier';
import type { Stage } from './stage';

/** A verdict that the chain checked. Amounts in nanoTON. */
export interface ZkScene {
  job: string;
  verifier: string;
  /** Whoever made the key can forge: the demo uses the committed development key. */
  isDevelopment: boolean;
  verdict: number;
  /** What whoever labelled the digit wrote. */
  label: number;
  paidNano: bigint;
  proveMillis: number;
  verifierGas: number;
}

const HELD_OUT = join(__dirname, '../../models/digits-8x8-held-out.json');
/** What each of the two gets of the simulated chain. */
const FUNDS_NANO = 2_000_000_000n;

/** One digit that the model was not trained on: 64 values of 4 bits, the label beside it. */
function heldOutDigit(number: number): { values: number[]; label: number } {
  const { digits } = JSON.parse(readFileSync(HELD_OUT, 'utf8')) as { digits: [string, number][] };
  const [pixels, label] = digits[number % digits.length];
  return { values: [...pixels].map((digit) => parseInt(digit, 16)), label };
}

/** A client commits to a digit, a prover that was given it proves what the circuit says: each a process of its own. */
export async function playZk(stage: Stage, output: Output, { price, digit = 7 }: { price: string; digit?: number }): Promise<ZkScene> {
  for (const name of ['zk client', 'prover']) await requestFaucet(stage.endpoint, loadWallet(stage.folderOf(name), NETWORKS.devnet).address, FUNDS_NANO);
  const onLine = (who: string) => (line: string): void => {
    if (!line.startsWith('{')) output.progress(`${who}: ${line.replace(/^[^\w]+\s?/, '')}`);
  };
  const { isDevelopment } = await stage.start('prover', ['zk', 'verifier'], onLine('prover')).result<VerifierReport>();
  const { values, label } = heldOutDigit(digit);
  const input = join(stage.folder, 'digit.json');
  writeFileSync(input, JSON.stringify(values), { mode: 0o600 });
  const opening = join(stage.folder, 'opening.json');
  const client = stage.start('zk client', ['zk', 'job', '--input', input, '--price', price, '--opening', opening], onLine('client'));
  const { job } = await client.next<{ job: string }>();
  output.progress('the client gives the opening to a prover; it reads nothing else, and has no key and no stake');
  const answer = await stage.start('prover', ['zk', 'answer', opening], onLine('prover')).result<AnswerReport>();
  const { verdict, verifier } = await client.result<{ verdict: number; verifier: string }>();
  return { job, verifier, isDevelopment, verdict, label, paidNano: BigInt(answer.paidNano), proveMillis: answer.proveMillis, verifierGas: answer.verifierGas };
}

export const describeZk = ({ job, verifier, isDevelopment, verdict, label, paidNano, proveMillis, verifierGas }: ZkScene): string => [
  `zk job           ${job}: a commitment to a hidden 8x8 digit, ${formatTon(paidNano)} for the proof`,
  `verdict          ${verdict} (the digit's label is ${label}): proven in ${(proveMillis / 1000).toFixed(1)} s, checked by ${verifier} with ${verifierGas} gas`,
  `what it proves   that the circuit gives this verdict on the input behind the commitment; not where the input comes from${isDevelopment ? '. DEVELOPMENT key: whoever made it can forge' : ''}`,
].join('\n');
