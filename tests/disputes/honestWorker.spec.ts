/** Attacks 29: cases about an answer that is right, whose challenger leads the descents anywhere. */
import { describe, expect, it } from '@jest/globals';
import { Random } from '../../bench/economics/random';
import { loadModel } from '../../exact';
import { treeLevels, UNUSED } from '../../exact/leafAddress';
import { roundLevels } from '../../exact/proof';
import { keyLeaves, treeDepths } from '../../exact/opTable';
import { SLASHING_CASE_ERRORS as E, TURN_SECONDS } from '../../wrappers';
import { modelPath } from '../exact/support';
import { exitOf, Game, gasOf, JOB, MOVE } from './game';

const MODEL = 'grouped';
const honest = () => Game.open(MODEL, loadModel(modelPath(MODEL)));
const POSITIONS = JOB.promptTokens.length + JOB.maxTokens - 1;

/** Children that lead to a leaf, round by round. */
function way(game: Game, tree: 'commit' | 'inner', leaf: number): number[] {
  const levels = treeLevels(game.config, tree);
  const children: number[] = [];
  for (let depth = 0; depth < levels; ) {
    const round = roundLevels(game.config, tree, depth);
    depth += round;
    children.push(Math.floor(leaf / 2 ** (levels - depth)) % 2 ** round);
  }
  return children;
}

/** @returns the verdict, where one fell */
async function lead(game: Game, tree: 'commit' | 'inner', leaf: number): Promise<boolean | undefined> {
  const [first, ...others] = way(game, tree, leaf);
  let result = await game.choose(first);
  for (const child of others) {
    gasOf(result);
    gasOf(await game.showChildren());
    result = await game.choose(child);
  }
  gasOf(result);
  return game.verdict(result);
}

/** Leads the case to these leaves. @returns the verdict, and what it fell about */
async function play(game: Game, committed: number, inner: number): Promise<{ isConvicted: boolean | undefined; slot: string }> {
  gasOf(await game.showTrace());
  const early = await lead(game, 'commit', committed);
  if (early !== undefined) return { isConvicted: early, slot: 'of the trace' };
  gasOf(await game.showPosition());
  expect(exitOf(await game.contradict(game.honest))).toBe(E.noContradiction);
  const verdict = await lead(game, 'inner', inner);
  if (verdict !== undefined) return { isConvicted: verdict, slot: UNUSED };
  const { slot } = game.address;
  gasOf(await game.showLeaf());
  game.blockchain.now! += TURN_SECONDS;
  return { isConvicted: game.verdict((await game.contract.sendEndTurn(game.worker.getSender(), MOVE)) as never), slot };
}

describe('a case about an honest answer', () => {
  it('finding 29: is acquitted wherever the challenger leads it, and every move can be made', async () => {
    const random = new Random(29);
    const below = (limit: number): number => Math.floor(random.next() * limit);
    const reached = new Set<string>();
    for (let run = 0; run < 24; run++) {
      const game = await honest();
      const { commit, commitTotal, positionTotal, group } = treeDepths(game.config);
      // A leaf of the trace three times in four, else any; then any of the position tree's groups.
      const inTrace = below(POSITIONS) * 2 ** commit + below(2 * game.config.layers * keyLeaves(game.config));
      const committed = run % 4 > 0 ? inTrace : below(2 ** commitTotal);
      const inner = run % 8 > 0 ? below(game.config.layers + 2) * 2 ** group + below(run % 2 > 0 ? 8 : 2 ** group) : below(2 ** positionTotal);
      const { isConvicted, slot } = await play(game, committed, inner);
      expect([run, isConvicted]).toEqual([run, false]);
      reached.add(slot);
    }
    expect([...reached]).toEqual(expect.arrayContaining(['of the trace', UNUSED]));
    expect(reached.size).toBeGreaterThan(8);
  });
});
