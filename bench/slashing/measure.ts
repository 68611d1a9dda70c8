/** What a lie costs to prove: the dearest step of every slot of a model of the shape of Llama 3 8B, and whole disputes. */
import type { CheckName } from '../../disputes/checkTree';
import { openModel } from '../../worker/engine';
import { dearestSteps, type Judged } from './dearest';
import { type Dispute, playDispute } from './dispute';
import { LARGE_CONFIGS } from './largeModel';

/** The dearest step of a slot of the large model. */
export interface StepRow {
  check: CheckName;
  /** The slot, and which variety of it. */
  of: string;
  /** Flags of the model: `plain`, or head norms and wide SwiGLU where these cost more. */
  flavour: string;
  /** Of the get-method alone. */
  checkGas: number;
}

/** The same, proven at the end of a whole dispute. */
export interface ProofRow extends StepRow {
  /** Of SlashingCase, which runs the check on a ProveStep and sends the verdict. */
  gas: number;
  /** Of the whole body of ProveStep as a bag of cells. */
  evidenceBytes: number;
  /** All fees of everybody, from the challenge to the verdict: move by move, and where the worker shows without the chain what it holds. */
  disputeTon: number;
  atOnceTon: number;
}

/** Moves of one kind in a dispute, all parties; TON. */
export interface MoveRow {
  move: string;
  times: number;
  ton: number;
}

export interface SlashingReport {
  /** A row of q, 4,096 weights. */
  stepGas4096: number;
  checkGas4096: number;
  evidenceBytes4096: number;
  maxStepGas8B: number;
  worstOp8B: string;
  /** The dearest dispute on a model of the shape of the shipped one, and on the large one. */
  disputeFeesTon: number;
  worstDispute: string;
  disputeFeesTon8B: number;
  worstDispute8B: string;
  /** The dearest dispute of two moves. */
  disputeFeesAtOnceTon: number;
  worstAtOnce: string;
  disputeFeesAtOnceTon8B: number;
  worstAtOnce8B: string;
  moves: MoveRow[];
  moves8B: MoveRow[];
  movesAtOnce: MoveRow[];
  movesAtOnce8B: MoveRow[];
  /** The dearest slot of every check, and the row of 4,096. */
  proofs: ProofRow[];
  steps: StepRow[];
  /** The same of the shape of the shipped model, of four steps. */
  shippedProofs: ProofRow[];
}

/** Of the shipped shape so many steps are proven, those that cost the most, and the widest row. */
const SHIPPED_STEPS = 3;
const WIDEST_ROW = 'h2';
/** What a byte of a message costs, imported and forwarded, in units of gas. */
const GAS_PER_BYTE = 18;

/** A slot whose rows have 4,096 weights. */
const ROW_4096 = 'q';

const tonOf = (nano: bigint): number => Number(nano) / 1e9;

function movesOf({ moves }: Dispute): MoveRow[] {
  const kinds = [...new Set(moves.map(({ move }) => move))];
  return kinds.map((kind) => {
    const own = moves.filter(({ move }) => move === kind);
    return { move: kind, times: own.length, ton: tonOf(own.reduce((sum, { fees }) => sum + fees.totalNano, 0n)) };
  });
}

interface Played {
  row: ProofRow;
  dispute: Dispute;
  atOnce: Dispute;
}

const rowOf = ({ step: { check, of }, flavour, gas }: Judged): StepRow => ({ check, of, flavour, checkGas: gas });

async function prove(judged: Judged): Promise<Played> {
  const [dispute, atOnce] = [await playDispute(judged.lie), await playDispute(judged.lie, true)];
  const fees = { disputeTon: tonOf(dispute.fees.totalNano), atOnceTon: tonOf(atOnce.fees.totalNano) };
  return { row: { ...rowOf(judged), gas: dispute.proofGas, evidenceBytes: dispute.proofBytes, ...fees }, dispute, atOnce };
}

const largest = (played: readonly Played[], by: 'gas' | 'disputeTon' | 'atOnceTon'): Played => played.reduce((most, one) => (one.row[by] > most.row[by] ? one : most));

export async function measureSlashing(progress: (line: string) => void = () => undefined): Promise<SlashingReport> {
  const shipped: Played[] = [];
  const costOf = ({ gas, lie }: Judged): number => gas + GAS_PER_BYTE * lie.evidence.toBoc().length;
  const byCost = (await dearestSteps([openModel().model.config])).sort((a, b) => costOf(b) - costOf(a));
  for (const judged of byCost.filter(({ step }, i) => i < SHIPPED_STEPS || step.of === WIDEST_ROW)) shipped.push(await prove(judged));
  progress('the shape of the shipped model is measured');
  const large: Played[] = [];
  const steps = await dearestSteps(LARGE_CONFIGS);
  for (const judged of steps) {
    const isDearest = !steps.some(({ step, gas }) => step.check === judged.step.check && gas > judged.gas);
    if (!isDearest && judged.step.of !== ROW_4096) continue;
    large.push(await prove(judged));
    progress(`${judged.step.check} ${judged.step.of}: ${judged.gas} gas`);
  }
  const row = large.find(({ row: { of } }) => of === ROW_4096)!.row;
  const [step, dispute, dispute8B] = [largest(large, 'gas'), largest(shipped, 'disputeTon'), largest(large, 'disputeTon')];
  const [atOnce, atOnce8B] = [largest(shipped, 'atOnceTon'), largest(large, 'atOnceTon')];
  return {
    stepGas4096: row.gas, checkGas4096: row.checkGas, evidenceBytes4096: row.evidenceBytes, maxStepGas8B: step.row.gas, worstOp8B: step.row.of,
    disputeFeesTon: dispute.row.disputeTon, worstDispute: dispute.row.of, disputeFeesTon8B: dispute8B.row.disputeTon, worstDispute8B: dispute8B.row.of,
    disputeFeesAtOnceTon: atOnce.row.atOnceTon, worstAtOnce: atOnce.row.of, disputeFeesAtOnceTon8B: atOnce8B.row.atOnceTon, worstAtOnce8B: atOnce8B.row.of,
    moves: movesOf(dispute.dispute), moves8B: movesOf(dispute8B.dispute), movesAtOnce: movesOf(atOnce.atOnce), movesAtOnce8B: movesOf(atOnce8B.atOnce), proofs: large.map((one) => one.row), steps: steps.map(rowOf),
    shippedProofs: shipped.map((one) => one.row),
  };
}
