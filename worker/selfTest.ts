import { createReferenceEngine, GREEDY, type Engine, type ExactModel } from '../exact';
import { weightsPerPosition } from '../exact/config';
import { EngineUnavailableError } from './errors';

/** Tokens of the trial: two trace blocks would take a second on a slow machine, and one shows every operation. */
const SMALL = { prompt: 3, output: 5 };
/** Of a large model, of which the reference computes a position in seconds. */
const LARGE = { prompt: 2, output: 1 };
const LARGE_WEIGHTS = 100e6;

/**
 * Computes a short job on `engine` and on the reference and compares tokens and trace root: a driver or card that gives
 * other bits would cost its owner the stake, so such an engine never serves (attacks 34).
 * @throws EngineUnavailableError `engine.wrong-bits`
 */
export async function testEngine(model: ExactModel, engine: Pick<Engine, 'backend' | 'adapter' | 'generate'>): Promise<void> {
  const { vocab } = model.config;
  const { prompt, output } = weightsPerPosition(model.config) > LARGE_WEIGHTS ? LARGE : SMALL;
  const promptTokens = Array.from({ length: prompt }, (_, index) => (index * 97 + 10) % vocab);
  const job = { promptTokens, maxTokens: output, stopTokens: [], sampling: GREEDY };
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
