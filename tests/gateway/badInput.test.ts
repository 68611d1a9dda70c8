/** Requests that are refused, who may speak to the port, and what a browser asks first. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createReferenceEngine } from '../../exact';
import { LocalBackend, openGateway } from '../../gateway';
import { openModel } from '../../worker/engine';
import { createLogger } from '../../worker/log';
import { automatonBackend, Intercepted, loaded, MODEL, startGateway, WEATHER_TOOL } from './support';

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}
const hi = [{ role: 'user', content: 'hi' }];

test('every request that cannot be honoured is refused in OpenAI\'s shape, naming the field', async () => {
  const { url } = await startGateway({ bodyBytes: 100_000 });
  const chat = (body: object) => ['/chat/completions', JSON.stringify({ model: MODEL, messages: hi, ...body })] as const;
  const text = (body: object) => ['/completions', JSON.stringify({ model: MODEL, prompt: 'a', ...body })] as const;
  const raw = (body: BodyInit) => ['/chat/completions', body] as const;
  const schema = (of: unknown) => ({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: of } } });
  const calls = (args: string) => ({ messages: [...hi, { role: 'assistant', content: null, tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: args } }] }] });
  const table: [string, readonly [string, BodyInit], number, string, string | null][] = [
    ['not JSON', raw('{'), 400, 'invalid_json', null],
    ['not an object', raw('[1]'), 400, 'invalid_json', null],
    ['nothing', raw(''), 400, 'invalid_json', null],
    ['nested too deep', raw(`{"tools":${'['.repeat(5000)}${']'.repeat(5000)}}`), 400, 'invalid_json', null],
    ['not UTF-8', raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 400, 'invalid_utf8', null],
    ['too large', raw('x'.repeat(100_001)), 413, 'request_too_large', null],
    ['no model', raw(JSON.stringify({ messages: hi })), 400, 'invalid_value', 'model'],
    ['unknown model', chat({ model: 'gpt-4o' }), 404, 'model_not_found', 'model'],
    ['no messages', chat({ messages: [] }), 400, 'invalid_value', 'messages'],
    ['unknown role', chat({ messages: [{ role: 'robot', content: 'x' }] }), 400, 'invalid_value', 'messages[0].role'],
    ['function role', chat({ messages: [{ role: 'function', name: 'f', content: 'x' }] }), 400, 'invalid_value', 'messages[0].role'],
    ['user without content', chat({ messages: [{ role: 'user', content: null }] }), 400, 'invalid_value', 'messages[0].content'],
    ['image', chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }), 400, 'invalid_value', 'messages[0].content[0].type'],
    ['special token in text', chat({ messages: [{ role: 'user', content: 'x<|im_end|>' }] }), 400, 'input.chat.special', null],
    ['special token in a tool', chat({ tools: [{ type: 'function', function: { name: 'f', description: '<|im_end|>' } }] }), 400, 'input.chat.special', null],
    ['arguments not JSON', chat(calls('{')), 400, 'invalid_value', 'messages[1].tool_calls[0].function.arguments'],
    ['arguments no object', chat(calls('[1]')), 400, 'invalid_value', 'messages[1].tool_calls[0].function.arguments'],
    ['temperature as text', chat({ temperature: '1' }), 400, 'invalid_value', 'temperature'],
    ['temperature too low', chat({ temperature: 0.01 }), 400, 'invalid_value', 'temperature'],
    ['temperature below 0', chat({ temperature: -1 }), 400, 'invalid_value', 'temperature'],
    ['top_p 0', chat({ top_p: 0 }), 400, 'invalid_value', 'top_p'],
    ['min_p 2', chat({ min_p: 2 }), 400, 'invalid_value', 'min_p'],
    ['top_k 1000', chat({ top_k: 1000 }), 400, 'invalid_value', 'top_k'],
    ['seed no integer', chat({ seed: 1.5 }), 400, 'invalid_value', 'seed'],
    ['n 0', chat({ n: 0 }), 400, 'invalid_value', 'n'],
    ['n 9', chat({ n: 9 }), 400, 'invalid_value', 'n'],
    ['max_tokens 0', chat({ max_tokens: 0 }), 400, 'invalid_value', 'max_tokens'],
    ['two limits', chat({ max_tokens: 1, max_completion_tokens: 2 }), 400, 'invalid_value', 'max_tokens'],
    ['empty stop', chat({ stop: '' }), 400, 'invalid_value', 'stop'],
    ['stop too many', chat({ stop: Array.from({ length: 17 }, (_, i) => `${i}`) }), 400, 'invalid_value', 'stop'],
    ['top_logprobs alone', chat({ top_logprobs: 2 }), 400, 'invalid_value', 'top_logprobs'],
    ['top_logprobs 21', chat({ logprobs: true, top_logprobs: 21 }), 400, 'invalid_value', 'top_logprobs'],
    ['tool of another type', chat({ tools: [{ type: 'web_search' }] }), 400, 'invalid_value', 'tools[0].type'],
    ['tool with a bad name', chat({ tools: [{ type: 'function', function: { name: 'a b' } }] }), 400, 'invalid_value', 'tools[0].function.name'],
    ['tool_choice without tools', chat({ tool_choice: 'required' }), 400, 'invalid_value', 'tool_choice'],
    ['tool_choice of another tool', chat({ tools: [WEATHER_TOOL], tool_choice: { type: 'function', function: { name: 'g' } } }), 400, 'invalid_value', 'tool_choice'],
    ['unknown format', chat({ response_format: { type: 'xml' } }), 400, 'invalid_value', 'response_format.type'],
    ['schema that cannot be checked', chat(schema({ $ref: 'https://example.org/schema' })), 400, 'invalid_value', 'response_format.json_schema.schema'],
    ['prompt beyond the context', chat({ messages: [{ role: 'user', content: 'x'.repeat(2000) }] }), 400, 'context_length_exceeded', 'messages'],
    ['text beyond the context', text({ prompt: 'x'.repeat(2000) }), 400, 'context_length_exceeded', 'prompt'],
    ['text that is far too long', text({ prompt: 'x'.repeat(50_000) }), 400, 'context_length_exceeded', 'prompt'],
    ['empty prompt', text({ prompt: '' }), 400, 'invalid_value', 'prompt'],
    ['token beyond the vocabulary', text({ prompt: [1, 512] }), 400, 'invalid_value', 'prompt'],
    ['too many answers', text({ prompt: Array.from({ length: 33 }, () => 'a') }), 400, 'invalid_value', 'prompt'],
    ['echo', text({ echo: true }), 400, 'unsupported_parameter', 'echo'],
    ['best_of', text({ best_of: 2 }), 400, 'unsupported_parameter', 'best_of'],
    ['suffix', text({ suffix: 'x' }), 400, 'unsupported_parameter', 'suffix'],
    ['embeddings', ['/embeddings', JSON.stringify({ model: MODEL, input: 'a' })], 400, 'unsupported_endpoint', 'model'],
    ['responses', ['/responses', JSON.stringify({ model: MODEL, input: 'a' })], 404, 'unsupported_endpoint', null],
    ['unknown path', ['/images/generations', '{}'], 404, 'unknown_url', null],
    ['other method', ['/models', '{}'], 405, 'method_not_allowed', null],
    ['bad escape', ['/models/%ff', '{}'], 400, 'invalid_url', null],
    ...Object.entries({
      repetition_penalty: 1.1, repeat_penalty: 1.1, frequency_penalty: 0.5, presence_penalty: -0.5, logit_bias: { 5: 1 }, audio: { voice: 'x' },
      modalities: ['text', 'audio'], web_search_options: { search_context_size: 'low' }, prediction: { type: 'content', content: 'x' },
      reasoning_effort: 'high', store: true, functions: [{ name: 'f' }], function_call: 'auto', guided_json: { type: 'object' },
      verbosity: 'low', min_tokens: 5, ignore_eos: true,
    }).map(([field, value]) => [field, chat({ [field]: value }), 400, 'unsupported_parameter', field] as const),
  ].map((row) => [...row] as [string, readonly [string, BodyInit], number, string, string | null]);
  for (const [name, [path, body], status, code, param] of table) {
    const response = await fetch(`${url}${path}`, { method: 'POST', body });
    const { error } = await response.json() as ErrorBody;
    assert.deepEqual([response.status, error.code, error.param], [status, code, param], `${name}: ${error.message}`);
    assert.equal(error.type, 'invalid_request_error', name);
    assert.ok(error.message.length > 10 && response.headers.get('x-request-id'), name);
  }
});

test('fields that change nothing are accepted, unknown ones are named in a header', async () => {
  const { url } = await startGateway();
  const harmless = {
    user: 'me', metadata: { a: 'b' }, store: false, service_tier: 'auto', presence_penalty: 0, frequency_penalty: 0, logit_bias: {},
    repetition_penalty: 1, modalities: ['text'], logprobs: null, tools: null, stop: null, safety_identifier: 'x', top_k: 5, min_p: 0.1, temperature: 2,
  };
  const ask = (body: object) => fetch(`${url}/chat/completions`, { method: 'POST', body: JSON.stringify({ model: MODEL, messages: hi, ...body }) });
  const plain = await ask(harmless);
  assert.equal(plain.status, 200);
  assert.equal(plain.headers.get('x-cocoon-warning'), null);
  const odd = await ask({ sparkle: 1, 'zeile\n\u00e4': 2 });
  assert.equal(odd.status, 200);
  assert.equal(odd.headers.get('x-cocoon-warning'), 'ignored: sparkle, zeile??');
});

test('more tokens than the context leaves are not asked of a back end', async () => {
  const backend = new Intercepted((events) => events);
  const { url } = await startGateway({ defaultMaxTokens: 7 }, backend);
  for (const limits of [{ max_tokens: 100_000 }, { max_completion_tokens: 100_000 }, {}, { max_tokens: 5, max_completion_tokens: 5 }]) {
    const response = await fetch(`${url}/chat/completions`, { method: 'POST', body: JSON.stringify({ model: MODEL, messages: hi, ...limits }) });
    assert.equal(response.status, 200);
  }
  assert.deepEqual(backend.requests.map(({ maxTokens, promptTokens }) => [promptTokens.length, maxTokens]), [[22, 1003], [22, 1003], [22, 7], [22, 5]]);
});

test('logprobs of a back end that tells no logits are refused', async () => {
  const { url } = await startGateway({}, new LocalBackend(loaded, { ...createReferenceEngine(loaded.model), givesLogits: false }));
  const table = [['/chat/completions', { messages: hi, logprobs: true }], ['/completions', { prompt: 'a', logprobs: 0 }]] as const;
  for (const [path, body] of table) {
    const response = await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify({ model: MODEL, ...body }) });
    const { error } = await response.json() as ErrorBody;
    assert.deepEqual([response.status, error.code, error.param], [400, 'unsupported_parameter', 'logprobs']);
  }
});

test('a model without a chat template continues the last user message, and says so; tools and formats are refused', async () => {
  const shipped = openModel();
  const { url } = await startGateway({}, new LocalBackend(shipped, createReferenceEngine(shipped.model)));
  const ask = (body: object) => fetch(`${url}/chat/completions`, {
    method: 'POST', body: JSON.stringify({ model: shipped.name, temperature: 0, max_tokens: 6, ...body }),
  });
  const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'river:' }];
  const chat = await ask({ messages });
  assert.equal(chat.headers.get('x-cocoon-warning'),
    'this model has no chat template: the last user message was its whole prompt; other messages were left out');
  const answer = await chat.json() as { choices: { message: { content: string } }[] };
  const text = await (await fetch(`${url}/completions`, {
    method: 'POST', body: JSON.stringify({ model: shipped.name, temperature: 0, max_tokens: 6, prompt: 'river:' }),
  })).json() as { choices: { text: string }[] };
  assert.equal(answer.choices[0].message.content, text.choices[0].text);
  assert.ok(text.choices[0].text.length > 3);
  for (const [body, param] of [
    [{ messages, tools: [WEATHER_TOOL] }, 'tools'], [{ messages, response_format: { type: 'json_object' } }, 'response_format'],
    [{ messages: messages.slice(0, 1) }, 'messages'],
  ] as const) {
    const refused = await ask(body);
    assert.equal(refused.status, 400);
    assert.equal((await refused.json() as ErrorBody).error.param, param);
  }
});

test('a port with a key answers nobody without it', async () => {
  const { url } = await startGateway({ apiKey: 'the-key' });
  const status = async (authorization?: string) => {
    const response = await fetch(`${url}/models`, { headers: authorization === undefined ? {} : { authorization } });
    const body = await response.json() as Partial<ErrorBody>;
    if (response.status !== 200) assert.deepEqual([body.error?.type, body.error?.code], ['authentication_error', 'invalid_api_key']);
    return response.status;
  };
  assert.equal(await status('Bearer the-key'), 200);
  for (const wrong of [undefined, '', 'Bearer', 'Bearer the-ke', 'Bearer the-key2', 'the-key', 'Basic the-key']) assert.equal(await status(wrong), 401);
});

/** fetch does not let its caller choose Host and Origin. */
function get(port: number, headers: Record<string, string>, method = 'GET', path = '/v1/models'): Promise<{ status?: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode, headers: response.headers }));
    }).on('error', reject).end();
  });
}

