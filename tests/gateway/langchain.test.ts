/** LangChain's ChatOpenAI, unchanged, against a gateway in front of the exact engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { GatewayError } from '../../gateway';
import { collect, Intercepted, MODEL, startGateway, WEATHER_TOOL } from './support';

const chat = async (fields: ConstructorParameters<typeof ChatOpenAI>[0] = {}, ...gateway: Parameters<typeof startGateway>) => {
  const { url } = await startGateway(...gateway);
  return new ChatOpenAI({ model: MODEL, apiKey: 'unused', configuration: { baseURL: url }, maxRetries: 0, ...fields });
};

test('LangChain: invoke answers with text and usage', async () => {
  const message = await (await chat()).invoke([['system', 'Be brief.'], ['user', 'hi']]);
  assert.equal(message.content, 'Hello from the automaton.');
  assert.equal(message.usage_metadata?.output_tokens, 6);
  assert.equal(message.response_metadata.finish_reason, 'stop');
});

test('LangChain: stream gives the pieces, and usage in the last chunk', async () => {
  const chunks = await collect(await (await chat()).stream('unicode'));
  assert.equal(chunks.map(({ content }) => content).join(''), '😀é日');
  const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
  assert.equal(whole.usage_metadata?.output_tokens, 10);
});

test('LangChain: logprobs, stop and the number of tokens are kept', async () => {
  const model = await chat({ logprobs: true, topLogprobs: 2, maxTokens: 4, stop: ['d'] });
  const message = await model.invoke('letters');
  assert.equal(message.content, 'abc');
  const { logprobs } = message.response_metadata as { logprobs: { content: { token: string; top_logprobs: unknown[] }[] } };
  assert.deepEqual(logprobs.content.map(({ token, top_logprobs: top }) => [token, top.length]), [['a', 2], ['b', 2], ['c', 2]]);
});

test('LangChain: bound tools are called, whole and streamed, and a tool message is answered', async () => {
  const model = (await chat()).bindTools([WEATHER_TOOL]);
  const message = await model.invoke('weather?');
  const [call] = message.tool_calls ?? [];
  assert.deepEqual([call.name, call.args], ['get_weather', { city: 'Paris' }]);
  const streamed = (await collect(await model.stream('weather?'))).reduce((sum, chunk) => sum.concat(chunk));
  assert.deepEqual(streamed.tool_calls?.map(({ name, args }) => [name, args]), [['get_weather', { city: 'Paris' }]]);
  const answer = await model.invoke([
    ['user', 'weather?'], message, { role: 'tool', content: '21 degrees', tool_call_id: call.id ?? '' },
  ]);
  assert.equal(answer.content, 'It is 21 degrees in Paris!');
});

test('LangChain: withStructuredOutput gives an object by every method', async () => {
  const model = await chat();
  const Weather = z.object({ city: z.string(), degrees: z.number() });
  for (const method of ['jsonSchema', 'jsonMode'] as const) {
    assert.deepEqual(await model.withStructuredOutput(Weather, { method }).invoke('weather?'), { city: 'Paris', degrees: 21 });
  }
  const City = z.object({ city: z.string() });
  const called = model.withStructuredOutput(City, { method: 'functionCalling', name: 'get_weather' });
  assert.deepEqual(await called.invoke('weather?'), { city: 'Paris' });
});

test('LangChain: text completions work, embeddings fail with the reason', async () => {
  const { url } = await startGateway();
  const configuration = { baseURL: url };
  const llm = new OpenAI({ model: MODEL, apiKey: 'unused', configuration, maxTokens: 3, maxRetries: 0 });
  assert.equal(await llm.invoke('a'), 'bcd');
  const embeddings = new OpenAIEmbeddings({ model: MODEL, apiKey: 'unused', configuration, maxRetries: 0 });
  await assert.rejects(embeddings.embedQuery('hi'), /no model here is an embedding model/);
});

test('LangChain: an exhausted channel and a failure in the middle of a stream are thrown', async () => {
  const poor = new Intercepted(async function* () {
    throw new GatewayError('gateway.channel-exhausted', 'the channel is spent');
  });
  await assert.rejects((await chat({ maxRetries: 2 }, {}, poor)).invoke('hi'), { status: 402 });
  assert.equal(poor.requests.length, 1);
  const broken = await chat({}, {}, new Intercepted(async function* (events) {
    let pieces = 0;
    for await (const event of events) {
      if (event.kind === 'tokens' && ++pieces > 1) throw new GatewayError('gateway.attestation', 'the provider lost its attestation');
      yield event;
    }
  }));
  await assert.rejects(async () => collect(await broken.stream('hi')), { code: 'gateway.attestation' });
});
