/** Answers bought by a page through a real relay of a real worker: what is shown, paid, and stopped. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Job } from '../../../exact';
import { modelPart } from '../../../miniapp/host/modelPart';
import type { HeldAnswer } from '../../../miniapp/src/types';
import { dueFor, verifyReceiptFile } from '../../../protocol';
import { SHIPPED_MODEL } from '../../../worker/engine';
import { PRICES } from '../../worker/channels/conversationWorld';
import { chatSuite, CHUNKS, PROMPT, shippedTokenizer, TOKENS, tokensOf } from './chatWorld';
import { tokenizerOf } from './tokenizers';

describe('an answer is bought piece by piece', () => {
  const { open, answer, loaded } = chatSuite();

  test('with the tokens of the exact engine, receipts that hold, and not a word of it in any frame', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    const { encode, decode } = await shippedTokenizer();
    const estimate = chat.estimate(PROMPT, TOKENS);
    assert.deepEqual(estimate, { promptTokens: encode(PROMPT).length, most: dueFor(PRICES, encode(PROMPT).length, TOKENS) });
    const seen: HeldAnswer[] = [];
    const held = await chat.ask(PROMPT, { maxTokens: TOKENS, onProgress: (now) => seen.push(now) });
    assert.equal(held.state, 'whole');
    assert.deepEqual(tokensOf(held), await answer());
    assert.equal(held.answer, decode(await answer()));
    assert.deepEqual([held.promptTokens, held.outputTokens, held.cost], [estimate.promptTokens, TOKENS, estimate.most]);
    assert.deepEqual(seen.map(({ outputTokens, state }) => [outputTokens, state]), [[0, 'streaming'], [32, 'streaming'], [64, 'streaming'], [TOKENS, 'whole']]);
    assert.ok(seen.every(({ answer: text }) => held.answer.startsWith(text)));
    const verified = verifyReceiptFile(JSON.parse(JSON.stringify(held.file)));
    assert.deepEqual(verified.promptTokens, encode(PROMPT));
    assert.equal(verified.receipt.dueNano, held.cost);
    await world.agreed();

    const second = await chat.ask(PROMPT, { maxTokens: 20 });
    assert.deepEqual(tokensOf(second), (await answer()).slice(0, 20));
    await world.agreed();
    assert.equal(purse.owed, held.cost + second.cost);
    assert.equal(world.sent().filter(({ kind }) => kind === 'hello').length, 1, 'one greeting for both');
    assert.deepEqual(purse.begun, [1, 2]);
    const everything = Buffer.concat(relay.seen.map(({ frame }) => frame));
    for (const text of [PROMPT, 'marker', held.answer.slice(0, 12)]) assert.ok(!everything.includes(text), text);
    const [first, other] = [held, second].map(({ file }) => verifyReceiptFile(file).terms);
    for (const field of ['salt', 'responseKeyHash', 'requestCommit'] as const) assert.notDeepEqual(first[field], other[field], `${field} is fresh`);
  });

  test('it is as long as question, provider and context let it be', async () => {
    const { chat } = await open({ maxTokens: 24 });
    assert.equal((await chat.ask(PROMPT, { maxTokens: 50 })).outputTokens, 24);
    const tokens = (await shippedTokenizer()).encode(PROMPT).length;
    const narrow = (await open({ contextTokens: tokens + 9 })).chat;
    assert.equal((await narrow.ask(PROMPT)).outputTokens, 10);
    assert.throws(() => narrow.estimate(`${PROMPT} and ten more words that do not fit it`), { code: 'chat.promptTooLong' });
    await assert.rejects(narrow.ask(`${PROMPT} and ten more words that do not fit it`), { code: 'chat.promptTooLong' });
  });

  test('its text comes in whole characters, without the token that ends it, and with U+FFFD for what is none', async () => {
    const tokenizer = await tokenizerOf(modelPart(SHIPPED_MODEL));
    const [stop] = tokenizer.stopTokens;
    for (const end of [[0xc3, stop], [stop]]) {
      // 31 letters, a character in two chunks, and one that is broken off; tokens below 256 are bytes.
      const tokens = [...Array<number>(31).fill(97), 0xf0, 0x9f, 0x90, 0x95, ...end];
      const engine = new Proxy(loaded.engine, {
        get: (of, name) => (name !== 'generate' ? Reflect.get(of, name) : async (job: Job) => {
          for (const token of tokens) job.onToken?.(token);
          return { tokens, finishReason: 'stop', millis: 1, traceRoot: new Uint8Array(32) };
        }),
      });
      const { chat } = await open({}, { loaded: { engine }, tokenizer });
      const seen: string[] = [];
      const held = await chat.ask(PROMPT, { onProgress: ({ answer: text }) => seen.push(text) });
      assert.equal(held.answer, `${'a'.repeat(31)}🐕${end.length > 1 ? '\ufffd' : ''}`);
      assert.deepEqual([seen[1], held.state, tokensOf(held).at(-1)], ['a'.repeat(31), 'whole', stop]);
    }
  });

  test('stopped after any chunk: what came is paid, what was on its way too, and the next question is answered', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const before = purse.owed;
      const stop = new AbortController();
      const held = await chat.ask(PROMPT, {
        maxTokens: TOKENS, signal: stop.signal, onProgress: ({ outputTokens }) => outputTokens === 32 * chunk && stop.abort(),
      });
      assert.deepEqual([held.state, held.problem?.code], ['incomplete', 'chat.stopped']);
      assert.deepEqual(tokensOf(held), (await answer()).slice(0, 32 * chunk));
      assert.equal(held.cost, chunk === 0 ? 0n : dueFor(PRICES, held.promptTokens, 32 * chunk));
      assert.equal(purse.owed, before + held.cost);
      await assert.rejects(chat.resume(held), { code: 'chat.cannotResume' }, 'what was stopped stays so');
      const next = await chat.ask(PROMPT, { maxTokens: 5 });
      assert.equal(next.state, 'whole');
      await world.agreed();
      const sent = (what: string): number => world.sent().filter(({ kind }) => kind === what).length;
      assert.equal(sent('cancel'), chunk + 1, 'the worker is told');
      assert.equal(sent('request'), 2 * chunk + 1, 'what is stopped before it was asked is not asked');
      const onItsWay = purse.owed - before - held.cost - next.cost;
      assert.ok(onItsWay >= 0n && onItsWay <= dueFor(PRICES, held.promptTokens, 32), `${onItsWay}`);
      assert.equal(relay.world.store.read.balance(relay.world.address).uncoveredNano, 0n);
    }
  });

  test('stopped before it was asked: nothing is asked or paid', async () => {
    const { chat, purse } = await open();
    await assert.rejects(chat.ask(PROMPT, { signal: AbortSignal.abort() }), { code: 'chat.stopped' });
    assert.deepEqual([purse.begun, purse.signed], [[], []]);
  });

  test('one at a time; then the last voucher ends the channel: the worker has it, and serves nothing more', async () => {
    const { chat, purse, relay } = await open();
    const first = chat.ask(PROMPT, { maxTokens: 5 });
    await assert.rejects(chat.ask(PROMPT), { code: 'chat.running' });
    await assert.rejects(chat.finish(), { code: 'chat.running' });
    assert.equal((await first).state, 'whole');
    await chat.finish();
    const record = relay.world.store.read.channel(relay.world.address);
    assert.deepEqual([record?.voucher?.final, record?.voucher?.amountNano], [true, purse.vouched]);
    purse.isFinished = false;
    assert.equal((await chat.ask(PROMPT)).problem?.code, 'chat.channelEnding');
  });
});
