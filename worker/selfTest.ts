import { createReferenceEngine, GREEDY, type Engine, type ExactModel } from '../exact';
import { EngineUnavailableError } from './errors';

/** Positions of the trial: two trace blocks would take a second on a slow machine, and one shows every operation. */
const PROMPT_TOKENS = 3;
const OUTPUT_TOKENS = 5;

/**
 * Computes a short job on `engine` and on the reference and compares tokens and trace root: a driver or card that gives
 * other bits would cost its owner the stake, so such an engine never serves (attacks 34).
 * @throws EngineUnavailableError `engine.wrong-bits`
 */
export async function testEngine(model: ExactModel, engine: Pick<Engine, 'backend' | 'adapter' | 'generate'>): Promise<void> {
  const promptTokens = Array.from({ length: PROMPT_TOKENS }, (_, index) => (index * 97 + 10) % model.config.vocab);
  const job = { promptTokens, maxTokens: OUTPUT_TOKENS, stopTokens: [], sampling: GREEDY };
  const reference = createReferenceEngine(model);
  const [tried, right] = [await engine.generate(job), await reference.generate(job)];
  await reference.close();
  const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(Buffer.from(b));
  if (tried.tokens.join() === right.tokens.join() && same(tried.traceRoot, right.traceRoot)) return;
  throw new EngineUnavailableError('engine.wrong-bits', 'this machine computes other bits than the specification', {
    expected: `what the reference computes (trace ${Buffer.from(right.traceRoot).toString('hex').slice(0, 16)})`,
    received: `trace ${Buffer.from(tried.traceRoot).toString('hex').slice(0, 16)} from ${engine.backend} on ${engine.adapter}`,
    hint: 'do not serve with this device: update its driver, report it, or use --backend reference',
  });
}
