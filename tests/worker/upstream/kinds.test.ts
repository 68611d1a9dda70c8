/** Each kind of server as its documentation says: what goes over, what comes back, what is refused before anything runs. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { GREEDY, samplingFrom } from '../../../exact';
import { Tier } from '../../../protocol';
import type { ServedJob } from '../../../worker/engine';
import { openUpstream, type UpstreamKind } from '../../../worker/upstream/open';
import { asLlamaCpp, asOpenAi, asSglang, asVllm, behind, card, END, type Handler, HIDDEN_END, NAME, serve, type TestServer } from './servers';

async function opened(t: TestContext, kind: UpstreamKind, handler: Handler) {
  const server = await serve(t, handler);
  const upstream = await openUpstream({ model: card(), kind, url: server.url, tier: Tier.attested });
  t.after(() => upstream.engine.close());
  server.asked.splice(0);
  return { ...upstream, server };
}

const job = (changes: Partial<ServedJob> = {}): ServedJob =>
  ({ promptTokens: [1, 97], maxTokens: 40, stopTokens: [END], sampling: GREEDY, ...changes });
const seeded = samplingFrom({ temperature: 0.7, topK: 40, topP: 0.9, minP: 0.05, seed: new Uint8Array(32).fill(7) });
/** What the model says behind 'a', up to its end. */
const LETTERS = [...behind([97], 40, [END])];

const TOKEN_KINDS: [UpstreamKind, string, Handler][] = [
  ['vllm', 'a server that answers as vLLM documents', asVllm],
  ['sglang', 'a server that answers as SGLang documents', asSglang()],
  ['sglang', 'a server that answers as SGLang documents with --incremental-streaming-output', asSglang({}, true)],
  ['llamacpp', 'a server that answers as llama-server documents', asLlamaCpp],
];

for (const [kind, title, handler] of TOKEN_KINDS) {
  test(`${title}: ids go in and come out, up to the first stop token or maxTokens, and nothing of a trace`, async (t) => {
    const { engine, server } = await opened(t, kind, handler);
    const came: number[] = [];
    const whole = await engine.generate(job({ onToken: (token) => came.push(token) }));
    assert.deepEqual(whole.tokens, LETTERS);
    assert.deepEqual(came, LETTERS);
    assert.equal(whole.finishReason, 'stop');
    assert.ok(!('traceRoot' in whole));
    const cut = await engine.generate(job({ maxTokens: 5 }));
    assert.deepEqual([cut.tokens, cut.finishReason], [LETTERS.slice(0, 5), 'length']);
    const other = await engine.generate(job({ stopTokens: [100, END] }));
    assert.deepEqual([other.tokens, other.finishReason], [[98, 99, 100], 'stop'], 'a stop token of the client\'s own');
    const [{ prompt, input_ids }] = server.asked;
    assert.deepEqual(prompt ?? input_ids, [1, 97]);
  });

  test(`${title}: an answer goes on behind what was given of it, as one whole`, async (t) => {
    const { engine } = await opened(t, kind, handler);
    const rest = await engine.generate(job({ answered: LETTERS.slice(0, 4) }));
    assert.deepEqual(rest.tokens, LETTERS.slice(4));
    const last = await engine.generate(job({ answered: LETTERS.slice(0, 4), maxTokens: 6 }));
    assert.deepEqual([last.tokens, last.finishReason], [LETTERS.slice(4, 6), 'length']);
  });
}

const near = (actual: unknown, expected: number): void => assert.ok(Math.abs(Number(actual) - expected) < 1e-3, `${String(actual)} is not ${expected}`);

test('sampling goes over as the numbers that the terms say, and no default of a model\'s folder stays in force', async (t) => {
  const vllm = await opened(t, 'vllm', asVllm);
  await vllm.engine.generate(job({ sampling: seeded }));
  const [asked] = vllm.server.asked;
  near(asked.temperature, 0.7);
  near(asked.top_p, 0.9);
  near(asked.min_p, 0.05);
  const { top_k, seed, repetition_penalty, presence_penalty, frequency_penalty, min_tokens, stop, add_special_tokens } = asked;
  assert.deepEqual({ top_k, repetition_penalty, presence_penalty, frequency_penalty, min_tokens, stop, add_special_tokens },
    { top_k: 40, repetition_penalty: 1, presence_penalty: 0, frequency_penalty: 0, min_tokens: 0, stop: [], add_special_tokens: false });
  assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31);

  const sglang = await opened(t, 'sglang', asSglang({ enable_deterministic_inference: true }));
  await sglang.engine.generate(job({ sampling: seeded }));
  const { sampling_params: params } = sglang.server.asked[0];
  near(params.temperature, 0.7);
  assert.equal(params.sampling_seed, seed, 'the same seed for every server');

  const llama = await opened(t, 'llamacpp', asLlamaCpp);
  await llama.engine.generate(job({ sampling: seeded, promptTokens: [301], maxTokens: 40 }));
  assert.deepEqual(llama.server.asked.map(({ n_predict }) => n_predict), [32, 8]);
  assert.deepEqual(llama.server.asked.map(({ prompt }) => prompt.length), [1, 33]);
  assert.deepEqual(llama.server.asked[0].samplers, ['temperature', 'top_k', 'min_p', 'top_p']);
  assert.equal(llama.server.asked[0].seed, seed);
  assert.notEqual(llama.server.asked[1].seed, seed, 'the second part does not draw as the first did');

  const greedy = await opened(t, 'vllm', asVllm);
  await greedy.engine.generate(job());
  const { temperature, top_p, top_k: none, min_p } = greedy.server.asked[0];
  assert.deepEqual({ temperature, top_p, none, min_p }, { temperature: 0, top_p: 1, none: -1, min_p: 0 });
});

