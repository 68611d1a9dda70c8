/** What a worker refuses, what it signs and does not hold, and what never was the channel protocol. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Conversation, type Socket, type SocketMaker } from '../../../miniapp/src/chat';
import { Order } from '../../../miniapp/src/chat/order';
import { english } from '../../../miniapp/src/i18n/en';
import { russian } from '../../../miniapp/src/i18n/ru';
import { CARD_SEMANTICS, decodeFrame, encodeFrame, NO_VOUCHER, refusalHash, RefusalReason, toHex } from '../../../protocol';
import type { LoadedEngine } from '../../../worker/engine';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { newKey, settled, type WorkerWorld } from '../../worker/channels/conversationWorld';
import { workerSuite } from '../../worker/channels/suite';
import { chatSuite, offerOf, PROMPT, purseOf, shippedTokenizer, TOKENS } from './chatWorld';

describe('a worker that is there', () => {
  const { open, loaded } = chatSuite();
  /** The engine, with something else than it gives. */
  const engine = (generate: (of: LoadedEngine) => LoadedEngine['generate']) => ({
    loaded: { engine: new Proxy(loaded.engine, { get: (of, name) => (name === 'generate' ? generate(of) : Reflect.get(of, name)) }) },
  });

  test('refuses what it does not serve: its reason is said, nothing is owed, and the next question is answered', async () => {
    const world = await open({ maxTokens: 300 });
    const { chat, purse } = world;
    const long = await chat.ask(PROMPT, { maxTokens: 280 });
    assert.deepEqual([long.state, long.problem?.code, long.cost, long.file, purse.owed], ['failed', 'chat.tooLong', 0n, null, 0n]);
    assert.ok(!chat.canResume(long));
    assert.equal((await chat.ask(PROMPT, { maxTokens: 5 })).state, 'whole');
    await world.agreed();
    const cheap = await open({ outputPrice: 1n });
    assert.equal((await cheap.chat.ask(PROMPT, { maxTokens: 5 })).problem?.code, 'chat.unsupported');
    world.relay.world.draining.abort();
    const busy = await chat.ask(PROMPT, { maxTokens: 5 });
    assert.deepEqual([busy.state, busy.problem?.text], ['incomplete', { key: 'chat.busy', params: { reason: 'draining', seconds: '10' } }]);
    assert.ok(chat.canResume(busy), 'it was not begun');
  });

  test('is not asked by whoever has another key, and tells a greeting that it does not believe', async () => {
    const { chat, purse } = await open();
    const other = newKey();
    purse.sign = async (hash) => other.sign(hash);
    await assert.rejects(chat.ask(PROMPT), { code: 'chat.refused', text: { key: 'chat.refused', params: { reason: 'notTheClient', seconds: '0' } } });
    assert.deepEqual(purse.begun, []);
    const lied = await open();
    lied.purse.believe = () => Promise.reject(new Error('it lies'));
    await assert.rejects(lied.chat.ask(PROMPT), /it lies/);
    assert.deepEqual(lied.purse.begun, []);
  });

  test('breaks down in the middle: what came is kept, and nothing more is due', async () => {
    const world = await open({}, engine((of) => async (job) => {
      const { tokens } = await of.generate({ ...job, onToken: undefined });
      for (const token of tokens.slice(0, 40)) job.onToken?.(token);
      await settled();
      throw new Error('broken');
    }));
    const held = await world.chat.ask(PROMPT, { maxTokens: TOKENS });
    assert.deepEqual([held.problem?.code, held.state, held.outputTokens], ['chat.engineFailed', 'incomplete', 32]);
    assert.ok(!world.chat.canResume(held));
    await world.agreed();
  });

  test('signs an end without a trace: it is paid nothing more and asked nothing more, but the channel can be closed', async () => {
    const world = await open({}, engine((of) => async (job) => ({ ...(await of.generate(job)), traceRoot: undefined as unknown as Uint8Array })));
    const { chat, purse, relay } = world;
    const held = await chat.ask(PROMPT, { maxTokens: TOKENS });
    assert.deepEqual([held.state, held.problem?.text.params?.received, held.outputTokens], ['failed', 'trace-not-committed', 64]);
    assert.equal(purse.owed, held.cost);
    await assert.rejects(chat.ask(PROMPT), { code: 'chat.badAnswer' });
    assert.ok(!purse.isLost, 'and is not believed a chunk');
    await chat.finish();
    const record = relay.world.store.read.channel(relay.world.address);
    assert.deepEqual([record?.voucher?.final, record?.voucher?.amountNano], [true, held.cost]);
  });

  test('dates its receipts otherwise than this clock: no token is paid', async () => {
    const { chat, purse, relay } = await open();
    relay.now += 121;
    const held = await chat.ask(PROMPT, { maxTokens: TOKENS });
    assert.deepEqual([held.state, held.problem?.code, held.cost, purse.owed], ['failed', 'chat.badDate', 0n, 0n]);
  });
});

