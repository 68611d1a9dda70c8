/** Gateways for the tests, in front of a real engine. */
import { after } from 'node:test';
import { createReferenceEngine } from '../../exact';
import { LocalBackend, openGateway, type AnswerEvent, type CompletionBackend, type GatewaySettings, type RunningGateway, type TokenRequest } from '../../gateway';
import { createLogger } from '../../worker/log';
import { loadedAutomaton } from './automaton';

export const loaded = loadedAutomaton();
export const MODEL = loaded.name;
export const { tokenizer } = loaded.model;

/** The reference engine with the automaton. */
export const automatonBackend = (): LocalBackend => new LocalBackend(loaded, createReferenceEngine(loaded.model), 1_700_000_000);

const running: RunningGateway[] = [];
after(() => Promise.all(running.map((gateway) => gateway.close())));

/** Closed when the file's tests are done. */
export async function startGateway(
  settings: Partial<GatewaySettings> = {}, backend: CompletionBackend = automatonBackend(), logFile?: string,
): Promise<RunningGateway> {
  const gateway = await openGateway({ backend, settings, log: createLogger(logFile ? 'trace' : 'silent', logFile) });
  running.push(gateway);
  return gateway;
}

/** The real back end, with something happening on the way. */
export class Intercepted implements CompletionBackend {
  readonly requests: TokenRequest[] = [];
  private readonly inner = automatonBackend();

  constructor(private readonly intercept: (events: AsyncIterable<AnswerEvent>, call: number) => AsyncIterable<AnswerEvent>) {}

  models() {
    return this.inner.models();
  }

  complete(request: TokenRequest): AsyncIterable<AnswerEvent> {
    return this.intercept(this.inner.complete(request), this.requests.push(request));
  }
}

export const WEATHER_TOOL = {
  type: 'function' as const,
  function: {
    name: 'get_weather', description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  },
};
export const WEATHER_SCHEMA = {
  type: 'object', properties: { city: { type: 'string' }, degrees: { type: 'number' } }, required: ['city', 'degrees'], additionalProperties: false,
};

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Data of server-sent events, `[DONE]` included. */
export const frames = (text: string): string[] =>
  text.split('\n\n').filter((block) => block.startsWith('data: ')).map((block) => block.slice('data: '.length));

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis));

/** Resolves when it holds; a test that waits in vain fails. */
export async function until(holds: () => boolean | Promise<boolean>, millis = 5_000): Promise<void> {
  for (const end = Date.now() + millis; !(await holds());) {
    if (Date.now() > end) throw new Error(`did not happen within ${millis} ms`);
    await sleep(10);
  }
}
