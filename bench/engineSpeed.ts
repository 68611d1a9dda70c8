/** Tokens per second of one job on an engine. */
import { GREEDY, type Engine } from '../exact';

export interface EngineSpeed {
  /** From the start of the job to its first token. */
  prefillTokensPerSecond: number;
  /** Between the first and the last token. */
  decodeTokensPerSecond: number;
}

/** Of the second of two equal jobs; closes the engine. */
export async function engineSpeed(engine: Engine, promptTokens: number[], newTokens: number): Promise<EngineSpeed> {
  const once = async (): Promise<EngineSpeed> => {
    const times: number[] = [];
    const started = performance.now();
    await engine.generate({
      promptTokens, maxTokens: newTokens, stopTokens: [], sampling: GREEDY, onToken: () => void times.push(performance.now()),
    });
    return {
      prefillTokensPerSecond: (1000 * promptTokens.length) / (times[0] - started),
      decodeTokensPerSecond: (1000 * (newTokens - 1)) / (times[newTokens - 1] - times[0]),
    };
  };
  try {
    await once();
    return await once();
  } finally {
    await engine.close();
  }
}