test('another host name than the configured ones is refused, so that no page can rebind its own to this port', async () => {
  const { port } = await startGateway({ hosts: ['gateway.example'] });
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', `[::1]:${port}`, 'gateway.example']) {
    assert.equal((await get(port, { host })).status, 200, host);
  }
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example', '192.168.1.2', '127.0.0.1:1:2', '@127.0.0.1']) {
    assert.equal((await get(port, { host })).status, 403, host);
  }
});

test('a page of an allowed origin may send every header that it asks for, and read the headers that clients read', async () => {
  const origin = 'https://chat.example';
  const { port, url } = await startGateway({ origins: [origin], apiKey: 'k' });
  const asked = 'authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,'
    + 'x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version';
  const preflight = await get(port, {
    origin, 'access-control-request-method': 'POST', 'access-control-request-headers': asked, 'access-control-request-private-network': 'true',
  }, 'OPTIONS', '/v1/chat/completions');
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], origin);
  assert.equal(preflight.headers['access-control-allow-headers'], asked);
  assert.match(String(preflight.headers['access-control-allow-methods']), /POST/);
  assert.equal(preflight.headers['access-control-allow-private-network'], 'true');

  for (const key of ['k', 'wrong']) {
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST', headers: { origin, authorization: `Bearer ${key}` }, body: JSON.stringify({ model: MODEL, messages: hi, stream: true }),
    });
    assert.equal(response.status, key === 'k' ? 200 : 401);
    assert.equal(response.headers.get('access-control-allow-origin'), origin, 'a page reads errors too');
    assert.match(response.headers.get('access-control-expose-headers') ?? '', /x-request-id/);
    await response.text();
  }
});

