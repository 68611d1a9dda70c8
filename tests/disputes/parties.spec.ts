/** Both sides of a dispute, played by what a worker and a challenger run. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import { TraceProver, loadModel, ModelProver, type Job } from '../../exact';
import { CASE_PROOF_VALUE, CASE_TURNS, CASE_VERDICTS } from '../../wrappers';
import { modelPath } from '../exact/support';
import { answerOf, brokenModel, JOB } from './game';
import { Dispute, verdictOf } from './parties';
import { SAMPLINGS } from './headGroup';

const LONG: Job = { ...JOB, promptTokens: Array.from({ length: 40 }, (_, i) => (7 * i + 3) % 250), maxTokens: 4 };

describe('a dispute that both sides play by themselves', () => {
  for (const [name, layer, matrix] of [['grouped', 0, 'gate'], ['grouped', 1, 'down'], ['gated', 0, 'down'], ['extreme', 0, 'query']] as const) {
    it(`convicts a worker of ${name} whose ${matrix} of layer ${layer} has other weights`, async () => {
      const dispute = await Dispute.open(async (names) => {
        const model = loadModel(modelPath(name));
        const liar = new TraceProver(brokenModel(name, layer, matrix, 2000), JOB);
        return { model, prover: new ModelProver(model), answer: answerOf(JOB, await liar.result(), { ...names, modelRoot: model.modelRoot }), worker: liar };
      });
      expect(await dispute.play()).toMatchObject({ isConvicted: true });
    });
  }

  it('is lost by a challenger only by silence when the worker is right: he finds nothing to say', async () => {
    const dispute = await Dispute.open(async (names) => {
      const model = loadModel(modelPath('grouped'));
      const honest = new TraceProver(model, JOB);
      return { model, prover: new ModelProver(model), answer: answerOf(JOB, await honest.result(), { ...names, modelRoot: model.modelRoot }), worker: honest };
    });
    await expect(dispute.play()).rejects.toMatchObject({ code: 'dispute.no-difference' });
  });

  it('is ended by a challenger that comes too late, who has lost it: he sends no move that would be refused', async () => {
    const dispute = await Dispute.open(async (names) => {
      const model = loadModel(modelPath('grouped'));
      const liar = new TraceProver(brokenModel('grouped', 0, 'down', 2000), JOB);
      return { model, prover: new ModelProver(model), answer: answerOf(JOB, await liar.result(), { ...names, modelRoot: model.modelRoot }), worker: liar };
    });
    const pursuit = await dispute.pursuit();
    await dispute.step(dispute.defence(), pursuit);
    const state = (await dispute.state())!;
    expect(state.turn).toBe(CASE_TURNS.choose);
    dispute.chain.now = state.endsAt;
    const move = (await pursuit.move(state, dispute.moves, state.endsAt))!;
    expect(verdictOf(await dispute.send('challenger', move))).toBe(CASE_VERDICTS.acquitted);
  });

  it('goes on after both have started anew before every move, over two blocks of the trace and sampled tokens', async () => {
    const job = { ...LONG, sampling: SAMPLINGS.full };
    const dispute = await Dispute.open(async (names) => {
      const model = loadModel(modelPath('grouped'));
      const liar = new TraceProver(brokenModel('grouped', 1, 'down'), job);
      return { model, prover: new ModelProver(model), answer: answerOf(job, await liar.result(), { ...names, modelRoot: model.modelRoot }), worker: liar };
    });
    let isOver = false;
    while (!isOver) isOver = (await dispute.step(dispute.defence(), await dispute.pursuit())) === null;
    expect(await dispute.state()).toBeNull();
  });
});

/** The same message with more cells behind the last one of what it shows. */
function withJunk(body: Cell): Cell {
  const junk = beginCell().storeUint(7, 256).storeRef(beginCell().storeUint(9, 960).endCell()).endCell();
  const grown = (cell: Cell): Cell => {
    const builder = beginCell().storeBits(cell.bits);
    cell.refs.forEach((ref, i) => builder.storeRef(i === 0 ? grown(ref) : ref));
    return (cell.refs.length === 0 ? builder.storeRef(junk) : builder).endCell();
  };
  const last = body.refs.length - 1;
  return body.refs.reduce((builder, ref, i) => builder.storeRef(i === last ? grown(ref) : ref), beginCell().storeBits(body.bits)).endCell();
}

describe('a worker that hangs other cells behind what it shows', () => {
  it('is convicted all the same, whether the case takes them or not', async () => {
    const dispute = await Dispute.open(async (names) => {
      const model = loadModel(modelPath('grouped'));
      const liar = new TraceProver(brokenModel('grouped', 0, 'down', 2000), JOB);
      return { model, prover: new ModelProver(model), answer: answerOf(JOB, await liar.result(), { ...names, modelRoot: model.modelRoot }), worker: liar };
    });
    const [defence, pursuit] = [dispute.defence(), await dispute.pursuit()];
    for (;;) {
      const state = (await dispute.state())!;
      const body = await defence.move(state);
      if (body !== null) {
        const { endsAt } = state;
        await dispute.send('worker', { value: CASE_PROOF_VALUE, body: withJunk(body) });
        if ((await dispute.state())!.turn !== state.turn || (await dispute.state())!.endsAt !== endsAt) continue;
        await dispute.send('worker', { value: CASE_PROOF_VALUE, body });
        continue;
      }
      const verdict = verdictOf(await dispute.send('challenger', (await pursuit.move(state, dispute.moves, dispute.chain.now!))!));
      if (verdict === undefined) continue;
      expect(verdict).toBe(CASE_VERDICTS.convicted);
      return;
    }
  });
});
