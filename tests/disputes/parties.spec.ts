/** Both sides of a dispute, played by what a worker and a challenger run. */
import { describe, expect, it } from '@jest/globals';
import { TraceProver, loadModel, ModelProver, type Job } from '../../exact';
import { modelPath } from '../exact/support';
import { answerOf, brokenModel, JOB } from './game';
import { Dispute } from './parties';
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
