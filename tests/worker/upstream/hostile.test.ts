/** Servers that fail or lie: each ends one answer with a typed error that quotes nothing, and nothing else. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { GREEDY } from '../../../exact';
import { CocoonError, Tier } from '../../../protocol';
import type { ServedEngine, ServedJob } from '../../../worker/engine';
import { parseEndpoint } from '../../../worker/upstream/endpoint';
import type { UpstreamLimits } from '../../../worker/upstream/http';
import { openUpstream, type UpstreamKind } from '../../../worker/upstream/open';
import { until } from '../../gateway/support';
import { asLlamaCpp, asSglang, asVllm, card, cardBytes, END, events, type Handler, json, serve } from './servers';
import { parseCard } from '../../../worker/upstream/modelCard';

const SECRET = 'the prompt of somebody';
const job = (changes: Partial<ServedJob> = {}): ServedJob => ({ promptTokens: [1, 97], maxTokens: 8, stopTokens: [END], sampling: GREEDY, ...changes });
const limits: UpstreamLimits = { silenceMillis: 150, answerMillis: 600, bytes: 100_000 };

/** Opens a server that behaves, which then answers as `bad` says. */
async function turned(t: TestContext, kind: UpstreamKind, good: Handler, bad: (response: ServerResponse) => unknown) {
  let isBad = false;
  const server = await serve(t, (path, body, response, request) => (isBad ? void bad(response) : good(path, body, response, request)));
  const { engine } = await openUpstream({ model: card(), kind, url: server.url, tier: Tier.attested, limits });
  t.after(() => engine.close());
  isBad = true;
  return { engine, server };
}

async function errorOf(engine: ServedEngine, change: Partial<ServedJob> = {}): Promise<string> {
  try {
    await engine.generate(job(change));
  } catch (error) {
    assert.ok(error instanceof CocoonError, String(error));
    assert.ok(!`${error.stack} ${String(error.cause)}`.includes(SECRET), 'quotes what the server said');
    return error.code;
  }
  return 'none';
}

const chunk = (ids: unknown, more: object = {}): object => ({ choices: [{ index: 0, text: '', token_ids: ids, finish_reason: null, ...more }] });
const whole = (more: object = {}): object => ({ tokens: [98], stop_type: 'limit', truncated: false, tokens_evaluated: 2, ...more });
const event = (ids: unknown, made: number, more: object = {}): object => ({ output_ids: ids, meta_info: { prompt_tokens: 2, completion_tokens: made, finish_reason: null, ...more } });
const status = (code: number, headers: Record<string, string> = {}) => (response: ServerResponse) => response.writeHead(code, headers).end(SECRET);

