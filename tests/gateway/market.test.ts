import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import OpenAI from 'openai';
import { dueFor } from '../../protocol';
import type { AnswerEnd, TokenRequest } from '../../gateway/backend';
import { GatewayError } from '../../gateway/errors';
import type { AuditRecord } from '../../gateway/audit';
import { Allowance } from '../../gateway/market/allowance';
import { marketFacts } from '../../gateway/market/marketFacts';
import { workerSuite } from '../worker/channels/suite';
import { collect, startGateway, until } from './support';
import { type ProviderChanges, TestMarket, type TestProvider } from './sellers';

/** An engine that fails after so many tokens of each answer. */
const stopsAfter = (tokens: number): ProviderChanges['engine'] => (engine) => ({
  ...engine,
  generate: (job) => {
    let left = tokens;
    return engine.generate({
      ...job,
      onToken: (token) => {
        job.onToken?.(token);
        if (--left === 0) throw new Error('the GPU is gone');
      },
    });
  },
});

/** An engine that computes for ever. */
const stalls: ProviderChanges['engine'] = (engine) => ({
  ...engine, generate: (job) => new Promise((_, reject) => job.signal?.addEventListener('abort', () => reject(new Error('aborted')))),
});

describe('answers bought from several providers', { timeout: 60_000 }, () => {
  const { loaded, ends } = workerSuite();

  async function marketOf(...providers: ProviderChanges[]): Promise<TestMarket> {
    const market = new TestMarket(loaded);
    ends.push(() => market.end());
    for (const changes of providers) await market.add(changes);
    return market;
  }

  const request = (market: TestMarket, maxTokens: number, changes: Partial<TokenRequest> = {}): TokenRequest => ({
    model: market.card.id, promptTokens: loaded.model.model.tokenizer.encodePrompt('swiftly'), maxTokens, stopTokens: [],
    sampling: { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(7) }, abort: new AbortController().signal, enough: new AbortController().signal, ...changes,
  });
  async function buy(market: TestMarket, maxTokens: number, changes: Partial<TokenRequest> = {}): Promise<{ tokens: number[]; end: AnswerEnd }> {
    const events = await collect(market.backend.complete(request(market, maxTokens, changes)));
    assert.equal(events.filter(({ kind }) => kind === 'start').length, 1);
    return { tokens: events.flatMap((event) => (event.kind === 'tokens' ? [...event.tokens] : [])), end: events.at(-1) as AnswerEnd };
  }
  async function engineSays(maxTokens: number): Promise<readonly number[]> {
    const { promptTokens, sampling } = request({ card: { id: '' } } as TestMarket, maxTokens);
    return (await loaded.engine.generate({ promptTokens, maxTokens, stopTokens: [], sampling })).tokens;
  }
  const owed = (market: TestMarket, { channel }: TestProvider): bigint => market.store.position(channel.address).owed;

  test('the cheaper one is asked, and the other one hears nothing', async () => {
    const market = await marketOf({}, { cheaper: 2n });
    market.start();
    const { tokens } = await buy(market, 40);
    assert.deepEqual(tokens, await engineSays(40));
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [0, 1]);
  });

  test('the one that was slower in our own experience is left for a dearer one, once the wait outweighs the price', async () => {
    const market = await marketOf({}, { cheaper: 2n });
    market.start();
    market.experience.answered(market.providers[1].offer.stake, 60_000, 10_000, 10);
    market.experience.answered(market.providers[0].offer.stake, 100, 100, 10);
    await buy(market, 40);
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [1, 0]);
  });

  test('when one fails in the middle the next goes on behind what came: the same bits, and no token is paid twice', async () => {
    const market = await marketOf({}, { cheaper: 2n, engine: stopsAfter(70) });
    market.start();
    const [second, first] = market.providers;
    const { tokens, end } = await buy(market, 120);
    assert.deepEqual(tokens, await engineSays(120));
    const prompt = request(market, 1).promptTokens.length;
    const dues = [dueFor({ ...first.offer, fixedPrice: 0n }, prompt, 64), dueFor({ ...second.offer, fixedPrice: 0n }, prompt + 64, 56)];
    assert.deepEqual([owed(market, first), owed(market, second)], dues);
    assert.equal(end.cost, String(dues[0] + dues[1]));
    assert.deepEqual([end.promptTokens, end.completionTokens, end.receipts?.length], [prompt, 120, 2]);
  });

  test('a seed gives the same answer from whichever provider is asked, and where another one goes on with it the answer says from which token', async () => {
    const sampling = { t: 65_536, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(3) };
    const [one, other, failing] = [await marketOf({}), await marketOf({}), await marketOf({}, { cheaper: 2n, engine: stopsAfter(70) })];
    for (const market of [one, other, failing]) market.start();
    const whole = await buy(one, 120, { sampling });
    assert.deepEqual((await buy(other, 120, { sampling })).tokens, whole.tokens);
    assert.equal(whole.end.redrawn, undefined);
    const changed = await buy(failing, 120, { sampling });
    assert.deepEqual(changed.end.redrawn, [64]);
    assert.deepEqual(changed.tokens.slice(0, 64), whole.tokens.slice(0, 64));
    assert.equal(changed.end.completionTokens, changed.tokens.length);
    // Greedy answers are the same ones, and nothing is to be said.
    assert.equal((await buy(failing, 120)).end.redrawn, undefined);
    const shown = await marketOf({}, { cheaper: 2n, engine: stopsAfter(33) });
    const gateway = await startGateway({}, shown.start());
    const client = new OpenAI({ baseURL: gateway.url, apiKey: 'none', maxRetries: 0 });
    const said = await client.chat.completions.create({ model: shown.card.id, messages: [{ role: 'user', content: 'happy' }], max_tokens: 60, seed: 5, n: 2 });
    assert.deepEqual((said as unknown as { x_cocoon: { redrawn: object[] } }).x_cocoon.redrawn, [{ choice: 0, token: 32 }]);
    await gateway.close();
  });

  test('logits are those of the whole answer, also where another provider goes on or one says other tokens than are computed here', async () => {
    const lies: ProviderChanges['engine'] = (engine) => ({
      ...engine,
      generate: async ({ onToken, ...job }) => {
        const result = await engine.generate(job);
        const tokens = result.tokens.map((token, index) => (index === 40 ? token ^ 1 : token));
        for (const token of tokens) onToken?.(token);
        return { ...result, tokens };
      },
    });
    const { promptTokens, sampling } = request({ card: { id: '' } } as TestMarket, 120);
    const expected: unknown[] = [];
    const { tokens } = await loaded.engine.generate({ promptTokens, maxTokens: 120, stopTokens: [], sampling, topLogits: 3, onToken: (_, logits) => void expected.push(logits) });
    for (const [engine, parts] of [[stopsAfter(70), [64, 56]], [lies, [32, 88]]] as const) {
      const market = await marketOf({}, { cheaper: 2n, engine });
      market.start();
      const events = await collect(market.backend.complete(request(market, 120, { topLogits: 3 })));
      const pieces = events.flatMap((event) => (event.kind === 'tokens' ? [event] : []));
      assert.deepEqual(pieces.flatMap((piece) => [...piece.tokens]), tokens);
      assert.deepEqual(pieces.flatMap((piece) => [...piece.logits!]), expected);
      const dues = (events.at(-1) as AnswerEnd).receipts!.map((receipt) => (receipt as { outputTokens: number }).outputTokens);
      assert.deepEqual(dues, parts);
    }
  });

  test('one that says nothing is left after a while; one that is gone is left at once, and rests twice as long each time', async () => {
    const market = await marketOf({}, { cheaper: 2n, engine: stalls });
    market.start({}, 10n ** 9n, 1_500);
    assert.deepEqual((await buy(market, 10)).tokens, await engineSays(10));
    const { offer, stop } = market.providers[1];
    assert.equal(market.experience.of(offer.stake).restsUntil, market.now + 5);
    stop();
    // It rests: it is not even tried.
    await buy(market, 10);
    assert.equal(market.experience.of(offer.stake).inARow, 1);
    market.now += 6;
    await buy(market, 10);
    assert.deepEqual([market.experience.of(offer.stake).inARow, market.experience.of(offer.stake).restsUntil], [2, market.now + 10]);
    assert.equal(market.providers[0].engineCalls, 3);
  });

  test('one whose pieces nobody signed is paid nothing and rests; one that an audit found lying is never asked again', async () => {
    const market = await marketOf({}, { cheaper: 2n });
    market.start();
    const [, liar] = market.providers;
    Object.assign(liar.world.keys, { signingSecret: new Uint8Array(32).fill(9) });
    await buy(market, 10);
    assert.deepEqual([liar.engineCalls, owed(market, liar)], [1, 0n]);
    market.now += 3_600;
    market.liars.add(liar.offer.stake[31]);
    await buy(market, 10);
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [2, 1]);
    market.liars.add(market.providers[0].offer.stake[31]);
    await assert.rejects(buy(market, 10), (error: GatewayError) => error.code === 'gateway.no-provider');
  });

  test('a provider of another tier is refused with the whole list, and nothing is asked', async () => {
    const market = await marketOf({}, { offer: { tier: 1 } });
    market.start();
    await assert.rejects(buy(market, 10), (error: GatewayError) => error.code === 'gateway.other-tier');
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [0, 0]);
  });

  test('what nobody writes is the fault of the request; what nobody can be asked for is not', async () => {
    const market = await marketOf({ offer: { maxTokens: 50 } }, { offer: { maxTokens: 20 }, cheaper: 2n });
    market.start();
    await assert.rejects(buy(market, 51), (error: GatewayError) => error.code === 'input.max-tokens' && /at most 50 tokens/.test(error.message));
    await buy(market, 40);
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [1, 0]);
    for (const { stop } of market.providers) stop();
    await assert.rejects(buy(market, 10), (error: GatewayError) => error.code === 'gateway.no-provider' && /gateway\.(connection-lost|unreachable)/.test(error.message));
  });

  test('busy everywhere is told as busy, with the shortest wait', async () => {
    const market = await marketOf({}, {});
    market.start();
    for (const { world } of market.providers) world.draining.abort();
    await assert.rejects(buy(market, 10), (error: GatewayError) => error.code === 'gateway.overloaded' && error.retryAfterSeconds === 10);
  });

  test('a channel that runs low is filled up to its deposit, before a request that it cannot pay and beside one that it can', async () => {
    const most = dueFor({ promptPrice: 10n ** 6n, outputPrice: 10n ** 9n, fixedPrice: 0n }, 4, 40);
    const market = await marketOf({ budget: most / 2n });
    market.start({}, most * 3n);
    await buy(market, 40);
    const [{ channel }] = market.providers;
    assert.deepEqual(market.topUps.map(({ nano }) => nano), [most * 3n - most / 2n]);
    await buy(market, 40);
    await buy(market, 40);
    await until(() => market.topUps.length === 2);
    assert.ok(channel.budget - owed(market, market.providers[0]) >= most * 2n);
  });

  test('a worker that says the channel is exhausted when it is not gets no more money into it', async () => {
    const market = await marketOf({}, {});
    market.start();
    const { world } = market.providers[0];
    world.balance = 1_000n;
    await buy(market, 40);
    assert.deepEqual(market.topUps, []);
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [0, 1]);
  });

  test('no request begins that could pass a cap, of one request or of the day, whatever runs beside it', async () => {
    const market = await marketOf({});
    const prompt = loaded.model.model.tokenizer.encodePrompt('swiftly').length;
    const forty = dueFor({ promptPrice: 10n ** 6n, outputPrice: 10n ** 9n, fixedPrice: 0n }, prompt, 40);
    market.start({ perRequest: forty, perDay: forty * 2n });
    await assert.rejects(buy(market, 41), (error: GatewayError) => error.code === 'gateway.request-cap');
    const both = new AbortController();
    await buy(market, 20, { abort: both.signal });
    await assert.rejects(buy(market, 40, { abort: both.signal }), (error: GatewayError) => error.code === 'gateway.request-cap');
    await buy(market, 40);
    await assert.rejects(Promise.all([buy(market, 15), buy(market, 15)]), (error: GatewayError) => error.code === 'gateway.daily-cap');
    await until(() => market.sellers.running === 0);
    market.now += 86_400;
    await buy(market, 40);
  });

  test('one that is too dear for a cap is not asked and not blamed: a cheaper one is, and where all are too dear the answer is the cap', async () => {
    const dearly = dueFor({ promptPrice: 10n ** 6n, outputPrice: 10n ** 9n, fixedPrice: 0n }, 4, 200);
    const market = await marketOf({}, { cheaper: 2n }, {}, {}, {});
    market.start({ perRequest: dearly / 2n });
    const [dear, cheap] = market.providers;
    // The dear ones are fast, so that they come first.
    for (const provider of market.providers) market.experience.answered(provider.offer.stake, provider === cheap ? 60_000 : 1, 1, 10);
    assert.deepEqual((await buy(market, 200)).tokens, await engineSays(200));
    assert.deepEqual(market.providers.map(({ engineCalls }) => engineCalls), [0, 1, 0, 0, 0]);
    assert.deepEqual([market.experience.of(dear.offer.stake).failures, market.topUps], [0, []]);
    await assert.rejects(buy(market, 250), (error: GatewayError) => error.code === 'gateway.request-cap');
    // Nor is a cap what a failure is called.
    cheap.stop();
    await assert.rejects(buy(market, 200), (error: GatewayError) => /^gateway\.(connection-lost|unreachable)$/.test(error.code));
    await buy(market, 40);
  });

  test('a provider that others fail over to cannot have its channel filled beyond what a request may cost', async () => {
    const most = dueFor({ promptPrice: 10n ** 6n, outputPrice: 10n ** 9n, fixedPrice: 0n }, 4, 100);
    const market = await marketOf({ cheaper: 2n, budget: most }, { budget: most, offer: { outputPrice: 10n ** 12n } });
    market.start({ perRequest: most }, most);
    market.providers[0].stop();
    await assert.rejects(buy(market, 100), (error: GatewayError) => /^gateway\.(connection-lost|unreachable)$/.test(error.code));
    assert.deepEqual([market.topUps, market.providers[1].engineCalls], [[], 0]);
  });

  test('over HTTP: 402 that no client asks again for a cap; a receipt and the cost of each part', async () => {
    const market = await marketOf({}, { cheaper: 2n, engine: stopsAfter(33) });
    const gateway = await startGateway({}, market.start({ perRequest: 10n ** 6n }));
    const client = new OpenAI({ baseURL: gateway.url, apiKey: 'none', maxRetries: 2 });
    const ask = (maxTokens: number) => client.chat.completions.create({ model: market.card.id, messages: [{ role: 'user', content: 'happy' }], max_tokens: maxTokens, temperature: 0 });
    await assert.rejects(ask(10_000), (error: { status?: number }) => error.status === 400);
    const answer = await ask(60) as unknown as { x_cocoon: { cost: string; receipts: object[] } };
    assert.equal(BigInt(answer.x_cocoon.cost), market.providers.reduce((sum, provider) => sum + owed(market, provider), 0n));
    assert.equal(answer.x_cocoon.receipts.length, 2);
    const poor = await marketOf({});
    const small = await startGateway({}, poor.start({ perRequest: 10n }));
    const poorClient = new OpenAI({ baseURL: small.url, apiKey: 'none', maxRetries: 2 });
    await assert.rejects(
      poorClient.chat.completions.create({ model: poor.card.id, messages: [{ role: 'user', content: 'swiftly' }], max_tokens: 10 }),
      (error: { status?: number; code?: string }) => error.status === 402 && error.code === 'gateway.request-cap',
    );
  });

  test('the market is read again when nobody answers, and an old list serves while it cannot be', async () => {
    const market = await marketOf({});
    market.start();
    await buy(market, 5);
    market.failure = new GatewayError('gateway.test', 'the chain is silent');
    market.now += 601;
    await buy(market, 5);
    market.providers[0].stop();
    market.failure = null;
    await market.add();
    market.now += 16;
    assert.deepEqual((await buy(market, 5)).tokens, await engineSays(5));
    assert.equal(market.providers[1].engineCalls, 1);
  });

  test('what is told of the market is how it is now', async () => {
    const market = await marketOf({});
    market.start();
    assert.deepEqual(marketFacts(market.sellers.offers), { providers: 0, leastPromptPriceNano: null, leastOutputPriceNano: null });
    await buy(market, 5);
    const [first] = market.providers;
    const record = (stake: Uint8Array) => ({ drawn: stake[31] }) as AuditRecord;
    const { promptPrice, outputPrice } = first.offer;
    const named = (index: number): string => `0:${Buffer.from(market.providers[index].offer.stake).toString('hex')}`;
    assert.deepEqual(marketFacts(market.sellers.offers, { record }), {
      tier: 'bonded', providers: 1, leastPromptPriceNano: String(promptPrice), leastOutputPriceNano: String(outputPrice), audited: { [named(0)]: { drawn: 0 } },
    });
    await market.add({ cheaper: 2n });
    market.now += 601;
    await buy(market, 5);
    await until(() => market.sellers.offers.length === 2);
    const facts = marketFacts(market.sellers.offers, { record });
    assert.deepEqual([facts.providers, facts.leastOutputPriceNano, Object.keys(facts.audited as object)], [2, String(outputPrice / 2n), [named(0), named(1)]]);
  });
});

describe('the allowance', () => {
  test('never admits more than its caps, whatever ends in whatever order', () => {
    let spent = 0n;
    const allowance = new Allowance({ perDay: 1_000n }, () => spent);
    const open: { most: bigint; reservation: ReturnType<Allowance['reserve']> }[] = [];
    let seed = 42;
    const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    let refused = 0;
    for (let step = 0; step < 5_000; step++) {
      if (random(2) === 0) {
        const most = BigInt(random(300));
        try {
          open.push({ most, reservation: allowance.reserve({}, most) });
        } catch {
          refused++;
        }
      } else if (open.length > 0) {
        const [{ most, reservation }] = open.splice(random(open.length), 1);
        const cost = BigInt(random(Number(most) + 1));
        spent += cost;
        reservation.cameTo(cost);
        reservation.end();
      }
      const committed = spent + open.reduce((sum, { most }) => sum + most, 0n);
      assert.ok(committed <= 1_000n);
      if (spent > 900n) spent = 0n;
    }
    assert.ok(refused > 100);
  });
});
