/** Attacks 30: a challenger that computes an answer right convicts, whichever matrix the worker had otherwise. */
import { describe, expect, it } from '@jest/globals';
import { linearEvidence } from '../../disputes/checks/linear';
import { checkProof } from '../../disputes/checkTree';
import { loadModel } from '../../exact';
import { modelPath } from '../exact/support';
import { Game, gasOf, MOVE } from './game';

const MODEL = 'grouped';
type Matrix = 'query' | 'key' | 'value' | 'output' | 'gate' | 'up' | 'down';
/** Matrices of a layer, and the slot in which a wrong one first shows. */
const MATRICES: [matrix: Matrix, slot: string][] = [['query', 'q'], ['key', 'k'], ['value', 'v'], ['output', 'h1'], ['gate', 'gate'], ['up', 'up'], ['down', 'h2']];

/** A model whose first layer has another matrix, in every third weight. */
function otherModel(matrix: Matrix) {
  const model = loadModel(modelPath(MODEL));
  const { weights } = model.layers[0][matrix];
  for (let i = 0; i < weights.length; i += 3) weights[i] ^= 64;
  return model;
}

describe('a challenger that is right', () => {
  it.each(MATRICES)('finding 30: convicts a worker with another %s matrix', async (matrix, slot) => {
    const game = await Game.open(MODEL, otherModel(matrix));
    await game.descend();
    expect(game.address).toMatchObject({ group: 1, slot });
    gasOf(await game.showLeaf());
    const [ours, theirs] = [await game.honest.leaf('inner', game.address), await game.liar.leaf('inner', game.address)];
    const size = ['gate', 'up'].includes(slot) ? 2 : 4;
    const element = Math.floor(ours.bytes!.findIndex((byte, i) => byte !== theirs.bytes![i]) / size);
    const evidence = linearEvidence(game.config, game.prover, game.revealed, game.address, element, theirs.bytes!);
    const result = await game.contract.sendProveStep(game.challenger.getSender(), MOVE, { ...(await checkProof('LinearCheck')), evidence });
    expect(game.verdict(result as never)).toBe(true);
  });
});
