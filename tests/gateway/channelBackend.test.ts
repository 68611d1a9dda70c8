import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import OpenAI from 'openai';
import { dueFor } from '../../protocol';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import { type LogitsEngine, LogitsHere } from '../../gateway/channel/logitsHere';
import { LocalBackend } from '../../gateway/localBackend';
import { ChannelEndpoint } from '../../worker/channels/endpoint';
import { NOW, PRICES } from '../worker/channels/conversationWorld';
import { workerSuite } from '../worker/channels/suite';
import { boughtFrom, cardOf, serve } from './bought';
import { collect, startGateway, until } from './support';

describe('answers bought over a payment channel', () => {
  const { loaded, ends, begin } = workerSuite();

  /** A worker behind a real socket, a client's store and back end, a gateway and an OpenAI client. */
  async function market(budget = 10n ** 9n, engineHere?: LogitsEngine) {
    const world = await begin();
    const { url, server, ...worker } = await serve(world);
    let { endpoint } = worker;
    const card = cardOf(loaded.model);
    const store = ClientStore.open(join(world.folder, 'client', 'channels.db'));
    const backend = new ChannelBackend(card, boughtFrom(world, url, { budget }), store, () => NOW, undefined, engineHere && new LogitsHere(async () => engineHere));
    const gateway = await startGateway({}, backend);
    ends.push(async () => {
      await backend.close();
      endpoint.close();
      server.close();
      store.close();
    });
    const client = new OpenAI({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 });
    const chat = (changes: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) =>
      client.chat.completions.create({ model: card.id, messages: [{ role: 'user', content: 'swiftly' }], max_tokens: 40, temperature: 0, ...changes });
    const restartEndpoint = (): void => {
      endpoint.close();
      server.removeAllListeners('upgrade');
      endpoint = new ChannelEndpoint(server, world.context);
    };
    return { world, store, backend, client, chat, card, restartEndpoint };
  }

  test('an unchanged OpenAI client is answered with the bits of the engine, each piece checked and paid, to the last nanoTON', async () => {
    const { world, store, chat } = await market();
    const answer = await chat();
    const prompt = loaded.model.model.tokenizer.encodePrompt('swiftly');
    const { tokens } = await loaded.engine.generate({
      promptTokens: prompt, maxTokens: 40, stopTokens: loaded.model.stopTokens, sampling: { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32) },
    });
    const shown = tokens.filter((token) => !loaded.model.stopTokens.includes(token));
    assert.equal(answer.choices[0].message.content, loaded.model.model.tokenizer.decode(shown));
    const due = dueFor({ ...PRICES }, prompt.length, tokens.length);
    const { cost, receipts } = (answer as unknown as { x_cocoon: { cost: string; receipts: { seq: number; dueNano: string; final: boolean }[] } }).x_cocoon;
    assert.equal(cost, String(due));
    assert.deepEqual([receipts[0].seq, receipts[0].dueNano, receipts[0].final], [1, String(due), true]);
    const position = store.position(world.address);
    assert.deepEqual(position, { nextSeq: 2, owed: due, vouched: due });
    await until(() => world.store.read.balance(world.address).voucherNano === due);
    assert.deepEqual(world.store.read.balance(world.address), { dueNano: due, voucherNano: due, settledNano: 0n, uncoveredNano: 0n });
  });

  test('several answers at a time over one channel, streamed, add up on both sides', async () => {
    const { world, store, client, card } = await market();
    const one = async (seed: number): Promise<string> => {
      const stream = await client.chat.completions.create({
        model: card.id, messages: [{ role: 'user', content: 'happy' }], max_tokens: 70, temperature: 1, seed, stream: true,
      });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    };
    const [first, second, third, again] = await Promise.all([one(1), one(2), one(3), one(1)]);
    assert.equal(first, again);
    assert.equal(new Set([first, second, third]).size, 3);
    const { owed, vouched, nextSeq } = store.position(world.address);
    // The last piece is paid when no further request comes.
    await until(() => world.store.read.balance(world.address).voucherNano === vouched);
    const { dueNano, voucherNano } = world.store.read.balance(world.address);
    assert.deepEqual([owed, vouched, nextSeq], [dueNano, voucherNano, 5]);
    assert.ok(vouched >= owed);
  });

  test('many short answers at a time cross each other on the wire and none is refused', async () => {
    const { world, store, chat } = await market();
    const answers = await Promise.all(Array.from({ length: 24 }, async () => {
      for (let round = 0; round < 2; round++) await chat({ max_tokens: 3 });
    }));
    assert.equal(answers.length, 24);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { owed, nextSeq } = store.position(world.address);
    assert.equal(nextSeq, 49);
    assert.equal(world.store.read.balance(world.address).dueNano, owed);
  });

  test('402 when the request could cost more than the client may spend: nothing is asked, begun or signed', async () => {
    const { world, store, chat } = await market(10n);
    await assert.rejects(chat(), (error: { status?: number }) => error.status === 402);
    assert.deepEqual(store.position(world.address), { nextSeq: 1, owed: 0n, vouched: 0n });
    assert.equal(world.store.read.channel(world.address), null);
    const enough = await market(10n ** 5n);
    await enough.chat();
    await assert.rejects(enough.chat({ max_tokens: 250 }), (error: { status?: number }) => error.status === 402);
  });

  test('pays nothing for an answer that the key of the worker did not sign', async () => {
    const { world, store, chat } = await market();
    Object.assign(world.keys, { signingSecret: new Uint8Array(32).fill(9) });
    await assert.rejects(chat(), (error: { status?: number; message: string }) => error.status === 503);
    assert.equal(store.position(world.address).owed, 0n);
  });

  test('goes on after the worker was gone, under the next number', async () => {
    const { world, store, chat, restartEndpoint } = await market();
    await chat();
    restartEndpoint();
    const answer = await chat();
    assert.ok(answer.choices[0].message.content);
    assert.ok(store.position(world.address).nextSeq >= 3);
    assert.equal(world.store.read.balance(world.address).dueNano, store.position(world.address).owed);
  });

  test('a request that the worker refused, or that never reached it, does not keep the next ones from being answered', async () => {
    const { world, store, chat, restartEndpoint } = await market();
    await assert.rejects(chat({ max_tokens: 300 }));
    assert.ok((await chat()).choices[0].message.content);
    world.draining.abort();
    await assert.rejects(chat(), (error: { status?: number }) => error.status === 429);
    Object.assign(world.context, { draining: new AbortController().signal });
    restartEndpoint();
    assert.ok((await chat()).choices[0].message.content);
    assert.ok(store.position(world.address).nextSeq >= 5);
    assert.equal(world.store.read.balance(world.address).dueNano, store.position(world.address).owed);
  });

  test('log probabilities of a bought answer are computed here: those of the engine, of greedy and sampled answers, whole and streamed, and nothing more is paid', async () => {
    const { world, card, chat, client } = await market(undefined, loaded.engine);
    Object.assign(card, { mostTopLogits: 20 });
    const { model } = loaded;
    const local = await startGateway({}, new LocalBackend(model, loaded.engine));
    const own = new OpenAI({ baseURL: local.url, apiKey: 'none', maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'swiftly' }];
    const greedy = await chat({ logprobs: true, top_logprobs: 5 });
    const expected = await own.chat.completions.create({ model: model.name, messages, max_tokens: 40, temperature: 0, logprobs: true, top_logprobs: 5 });
    assert.deepEqual(greedy.choices[0].logprobs, expected.choices[0].logprobs);
    assert.ok(greedy.choices[0].logprobs!.content!.length > 10);
    const paid = world.store.read.balance(world.address).dueNano;
    await chat();
    assert.equal(world.store.read.balance(world.address).dueNano, 2n * paid);
    const sampled = { logprobs: true, top_logprobs: 2, temperature: 0.9, seed: 11 };
    const whole = await chat(sampled);
    const stream = await client.chat.completions.create({ model: card.id, messages, max_tokens: 40, ...sampled, stream: true });
    const streamed: unknown[] = [];
    for await (const { choices: [choice] } of stream) streamed.push(...(choice?.logprobs?.content ?? []));
    assert.deepEqual(streamed, whole.choices[0].logprobs!.content);
    for (const { logprob, top_logprobs: top } of whole.choices[0].logprobs!.content!) assert.ok(logprob <= 0 && top.length === 2 && top[0].logprob >= top[1].logprob);
    const text = await client.completions.create({ model: card.id, prompt: 'swiftly', max_tokens: 8, logprobs: 1 });
    assert.equal(text.choices[0].logprobs!.token_logprobs!.length, text.choices[0].logprobs!.tokens!.length);
    await local.close();
  });

  test('an engine here that fails ends the answer with an error of this machine, after what came is paid', async () => {
    const { world, store, backend } = await market(undefined, { generate: () => Promise.reject(new Error('no memory')) });
    const { signal } = new AbortController();
    const promptTokens = loaded.model.model.tokenizer.encodePrompt('swiftly');
    const sampling = { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32) };
    const asked = { model: loaded.model.name, promptTokens, maxTokens: 8, stopTokens: [], sampling, topLogits: 1, abort: signal, enough: signal };
    await assert.rejects(collect(backend.complete(asked)), { code: 'input.logprobs' });
    await until(() => store.position(world.address).owed === world.store.read.balance(world.address).dueNano);
  });

  test('refuses what nobody can tell, by name', async () => {
    const { chat } = await market();
    await assert.rejects(chat({ logprobs: true }), (error: { status?: number }) => error.status === 400);
    await assert.rejects(chat({ max_tokens: 300 }), (error: { status?: number; message: string }) => error.status === 503 && /refused/.test(error.message));
  });
});
