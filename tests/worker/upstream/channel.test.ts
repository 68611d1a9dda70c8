/** Answers of servers over payment channels: what was signed once stays, and nothing passes for exact. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import OpenAI from 'openai';
import { createReferenceEngine, GREEDY } from '../../../exact';
import type { ModelCard } from '../../../gateway';
import { ChannelBackend } from '../../../gateway/channel/channelBackend';
import { ClientStore } from '../../../gateway/channel/clientStore';
import { CARD_SEMANTICS, dueFor, RefusalReason, SEMANTICS, Tier, type TierValue } from '../../../protocol';
import { CHANNEL_PATH, ChannelEndpoint } from '../../../worker/channels/endpoint';
import type { ServedModel } from '../../../worker/engine';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { parseCard } from '../../../worker/upstream/modelCard';
import { openUpstream } from '../../../worker/upstream/open';
import { loaded as automaton, startGateway, until } from '../../gateway/support';
import { checked, type Connection, NOW, prepaid, PRICES, WorkerWorld } from '../channels/conversationWorld';
import { card, cardBytes, END, events, type Handler, json, NAME, serve } from './servers';

/** A worker in front of a server of the kind vLLM that behaves as the test says. */
async function worldOf(t: TestContext, handler: Handler) {
  let isTrial = true;
  const server = await serve(t, (path, body, response, request) => {
    if (path === '/v1/models') return json(response, { data: [{ id: NAME }] });
    if (!isTrial) return handler(path, body, response, request);
    return events(response, [{ choices: [{ token_ids: [5, 6] }] }]);
  });
  const { model, engine } = await openUpstream({ model: card(), kind: 'vllm', url: server.url, tier: Tier.attested });
  isTrial = false;
  server.asked.splice(0);
  const world = await WorkerWorld.create(model, engine, Tier.attested);
  t.after(async () => {
    world.end();
    await engine.close();
  });
  return { world, server };
}

const greeted = async (world: WorkerWorld): Promise<Connection> => {
  const client = world.connect();
  await client.hello();
  return client;
};
const tokens = (count: number, first: number): object[] =>
  Array.from({ length: count }, (_, i) => ({ choices: [{ token_ids: [first + (i % 100)] }] }));

test('an answer goes on behind its signed chunks after a lost connection and after a restart, though the server says something else each time', async (t) => {
  let call = 0;
  const { world, server } = await worldOf(t, (_path, body, response) => events(response, tokens(body!.max_tokens, 100 * ++call)));
  const request = world.request(1, 80);
  const prompt = [...request.payload.request.promptTokens];
  const first = await greeted(world);
  await first.ask(request, prepaid(request));
  await first.count(2);
  first.drop();
  const due = dueFor(request.terms, prompt.length, 32);
  world.restart();
  const second = await greeted(world);
  await second.ask(request, due);
  await second.count(3);
  second.drop();
  const third = await greeted(world);
  await third.ask(request, dueFor(request.terms, prompt.length, 64));
  await third.count(4);
  const answer = checked(request, third.pieces(1));
  const part = (begin: number, count: number): number[] => Array.from({ length: count }, (_, i) => 100 * begin + i);
  assert.deepEqual(answer, [...part(1, 32), ...part(2, 32), ...part(3, 16)]);
  assert.deepEqual(server.asked.map(({ prompt: sent, max_tokens }) => [sent.length - prompt.length, max_tokens]), [[0, 80], [32, 48], [64, 16]]);
  assert.deepEqual(server.asked[2].prompt, [...prompt, ...answer.slice(0, 64)]);
  for (const { traceCommit } of third.pieces(1)) assert.ok(traceCommit.every((byte) => byte === 0));
});

test('a server that is gone in the middle costs nobody more than what came: a signed refusal, and another request is answered when it is back', async (t) => {
  let isDown = true;
  const { world } = await worldOf(t, async (_path, body, response) => {
    if (!isDown) return events(response, tokens(body!.max_tokens, 50));
    response.writeHead(200);
    for (const event of tokens(40, 10)) response.write(`data: ${JSON.stringify(event)}\n\n`);
    setTimeout(() => response.socket!.destroy(), 20);
  });
  const client = await greeted(world);
  const request = world.request(1, 64);
  const prompt = request.payload.request.promptTokens.length;
  await client.ask(request, prepaid(request));
  await client.count(3);
  assert.deepEqual(client.frames.slice(1).map(({ kind }) => kind), ['piece', 'refusal']);
  assert.equal((client.last as { reason?: number }).reason, RefusalReason.failed);
  assert.equal(world.store.read.balance(world.address).dueNano, dueFor(request.terms, prompt, 32));
  isDown = false;
  const again = await greeted(world);
  const next = world.request(2, 64);
  await again.ask(next, dueFor(request.terms, prompt, 32) + prepaid(next));
  await again.count(2);
  await again.pay(dueFor(request.terms, prompt, 32) + dueFor(next.terms, prompt, 32));
  await again.count(3);
  assert.equal(checked(next, again.pieces(2)).length, 64);
});

