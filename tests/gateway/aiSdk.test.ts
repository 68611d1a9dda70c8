/** The AI SDK, unchanged, against a gateway in front of the exact engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { GatewayError } from '../../gateway';
import { collect, Intercepted, MODEL, startGateway } from './support';

// The client's own remark that it keeps the schema to itself is one of the cases.
(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false;

const provider = async (options: { structured?: boolean; usage?: boolean } = {}, ...gateway: Parameters<typeof startGateway>) => {
  const { url } = await startGateway(...gateway);
  return createOpenAICompatible({
    name: 'cocoon', baseURL: url, supportsStructuredOutputs: options.structured, includeUsage: options.usage,
  })(MODEL);
};
const weather = (asked: unknown[] = []) => tool({
  description: 'Weather of a city', inputSchema: z.object({ city: z.string() }),
  execute: async (input) => {
    asked.push(input);
    return '21 degrees';
  },
});
const Weather = z.object({ city: z.string(), degrees: z.number() });

test('AI SDK: generateText has text, usage and a finish reason', async () => {
  const { text, usage, finishReason } = await generateText({ model: await provider(), prompt: 'hi' });
  assert.equal(text, 'Hello from the automaton.');
  assert.equal(finishReason, 'stop');
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [22, 6]);
});

test('AI SDK: streamText streams text, and has usage where the provider asks for it', async () => {
  const { textStream, usage } = streamText({ model: await provider({ usage: true }), prompt: 'unicode' });
  assert.equal((await collect(textStream)).join(''), '😀é日');
  assert.equal((await usage).outputTokens, 10);
  const unasked = streamText({ model: await provider(), prompt: 'hi' });
  assert.equal((await collect(unasked.textStream)).join(''), 'Hello from the automaton.');
  assert.equal((await unasked.usage).outputTokens, undefined);
});

test('AI SDK: stop sequences, seed and the number of tokens are kept', async () => {
  const model = await provider();
  const roll = async (seed: number) => (await generateText({ model, prompt: 'dice', seed, maxOutputTokens: 12 })).text;
  assert.match(await roll(3), /^[A-F]{12}$/);
  assert.equal(await roll(3), await roll(3));
  assert.notEqual(await roll(3), await roll(4));
  const cut = await generateText({ model, prompt: 'letters', stopSequences: ['fg'] });
  assert.deepEqual([cut.text, cut.finishReason], ['abcde', 'stop']);
  assert.equal((await generateText({ model, prompt: 'letters', maxOutputTokens: 3 })).finishReason, 'length');
});

test('AI SDK: a tool is called and its result answered, whole and streamed', async () => {
  const model = await provider();
  for (const run of ['generate', 'stream'] as const) {
    const asked: unknown[] = [];
    const call = { model, prompt: 'weather?', tools: { get_weather: weather(asked) }, stopWhen: stepCountIs(3) };
    const text = run === 'generate' ? (await generateText(call)).text : await streamText(call).text;
    assert.equal(text, 'It is 21 degrees in Paris!', run);
    assert.deepEqual(asked, [{ city: 'Paris' }], run);
  }
});

test('AI SDK: generateObject works with a schema that is sent, and with one that the client keeps to itself', async () => {
  for (const structured of [true, false]) {
    const { object } = await generateObject({ model: await provider({ structured }), schema: Weather, prompt: 'weather?' });
    assert.deepEqual(object, { city: 'Paris', degrees: 21 });
  }
});

test('AI SDK: errors come with their status, and an exhausted channel is not asked again', async () => {
  const poor = new Intercepted(async function* () {
    throw new GatewayError('gateway.channel-exhausted', 'the channel is spent');
  });
  await assert.rejects(generateText({ model: await provider({}, {}, poor), prompt: 'hi' }), (error) =>
    APICallError.isInstance(error) && error.statusCode === 402 && /the channel is spent/.test(error.message));
  assert.equal(poor.requests.length, 1);
});

test('AI SDK: a failure in the middle of a stream reaches onError, and the text so far is kept', async () => {
  const model = await provider({}, {}, new Intercepted(async function* (events) {
    let pieces = 0;
    for await (const event of events) {
      if (event.kind === 'tokens' && ++pieces > 1) throw new GatewayError('gateway.attestation', 'the provider lost its attestation');
      yield event;
    }
  }));
  const errors: unknown[] = [];
  const { textStream } = streamText({ model, prompt: 'hi', onError: ({ error }) => void errors.push(error) });
  assert.match((await collect(textStream)).join(''), /^Hello/);
  assert.equal(errors.length, 1);
  assert.match(JSON.stringify(errors[0]) + String(errors[0]), /attestation/);
});

test('@ai-sdk/openai: .chat() works, and the default, which is the Responses API, fails with a sentence that names .chat()', async () => {
  const { url } = await startGateway();
  const openai = createOpenAI({ baseURL: url, apiKey: 'unused' });
  assert.equal((await generateText({ model: openai.chat(MODEL), prompt: 'hi' })).text, 'Hello from the automaton.');
  await assert.rejects(generateText({ model: openai(MODEL), prompt: 'hi' }), (error) =>
    APICallError.isInstance(error) && error.statusCode === 404 && /openai\.chat\(model\)/.test(error.message));
});
