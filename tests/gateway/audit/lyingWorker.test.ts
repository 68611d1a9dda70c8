import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Generation, Sampling } from '../../../exact';
import type { AnswerEvent } from '../../../gateway';
import { atSecondProvider, type AuditorOptions, onEngine, openConfirming, type OpenedEvidence, parseEvidence, partsOf, Sampler, verifyEvidence } from '../../../gateway/audit';
import { ChannelBackend } from '../../../gateway/channel/channelBackend';
import { ClientStore } from '../../../gateway/channel/clientStore';
import { LogitsHere } from '../../../gateway/channel/logitsHere';
import { decodeFrame, Tier } from '../../../protocol';
import { ChannelConversation } from '../../../worker/channels/conversation';
import { type LoadedEngine, openEngine, openModel } from '../../../worker/engine';
import { generationOf } from '../../../worker/jobs/request';
import { NOW } from '../../worker/channels/conversationWorld';
import { workerSuite } from '../../worker/channels/suite';
import { boughtFrom, cardOf, serve, STAKE } from '../bought';
import { until } from '../support';
import { newAuditor, newFolder } from './answers';

const GREEDY: Sampling = { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(4) };

describe('a worker behind a channel', () => {
  const { loaded, ends, begin } = workerSuite();

  /** A worker that computes with `engine` behind a real socket, and a client that audits on engines of its own. */
  async function market(engine: LoadedEngine, { logits, ...options }: Partial<AuditorOptions> & { rate?: number; logits?: LoadedEngine } = {}) {
    const world = await begin(engine);
    const { url, server, stop } = await serve(world);
    const card = cardOf(loaded.model);
    const { tokenizer } = card;
    const folder = newFolder();
    const audits = newAuditor(folder, {
      modelRoot: card.modelRoot, first: async () => onEngine({ ...loaded.engine, close: async () => undefined }), confirm: (first) => openConfirming(undefined, first), ...options,
    });
    const store = ClientStore.open(join(folder, 'channels', 'client.db'));
    const backend = new ChannelBackend(card, boughtFrom(world, url), store, () => NOW, audits.auditor.heard, logits && new LogitsHere(async () => logits));
    ends.push(async () => {
      await backend.close();
      await audits.end();
      stop();
      store.close();
    });
    const ask = async (maxTokens: number, sampling = GREEDY, onEvent: (event: AnswerEvent) => void = () => undefined, topLogits?: number): Promise<number[]> => {
      const tokens: number[] = [];
      const never = new AbortController().signal;
      const promptTokens = tokenizer.encodePrompt('swiftly');
      const request = { model: card.id, promptTokens, maxTokens, stopTokens: [], sampling, topLogits, abort: never, enough: never };
      for await (const event of backend.complete(request)) {
        onEvent(event);
        if (event.kind === 'tokens') tokens.push(...event.tokens);
      }
      return tokens;
    };
    const evidence = () => parseEvidence(readFileSync(audits.store.evidence.list()[0].file, 'utf8'));
    return { ...audits, world, server, backend, store: audits.store, ask, evidence, stake: STAKE };
  }

  /** The real engine, whose results are changed before anybody sees them. */
  const lying = (lie: (result: Generation) => Generation): LoadedEngine => ({
    ...loaded.engine,
    generate: async ({ onToken, ...job }) => {
      const result = lie(await loaded.engine.generate(job));
      for (const token of result.tokens) onToken?.(token);
      return result;
    },
  });

  it('that is honest is never accused, whatever is asked: several seeds, greedy and sampled, short and long', async () => {
    const { auditor, store, accused, ask, stake } = await market(loaded.engine);
    const sampled = (seed: number): Sampling => ({ t: 94_548, topK: 40, topP16: 60_000, minPX: 0, seed: new Uint8Array(32).fill(seed) });
    await Promise.all([ask(1), ask(32), ask(33)]);
    await Promise.all([ask(64), ask(70, sampled(1)), ask(40, sampled(2)), ask(40, { ...sampled(3), topK: 0, topP16: 0 })]);
    await auditor.idle();
    const { drawn, clean } = store.record(stake);
    assert.deepEqual([drawn, clean, accused], [7, 7, []]);
  });

  it('that says other tokens and never ends its answers is found with the first of them, and is paid for the pieces that came', async () => {
    const wrong = (result: Generation): Generation => ({ ...result, tokens: result.tokens.map((token, index) => (index === 20 ? token ^ 1 : token)) });
    const engine: LoadedEngine = {
      ...loaded.engine,
      generate: async ({ onToken, ...job }) => {
        for (const token of wrong(await loaded.engine.generate(job)).tokens.slice(0, 33)) onToken?.(token);
        throw new Error('and that was all');
      },
    };
    const { auditor, accused, ask, evidence, world, store, stake } = await market(engine, { rate: 1e-12 });
    await assert.rejects(ask(64), { code: 'gateway.refused' });
    await auditor.idle();
    assert.deepEqual([accused, store.record(stake).different], [['03'.repeat(32)], 1]);
    const { hasTrace } = await verifyEvidence(evidence());
    assert.equal(hasTrace, false);
    assert.equal(world.store.read.request(world.address, 1)!.receipts.length, 1);
    // Whoever reads gives up: no fault of the worker, and no reason to compute it again.
    const honest = await market(loaded.engine, { rate: 1e-12 });
    const gone = new Error('enough of it');
    await assert.rejects(honest.ask(96, GREEDY, ({ kind }) => {
      if (kind === 'tokens') throw gone;
    }), gone);
    await honest.auditor.idle();
    assert.equal(honest.store.record(stake).drawn, 0);
  });

  it('whose tokens are not those that are computed for log probabilities is left at the first of them, and audited whatever is drawn', async () => {
    const other = (result: Generation): Generation => ({ ...result, tokens: result.tokens.map((token, index) => (index === 20 ? token ^ 1 : token)) });
    const { auditor, accused, ask, evidence } = await market(lying(other), { rate: 1e-12, logits: loaded.engine });
    const shown: AnswerEvent[] = [];
    await assert.rejects(ask(64, GREEDY, (event) => shown.push(event), 3), { code: 'gateway.other-tokens' });
    assert.deepEqual(shown.map(({ kind }) => kind), ['start']);
    await auditor.idle();
    assert.deepEqual(accused, ['03'.repeat(32)]);
    assert.equal(evidence().kind, 'wrong-answer');
  });

  it('that flips one bit of one weight is found, with evidence that holds for whoever computes it again', async () => {
    const model = openModel();
    model.model.layers[0].down.weights[5] ^= 64;
    const engine = await openEngine(model, 'wasm');
    ends.push(() => engine.close());
    const { auditor, accused, ask, evidence } = await market(engine);
    await ask(40);
    await auditor.idle();
    assert.deepEqual(accused, ['03'.repeat(32)]);
    const recompute = async ({ request: { payload, channel, seq } }: OpenedEvidence) =>
      partsOf(await loaded.engine.generate(generationOf(payload, channel, seq)), payload.commitSalt);
    const finding = await verifyEvidence(evidence(), { recompute });
    assert.ok(['answer', 'trace'].includes(finding.fault));
    assert.ok(finding.hasTrace);
  });

  it('with another token under the trace of the right answer is found where it lied', async () => {
    const other = (token: number): number => (token === 300 ? 301 : 300);
    const { auditor, accused, ask, evidence } = await market(lying((result) => ({ ...result, tokens: result.tokens.map((token, at) => (at === 33 ? other(token) : token)) })));
    await ask(40);
    await auditor.idle();
    assert.equal(accused.length, 1);
    const { difference } = await verifyEvidence(evidence());
    assert.ok(difference?.part === 'answer');
    assert.deepEqual([difference.index, difference.chunk], [33, 1]);
  });

  it('that lies in one answer of many is found when that one is drawn, and hears nothing of it before', async () => {
    let answers = 0;
    const liar = lying((result) => (++answers === 5 ? { ...result, traceRoot: result.traceRoot.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) } : result));
    const running: number[] = [];
    const { auditor, store, accused, ask, stake, backend } = await market(liar, {
      sampler: new Sampler(0.5, () => (running.push(backend.running) % 2 === 1 ? 0.49 : 0.51)),
    });
    for (let answer = 0; answer < 6; answer++) await ask(3);
    await auditor.idle();
    const { drawn, clean, different } = store.record(stake);
    assert.deepEqual([drawn, clean, different, accused.length], [3, 2, 1, 1]);
    assert.deepEqual(running, [0, 0, 0, 0, 0, 0]);
  });

  it('sees the same frames whether its answers are audited or not', async () => {
    const seen: string[][] = [];
    const receive = Object.getOwnPropertyDescriptor(ChannelConversation.prototype, 'receive')!;
    try {
      for (const rate of [0, 1]) {
        const kinds: string[] = [];
        seen.push(kinds);
        const { ask, auditor, world } = await market(loaded.engine, { rate });
        ChannelConversation.prototype.receive = function (bytes) {
          if ((this as unknown as { context: unknown }).context === world.context) kinds.push(decodeFrame(bytes).kind);
          return (receive.value as ChannelConversation['receive']).call(this, bytes);
        };
        await ask(70);
        await auditor.idle();
        await until(() => kinds.length >= 5);
        await ask(3);
        await until(() => kinds.length >= 7);
      }
    } finally {
      Object.defineProperty(ChannelConversation.prototype, 'receive', receive);
    }
    assert.deepEqual(seen[0], ['hello', 'request', 'payment', 'payment', 'payment', 'request', 'payment']);
    assert.deepEqual(seen[1], seen[0]);
  });

  it('that is caught by the answer of a second provider is accused by this machine alone; a lying second provider accuses nobody', async () => {
    const honest = await market(loaded.engine, { rate: 0 });
    const other = (result: Generation): Generation => ({ ...result, tokens: result.tokens.map((token, at) => (at === 2 ? (token === 300 ? 301 : 300) : token)) });
    const sampled: Sampling = { t: 94_548, topK: 40, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(8) };
    const liar = await market(lying(other), { first: async () => atSecondProvider(honest.backend, Tier.attested) });
    await liar.ask(8, sampled);
    await liar.auditor.idle();
    assert.equal(liar.accused.length, 1);
    const evidence = liar.evidence();
    assert.ok(evidence.kind === 'wrong-answer');
    assert.match(evidence.computed.map(({ by }) => by).join(), /second provider,reference/);
    assert.equal((await verifyEvidence(evidence)).fault, 'answer');

    const wrong = await market(lying(other), { rate: 0 });
    const right = await market(loaded.engine, { first: async () => atSecondProvider(wrong.backend, Tier.bonded) });
    await right.ask(8, sampled);
    await right.auditor.idle();
    assert.deepEqual([right.accused, right.store.record(right.stake).undecided], [[], 1]);

    const clean = await market(loaded.engine, { first: async () => atSecondProvider(honest.backend, Tier.bonded) });
    await clean.ask(8, sampled);
    await clean.auditor.idle();
    assert.equal(clean.store.record(clean.stake).clean, 1);
  });

  it('that ends an answer where nothing ends it is convicted by its own receipt, audited or not, and paid nothing for that piece', async () => {
    const { auditor, accused, ask, evidence, store, stake } = await market(lying((result) => ({ ...result, tokens: result.tokens.slice(0, 5), finishReason: 'stop' })), { rate: 0 });
    await assert.rejects(ask(40), { code: 'gateway.bad-answer' });
    await until(() => accused.length > 0);
    assert.deepEqual([(await verifyEvidence(evidence())).fault, store.record(stake).faults, auditor.isTrusted(stake)], ['wrong-finish-reason', 1, false]);
  });

  it('whose answer the client leaves is audited as far as it came', async () => {
    const { auditor, store, backend, stake } = await market(loaded.engine);
    const abort = new AbortController();
    const promptTokens = loaded.model.model.tokenizer.encodePrompt('swiftly');
    const request = { model: loaded.model.name, promptTokens, maxTokens: 200, stopTokens: [], sampling: GREEDY, abort: abort.signal, enough: new AbortController().signal };
    await assert.rejects(async () => {
      for await (const event of backend.complete(request)) if (event.kind === 'tokens') abort.abort(new Error('left'));
    }, /left/);
    // What was on its way when it left is waited for before the answer is over.
    await until(() => store.record(stake).drawn === 1);
    await auditor.idle();
    const { drawn, clean } = store.record(stake);
    assert.deepEqual([drawn, clean], [1, 1]);
  });
});