test('whoever leaves stops the server too', async (t) => {
  const { world, server } = await worldOf(t, (_path, _body, response) => void response.writeHead(200).write(': reading\n\n'));
  const client = await greeted(world);
  const request = world.request(1, 64);
  await client.ask(request, prepaid(request));
  await until(() => server.asked.length === 1);
  client.drop();
  await until(() => server.left() === 1);
});

async function refusedBy(world: WorkerWorld, changes: Parameters<WorkerWorld['request']>[2]): Promise<number | undefined> {
  const client = await greeted(world);
  const request = world.request(world.store.read.channel(world.address)!.lastSeq + 1, 4, changes);
  await client.ask(request, prepaid(request));
  await client.count(2);
  return (client.last as { reason?: number }).reason;
}

test('a server\'s answer never passes for an exact one: not in the terms, not with a bonded key, not with a model of the other kind', async (t) => {
  const { world, server } = await worldOf(t, (_path, body, response) => events(response, tokens(body!.max_tokens, 50)));
  const { unsupportedTerms } = RefusalReason;
  assert.equal(await refusedBy(world, { semantics: SEMANTICS }), unsupportedTerms);
  assert.equal(await refusedBy(world, { tier: Tier.bonded }), unsupportedTerms);
  assert.equal(server.asked.length, 0);
  const other = async (model: ServedModel, tier: TierValue): Promise<WorkerWorld> => {
    const made = await WorkerWorld.create(model, world.engine, tier);
    t.after(() => made.end());
    return made;
  };
  assert.equal(await refusedBy(await other(world.model, Tier.bonded), {}), unsupportedTerms, 'a bonded worker, however it came to this model');
  assert.equal(await refusedBy(await other(automaton, Tier.attested), { semantics: CARD_SEMANTICS }), unsupportedTerms);
  const cannot = await other({ ...world.model, cannotDo: () => 'anything' }, Tier.attested);
  assert.equal(await refusedBy(cannot, {}), unsupportedTerms);
  assert.equal(server.asked.length, 0);
});

test('an OpenAI client, a gateway, a channel, a worker and another OpenAI-compatible server: the words and tokens of the model behind all of it', async (t) => {
  const upstream = await startGateway();
  const file = cardBytes({ name: 'automaton', context: automaton.model.config.context });
  const { model, engine } = await openUpstream({ model: parseCard(file), kind: 'openai', url: new URL(upstream.url).origin, tier: Tier.attested });
  const world = await WorkerWorld.create(model, engine, Tier.attested);
  const server = createServer();
  const endpoint = new ChannelEndpoint(server, world.context);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { config, tokenizer, modelRoot } = parseCard(file).model;
  const shown: ModelCard = {
    id: 'automaton', createdSeconds: NOW, ownedBy: 'a provider', modelRoot, tokenizer, semantics: config.semantics, contextTokens: config.context,
    vocabularySize: config.vocab,
  };
  const store = ClientStore.open(join(world.folder, 'client', 'channels.db'));
  const bought = {
    networkId: 2026, channel: world.address, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`,
    workerKey: world.keys.signingPublic, sealingKey: world.keys.sealingPublic, clientKey: world.clientKey.publicKey, sign: (hash: Uint8Array) => world.clientKey.sign(hash), ed25519: nodeEd25519,
    client: new Uint8Array(32).fill(1), stake: new Uint8Array(32).fill(3), tier: Tier.attested, imageHash: new Uint8Array(32).fill(9),
    promptPrice: PRICES.promptPrice, outputPrice: PRICES.outputPrice, budget: 10n ** 9n,
  };
  assert.throws(() => new ChannelBackend(shown, { ...bought, tier: Tier.bonded }, store), { code: 'gateway.not-exact' });
  const backend = new ChannelBackend(shown, bought, store, () => NOW);
  const gateway = await startGateway({}, backend);
  t.after(async () => {
    await backend.close();
    endpoint.close();
    server.close();
    store.close();
    world.end();
    await engine.close();
  });
  const client = new OpenAI({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 });
  const exact = createReferenceEngine(automaton.model);
  for (const [content, maxTokens, reason] of [['hello', 30, 'stop'], ['unicode', 30, 'stop'], ['letters', 70, 'length'], ['unicode', 5, 'length']] as const) {
    const messages = [{ role: 'user' as const, content }];
    const answer = await client.chat.completions.create({ model: 'automaton', messages, max_tokens: maxTokens, temperature: 0 });
    const promptTokens = tokenizer.encodeChat(messages);
    const { tokens: expected } = await exact.generate({ promptTokens, maxTokens, stopTokens: [END], sampling: GREEDY });
    assert.equal(answer.choices[0].finish_reason, reason);
    assert.equal(answer.usage!.completion_tokens, expected.length);
    assert.equal(answer.choices[0].message.content, tokenizer.decode(expected.filter((token) => token !== END)));
  }
});
