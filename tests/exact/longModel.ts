/** The smallest model whose context holds prompts of several pieces. */
import { loadModel, type ExactModel } from '../../exact';
import { Random, randomModel } from './randomModels';
import { writeModel } from './writeModel';

export function longModel(context = 5_120): ExactModel {
  const shape = { layers: 1, dim: 64, heads: 1, kvHeads: 1, headDim: 16, ffn: 64, vocab: 260, context, epsTerm: 2_748_779, flags: 0 };
  return loadModel(writeModel(randomModel(new Random(5), { small: true, hard: false, shape })));
}
