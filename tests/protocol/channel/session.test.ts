import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodePayload, decodePayload, RequestOpener, RequestSealer, SESSION_REQUESTS, sealingPublicKey, termsHash, type SessionBinding } from '../../../protocol';
import { channelRequest, filled, WORKER_KEY } from './channelRequest';

const SECRET = filled(33);
const binding: SessionBinding = { networkId: 2026, channel: filled(9), workerKey: WORKER_KEY, firstSeq: 3 };
const code = (expected: string) => (error: { code?: string }) => error.code === expected;

async function session(): Promise<{ sealer: RequestSealer; opener: (changes?: Partial<SessionBinding>, secret?: Uint8Array) => Promise<RequestOpener> }> {
  const sealer = await RequestSealer.open(sealingPublicKey(SECRET), binding);
  return { sealer, opener: (changes = {}, secret = SECRET) => RequestOpener.accept(sealer.enc, secret, { ...binding, ...changes }) };
}

describe('a session of a channel', () => {
  const request = channelRequest();
  const payload = encodePayload(request.payload);
  const hash = termsHash(request.terms);

  it('carries many requests under one encapsulated key, each padded to a multiple of 256 bytes', async () => {
    const { sealer, opener } = await session();
    const worker = await opener();
    for (let seq = 3; seq < 3 + SESSION_REQUESTS; seq += 93) {
      const sealed = sealer.seal(seq, payload, hash);
      assert.equal(sealed.length % 256, 0);
      assert.deepEqual(decodePayload(worker.open(seq, sealed, hash)), request.payload);
    }
  });

  it('finding 3: opens for no other channel, network, worker key, number, terms or sealing key', async () => {
    const { sealer, opener } = await session();
    const sealed = sealer.seal(4, payload, hash);
    const refused = code('UNREADABLE_REQUEST');
    for (const changes of [{ channel: filled(8) }, { networkId: -239 }, { workerKey: filled(1) }, { firstSeq: 2 }]) {
      const other = await opener(changes);
      assert.throws(() => other.open(4, sealed, hash), refused, JSON.stringify(Object.keys(changes)));
    }
    const worker = await opener();
    assert.throws(() => worker.open(5, sealed, hash), refused);
    assert.throws(() => worker.open(4, sealed, filled(1)), refused);
    for (const cut of [sealed.subarray(1), sealed.subarray(0, 15), sealed.map((byte, index) => (index === 40 ? byte ^ 1 : byte))]) {
      assert.throws(() => worker.open(4, cut, hash), refused);
    }
    const stranger = await opener({}, filled(34));
    assert.throws(() => stranger.open(4, sealed, hash), refused);
    assert.ok(worker.open(4, sealed, hash));
  });

  it('seals each number under a nonce of its own, also numbers that are far apart', async () => {
    const far = { ...binding, firstSeq: 65_536 };
    const worker = await RequestSealer.open(sealingPublicKey(SECRET), far);
    const opener = await RequestOpener.accept(worker.enc, SECRET, far);
    const sealed = worker.seal(65_539, payload, hash);
    assert.ok(opener.open(65_539, sealed, hash));
    assert.equal(SESSION_REQUESTS, 1_024);
    const near = await RequestOpener.accept(worker.enc, SECRET, { ...binding, firstSeq: 0 });
    assert.throws(() => near.open(3, sealed, hash), code('UNREADABLE_REQUEST'));
  });

  it('seals a number once, in rising order, within its range', async () => {
    const { sealer, opener } = await session();
    sealer.seal(5, payload, hash);
    for (const seq of [5, 4]) assert.throws(() => sealer.seal(seq, payload, hash), code('SEQUENCE_USED'));
    for (const seq of [2, 3 + SESSION_REQUESTS, -1, 0.5]) assert.throws(() => sealer.seal(seq, payload, hash), code('SESSION_OVER'));
    const worker = await opener();
    assert.throws(() => worker.open(2, new Uint8Array(256), hash), code('SESSION_OVER'));
  });

  it('is refused for keys of small order at both ends', async () => {
    await assert.rejects(RequestSealer.open(new Uint8Array(32), binding), code('BAD_SEALING_KEY'));
    await assert.rejects(RequestOpener.accept(new Uint8Array(32), SECRET, binding), code('UNREADABLE_REQUEST'));
  });

  it('of the same channel seals under another key each time', async () => {
    const [first, second] = [await session(), await session()];
    assert.notDeepEqual(first.sealer.seal(3, payload, hash), second.sealer.seal(3, payload, hash));
  });
});
