import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type ChannelFrame, CHANNEL_WIRE_VERSION, decodeFrame, decodeReceipt, decodeDecline, decodeRefusal, encodeFrame, encodeRefusal, MAX_SEALED_BYTES, RefusalReason,
} from '../../../protocol';

const code = (expected: string) => (error: { code?: string }) => error.code === expected;
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const amount = fc.bigInt({ min: 0n, max: 2n ** 120n - 1n });
const voucher = { amount, final: fc.boolean(), signature: bytes(64) };
const network = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const sealed = fc.uint8Array({ maxLength: 600 });

const frames: fc.Arbitrary<ChannelFrame> = fc.oneof(
  fc.record({ kind: fc.constant('hello' as const), networkId: network, channel: bytes(32), workerKey: bytes(32), firstSeq: uint(32), enc: bytes(32), signature: bytes(64) }),
  fc.record({ kind: fc.constant('welcome' as const), nextSeq: uint(32), owed: amount, voucher: fc.record(voucher) }),
  fc.record({ kind: fc.constant('request' as const), seq: uint(32), termsHash: bytes(32), voucher: fc.record(voucher), sealed }),
  fc.record({
    kind: fc.constant('piece' as const), seq: uint(32), index: uint(32), final: fc.boolean(), finishReason: fc.integer({ min: 0, max: 2 }), issuedAt: uint(32),
    dueNano: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), responseCommit: bytes(32), traceCommit: bytes(32), promptTokens: uint(32),
    outputTokens: uint(32), signature: bytes(64), sealed,
  }),
  fc.record({ kind: fc.constant('payment' as const), ...voucher }),
  fc.record({ kind: fc.constant('cancel' as const), seq: uint(32) }),
  fc.record({ kind: fc.constant('refusal' as const), seq: uint(32), termsHash: bytes(32), reason: uint(8), retryAfter: uint(32), signature: bytes(64) }),
);

/** fast-check's records have no prototype. */
const plain = (value: ChannelFrame): ChannelFrame =>
  ('voucher' in value ? { ...value, voucher: { ...value.voucher } } : { ...value });

describe('frames of the channel protocol', () => {
  it('are read as they were written, and not one byte shorter or longer', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (frame, where) => {
        const encoded = encodeFrame(frame);
        assert.deepEqual(decodeFrame(encoded), plain(frame));
        assert.throws(() => decodeFrame(encoded.subarray(0, where % encoded.length)), code('MALFORMED_PAYLOAD'));
        assert.throws(() => decodeFrame(Uint8Array.of(...encoded, 0)), code('MALFORMED_PAYLOAD'));
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it('have one encoding each: whatever bytes are read are the bytes that would be written', () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(255), (frame, where, value) => {
        const changed = encodeFrame(frame);
        changed[where % changed.length] = value;
        let read: ChannelFrame;
        try {
          read = decodeFrame(changed);
        } catch (error) {
          assert.match((error as { code: string }).code, /^(MALFORMED_PAYLOAD|UNKNOWN_VERSION|UNKNOWN_FRAME)$/);
          return;
        }
        assert.deepEqual(encodeFrame(read), changed);
      }),
      { numRuns: 500, seed: 6 },
    );
  });

  it('of another version or kind are refused by name', () => {
    const good = encodeFrame({ kind: 'cancel', seq: 1 });
    assert.equal(good[0], CHANNEL_WIRE_VERSION);
    for (const version of [0, 2, 255]) assert.throws(() => decodeFrame(Uint8Array.of(version, ...good.subarray(1))), code('UNKNOWN_VERSION'));
    for (const kind of [0, 8, 255]) assert.throws(() => decodeFrame(Uint8Array.of(good[0], kind, 0, 0, 0, 1)), code('UNKNOWN_FRAME'));
    assert.throws(() => decodeFrame(new Uint8Array(0)), code('MALFORMED_PAYLOAD'));
  });

  it('carry no more than they may, and do not take the sender\'s word for a length', () => {
    const frame = (length: number): ChannelFrame => ({
      kind: 'request', seq: 1, termsHash: new Uint8Array(32), voucher: { amount: 0n, final: false, signature: new Uint8Array(64) }, sealed: new Uint8Array(length),
    });
    assert.throws(() => encodeFrame(frame(MAX_SEALED_BYTES + 1)), code('FRAME_TOO_LONG'));
    const lying = encodeFrame(frame(0));
    lying.set([255, 255, 255, 255], lying.length - 4);
    assert.throws(() => decodeFrame(lying), code('MALFORMED_PAYLOAD'));
    const long = Uint8Array.of(...encodeFrame(frame(0)), ...new Uint8Array(8));
    const grown = new Uint8Array(long.length - 8 + MAX_SEALED_BYTES + 1);
    grown.set(long.subarray(0, long.length - 8));
    new DataView(grown.buffer).setUint32(long.length - 12, MAX_SEALED_BYTES + 1);
    assert.throws(() => decodeFrame(grown), code('MALFORMED_PAYLOAD'));
  });
});

describe('a refusal', () => {
  it('has reasons whose numbers never change', () => {
    const { badVoucher, voucherTooLow, channelExhausted, channelEnding, wrongSequence, conflictingRequest, ...rest } = RefusalReason;
    assert.deepEqual([badVoucher, voucherTooLow, channelExhausted, channelEnding, wrongSequence, conflictingRequest], [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(Object.values(rest), [7, 8, 9, 10, 11, 12, 13]);
    assert.deepEqual(Object.keys(rest), ['unreadableRequest', 'unsupportedTerms', 'tooLong', 'overloaded', 'draining', 'failed', 'notTheClient']);
  });

  const refusal = { networkId: 2026, termsHash: new Uint8Array(32).fill(1), escrow: new Uint8Array(32).fill(2), seq: 3, reason: 6, retryAfter: 60 };

  it('is read as it was written', () => assert.deepEqual(decodeRefusal(encodeRefusal(refusal)), refusal));

  it('passes for no receipt and no decline, so that it never slashes', () => {
    const cell = encodeRefusal(refusal);
    assert.equal(cell.bitLength, 659);
    assert.throws(() => decodeReceipt(cell));
    assert.throws(() => decodeDecline(cell), code('MALFORMED_CELL'));
  });
});
