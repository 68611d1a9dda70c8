/** The `openai` package, unchanged, against a gateway in front of the exact engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { GatewayError } from '../../gateway';
import { collect, Intercepted, MODEL, startGateway, WEATHER_SCHEMA, WEATHER_TOOL } from './support';

const client = async (...options: Parameters<typeof startGateway>): Promise<OpenAI> => {
  const { url } = await startGateway(...options);
  return new OpenAI({ baseURL: url, apiKey: 'unused', maxRetries: 2 });
};
const user = (content: string) => ({ role: 'user' as const, content });
const model = MODEL;

test('openai: a chat is answered with text, usage and why it ended', async () => {
  const openai = await client();
  const { data, response, request_id: requestId } = await openai.chat.completions.create({ model, messages: [user('hi')] }).withResponse();
  assert.equal(data.choices[0].message.content, 'Hello from the automaton.');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(data.object, 'chat.completion');
  assert.deepEqual(data.usage, { prompt_tokens: 22, completion_tokens: 6, total_tokens: 28 });
  assert.match(response.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{32}$/);
  assert.equal(requestId, response.headers.get('x-request-id'));
  assert.equal(response.headers.get('x-cocoon-warning'), null);
});

test('openai: a stream has one id and model, the role once, a finish chunk, and usage only when asked for', async () => {
  const openai = await client();
  const chunks = await collect(await openai.chat.completions.create({ model, messages: [user('hi')], stream: true }));
  assert.equal(new Set(chunks.map(({ id, model: name }) => `${id} ${name}`)).size, 1);
  assert.deepEqual(chunks.map(({ choices }) => choices[0].delta.role), ['assistant', ...chunks.slice(1).map(() => undefined)]);
  assert.equal(chunks.map(({ choices }) => choices[0].delta.content ?? '').join(''), 'Hello from the automaton.');
  assert.deepEqual(chunks.map(({ choices }) => choices[0].finish_reason), [...chunks.slice(1).map(() => null), 'stop']);
  assert.ok(chunks.every(({ usage }) => usage === undefined));
  assert.ok(chunks.length >= 7, 'tokens come one by one');

  const counted = await collect(await openai.chat.completions.create({
    model, messages: [user('hi')], stream: true, stream_options: { include_usage: true },
  }));
  const last = counted[counted.length - 1];
  assert.deepEqual(last.choices, []);
  assert.deepEqual(last.usage, { prompt_tokens: 22, completion_tokens: 6, total_tokens: 28 });
  assert.ok(counted.slice(0, -1).every(({ usage, choices }) => usage === null && choices.length === 1));
});

test('openai: the .stream() helper gives the same answer as one that comes whole', async () => {
  const openai = await client();
  const stream = openai.chat.completions.stream({ model, messages: [user('unicode')], logprobs: true });
  const pieces: string[] = [];
  stream.on('content', (delta) => pieces.push(delta));
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, '😀é日');
  assert.deepEqual(pieces, ['😀', 'é', '日']);
  assert.equal(final.choices[0].logprobs?.content?.length, 9);
});

test('openai: runTools calls the function and gives its result back to the model', async () => {
  const openai = await client();
  const asked: unknown[] = [];
  const runner = openai.chat.completions.runTools({
    model, messages: [{ role: 'developer', content: 'Be brief.' }, user('weather?')],
    tools: [{
      type: 'function',
      function: {
        name: 'get_weather', description: '', parameters: WEATHER_TOOL.function.parameters, parse: JSON.parse,
        function: (args: object) => {
          asked.push(args);
          return '21 degrees';
        },
      },
    }],
  });
  assert.equal(await runner.finalContent(), 'It is 21 degrees in Paris!');
  assert.deepEqual(asked, [{ city: 'Paris' }]);
  assert.equal(runner.messages.find(({ role }) => role === 'assistant')?.content, null);
});

test('openai: a tool call streams with id and name first, then its arguments in pieces', async () => {
  const openai = await client();
  const chunks = await collect(await openai.chat.completions.create({
    model, messages: [user('weather?')], tools: [WEATHER_TOOL], stream: true,
  }));
  const calls = chunks.flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
  assert.equal(calls[0].function?.name, 'get_weather');
  assert.match(calls[0].id ?? '', /^call_/);
  assert.ok(calls.slice(1).every(({ id, function: f }) => id === undefined && f?.name === undefined));
  assert.ok(calls.length > 3);
  assert.equal(calls.map(({ function: f }) => f?.arguments).join(''), '{"city": "Paris"}');
  assert.equal(chunks[chunks.length - 1].choices[0].finish_reason, 'tool_calls');
  assert.ok(chunks.every(({ choices }) => !choices[0].delta.content));
});

test('openai: tool_choice none, required and a named function are kept', async () => {
  const openai = await client();
  const ask = async (choice: OpenAI.ChatCompletionToolChoiceOption) => (await openai.chat.completions.create({
    model, messages: [user('hi')], tools: [WEATHER_TOOL], tool_choice: choice,
  })).choices[0];
  assert.equal((await ask('none')).message.content, 'Hello from the automaton.');
  for (const choice of ['required' as const, { type: 'function' as const, function: { name: 'get_weather' } }]) {
    const { message, finish_reason: reason } = await ask(choice);
    const [call] = message.tool_calls ?? [];
    assert.ok(call.type === 'function');
    assert.deepEqual([call.function.name, call.function.arguments, reason], ['get_weather', '{"city": "Paris"}', 'tool_calls']);
  }
});

test('openai: the same seed gives the same answer, another seed or none another one', async () => {
  const openai = await client();
  const roll = async (seed?: number, n = 1) => (await openai.chat.completions.create({
    model, messages: [user('dice')], max_completion_tokens: 20, seed, n,
  })).choices.map(({ message }) => message.content);
  const [first] = await roll(7);
  assert.match(first ?? '', /^[A-F]{20}$/);
  assert.deepEqual(await roll(7), [first]);
  assert.notDeepEqual(await roll(8), [first]);
  assert.notDeepEqual(await roll(), await roll());
  const three = await roll(7, 3);
  assert.equal(three[0], first);
  assert.equal(new Set(three).size, 3);
});

test('openai: several choices stream with their own index, and their prompt counts once', async () => {
  const openai = await client();
  const chunks = await collect(await openai.chat.completions.create({
    model, messages: [user('dice')], max_tokens: 5, seed: 7, n: 2, stream: true, stream_options: { include_usage: true },
  }));
  const usage = chunks[chunks.length - 1].usage;
  assert.deepEqual([usage?.prompt_tokens, usage?.completion_tokens], [24, 10]);
  for (const index of [0, 1]) {
    const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    assert.equal(own[0].delta.role, 'assistant');
    assert.match(own.map(({ delta }) => delta.content ?? '').join(''), /^[A-F]{5}$/);
    assert.equal(own[own.length - 1].finish_reason, 'length');
  }
});

test('openai: a stop string ends the answer and is not in it, also where it lies over tokens', async () => {
  const openai = await client();
  const ask = async (stop: string | string[], stream: boolean): Promise<string> => {
    const request = { model, messages: [user('letters')], stop, max_tokens: 26 };
    if (!stream) return (await openai.chat.completions.create(request)).choices[0].message.content ?? '';
    const chunks = await collect(await openai.chat.completions.create({ ...request, stream: true }));
    assert.equal(chunks[chunks.length - 1].choices[0].finish_reason, 'stop');
    return chunks.map(({ choices }) => choices[0].delta.content ?? '').join('');
  };
  for (const stream of [false, true]) {
    assert.equal(await ask('hij', stream), 'abcdefg');
    assert.equal(await ask(['zz', 'mn', 'xy'], stream), 'abcdefghijkl');
  }
});

test('openai: logprobs are those of the drawn tokens, with as many alternatives as asked for', async () => {
  const openai = await client();
  const { choices: [{ logprobs, message }] } = await openai.chat.completions.create({
    model, messages: [user('dice')], max_tokens: 4, seed: 1, logprobs: true, top_logprobs: 6,
  });
  const content = logprobs?.content ?? [];
  assert.equal(content.map(({ token }) => token).join(''), message.content);
  for (const { logprob, top_logprobs: top, bytes, token } of content) {
    assert.ok(Math.abs(logprob + Math.log(6)) < 1e-6);
    assert.deepEqual(top.map((one) => one.token), ['A', 'B', 'C', 'D', 'E', 'F']);
    assert.deepEqual(bytes, [...Buffer.from(token)]);
  }
});

test('openai: logprobs never tell of text behind a stop string', async () => {
  const openai = await client();
  for (const stream of [false, true]) {
    const request = { model, messages: [user('letters')], stop: 'fg', max_tokens: 26, logprobs: true };
    const entries = stream
      ? (await collect(await openai.chat.completions.create({ ...request, stream })))
        .flatMap(({ choices }) => choices[0].logprobs?.content ?? [])
      : (await openai.chat.completions.create({ ...request, stream })).choices[0].logprobs?.content ?? [];
    assert.equal(entries.map(({ token }) => token).join(''), 'abcde');
  }
});

test('openai: logprobs of a tool call are those of all its tokens, whole and streamed', async () => {
  const openai = await client();
  const request = { model, messages: [user('weather?')], tools: [WEATHER_TOOL], logprobs: true };
  const { choices: [{ logprobs }] } = await openai.chat.completions.create(request);
  const streamed = (await collect(await openai.chat.completions.create({ ...request, stream: true })))
    .flatMap(({ choices }) => choices[0].logprobs?.content ?? []);
  const text = streamed.map(({ token }) => token).join('');
  assert.equal(text, '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>');
  assert.deepEqual(streamed, logprobs?.content);
});

test('openai: text completions take a string, several strings and token ids', async () => {
  const openai = await client();
  const ask = async (prompt: OpenAI.CompletionCreateParams['prompt']) =>
    (await openai.completions.create({ model, prompt, max_tokens: 3 })).choices.map(({ text }) => text);
  assert.deepEqual(await ask('xyza'), ['bcd']);
  assert.deepEqual(await ask(['a', 'm']), ['bcd', 'nop']);
  assert.deepEqual(await ask([97]), ['bcd']);
  assert.deepEqual(await ask([[97], [120]]), ['bcd', 'yza']);
  assert.equal((await openai.completions.create({ model, prompt: 'b' })).choices[0].text.length, 16);
  const chunks = await collect(await openai.completions.create({ model, prompt: 'a', max_tokens: 3, stream: true, logprobs: 2 }));
  assert.equal(chunks.map(({ choices }) => choices[0].text).join(''), 'bcd');
  assert.deepEqual(chunks.flatMap(({ choices }) => choices[0].logprobs?.text_offset ?? []), [0, 1, 2]);
  assert.deepEqual(chunks.flatMap(({ choices }) => choices[0].logprobs?.tokens ?? []), ['b', 'c', 'd']);
});

test('openai: parse with a schema gives an object, and a strict schema that the answer breaks is an error', async () => {
  const openai = await client();
  const messages = [user('weather?')];
  const Weather = z.object({ city: z.string(), degrees: z.number() });
  const parsed = await openai.chat.completions.parse({ model, messages, response_format: zodResponseFormat(Weather, 'weather') });
  assert.deepEqual(parsed.choices[0].message.parsed, { city: 'Paris', degrees: 21 });

  const other = zodResponseFormat(z.object({ country: z.string() }), 'other');
  await assert.rejects(openai.chat.completions.parse({ model, messages, response_format: other }), (error) =>
    error instanceof OpenAI.APIError && error.status === 422 && error.code === 'response_format_violated');
  const stream = await openai.chat.completions.create({ model, messages, response_format: other, stream: true });
  await assert.rejects(collect(stream), (error) => error instanceof OpenAI.APIError && error.code === 'response_format_violated');

  const remark = async (schema: Record<string, unknown>) => (await openai.chat.completions.create({
    model, messages, response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  }) as unknown as { x_cocoon: { response_format: string } }).x_cocoon.response_format;
  assert.equal(await remark({ ...WEATHER_SCHEMA, $schema: 'http://json-schema.org/draft-07/schema#' }), 'matched');
  assert.equal(await remark({ ...WEATHER_SCHEMA, $schema: 'https://json-schema.org/draft/2020-12/schema' }), 'matched');
  assert.equal(await remark({ type: 'array' }), 'violated');
});

test('openai: models are listed and shown, embeddings are refused with a reason, an unknown model is a 404', async () => {
  const openai = await client();
  const models = await collect(openai.models.list());
  assert.deepEqual(models.map(({ id, object }) => [id, object]), [[MODEL, 'model']]);
  assert.equal((await openai.models.retrieve(MODEL)).created, 1_700_000_000);
  await assert.rejects(openai.models.retrieve('who/knows'), OpenAI.NotFoundError);
  await assert.rejects(openai.embeddings.create({ model, input: 'hi' }), (error) =>
    error instanceof OpenAI.BadRequestError && /no model here is an embedding model/.test(error.message));
  await assert.rejects(openai.chat.completions.create({ model: 'gpt-4o', messages: [user('hi')] }), (error) =>
    error instanceof OpenAI.NotFoundError && error.code === 'model_not_found' && error.param === 'model');
  await assert.rejects(openai.responses.create({ model, input: 'hi' }), (error) =>
    error instanceof OpenAI.NotFoundError && /\.chat\(/.test(error.message));
});

test('openai: an exhausted channel is asked once, an overloaded provider again until it answers', async () => {
  const failing = (code: string, until: number) => new Intercepted(async function* (events, call) {
    if (call <= until) throw new GatewayError(code, 'not now', { retryAfterSeconds: 0 });
    yield* events;
  });
  const poor = failing('gateway.channel-exhausted', Infinity);
  const openai = await client({}, poor);
  await assert.rejects(openai.chat.completions.create({ model, messages: [user('hi')] }), (error) =>
    error instanceof OpenAI.APIError && error.status === 402 && error.code === 'gateway.channel-exhausted');
  assert.equal(poor.requests.length, 1);

  const busy = failing('gateway.overloaded', 2);
  const patient = await client({}, busy);
  const { choices } = await patient.chat.completions.create({ model, messages: [user('hi')], stream: false });
  assert.equal(choices[0].message.content, 'Hello from the automaton.');
  assert.equal(busy.requests.length, 3);
  const limited = await client({}, failing('gateway.overloaded', Infinity));
  await assert.rejects(limited.chat.completions.create({ model, messages: [user('hi')] }, { maxRetries: 0 }), (error) =>
    error instanceof OpenAI.RateLimitError && error.headers.get('retry-after') === '0');
  const lost = await client({}, failing('network.provider', Infinity));
  await assert.rejects(lost.chat.completions.create({ model, messages: [user('hi')] }, { maxRetries: 0 }), (error) =>
    error instanceof OpenAI.APIError && error.status === 503 && error.code === 'network.provider');
});

test('openai: a failure in the middle of a stream throws its code after the text that came', async () => {
  const openai = await client({}, new Intercepted(async function* (events) {
    let pieces = 0;
    for await (const event of events) {
      if (event.kind === 'tokens' && ++pieces > 1) throw new GatewayError('gateway.attestation', 'the provider lost its attestation');
      yield event;
    }
  }));
  let text = '';
  await assert.rejects(async () => {
    for await (const { choices } of await openai.chat.completions.create({ model, messages: [user('hi')], stream: true })) {
      text += choices[0].delta.content ?? '';
    }
  }, (error) => error instanceof OpenAI.APIError && error.code === 'gateway.attestation');
  assert.match(text, /^Hello/);
});

test('openai: what an answer cost and its receipt come with it, in the last chunk and in headers', async () => {
  const receipt = { by: 'provider', tokens: 6 };
  const openai = await client({}, new Intercepted(async function* (events) {
    for await (const event of events) {
      if (event.kind === 'start') yield { ...event, reference: 'job-1' };
      else yield event.kind === 'end' ? { ...event, cost: '1200', receipts: [receipt] } : event;
    }
  }));
  type Extra = { x_cocoon?: { cost: string; receipts: unknown[] } };
  const request = { model, messages: [user('hi')], n: 2 };
  const { data, response } = await openai.chat.completions.create(request).withResponse();
  assert.deepEqual((data as Extra).x_cocoon, { cost: '2400', receipts: [receipt, receipt] });
  assert.equal(response.headers.get('x-cocoon-cost-nanoton'), '2400');
  for (const usage of [true, false]) {
    const { data: stream, response: { headers } } = await openai.chat.completions.create({
      ...request, stream: true, stream_options: usage ? { include_usage: true } : undefined,
    }).withResponse();
    assert.equal(headers.get('x-cocoon-reference'), 'job-1');
    const chunks = await collect(stream);
    assert.deepEqual((chunks[chunks.length - 1] as Extra).x_cocoon, { cost: '2400', receipts: [receipt, receipt] });
    assert.ok(chunks.slice(0, -1).every((chunk) => (chunk as Extra).x_cocoon === undefined));
  }
});
