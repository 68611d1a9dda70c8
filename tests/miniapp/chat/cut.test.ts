/** Connections that end in the middle of an answer, and a relay that passes on what it likes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ChannelFrame, decodeFrame, dueFor, encodeFrame, type PieceFrame, verifyReceiptFile } from '../../../protocol';
import { createWasmEngine } from '../../../exact/wasm';
import type { PageTokenizer } from '../../../miniapp/src/types';
import { longModel } from '../../exact/longModel';
import { honest, type Meddling } from '../../gateway/relayWorld';
import { PRICES } from '../../worker/channels/conversationWorld';
import { chatSuite, CHUNKS, PROMPT, TOKENS, tokensOf } from './chatWorld';

/** Ends both connections once, at the piece of this index or at the payment for it. */
const cutAt = (index: number, isPaid = false): Meddling => {
  let isCut = false;
  let payments = 0;
  return (way, frame) => {
    const { kind, ...decoded } = decodeFrame(frame) as ChannelFrame & { index?: number };
    // One of the answer before may be on its way still.
    if (kind === 'request') payments = 0;
    const isIt = isPaid ? way === 'up' && kind === 'payment' && payments++ === index : way === 'down' && kind === 'piece' && decoded.index === index;
    if (isCut || !isIt) return [frame];
    isCut = true;
    return null;
  };
};

describe('an answer that is cut goes on', () => {
  const { open, answer, ends } = chatSuite();

  test('at each chunk, and at the payment for it: nothing is paid twice, and one number is used', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    for (const [index, isPaid] of Array.from({ length: CHUNKS }, (_, at) => [[at, false], [at, true]] as const).flat()) {
      const before = purse.owed;
      const seq = purse.seq;
      relay.meddle = cutAt(index, isPaid);
      const came = index + Number(isPaid);
      const cut = await chat.ask(PROMPT, { maxTokens: TOKENS });
      if (came === CHUNKS) {
        assert.equal(cut.state, 'whole', 'what is owed is paid with the next question, over whichever connection');
        assert.equal((await chat.ask(PROMPT, { maxTokens: 5 })).state, 'whole');
        await world.agreed();
        continue;
      }
      assert.deepEqual([cut.state, cut.problem?.code], ['incomplete', 'chat.connectionLost']);
      assert.deepEqual(tokensOf(cut), (await answer()).slice(0, 32 * came));
      assert.equal(cut.cost, came === 0 ? 0n : dueFor(PRICES, cut.promptTokens, 32 * came), 'only what came');
      assert.equal(purse.owed - before, cut.cost);
      if (came > 0) assert.deepEqual(verifyReceiptFile(cut.file).tokens, tokensOf(cut));
      // Later than a receipt may be dated that was on its way.
      relay.now += 200;
      relay.world.clock += 200;
      const seen: string[] = [];
      const whole = await chat.resume(cut, { onProgress: ({ answer: text }) => seen.push(text) });
      assert.deepEqual([whole.state, whole.problem, whole.id, whole.cost], ['whole', undefined, cut.id, dueFor(PRICES, whole.promptTokens, TOKENS)]);
      assert.deepEqual(tokensOf(whole), await answer());
      assert.deepEqual(verifyReceiptFile(whole.file).tokens, await answer());
      assert.ok(seen.every((text) => text.startsWith(cut.answer)));
      await world.agreed();
      assert.equal(purse.owed - before, whole.cost);
      assert.deepEqual([purse.seq, relay.world.store.read.channel(relay.world.address)?.lastSeq], [seq + 1, seq]);
    }
  });

  test('again and again, at each chunk in turn', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    relay.meddle = cutAt(0);
    let held = await chat.ask(PROMPT, { maxTokens: TOKENS });
    for (let index = 1; index < CHUNKS; index++) {
      relay.meddle = cutAt(index);
      held = await chat.resume(held);
      assert.deepEqual([held.state, held.outputTokens], ['incomplete', 32 * index]);
    }
    relay.meddle = honest;
    held = await chat.resume(held);
    assert.deepEqual(tokensOf(held), await answer());
    await world.agreed();
    assert.equal(purse.owed, held.cost);
  });

  test('a prompt of several pieces, wherever it is cut: no piece is paid twice', async () => {
    const model = longModel();
    const engine = createWasmEngine(model, { threads: 1 });
    const tokenizer: PageTokenizer = { modelRoot: '', encode: () => Array.from({ length: 2_100 }, (_, at) => at % 250), decode: () => '', stopTokens: [] };
    const world = await open({}, { loaded: { model: { model, name: 'long', stopTokens: [] }, engine }, tokenizer });
    const { chat, purse, relay } = world;
    ends.push(() => engine.close());
    for (const [index, isPaid] of [[0, false], [0, true], [1, false]] as const) {
      const before = purse.owed;
      relay.meddle = cutAt(index, isPaid);
      const cut = await chat.ask(PROMPT, { maxTokens: 5 });
      assert.deepEqual([cut.state, cut.outputTokens, cut.promptTokens], ['incomplete', 0, 2_100]);
      const whole = await chat.resume(cut);
      assert.equal(whole.state, 'whole', JSON.stringify(whole.problem));
      await world.agreed();
      assert.equal(purse.owed - before, whole.cost);
    }
    // The connection is gone before the payment leaves: what it would have prepaid is taken back.
    const { pay } = purse;
    purse.pay = async (...amounts) => {
      const voucher = await pay.apply(purse, amounts);
      Object.assign(purse, { pay });
      chat.close();
      return voucher;
    };
    const before = purse.owed;
    const cut = await chat.ask(PROMPT, { maxTokens: 5 });
    assert.deepEqual([cut.state, purse.owed - before, purse.vouched], ['incomplete', dueFor(PRICES, 2_048, 0), purse.owed]);
    assert.equal((await chat.resume(cut)).state, 'whole');
    await world.agreed();
  });

  test('or another question is asked, and what the worker delivered in vain is paid once', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    relay.meddle = cutAt(1);
    const cut = await chat.ask(PROMPT, { maxTokens: TOKENS });
    // A question that the purse refuses takes nothing from the one that was cut.
    const { begin } = purse;
    purse.begin = () => Promise.reject(new Error('exhausted'));
    await assert.rejects(chat.ask(PROMPT), /exhausted/);
    purse.begin = begin;
    const whole = await chat.resume(cut);
    await world.agreed();
    assert.equal(purse.owed, whole.cost);

    relay.meddle = cutAt(1);
    const left = await chat.ask(PROMPT, { maxTokens: TOKENS });
    const next = await chat.ask(PROMPT, { maxTokens: 5 });
    assert.equal(next.state, 'whole');
    assert.ok(!chat.canResume(left), 'the newest alone');
    await world.agreed();
    assert.equal(purse.owed, whole.cost + dueFor(PRICES, left.promptTokens, 64) + next.cost);
    relay.meddle = cutAt(1);
    const old = await chat.ask(PROMPT, { maxTokens: TOKENS });
    relay.now += 600;
    assert.ok(!chat.canResume(old), 'for ten minutes');
  });
});

