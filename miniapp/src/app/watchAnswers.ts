import type { ChainPair } from '../chain';
import type { PageConfig } from '../types';
import { laterClaims } from '../verify';
import type { Answers } from './answers';

/** Looks at what became of those who answered, each once: answers of a provider that was slashed or withdrawn since turn. */
export async function watchAnswers(answers: Answers, chain: Pick<ChainPair, 'stake' | 'registry'>, config: PageConfig): Promise<void> {
  const judged = answers.all.filter(({ before }) => before !== null);
  if (judged.length === 0) return;
  const stakes = [...new Set(judged.map(({ held }) => held.offer.stake))];
  const [registry, ...readings] = await Promise.all([chain.registry(config.registry), ...stakes.map((stake) => chain.stake(stake))] as const);
  for (const { held, before } of judged) {
    const stake = readings[stakes.indexOf(held.offer.stake)];
    await answers.turn(held.id, laterClaims(held.offer, before!, { stake, registry }));
  }
}
