import { CocoonError } from '../../protocol/errors';
import type { ChallengeReport } from '../challenge/challenge';
import type { JobReport } from '../client/finish';
import { formatTon, type Output } from '../output';
import type { Stage } from './stage';

/** An answer of the second provider, and what came of it. Amounts in nanoTON. */
export interface CheatScene {
  jobAddress: string;
  stake: string;
  /** Whether this client computes the same, bit for bit. */
  rerunEqual: boolean;
  /** Whether the worker was told to cheat. */
  simulated: boolean;
  /** The dispute that followed. */
  case: string | null;
  verdict: ChallengeReport['verdict'];
  /** Of the challenger. */
  moves: number;
  check: string | null;
  /** Gas of the transaction in which the chain computed one step again. */
  proofGas: number | null;
  slashedNano: bigint;
  burntNano: bigint;
  clientShareNano: bigint;
  /** With the bond that returned. */
  reporterShareNano: bigint;
}

const NOTHING = { case: null, verdict: null, moves: 0, check: null, proofGas: null, slashedNano: 0n, burntNano: 0n, clientShareNano: 0n, reporterShareNano: 0n };

/** A client buys an answer, computes it again, and has what is wrong slashed: each a process of its own. */
export async function playCheat(stage: Stage, output: Output, { job, model, simulated }: { job: readonly string[]; model: readonly string[]; simulated: boolean }): Promise<CheatScene> {
  const onLine = (line: string): void => {
    if (!line.startsWith('{')) output.progress(`client: ${line.replace(/^[^\w]+\s?/, '')}`);
  };
  const buyer = stage.start('client', job, onLine);
  const { jobAddress } = await buyer.next<{ jobAddress: string }>();
  try {
    const { stake, rerunEqual } = await buyer.result<JobReport>();
    return { jobAddress, stake: stake!, rerunEqual: rerunEqual!, simulated, ...NOTHING };
  } catch (error) {
    if (!(error instanceof CocoonError) || error.code !== 'verification.rerun') throw error;
    output.progress(`client: WRONG ANSWER: this machine computes ${error.received ?? 'something else'}; the receipt is challenged`);
  }
  const report = await stage.start('client', ['challenge', jobAddress, '--yes', ...model], onLine).result<ChallengeReport>();
  const [slashedNano, burntNano, clientShareNano, reporterShareNano] = [report.slashedNano, report.burntNano, report.clientNano, report.challengerNano].map(BigInt);
  const { stake, case: address, verdict, moves, check, proofGas } = report;
  return { jobAddress, stake, rerunEqual: false, simulated, case: address, verdict, moves, check, proofGas, slashedNano, burntNano, clientShareNano, reporterShareNano };
}

export function describeCheat({ stake, simulated, verdict, moves, check, proofGas, ...shares }: CheatScene): string {
  const lines = [`second provider  ${stake}${simulated ? ' (simulated cheat: a flag flips one bit in one layer of its worker\'s model)' : ''}`];
  if (verdict === null) return [...lines, 'answer           computed again by the client: equal, bit for bit; nothing was slashed'].join('\n');
  return [
    ...lines,
    `answer           wrong, found by the client's re-run and challenged; ${moves === 1 ? 'the worker showed its trace when it was asked, so one move was enough' : 'the worker answered every move'}`,
    `verdict          ${verdict}: ${check} computed one step of the layer again on chain, with ${proofGas} gas in all`,
    `slashed          ${formatTon(shares.slashedNano)}: ${formatTon(shares.burntNano)} burnt, ${formatTon(shares.clientShareNano)} to the client, ${formatTon(shares.reporterShareNano)} to the challenger, its bond included`,
  ].join('\n');
}
