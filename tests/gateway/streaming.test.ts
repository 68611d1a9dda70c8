/** Streams on the wire: their frames, clients that leave or do not read, and what happens when too many ask. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { createWasmEngine } from '../../exact/wasm';
import { GatewayError, LocalBackend, type AnswerEvent } from '../../gateway';
import { frames, Intercepted, loaded, MODEL, sleep, startGateway, until } from './support';

const body = (more: object = {}) => JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }], stream: true, ...more });
const post = (url: string, more?: object, signal?: AbortSignal) => fetch(`${url}/chat/completions`, { method: 'POST', body: body(more), signal });
const pass = async function* (events: AsyncIterable<AnswerEvent>) { yield* events; };

test('a stream is frames of data, and [DONE] is the last', async () => {
  const { url } = await startGateway();
  const response = await post(url);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const data = frames(await response.text());
  assert.equal(data[data.length - 1], '[DONE]');
  const chunks = data.slice(0, -1).map((frame) => JSON.parse(frame) as { object: string; choices: { delta: object }[] });
  assert.ok(chunks.every(({ object }) => object === 'chat.completion.chunk'));
  assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '' });
  assert.deepEqual(chunks[chunks.length - 1].choices[0].delta, {});
});

test('a failure in the middle is one frame with the error, then [DONE]', async () => {
  const { url } = await startGateway({}, new Intercepted(async function* (events) {
    for await (const event of events) {
      if (event.kind === 'end') throw new GatewayError('gateway.voucher', 'the provider refused the voucher');
      yield event;
    }
  }));
  const response = await post(url);
  assert.equal(response.status, 200);
  const data = frames(await response.text());
  assert.equal(data[data.length - 1], '[DONE]');
  const { error } = JSON.parse(data[data.length - 2]) as { error: { code: string; type: string; param: null; message: string } };
  assert.deepEqual([error.code, error.type, error.param, error.message], ['gateway.voucher', 'server_error', null, 'the provider refused the voucher']);
  assert.equal(data.filter((frame) => frame.includes('"error"')).length, 1);
});

test('an error before the first event is an HTTP status, for a stream too', async () => {
  const { url } = await startGateway({}, new Intercepted(async function* () {
    throw new GatewayError('gateway.channel-exhausted', 'the channel is spent');
  }));
  const response = await post(url);
  assert.equal(response.status, 402);
  assert.equal(response.headers.get('x-should-retry'), 'false');
  assert.equal((await response.json() as { error: { code: string } }).error.code, 'gateway.channel-exhausted');
});

test('a back end that ends without saying how is an error, not a whole answer', async () => {
  const { url } = await startGateway({}, new Intercepted(async function* (events) {
    for await (const event of events) if (event.kind !== 'end') yield event;
  }));
  const whole = await post(url, { stream: false });
  assert.equal(whole.status, 503);
  assert.match(await (await post(url)).text(), /"code":"gateway\.backend"/);
});

test('while nothing comes, comments keep the connection, also before the back end has taken the request', async () => {
  const { url } = await startGateway({ keepAliveMillis: 40 }, new Intercepted(async function* (events) {
    await sleep(150);
    for await (const event of events) {
      if (event.kind === 'end') await sleep(150);
      yield event;
    }
  }));
  const text = await (await post(url)).text();
  assert.match(text, /^: keep-alive\n\n/);
  assert.match(text, /"content":"[^"]+"[^]*: keep-alive\n\n[^]*"finish_reason":"stop"/);
  assert.equal(frames(text).pop(), '[DONE]');
});

test('a client that leaves ends its generation, and the place is free again', async () => {
  const backend = new Intercepted(pass);
  const { url } = await startGateway({ running: 1, waiting: 0 }, backend);
  const leave = new AbortController();
  const response = await post(url, { messages: [{ role: 'user', content: 'letters' }], max_tokens: 900 }, leave.signal);
  const reader = response.body!.getReader();
  await reader.read();
  leave.abort();
  await until(() => backend.requests[0].abort.aborted);
  await until(async () => (await post(url, { stream: false })).status === 200);

  const whole = new AbortController();
  const pending = post(url, { messages: [{ role: 'user', content: 'letters' }], max_tokens: 900, stream: false }, whole.signal);
  await until(() => backend.requests.some(({ maxTokens }, i) => i > 0 && maxTokens === 900));
  whole.abort();
  await assert.rejects(pending);
  await until(() => backend.requests[backend.requests.length - 1].abort.aborted);
});

test('a stop string ends the generation, not only what is shown of it', async () => {
  const backend = new Intercepted(pass);
  const { url } = await startGateway({}, backend);
  const response = await post(url, { messages: [{ role: 'user', content: 'letters' }], stop: 'def', max_tokens: 900, stream: false });
  const { usage } = await response.json() as { usage: { completion_tokens: number } };
  assert.ok(backend.requests[0].enough.aborted);
  assert.ok(usage.completion_tokens < 30, `${usage.completion_tokens} tokens were made for 6`);
});

test('a client that does not read is cut, and its answer is not made any further', async () => {
  let made = 0;
  let ended = false;
  const { port } = await startGateway({ stallMillis: 150, running: 1 }, new Intercepted(async function* () {
    try {
      yield { kind: 'start' };
      for (; made < 3000; made++) yield { kind: 'tokens', tokens: Array.from({ length: 500 }, () => 97) };
      yield { kind: 'end', finishReason: 'length', promptTokens: 1, completionTokens: made };
    } finally {
      ended = true;
    }
  }));
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  const text = body();
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  await until(() => ended);
  assert.ok(made < 1000, `${made} pieces were made for a client that reads none`);
  socket.on('error', () => undefined).resume();
  await new Promise((resolve) => socket.on('close', resolve));
});

test('only so many generations run at once; some wait, the rest is told to come again', async () => {
  let running = 0;
  let most = 0;
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { url } = await startGateway({ running: 2, waiting: 3 }, new Intercepted(async function* (events) {
    most = Math.max(most, ++running);
    try {
      await gate;
      yield* events;
    } finally {
      running--;
    }
  }));
  const replies = Array.from({ length: 8 }, () => post(url, { stream: false }));
  const first = await Promise.race(replies);
  assert.equal(first.status, 429);
  assert.equal(first.headers.get('retry-after'), '2');
  open();
  const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
  assert.equal(most, 2);
});

test('who waits for a place and leaves makes room for others', async () => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const backend = new Intercepted(async function* (events) {
    await gate;
    yield* events;
  });
  const { url } = await startGateway({ running: 1, waiting: 1 }, backend);
  const first = post(url, { stream: false });
  await until(() => backend.requests.length === 1);
  const leave = new AbortController();
  const waiting = post(url, { stream: false }, leave.signal);
  await sleep(30);
  leave.abort();
  await assert.rejects(waiting);
  await sleep(30);
  const third = post(url, { stream: false });
  open();
  assert.deepEqual([(await first).status, (await third).status], [200, 200]);
  assert.equal(backend.requests.length, 2);
});

test('answers of clients side by side are those of each alone, and the same from another engine', async () => {
  const { url } = await startGateway();
  const engine = createWasmEngine(loaded.model);
  after(() => engine.close());
  const wasm = await startGateway({}, new LocalBackend(loaded, engine));
  const ask = async (seed: number, at = url) => {
    const response = await post(at, { messages: [{ role: 'user', content: 'dice' }], seed, max_tokens: 30, logprobs: seed === 2 });
    return frames(await response.text()).slice(0, -1).map((frame) => (JSON.parse(frame) as { choices: { delta: { content?: string } }[] }).choices[0].delta.content ?? '').join('');
  };
  const alone = [await ask(1), await ask(2), await ask(3)];
  assert.deepEqual(await Promise.all([ask(1), ask(2), ask(3)]), alone);
  assert.deepEqual(await Promise.all([ask(1, wasm.url), ask(2, wasm.url), ask(3, wasm.url)]), alone);
  assert.equal(new Set(alone).size, 3);
});