const CASES: [string, UpstreamKind, Handler, (response: ServerResponse) => unknown, string][] = [
  ['HTTP 429', 'vllm', asVllm, status(429), 'engine.upstream-status'],
  ['HTTP 500', 'llamacpp', asLlamaCpp, status(500), 'engine.upstream-status'],
  ['a redirect, which is not followed', 'vllm', asVllm, status(307, { location: 'http://192.0.2.1/' }), 'engine.upstream-status'],
  ['HTTP 204', 'sglang', asSglang(), status(204), 'engine.upstream-status'],
  ['an event that is no JSON', 'vllm', asVllm, (response) => response.writeHead(200).end(`data: ${SECRET}\n\n`), 'engine.upstream-answer'],
  ['a body that is no JSON', 'llamacpp', asLlamaCpp, (response) => response.writeHead(200).end(SECRET), 'engine.upstream-answer'],
  ['JSON of another form', 'sglang', asSglang(), (response) => events(response, [{ text: SECRET }]), 'engine.upstream-answer'],
  ['ids that are no integers', 'vllm', asVllm, (response) => events(response, [chunk([98.5])]), 'engine.upstream-answer'],
  ['ids as text', 'llamacpp', asLlamaCpp, (response) => json(response, whole({ tokens: ['98'] })), 'engine.upstream-answer'],
  ['an id outside the vocabulary', 'vllm', asVllm, (response) => events(response, [chunk([98]), chunk([512])]), 'engine.upstream-token'],
  ['a negative id', 'llamacpp', asLlamaCpp, (response) => json(response, whole({ tokens: [-1] })), 'engine.upstream-token'],
  ['another prompt than was sent', 'vllm', asVllm, (response) => events(response, [chunk([98], { prompt_token_ids: [1, 96] })]), 'engine.upstream-answer'],
  ['a prompt that it cut', 'llamacpp', asLlamaCpp, (response) => json(response, whole({ tokens_evaluated: 1 })), 'engine.upstream-answer'],
  ['a context that it shifted', 'llamacpp', asLlamaCpp, (response) => json(response, whole({ truncated: true })), 'engine.upstream-answer'],
  ['a prompt with a token more', 'sglang', asSglang(), (response) => events(response, [event([98], 1, { prompt_tokens: 3 })]), 'engine.upstream-answer'],
  ['counts that fit no list', 'sglang', asSglang(), (response) => events(response, [event([98], 1), event([99], 4)]), 'engine.upstream-answer'],
  ['an abort', 'sglang', asSglang(), (response) => events(response, [event([98], 1), event([], 1, { finish_reason: { type: 'abort', message: SECRET } })]), 'engine.upstream-failed'],
  ['an error in the middle', 'vllm', asVllm, (response) => events(response, [chunk([98]), { error: { message: SECRET, code: 500 } }]), 'engine.upstream-failed'],
  ['an early end', 'vllm', asVllm, (response) => events(response, [chunk([98])]), 'engine.upstream-short'],
  ['no tokens at all', 'llamacpp', asLlamaCpp, (response) => json(response, whole({ tokens: [] })), 'engine.upstream-answer'],
  ['a line without an end', 'vllm', asVllm, (response) => response.writeHead(200).end(`data: ${'x'.repeat(200_000)}`), 'engine.upstream-answer'],
  ['an event of endless lines', 'vllm', asVllm, (response) => response.writeHead(200).end(`data: ${'x'.repeat(1_000)}\n`.repeat(200)), 'engine.upstream-answer'],
  ['a body without an end', 'llamacpp', asLlamaCpp, (response) => response.writeHead(200).end(' '.repeat(200_000)), 'engine.upstream-answer'],
  ['silence', 'vllm', asVllm, () => undefined, 'engine.upstream-silent'],
  ['silence in the middle', 'vllm', asVllm, (response) => response.writeHead(200).write(`data: ${JSON.stringify(chunk([98]))}\n\n`), 'engine.upstream-silent'],
  ['a connection that breaks off', 'vllm', asVllm, (response) => {
    response.writeHead(200).write(`data: ${JSON.stringify(chunk([98]))}\n\n`, () => response.socket!.destroy());
  }, 'engine.upstream-gone'],
  ['a connection that is closed unheard', 'sglang', asSglang(), (response) => response.socket!.destroy(), 'engine.upstream-unreachable'],
];

for (const [what, kind, good, bad, code] of CASES) {
  test(`${kind}: ${what} ends the answer with ${code}`, async (t) => {
    const { engine } = await turned(t, kind, good, bad);
    assert.equal(await errorOf(engine), code);
  });
}

