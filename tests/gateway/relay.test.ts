/** A real client through the relay to a real worker: what the relay sees, and what it can do when it lies. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeFrame, dueFor, encodeFrame, encodePayload, encodeResponse, type PieceFrame } from '../../protocol';
import { PRICES } from '../worker/channels/conversationWorld';
import { honest, type Meddling, relaySuite, type RelayWorld } from './relayWorld';

/** Long enough that its bytes are nowhere by chance. */
const SECRET = 'the river ran swiftly below the old bridge';

describe('a relay', { timeout: 60_000 }, () => {
  const suite = relaySuite();
  const { loaded } = suite;
  const begin = async (meddle: Meddling = honest): Promise<RelayWorld> => Object.assign(await suite.begin(), { meddle });

  test('carries a paid answer with the bits of the engine, and sees neither the prompt nor the answer nor their tokens', async () => {
    const relayed = await begin();
    const promptTokens = relayed.card.tokenizer.encodePrompt(SECRET);
    const tokens = await relayed.ask(70, { promptTokens });
    const sampling = { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(7) };
    assert.deepEqual(tokens, (await loaded.engine.generate({ promptTokens, maxTokens: 70, stopTokens: [], sampling })).tokens);
    await relayed.agreed(2n);
    const seen = Buffer.concat(relayed.seen.map(({ frame }) => frame));
    const kinds = new Set(relayed.seen.map(({ frame }) => decodeFrame(frame).kind));
    assert.deepEqual([...kinds].sort(), ['hello', 'payment', 'piece', 'request', 'welcome']);
    // Their bytes before they are sealed, which the same search finds in what is sealed.
    const { payload } = relayed.world.request(1, 70);
    const plain = Buffer.from(encodePayload({ ...payload, request: { ...payload.request, promptTokens } }));
    const answer = Buffer.from(encodeResponse({ finishReason: 1, tokens: tokens.slice(32, 64) }));
    const secrets = [varints(promptTokens), answer.subarray(-128), Buffer.from(SECRET), Buffer.from(relayed.card.tokenizer.decode(tokens.slice(0, 16)))];
    assert.ok(plain.includes(secrets[0]) && answer.includes(secrets[1]));
    for (const [index, secret] of secrets.entries()) {
      assert.ok(secret.length >= 8, `secret ${index}`);
      assert.ok(!seen.includes(secret), `secret ${index}`);
    }
  });

  test('passes pieces in order, one answer after the other', async () => {
    const relayed = await begin();
    const one = await relayed.ask(96);
    const two = await relayed.ask(96);
    assert.deepEqual(one, two);
    const pieces = relayed.seen.filter(({ way }) => way === 'down').map(({ frame }) => decodeFrame(frame)).filter((frame): frame is PieceFrame => frame.kind === 'piece');
    assert.deepEqual(pieces.map(({ seq, index }) => [seq, index]), [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]]);
    assert.equal(relayed.world.store.read.balance(relayed.world.address).dueNano, 2n * dueFor(PRICES, relayed.promptTokens.length, 96));
  });

  /** One lie: what it does, to which message, and what the client says. */
  const isKind = (frame: Uint8Array, kind: string): boolean => decodeFrame(frame).kind === kind;
  const flip = (frame: Uint8Array, at: number): Uint8Array => frame.map((byte, place) => (place === (at + frame.length) % frame.length ? byte ^ 1 : byte));
  const once = (way: 'up' | 'down', kind: string, lie: (frame: Uint8Array) => Uint8Array[] | null, nth = 0): Meddling => {
    let count = 0;
    return (from, frame) => (from === way && isKind(frame, kind) && count++ === nth ? lie(frame) : [frame]);
  };
  const held = (way: 'up' | 'down', kind: string): Meddling => {
    let kept: Uint8Array | null = null;
    return (from, frame) => {
      if (from !== way || !isKind(frame, kind)) return [frame];
      const before = kept;
      kept = frame;
      return before === null ? [] : [frame, before];
    };
  };
  const lies: [string, () => Meddling, RegExp][] = [
    ['flips a bit of sealed tokens', () => once('down', 'piece', (frame) => [flip(frame, -9)]), /^gateway\.tampered$/],
    ['flips a bit of a receipt', () => once('down', 'piece', (frame) => [flip(frame, 30)]), /^gateway\.tampered$/],
    ['flips a bit of a signature', () => once('down', 'piece', (frame) => [flip(frame, 140)], 1), /^gateway\.tampered$/],
    ['leaves a piece out', () => once('down', 'piece', () => [], 1), /^TimeoutError$|^gateway\.tampered$/],
    ['sends a piece of another request', () => once('down', 'piece', (frame) => [encodeFrame({ ...(decodeFrame(frame) as PieceFrame), index: 7 })]), /^gateway\.tampered$/],
    ['forges a refusal', () => once('down', 'piece', () => [encodeFrame({
      kind: 'refusal', seq: 1, termsHash: new Uint8Array(32), reason: 3, retryAfter: 0, signature: new Uint8Array(64),
    })]), /^gateway\.bad-worker$/],
    ['cuts a frame short', () => once('down', 'piece', (frame) => [frame.subarray(0, -1)], 1), /^gateway\.connection-lost$/],
    ['makes up a frame', () => once('down', 'piece', (frame) => [frame, new Uint8Array([1, 99])], 1), /^gateway\.connection-lost$/],
    ['drops the connection in the middle', () => once('down', 'piece', () => null, 1), /^gateway\.connection-lost$/],
    ['flips a bit of the sealed request', () => once('up', 'request', (frame) => [flip(frame, -5)]), /^gateway\.refused$/],
    ['flips a bit of the first voucher', () => once('up', 'request', (frame) => [flip(frame, 60)]), /^gateway\.refused$/],
    ['flips a bit of a later voucher', () => once('up', 'payment', (frame) => [flip(frame, -9)]), /^gateway\.refused$/],
    ['lets the request vanish', () => once('up', 'request', () => []), /^TimeoutError$/],
    ['lets a voucher vanish', () => once('up', 'payment', () => []), /^TimeoutError$/],
  ];
  for (const [name, lie, expected] of lies) {
    test(`that ${name} brings about a typed error, and the channel goes on with nothing paid twice`, async () => {
      const relayed = await begin(lie());
      const { world, store, promptTokens } = relayed;
      await assert.rejects(relayed.ask(96, { abort: AbortSignal.timeout(expected.test('TimeoutError') ? 300 : 5_000) }), (error: { code?: string; name: string }) => expected.test(typeof error.code === 'string' ? error.code : error.name));
      const { vouched } = store.position(world.address);
      assert.ok(vouched <= dueFor(PRICES, promptTokens.length, 96), `vouched ${vouched}`);
      relayed.meddle = honest;
      assert.equal((await relayed.ask(40)).length, 40);
      await relayed.agreed(2n);
      // What is given away in the end: at most the one chunk that was on its way, and the prompt.
      const due = world.store.read.balance(world.address).dueNano;
      const bought = dueFor(PRICES, promptTokens.length, 40);
      assert.ok(due >= bought && due <= bought + dueFor(PRICES, promptTokens.length, 96), `due ${due}`);
    });
  }

  test('that repeats or reorders frames of either side changes nothing: no payment counts twice', async () => {
    const twice: Meddling = (_, frame) => [frame, frame];
    for (const lie of [twice, held('up', 'payment'), held('down', 'piece')]) {
      const relayed = await begin((way, frame, index) => (/piece|payment|cancel/.test(decodeFrame(frame).kind) ? lie(way, frame, index) : [frame]));
      const { world, promptTokens } = relayed;
      const tokens = await relayed.ask(64, { abort: AbortSignal.timeout(500) }).catch(() => null);
      if (tokens !== null) assert.equal(tokens.length, 64);
      const { dueNano, voucherNano } = world.store.read.balance(world.address);
      assert.ok(dueNano <= dueFor(PRICES, promptTokens.length, 64) && voucherNano <= dueNano);
    }
  });

  test('that sends a request twice has it served and paid once', async () => {
    const relayed = await begin((way, frame) => (way === 'up' && isKind(frame, 'request') ? [frame, frame] : [frame]));
    const tokens = await relayed.ask(40).catch((error: { code: string }) => error.code);
    assert.ok(Array.isArray(tokens) ? tokens.length === 40 : tokens === 'gateway.refused', String(tokens));
    const { dueNano } = relayed.world.store.read.balance(relayed.world.address);
    assert.ok(dueNano <= dueFor(PRICES, relayed.promptTokens.length, 40));
  });

  test('that keeps what it saw cannot ask or pay with it over a connection of its own', async () => {
    const relayed = await begin();
    await relayed.ask(40);
    await relayed.agreed(2n);
    const before = relayed.world.store.read.balance(relayed.world.address);
    const replay = relayed.world.connect();
    for (const { way, frame } of relayed.seen) if (way === 'up') await replay.send(new Uint8Array(frame));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(relayed.world.store.read.balance(relayed.world.address), before);
    assert.equal(relayed.world.store.read.channel(relayed.world.address)!.lastSeq, 1);
    // It is given again what was signed and sent before, sealed to somebody else.
    assert.ok(replay.pieces(1).every((piece) => relayed.seen.some(({ frame }) => frame.equals(encodeFrame(piece)))));
  });
});

/** Varints of tokens, as payloads have them. */
function varints(tokens: readonly number[]): Buffer {
  const bytes: number[] = [];
  for (const token of tokens) {
    let rest = token;
    for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
    bytes.push(rest);
  }
  return Buffer.from(bytes);
}