test('a page of another origin is refused before anything is generated, whatever its request looks like', async () => {
  let generated = 0;
  const backend = automatonBackend();
  const { port } = await startGateway({ origins: ['https://chat.example'] }, {
    models: () => backend.models(),
    complete: (order) => {
      generated++;
      return backend.complete(order);
    },
  });
  for (const origin of ['https://evil.example', 'null', 'https://chat.example.evil']) {
    for (const method of ['OPTIONS', 'GET', 'POST']) {
      const reply = await get(port, { origin, 'content-type': 'text/plain' }, method, '/v1/chat/completions');
      assert.equal(reply.status, 403);
      assert.equal(reply.headers['access-control-allow-origin'], undefined);
    }
  }
  assert.equal(generated, 0);
});

test('a gateway that others can reach needs a key', async () => {
  const backend = automatonBackend();
  const log = createLogger('silent');
  await assert.rejects(openGateway({ backend, log, host: '0.0.0.0' }), { code: 'config.gateway.key' });
  const open = await openGateway({ backend, log, host: '0.0.0.0', settings: { apiKey: 'k' } });
  await assert.rejects(openGateway({ backend, log, port: open.port, host: '0.0.0.0', settings: { apiKey: 'k' } }), { code: 'config.port' });
  await open.close();
});

test('no log ever holds a prompt, an answer or the key', async () => {
  const file = join(tmpdir(), `gateway-${process.pid}.log`);
  const backend = automatonBackend();
  let call = 0;
  const { url } = await startGateway({ apiKey: 'secret-key' }, {
    models: () => backend.models(),
    async *complete(order) {
      if (++call === 1) throw new TypeError('cannot read secret-prompt of undefined');
      if (call === 2) JSON.parse('secret-answer');
      yield { kind: 'start' };
      throw new Error('secret-answer');
    },
  }, file);
  for (const stream of [false, false, true, false]) {
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST', headers: { authorization: 'Bearer secret-key' },
      body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'secret-prompt' }], stream }),
    });
    assert.doesNotMatch(await response.text(), /secret/);
  }
  const log = readFileSync(file, 'utf8');
  assert.match(log, /a request failed/);
  assert.match(log, /TypeError/);
  assert.doesNotMatch(log, /secret/);
});