test('more tokens than were asked for, or behind a stop token, are left out, and the connection is closed', async (t) => {
  const endless = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200);
    while (!response.destroyed) {
      response.write(`data: ${JSON.stringify(chunk([98, 99, 100]))}\n\n`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const { engine, server } = await turned(t, 'vllm', asVllm, endless);
  const { tokens, finishReason } = await engine.generate(job());
  assert.deepEqual([tokens, finishReason], [[98, 99, 100, 98, 99, 100, 98, 99], 'length']);
  assert.deepEqual((await engine.generate(job({ stopTokens: [99] }))).tokens, [98, 99]);
  await until(() => server.left() === 2);
});

test('a server that refuses and goes on talking is not listened to', async (t) => {
  const { engine, server } = await turned(t, 'vllm', asVllm, (response) => void response.writeHead(500).write(SECRET));
  assert.equal(await errorOf(engine), 'engine.upstream-status');
  await until(() => server.left() === 1);
});

test('a server that never ends, though it never stays silent, has a time for its answer', async (t) => {
  const ping = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200);
    while (!response.destroyed) {
      response.write(': ping\n\n');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const { engine } = await turned(t, 'vllm', asVllm, ping);
  assert.equal(await errorOf(engine), 'engine.upstream-slow');
});

test('an abort closes the server\'s connection, before and in the middle of an answer', async (t) => {
  for (const begin of [() => undefined, (response: ServerResponse) => response.writeHead(200).write(`data: ${JSON.stringify(chunk([98]))}\n\n`)]) {
    const { engine, server } = await turned(t, 'vllm', asVllm, begin);
    const abort = new AbortController();
    const running = errorOf(engine, { signal: abort.signal });
    await until(() => server.asked.length === 2);
    abort.abort();
    assert.equal(await running, 'engine.aborted');
    await until(() => server.left() === 1);
    const closed = errorOf(engine);
    await until(() => server.asked.length === 3);
    await engine.close();
    assert.equal(await closed, 'engine.aborted');
  }
});

test('an upstream is on this machine, whatever the setting says', () => {
  for (const url of [
    'http://192.0.2.1:8000', 'http://10.0.0.1', 'http://0.0.0.0:8000', 'http://example.com', 'http://127.0.0.1.example.com', 'http://127.0.0.1@example.com',
    'http://user:key@127.0.0.1', 'https://127.0.0.1', 'http://[::]:80', 'http://[::ffff:192.0.2.1]', 'http://[fe80::1]', 'ftp://127.0.0.1', 'unix:relative.sock',
    'unix:', 'file:///etc/passwd', '127.0.0.1:8000', '', 'http://127.0.0.1/?next=http://example.com', 'http://localhost.example.com',
  ]) assert.throws(() => parseEndpoint(url), { code: 'engine.upstream-url' }, url);
  assert.deepEqual(parseEndpoint('http://localhost:8000/'), { host: '127.0.0.1', port: 8000, base: '' }, 'no resolver is asked');
  assert.deepEqual(parseEndpoint('http://[::1]:8000/engine/'), { host: '::1', port: 8000, base: '/engine' });
  assert.deepEqual(parseEndpoint('http://127.1'), { host: '127.0.0.1', port: 80, base: '' });
  assert.deepEqual(parseEndpoint('unix:/run/server.sock'), { socketPath: '/run/server.sock', base: '' });
});

test('a socket file serves as well, and what is not there is unreachable', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-upstream-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'server.sock');
  const inner = await serve(t, asVllm);
  const { port } = new URL(inner.url);
  const bridge = createServer((client) => {
    void import('node:net').then(({ connect }) => {
      const server = connect(Number(port), '127.0.0.1');
      client.pipe(server).pipe(client);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
  }).listen(socket);
  await once(bridge, 'listening');
  t.after(() => bridge.close());
  const options = { model: card(), kind: 'vllm' as const, tier: Tier.attested, limits };
  const { engine } = await openUpstream({ ...options, url: `unix:${socket}` });
  assert.equal((await engine.generate(job())).tokens.length, 8);
  await assert.rejects(openUpstream({ ...options, url: `unix:${join(folder, 'none.sock')}` }), { code: 'engine.upstream-unreachable' });
});

test('no stake stands for a server\'s answers: a bonded worker does not get such an engine', async (t) => {
  const { url, asked } = await serve(t, asVllm);
  for (const tier of [Tier.bonded, Tier.zk]) {
    await assert.rejects(openUpstream({ model: card(), kind: 'vllm', url, tier }), { code: 'engine.upstream-tier' });
  }
  assert.equal(asked.length, 0);
});

test('a model card is read strictly, and any byte of it makes another root', () => {
  const root = (bytes: Uint8Array): string => Buffer.from(parseCard(bytes).model.modelRoot).toString('hex');
  assert.notEqual(root(cardBytes()), root(cardBytes({ context: 513 })));
  assert.notEqual(root(cardBytes()), root(Buffer.concat([cardBytes(), Buffer.from(' ')])));
  const bad: [Uint8Array, string][] = [
    [Buffer.from('{"format"'), 'engine.upstream-card'], [Buffer.from([0xff]), 'engine.upstream-card'], [Buffer.from('[]'), 'engine.upstream-card'],
    [cardBytes({ format: 'open-cocoon-model-card-2' }), 'engine.upstream-card'], [cardBytes({ more: 1 }), 'engine.upstream-card'],
    [cardBytes({ files: [] }), 'engine.upstream-card'], [cardBytes({ name: '' }), 'engine.upstream-card'], [cardBytes({ context: 1.5 }), 'engine.upstream-card'],
    [cardBytes({ files: [{ name: '../x', bytes: 1, sha256: '0'.repeat(64) }] }), 'engine.upstream-card'],
    [cardBytes({ tokenizer: '!' }), 'engine.upstream-card'], [cardBytes({ tokenizer: 'AAAA' }), 'model.tokenizer.kind'],
    [cardBytes({ vocabulary: 100 }), 'model.tokenizer.special-id'],
  ];
  for (const [bytes, code] of bad) assert.throws(() => parseCard(bytes), { code }, Buffer.from(bytes).toString().slice(0, 80));
});