test('no answer is faster because somebody else\'s prompt began alike: each has a salt of its own, or the cache is left aside', async (t) => {
  const salts = async (kind: UpstreamKind, handler: Handler, field: string): Promise<unknown[]> => {
    const { engine, server } = await opened(t, kind, handler);
    for (let i = 0; i < 2; i++) await engine.generate(job());
    return server.asked.map((asked) => asked[field]);
  };
  for (const [first, second] of [await salts('vllm', asVllm, 'cache_salt'), await salts('sglang', asSglang(), 'extra_key')]) {
    assert.match(String(first), /^[\w-]{43}$/);
    assert.notEqual(first, second);
  }
  assert.deepEqual(await salts('llamacpp', asLlamaCpp, 'cache_prompt'), [false, false]);
  const { engine, server } = await opened(t, 'llamacpp', asLlamaCpp);
  await engine.generate(job({ promptTokens: [301], maxTokens: 40 }));
  assert.deepEqual(server.asked.map(({ cache_prompt }) => cache_prompt), [false, true], 'what it read itself, it need not read again');
});

test('what a server cannot do as asked is refused, and it is never asked', async (t) => {
  const says = (text: string) => asOpenAi(() => ({ text, finish: 'stop' }));
  const cases: [UpstreamKind, Handler, Partial<ServedJob>, RegExp][] = [
    ['sglang', asSglang(), { sampling: seeded }, /seed/],
    ['sglang', asSglang({ enable_deterministic_inference: false }), { sampling: seeded }, /seed/],
    ['llamacpp', asLlamaCpp, { stopTokens: [] }, /stop set/],
    ['openai', says('a'), { stopTokens: [END, 5] }, /stop set/],
    ['openai', says('a'), { stopTokens: [] }, /stop set/],
    ['openai', says('a'), { sampling: { ...seeded, topP16: 0, minPX: 0 } }, /top-k/],
    ['openai', says('a'), { sampling: { ...seeded, topK: 0, topP16: 0 } }, /min-p/],
  ];
  for (const [kind, handler, change, why] of cases) {
    const { engine, model, server } = await opened(t, kind, handler);
    assert.match(model.cannotDo!(job(change)) ?? '', why);
    await assert.rejects(engine.generate(job(change)), { code: 'input.upstream' });
    assert.equal(model.cannotDo!(job()), null);
    assert.equal(server.asked.length, 0);
  }
});

test('a server of another kind, without the model, or with less context than the card says is found out before it serves', async (t) => {
  const open = async (kind: UpstreamKind, handler: Handler, name?: string): Promise<string> => {
    const { url } = await serve(t, handler);
    try {
      await openUpstream({ model: card(), kind, url, name, tier: Tier.attested });
      return 'opened';
    } catch (error) {
      return String((error as { code?: unknown }).code);
    }
  };
  assert.equal(await open('vllm', asVllm, 'other'), 'engine.upstream-model');
  assert.equal(await open('vllm', asLlamaCpp), 'engine.upstream-status');
  assert.equal(await open('vllm', asOpenAi(() => ({ text: 'a', finish: 'stop' }))), 'engine.upstream-answer', 'no token ids');
  assert.equal(await open('llamacpp', asVllm), 'engine.upstream-status');
  assert.equal(await open('sglang', asSglang({ served_model_name: 'other' })), 'engine.upstream-model');
  assert.equal(await open('sglang', asSglang({ context_length: 511 })), 'engine.upstream-context');
  assert.equal(await open('vllm', async (path, body, response, request) =>
    path === '/v1/models' ? void response.end(JSON.stringify({ data: [{ id: NAME, max_model_len: 511 }] })) : asVllm(path, body, response, request)), 'engine.upstream-context');
});

test('an answer that ends at a token which the card does not name fails: neither side could say why it ended', async (t) => {
  const { engine } = await opened(t, 'llamacpp', asLlamaCpp);
  await assert.rejects(engine.generate(job({ promptTokens: [3] })), { code: 'engine.upstream-short' });
  const fine = await engine.generate(job({ promptTokens: [3], stopTokens: [END, HIDDEN_END] }));
  assert.deepEqual([fine.tokens.at(-1), fine.finishReason], [HIDDEN_END, 'stop']);
});

test('a text goes on behind its own tokens where it has fewer than were asked for, and its end is the model\'s end token', async (t) => {
  // The server counts otherwise: it stops for length where these texts have fewer tokens.
  const said = ['Hello from', ' the automaton'];
  let round = 0;
  const { engine, model, server } = await opened(t, 'openai', asOpenAi((_prompt, most) => ({ text: most === 2 ? 'Hello' : said[round++], finish: most === 2 ? 'length' : round === 2 ? 'stop' : 'length' })));
  round = 0;
  const { tokens, finishReason } = await engine.generate(job({ stopTokens: [END], maxTokens: 20 }));
  const { tokenizer } = model.model;
  assert.deepEqual(tokens, [...tokenizer.encode(said[0]), ...tokenizer.encode(said[1]), END]);
  assert.equal(finishReason, 'stop');
  assert.deepEqual(server.asked.map(({ max_tokens }) => max_tokens), [20, 20 - tokenizer.encode(said[0]).length]);
  assert.deepEqual(server.asked[1].prompt, [1, 97, ...tokenizer.encode(said[0])]);
});
