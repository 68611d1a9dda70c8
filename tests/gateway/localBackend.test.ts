/** The back end of this machine by itself: its events are what gateway/backend.ts promises. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReferenceEngine, GREEDY, type Job } from '../../exact';
import { LocalBackend, type AnswerEvent, type TokenRequest } from '../../gateway';
import { loadedAutomaton } from './automaton';
import { collect, until } from './support';

const loaded = loadedAutomaton();
const engine = createReferenceEngine(loaded.model);
const letter = (text: string) => text.charCodeAt(0);
const requestOf = (change: Partial<TokenRequest> = {}): TokenRequest => ({
  model: 'automaton', promptTokens: [letter('a')], maxTokens: 40, stopTokens: [], sampling: GREEDY,
  abort: new AbortController().signal, enough: new AbortController().signal, ...change,
});
const tokensOf = (events: readonly AnswerEvent[]) => events.flatMap((event) => (event.kind === 'tokens' ? event.tokens : []));

test('an answer is a start, tokens and an end that counts them', async () => {
  const backend = new LocalBackend(loaded, engine);
  const events = await collect(backend.complete(requestOf({ maxTokens: 5, topLogits: 1 })));
  assert.equal(events[0].kind, 'start');
  assert.deepEqual(events[events.length - 1], { kind: 'end', finishReason: 'length', promptTokens: 1, completionTokens: 5 });
  assert.equal(String.fromCharCode(...tokensOf(events)), 'bcdef');
  const told = events.flatMap((event) => (event.kind === 'tokens' ? event.logits ?? [] : []));
  assert.deepEqual(told.map(({ top: [{ id }] }) => id), tokensOf(events));
  const stopped = await collect(backend.complete(requestOf({ stopTokens: [letter('d')] })));
  assert.deepEqual(stopped[stopped.length - 1], { kind: 'end', finishReason: 'stop', promptTokens: 1, completionTokens: 3 });
});

test('enough ends an answer with what came, abort with an error, and leaving the loop ends its generation', async () => {
  const signals: AbortSignal[] = [];
  const backend = new LocalBackend(loaded, {
    ...engine, generate: (job: Job) => {
      signals.push(job.signal!);
      return engine.generate(job);
    },
  });
  const enough = new AbortController();
  const events: AnswerEvent[] = [];
  for await (const event of backend.complete(requestOf({ maxTokens: 900, enough: enough.signal }))) {
    events.push(event);
    if (event.kind === 'tokens') enough.abort();
  }
  const end = events[events.length - 1];
  assert.ok(end.kind === 'end' && end.finishReason === 'enough');
  assert.equal(end.completionTokens, tokensOf(events).length);
  assert.ok(end.completionTokens < 40);

  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const { kind } of backend.complete(requestOf({ maxTokens: 900, abort: abort.signal }))) if (kind === 'tokens') abort.abort();
  }, { code: 'engine.aborted' });

  for await (const { kind } of backend.complete(requestOf({ maxTokens: 900 }))) if (kind === 'tokens') break;
  await until(() => signals[2].aborted);
});

test('another model, a prompt beyond the context and a defect of the engine are errors of the answer', async () => {
  const backend = new LocalBackend(loaded, engine);
  await assert.rejects(collect(backend.complete(requestOf({ model: 'other' }))), { code: 'gateway.model' });
  await assert.rejects(collect(backend.complete(requestOf({ maxTokens: 5000 }))), { code: 'input.context' });
  const broken = new LocalBackend(loaded, { ...engine, generate: async () => { throw new TypeError('defect'); } });
  await assert.rejects(collect(broken.complete(requestOf())), TypeError);
});