describe('a relay that lies is found out, and nothing more is paid', () => {
  const { open, answer } = chatSuite();
  const piece = (change: (piece: PieceFrame) => Uint8Array[], index = 1): Meddling => (way, frame) => {
    const decoded = way === 'down' ? decodeFrame(frame) : null;
    return decoded?.kind === 'piece' && decoded.index === index ? change(decoded) : [frame];
  };
  const altered = (change: Partial<PieceFrame>) => piece((of) => [encodeFrame({ ...of, ...change })]);
  const flipped = (field: 'sealed' | 'signature' | 'responseCommit'): Meddling => piece((of) => {
    const bytes = of[field].slice();
    bytes[bytes.length - 1] ^= 1;
    return [encodeFrame({ ...of, [field]: bytes })];
  });
  let first: Uint8Array | null = null;
  const lies: [string, Meddling, string][] = [
    ['a bit of the sealed bytes', flipped('sealed'), 'chat.tampered'],
    ['a bit of the signature', flipped('signature'), 'chat.tampered'],
    ['another commitment', flipped('responseCommit'), 'chat.tampered'],
    ['a higher price', altered({ dueNano: 10n ** 8n }), 'chat.tampered'],
    ['an early end', altered({ final: true, finishReason: 1 }), 'chat.tampered'],
    ['another date', altered({ issuedAt: 5 }), 'chat.badDate'],
    ['another place', altered({ index: 2 }), 'chat.tampered'],
    ['another number', altered({ seq: 999 }), 'chat.unexpected'],
    ['the piece before again', (way, frame) => {
      const decoded = way === 'down' ? decodeFrame(frame) : null;
      if (decoded?.kind === 'piece' && decoded.index === 0) first = frame;
      return decoded?.kind === 'piece' && decoded.index === 1 ? [first!, frame] : [frame];
    }, 'chat.tampered'],
    ['a frame that workers do not send', piece((of) => [encodeFrame({ kind: 'cancel', seq: of.seq })]), 'chat.unexpected'],
    ['an unsigned refusal', piece((of) => [encodeFrame({ kind: 'refusal', seq: of.seq, termsHash: of.responseCommit, reason: 12, retryAfter: 0, signature: of.signature })]), 'chat.unexpected'],
    ['a second greeting', piece((of) => [encodeFrame({ kind: 'welcome', nextSeq: 5, owed: 0n, voucher: { amount: 0n, final: false, signature: of.signature } })]), 'chat.unexpected'],
    ['a longer frame', piece((of) => [encodeFrame({ ...of, sealed: new Uint8Array(1_024) })]), 'chat.unexpected'],
    ['no frame at all', () => [new Uint8Array(40)], 'chat.unexpected'],
  ];

  test('whatever it makes of a piece', async () => {
    const world = await open();
    const { chat, purse, relay } = world;
    for (const [name, meddle, code] of lies) {
      const isGreeting = name === 'no frame at all';
      relay.meddle = (way, frame, index) => (isGreeting && (way === 'up' || index === 0) ? [frame] : meddle(way, frame, index));
      const before = purse.owed;
      const held = await chat.ask(PROMPT, { maxTokens: TOKENS });
      assert.deepEqual([held.state, held.problem?.code], ['failed', code], name);
      const came = isGreeting ? 0 : 1;
      assert.equal(held.cost, came * 32 === 0 ? 0n : dueFor(PRICES, held.promptTokens, 32), name);
      assert.equal(purse.owed, before + held.cost, name);
      assert.deepEqual(tokensOf(held), (await answer()).slice(0, 32 * came), name);
      const last = purse.signed.at(-1)!;
      assert.ok(last <= before + dueFor(PRICES, held.promptTokens, 32 * came), `${name}: ${last}`);
      assert.ok(!chat.canResume(held), name);
      relay.meddle = honest;
      assert.equal((await chat.ask(PROMPT, { maxTokens: 5 })).state, 'whole', name);
      await world.agreed();
    }
  });

  test('what comes again is altered, left out or in another order', async () => {
    const world = await open();
    const { chat, relay } = world;
    const again = (change: (pieces: Uint8Array[]) => Uint8Array[]): Meddling => {
      const held: Uint8Array[] = [];
      return (way, frame) => {
        const decoded = way === 'down' ? decodeFrame(frame) : null;
        if (decoded?.kind !== 'piece' || decoded.index > 1) return [frame];
        held.push(frame);
        return held.length < 2 ? [] : change(held);
      };
    };
    const changes: ((pieces: Uint8Array[]) => Uint8Array[])[] = [
      ([, second]) => [second], ([one, second]) => [second, one], ([one, second]) => [one, one, second], ([one]) => [Uint8Array.from(one, (byte, at) => (at === one.length - 1 ? byte ^ 1 : byte))],
    ];
    for (const change of changes) {
      relay.meddle = cutAt(2);
      const cut = await chat.ask(PROMPT, { maxTokens: TOKENS });
      assert.equal(cut.outputTokens, 64);
      relay.meddle = again(change);
      const held = await chat.resume(cut);
      assert.deepEqual([held.state, held.problem?.code, held.outputTokens, held.cost], ['failed', 'chat.tampered', 64, cut.cost]);
      relay.meddle = honest;
      assert.equal((await chat.ask(PROMPT, { maxTokens: 5 })).state, 'whole');
      await world.agreed();
    }
  });

  test('a piece that is kept back is missed, and comes when the answer goes on', async () => {
    const { chat, relay } = await open({}, { times: { quiet: 1_500 } });
    relay.meddle = piece(() => []);
    const held = await chat.ask(PROMPT, { maxTokens: TOKENS });
    assert.deepEqual([held.state, held.problem?.code, held.outputTokens], ['incomplete', 'chat.stalled', 32]);
    relay.meddle = honest;
    assert.deepEqual(tokensOf(await chat.resume(held)), await answer());
  });
});
