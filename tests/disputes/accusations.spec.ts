/** Receipts that are lies by themselves, found and proven by what a challenger runs: one move, no descent. */
import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../disputes/accusations';
import { loadModel, ModelProver, TraceProver } from '../../exact';
import {
  decodeResponse, FinishReason, openResponse, outputHash, prepareAnswer, type Receipt, type ResponsePlaintext, termsHash,
} from '../../protocol';
import { CASE_VERDICTS } from '../../wrappers';
import { modelPath } from '../exact/support';
import { patternBytes, START } from '../support/jobWorld';
import { answerOf, JOB } from './game';
import { Dispute, verdictOf } from './parties';

const model = loadModel(modelPath('grouped'));
const prover = new ModelProver(model);
const STOP = 2;

interface Lie {
  tokens?: (honest: number[]) => number[];
  finishReason?: number;
  receipt?: Partial<Receipt>;
  /** Of the sealed bytes, which the receipt signs. */
  seal?: (output: Uint8Array) => Uint8Array;
  stopTokens?: (honest: number[]) => number[];
  maxTokens?: number;
}

/** A worker that computed right and says something else. */
async function disputeOf({ tokens: change = (all) => all, finishReason = FinishReason.length, receipt: bent, seal = (bytes) => bytes, stopTokens = () => [], maxTokens }: Lie): Promise<{ dispute: Dispute; delivery: Delivery }> {
  let delivery: Delivery | undefined;
  const dispute = await Dispute.open(async (names) => {
    const { tokens: computed } = await new TraceProver(model, JOB).result();
    const job = { ...JOB, stopTokens: stopTokens(computed), maxTokens: maxTokens ?? JOB.maxTokens };
    const said = change([...computed]);
    const { terms, payload } = answerOf(job, { tokens: computed, traceRoot: new Uint8Array(32) }, { ...names, modelRoot: model.modelRoot });
    // What it computed of as many tokens as it says: its trace is right.
    const worker = new TraceProver(model, { ...JOB, maxTokens: said.length });
    const made = prepareAnswer(terms, payload, patternBytes(32, 70), { tokens: said, finishReason, traceRoot: (await worker.result()).traceRoot }, START);
    const output = seal(Uint8Array.from(made.output));
    const receipt = { ...made.receipt, sealedHash: outputHash(output), ...bent };
    delivery = { output, opened: opened(output, payload.responseKey, termsHash(terms)), before: 0 };
    return { model, prover, answer: { terms, payload, receipt }, worker };
  });
  return { dispute, delivery: delivery! };
}

function opened(output: Uint8Array, key: Uint8Array, hash: Uint8Array): ResponsePlaintext | null {
  try {
    return decodeResponse(openResponse(output, key, hash));
  } catch {
    return null;
  }
}

describe('a receipt that is a lie by itself', () => {
  const LIES: Record<string, { lie: Lie; check: string }> = {
    'cut short, and called the full length': { lie: { tokens: (all) => all.slice(0, 2) }, check: 'FinishReasonCheck' },
    'stopped at no stop token': { lie: { finishReason: FinishReason.stop, stopTokens: () => [STOP] }, check: 'FinishReasonCheck' },
    'gone on behind a stop token': { lie: { stopTokens: (all) => [all[1]] }, check: 'FinishReasonCheck' },
    'about another number of prompt tokens': { lie: { receipt: { promptTokens: 6 } }, check: 'FinishReasonCheck' },
    'with more tokens than its model has room for': { lie: { receipt: { outputTokens: 100_000 } }, check: 'FinishReasonCheck' },
    'with no token': { lie: { receipt: { outputTokens: 0 } }, check: 'FinishReasonCheck' },
    'over other tokens than were computed': { lie: { tokens: ([a, b, c]) => [a, (b + 1) % 300, c] }, check: 'DeliveredTokenCheck' },
    'over sealed garbage': { lie: { seal: (bytes) => bytes.map((byte, i) => (i === 70 ? byte ^ 1 : byte)) }, check: 'MisSealedCheck' },
    'over bytes of another length': { lie: { seal: (bytes) => bytes.slice(0, 100) }, check: 'MisSealedCheck' },
  };
  for (const [name, { lie, check }] of Object.entries(LIES)) {
    it(`${name}, is convicted by one move: ${check}`, async () => {
      const { dispute, delivery } = await disputeOf(lie);
      const pursuit = await dispute.pursuit();
      expect(await pursuit.isWrong(delivery)).toBe(true);
      const move = (await pursuit.move((await dispute.state())!, [], START))!;
      expect(move.check).toBe(check);
      expect(verdictOf(await dispute.send('challenger', move))).toBe(CASE_VERDICTS.convicted);
    });
  }

  it('is not found in an honest one, whole or unreadable', async () => {
    const { dispute, delivery } = await disputeOf({});
    const pursuit = await dispute.pursuit();
    expect(await pursuit.isWrong(delivery)).toBe(false);
    expect(await pursuit.isWrong({ ...delivery, opened: null })).toBe(false);
    expect(await pursuit.isWrong()).toBe(false);
  });
});
