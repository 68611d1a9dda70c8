import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import * as protocol from '../../protocol';

/** Vectors of an independent program: "0x.." are bytes, "..n" large integers. */
function revive(value: unknown): any {
  if (typeof value === 'string' && value.startsWith('0x')) return new Uint8Array(Buffer.from(value.slice(2), 'hex'));
  if (typeof value === 'string' && /^\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
  }
  return value;
}

const file = path.join(__dirname, '../../protocol/vectors/vectors.json');
const vectors = revive(JSON.parse(fs.readFileSync(file, 'utf8')));
const NANO = new Set(['promptPrice', 'outputPrice', 'fixedPrice', 'coverage', 'amount', 'dueNano', 'nonce', 'owed', 'vouched']);
const withBigints = (value: any): any =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, NANO.has(key) ? BigInt(item as number) : item]));
const hex = protocol.toHex;

const encoders: Record<string, (value: any) => protocol.PlainCell> = {
  terms: protocol.encodeTerms,
  receipt: protocol.encodeReceipt,
  decline: protocol.encodeDecline,
  voucher: protocol.encodeVoucher,
  refusal: protocol.encodeRefusal,
  acceptance: protocol.encodeAcceptance,
  challengeGrant: protocol.encodeChallengeGrant,
  keyClaim: protocol.encodeKeyClaim,
  build: protocol.encodeBuild,
};

describe('golden vectors of an independent program', () => {
  for (const [index, { kind, value, hash, bits }] of vectors.objects.entries()) {
    it(`object ${index}, a ${kind}, has its bits and hash`, () => {
      const cell = encoders[kind](withBigints(value));
      assert.equal(cell.bitLength, bits);
      assert.equal(hex(protocol.cellHash(cell)), hex(hash));
    });
  }

  it('request roots and commitments, up to several rows of tokens', () => {
    for (const { request, salt, root, commit } of vectors.requests) {
      const whole = withBigints(request);
      assert.equal(hex(protocol.requestRoot(whole)), hex(root));
      assert.equal(hex(protocol.commit('request', salt, root)), hex(commit));
    }
  });

  it('roots of model cards', () => {
    for (const { file: card, root } of vectors.cards) assert.equal(hex(protocol.cardRoot(card)), hex(root));
  });

  it('payload bytes, both ways', () => {
    for (const { payload, bytes } of vectors.payloads) {
      const whole = { ...payload, asked: withBigints(payload.asked), request: withBigints(payload.request) };
      assert.equal(hex(protocol.encodePayload(whole)), hex(bytes));
      assert.deepEqual(protocol.decodePayload(bytes), whole);
    }
  });

  it('sealed answers, their hash as cells, roots and commitments', () => {
    for (const { finishReason, tokens, key, termsHash, sealed, sealedHash, salt, root, commit } of vectors.responses) {
      const answer = { finishReason, tokens };
      assert.equal(hex(protocol.sealResponse(protocol.encodeResponse(answer), key, termsHash)), hex(sealed));
      assert.deepEqual(protocol.decodeResponse(protocol.openResponse(sealed, key, termsHash)), answer);
      assert.equal(hex(protocol.outputHash(sealed)), hex(sealedHash));
      assert.equal(hex(protocol.responseRoot(answer)), hex(root));
      assert.equal(hex(protocol.commit('response', salt, root)), hex(commit));
      assert.equal(sealed.length % protocol.PADDING_BLOCK, 0);
    }
  });

  it('sealed requests (HPKE), made and opened', async () => {
    for (const { payload, private: secret, public: key, binding, ephemeralMaterial, envelope } of vectors.seals) {
      assert.equal(hex(protocol.sealingPublicKey(secret)), hex(key));
      assert.equal(hex(await protocol.sealRequest(payload, key, binding, ephemeralMaterial)), hex(envelope));
      const opened = await protocol.openRequest(envelope, secret, binding);
      assert.equal(opened.sealed, true);
      assert.equal(hex(opened.payload.subarray(0, payload.length)), hex(payload));
    }
  });

  it('requests sealed in a session (HPKE exporter), made and opened', async () => {
    for (const { payload, private: secret, public: key, binding, ephemeralMaterial, enc, seq, termsHash, sealed, helloHash } of vectors.sessions) {
      assert.equal(hex(protocol.helloHash(binding, enc)), hex(helloHash));
      const sealer = await protocol.RequestSealer.open(key, binding, ephemeralMaterial);
      assert.equal(hex(sealer.enc), hex(enc));
      assert.equal(hex(sealer.seal(seq, payload, termsHash)), hex(sealed));
      const opener = await protocol.RequestOpener.accept(enc, secret, binding);
      assert.equal(hex(opener.open(seq, sealed, termsHash).subarray(0, payload.length)), hex(payload));
    }
  });

  it('frames of the channel protocol, one of each kind, both ways', () => {
    assert.equal(vectors.frames.length, 7);
    for (const { frame, bytes } of vectors.frames) {
      const whole = withBigints(frame.voucher ? { ...frame, voucher: withBigints(frame.voucher) } : frame);
      assert.equal(hex(protocol.encodeFrame(whole)), hex(bytes));
      assert.deepEqual(protocol.decodeFrame(bytes), whole);
    }
  });

  it('sampling seeds, with and without their place', () => {
    const { requestCommit, escrow, seq, placed, reproducible } = vectors.seeds;
    assert.equal(hex(protocol.samplingSeed(requestCommit, { escrow, seq })), hex(placed));
    assert.equal(hex(protocol.samplingSeed(requestCommit)), hex(reproducible));
  });

  it('bytes in cells', () => {
    for (const { bytes, inline, hash } of vectors.chains) {
      const cell = protocol.encodeByteChain(bytes, inline);
      assert.equal(hex(protocol.cellHash(cell)), hex(hash));
      assert.equal(hex(protocol.decodeByteChain(cell, inline)), hex(bytes));
    }
  });
});