describe('a socket that is no worker', () => {
  const { begin } = workerSuite();
  /** What a socket says to each message. */
  type Script = (socket: FakeSocket, message: Uint8Array, index: number) => void;
  class FakeSocket implements Socket {
    static script: Script;
    static made: FakeSocket[] = [];
    binaryType = '';
    onopen: unknown;
    onmessage: unknown;
    onclose: unknown;
    onerror: unknown;
    isClosed = false;
    private index = 0;

    constructor(readonly url: string) {
      FakeSocket.made.push(this);
      queueMicrotask(() => (this.onopen as () => void)?.());
    }

    send(data: Uint8Array): void {
      FakeSocket.script(this, data, this.index++);
    }

    close(): void {
      this.isClosed = true;
    }

    say(data: unknown): void {
      (this.onmessage as (event: { data: unknown }) => void)({ data });
    }
  }
  const bytes = (frame: Parameters<typeof encodeFrame>[0]): ArrayBuffer => new Uint8Array(encodeFrame(frame)).buffer;
  const welcome = bytes({ kind: 'welcome', nextSeq: 1, owed: 0n, voucher: NO_VOUCHER });

  /** One that names no terms. */
  const refusalOf = (world: WorkerWorld, reason: number, seq: number, key = world.keys.signingSecret): ArrayBuffer => {
    const said = { termsHash: new Uint8Array(32), seq, reason, retryAfter: 0 };
    return bytes({ kind: 'refusal', ...said, signature: nodeEd25519.sign(refusalHash({ ...said, networkId: 2026, escrow: world.address }), key) });
  };

  const conversation = async (world: WorkerWorld, channelPath = `/v1/channel/${'03'.repeat(32)}`): Promise<{ chat: Conversation; purse: ReturnType<typeof purseOf> }> => {
    const purse = purseOf(world);
    FakeSocket.made = [];
    const chat = new Conversation({
      config: { relay: 'https://relay.example' }, offer: offerOf(world, channelPath), purse, tokenizer: await shippedTokenizer(), modelName: 'a model',
      WebSocket: FakeSocket as unknown as SocketMaker, times: { hello: 30, quiet: 30 },
    });
    return { chat, purse };
  };

  test('is asked for a model that nobody can compute again only if its key is attested', async () => {
    const world = await begin();
    const tokenizer = { ...(await shippedTokenizer()), semantics: CARD_SEMANTICS };
    const offer = { ...offerOf(world, '/v1/channel/a'), imageHash: 'ab'.repeat(32) };
    const purse = purseOf(world);
    const options = { config: { relay: 'https://relay.example' }, purse, tokenizer, modelName: 'a card', WebSocket: FakeSocket as unknown as SocketMaker };
    assert.throws(() => new Conversation({ ...options, offer }), { code: 'chat.notExact' });
    new Conversation({ ...options, offer: { ...offer, tier: 'attested' } });
    const terms = (tier: 'attested' | 'bonded') => new Order(
      { offer: { ...offer, tier }, modelName: '', prompt: '', promptTokens: [1], maxTokens: 5 }, purse.terms, purse.address, 1, tokenizer, 5,
    ).request.terms;
    const [attested, bonded] = [terms('attested'), terms('bonded')];
    assert.deepEqual([attested.semantics, attested.tier, toHex(attested.imageHash)], [CARD_SEMANTICS, 1, 'ab'.repeat(32)]);
    assert.deepEqual([bonded.tier, toHex(bonded.imageHash)], [0, '00'.repeat(32)], 'a bonded key stands for no image');
  });

  test('is at the relay, and nowhere else', async () => {
    const world = await begin();
    for (const path of ['//elsewhere.example/v1', 'https://elsewhere.example', '/v1/channel/../x?y', '@elsewhere.example', '.elsewhere.example', '']) {
      await assert.rejects(conversation(world, path), { code: 'chat.unexpected' }, path);
    }
    const { chat } = await conversation(world);
    FakeSocket.script = () => undefined;
    await assert.rejects(chat.ask(PROMPT), { code: 'chat.unreachable' });
    assert.deepEqual(FakeSocket.made.map(({ url, binaryType, isClosed }) => [url, binaryType, isClosed]), [[`wss://relay.example/v1/channel/${'03'.repeat(32)}`, 'arraybuffer', true]]);
  });

  test('says something else than a greeting: nothing is asked', async () => {
    const world = await begin();
    const refused = (reason: number, key?: Uint8Array) => refusalOf(world, reason, 0, key);
    const cases: [unknown, string][] = [
      ['text', 'chat.unexpected'], [new ArrayBuffer(0), 'chat.unexpected'], [new ArrayBuffer(2 ** 20), 'chat.unexpected'], [bytes({ kind: 'cancel', seq: 1 }), 'chat.unexpected'],
      [new Uint8Array([...new Uint8Array(welcome), 0]).buffer, 'chat.unexpected'], [refused(4, newKey().secret), 'chat.unexpected'], [refused(4), 'chat.channelEnding'], [refused(3), 'chat.exhausted'],
      [refused(99), 'chat.refused'],
    ];
    for (const [said, code] of cases) {
      const { chat, purse } = await conversation(world);
      FakeSocket.script = (socket) => socket.say(said);
      await assert.rejects(chat.ask(PROMPT), { code });
      assert.deepEqual([FakeSocket.made[0].isClosed, purse.begun], [true, []]);
    }
  });

  test('greets and is gone before it is asked, again and again: no voucher left, and nothing is believed', async () => {
    const { chat, purse } = await conversation(await begin());
    let owed = 0n;
    const asked: string[] = [];
    FakeSocket.script = (socket, frame, index) => {
      asked.push(decodeFrame(frame).kind);
      if (index === 0) socket.say(bytes({ kind: 'welcome', nextSeq: 1, owed, voucher: NO_VOUCHER }));
    };
    const { begin: begun } = purse;
    purse.begin = async (...amounts) => {
      const request = await begun.apply(purse, amounts);
      owed = purse.vouched;
      (FakeSocket.made.at(-1)!.onclose as (event: { code: number }) => void)({ code: 1006 });
      return request;
    };
    const { state, problem } = await chat.ask(PROMPT);
    assert.deepEqual([state, problem?.code], ['incomplete', 'chat.connectionLost']);
    for (let round = 0; round < 3; round++) {
      await assert.rejects(chat.ask(PROMPT), /the worker lies/);
      assert.deepEqual([purse.owed, purse.vouched, purse.isLost], [0n, 0n, false]);
    }
    assert.ok(owed > 0n && asked.every((kind) => kind === 'hello'));
  });

  test('says nothing, text, or something of another request to a question: it is left, and what was prepaid is all that was signed', async () => {
    const world = await begin();
    const piece = { kind: 'piece', index: 0, final: false, finishReason: 2, issuedAt: 0, dueNano: 0n, responseCommit: new Uint8Array(32), traceCommit: new Uint8Array(32), promptTokens: 3, outputTokens: 32, signature: new Uint8Array(64), sealed: new Uint8Array(256) } as const;
    const cases: [unknown, string, string][] = [
      [null, 'chat.stalled', 'incomplete'], ['text', 'chat.unexpected', 'failed'], [new Uint8Array(4), 'chat.unexpected', 'failed'], [bytes({ ...piece, seq: 2 }), 'chat.unexpected', 'failed'],
      [welcome, 'chat.unexpected', 'failed'], [refusalOf(world, 12, 1), 'chat.unexpected', 'failed'], [bytes({ ...piece, seq: 1 }), 'chat.badDate', 'failed'],
    ];
    for (const [said, code, state] of cases) {
      const { chat, purse } = await conversation(world);
      const asked: number[] = [];
      FakeSocket.script = (socket, message, index) => {
        if (index === 0) return socket.say(welcome);
        const frame = decodeFrame(message);
        asked.push(frame.kind === 'request' ? frame.seq : -1);
        if (said !== null) socket.say(said);
      };
      const held = await chat.ask(PROMPT);
      assert.deepEqual([held.problem?.code, held.state, held.cost, purse.owed, purse.signed.length, asked], [code, state, 0n, 0n, 1, [1]]);
      assert.ok(FakeSocket.made[0].isClosed && purse.isLost);
    }
  });

  test('a session carries so many requests, then there is another', async () => {
    const world = await begin();
    const { chat, purse } = await conversation(world);
    const hellos: number[] = [];
    FakeSocket.script = (socket, message) => {
      const frame = decodeFrame(message);
      if (frame.kind === 'hello') {
        hellos.push(frame.firstSeq);
        socket.say(bytes({ kind: 'welcome', nextSeq: 5_000, owed: 0n, voucher: NO_VOUCHER }));
      } else socket.say('text');
    };
    await chat.ask(PROMPT);
    assert.deepEqual([hellos, purse.begun], [[1, 5_000], [5_000]], 'this store was an old copy');
  });
});

test('every problem of the chat has a text in both languages, which name the same things', () => {
  const names = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
  const keys = (Object.keys(english) as (keyof typeof english)[]).filter((key) => key.startsWith('chat.'));
  for (const key of keys) assert.deepEqual(names(russian[key]), names(english[key]), key);
  assert.ok(keys.length > 20 && Object.keys(RefusalReason).length === 13);
});
