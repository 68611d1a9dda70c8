import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CellWriter,
  decodeByteChain,
  decodePayload,
  decodeReceipt,
  decodeResponse,
  decodeTerms,
  decodeVoucher,
  encodeByteChain,
  encodePayload,
  encodeReceipt,
  encodeResponse,
  encodeVoucher,
  type PlainCell,
  ProtocolError,
  type RequestPayload,
  sealResponse,
  openResponse,
} from '../../protocol';
import { arbitraryReceipt } from '../support/objects';

const zero = (length: number) => new Uint8Array(length);
const code = (expected: string) => (error: unknown) => error instanceof ProtocolError && error.code === expected;
const withBits = (cell: PlainCell, more: number): PlainCell => ({
  ...cell,
  bytes: Uint8Array.from([...cell.bytes, 0]),
  bitLength: cell.bitLength + more,
});

const token = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** fast-check's records without its null prototypes, which deepEqual would tell apart. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
const payload: fc.Arbitrary<RequestPayload> = record({
  asked: record({
    tier: fc.nat(7),
    visibility: fc.nat(1),
    flags: fc.nat(15),
    semantics: fc.nat(65535),
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    modelRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    maxTokens: token,
    expiresAt: token,
    promptPrice: fc.bigInt({ min: 0n, max: 3n }),
    outputPrice: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    coverage: fc.bigInt({ min: 0n, max: 2n }),
    imageHash: fc.constantFrom(zero(32), zero(32).fill(1)),
  }),
  request: record({
    promptTokens: fc.array(token, { maxLength: 40 }),
    sampling: record({ t: fc.nat(3), topK: fc.nat(1), topP16: fc.nat(65535), minPX: fc.nat(2) }),
    stopTokens: fc.uniqueArray(token, { maxLength: 5 }).map((tokens) => tokens.sort((a, b) => a - b)),
    nonce: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    toolsHash: fc.constantFrom(zero(32), zero(32).fill(2)),
  }),
  responseKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  commitSalt: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

describe('strict reading', () => {
  it('a payload of any content comes back whole, with any zero padding', () => {
    fc.assert(
      fc.property(payload, fc.nat(300), (value, padding) => {
        const bytes = encodePayload(value);
        const padded = new Uint8Array(bytes.length + padding);
        padded.set(bytes);
        assert.deepEqual(decodePayload(padded), value);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('a payload has one form only: a byte that still decodes after a change decodes to something else', () => {
    fc.assert(
      fc.property(payload, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const bytes = encodePayload(value);
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.length] ^= flip;
        try {
          assert.notDeepEqual(decodePayload(changed), value);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it('random bytes are refused with a typed error, never a crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodePayload, decodeResponse]) {
          try {
            decode(bytes);
          } catch (error) {
            assert.ok(error instanceof ProtocolError);
          }
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it('refuses non-zero padding, unknown versions, unknown presence bits, unordered stops and long LEB128', () => {
    const [value] = fc.sample(payload, { numRuns: 1, seed: 6 });
    const plain = encodePayload({ ...value, request: { ...value.request, promptTokens: [5] } });
    assert.throws(() => decodePayload(Uint8Array.from([...plain, 0, 1])), code('MALFORMED_PAYLOAD'));
    assert.throws(() => decodePayload(Uint8Array.from([2, ...plain.slice(1)])), code('UNKNOWN_VERSION'));
    assert.throws(() => decodePayload(Uint8Array.from([...plain.slice(0, -1), 0x85, 0])), code('MALFORMED_PAYLOAD'));
    const presence = Uint8Array.from(plain);
    presence[60] |= 0x80;
    assert.throws(() => decodePayload(presence), code('MALFORMED_PAYLOAD'));
    assert.throws(
      () => encodePayload({ ...value, request: { ...value.request, stopTokens: [3, 3] } }),
      code('STOP_SET'),
    );
    const stops = encodePayload({ ...value, request: { ...value.request, stopTokens: [3, 4], promptTokens: [] } });
    const swapped = Uint8Array.from([...stops.slice(0, -3), 4, 3, 0]);
    assert.throws(() => decodePayload(swapped), code('STOP_SET'));
    const huge = Uint8Array.from([...plain.slice(0, -2), 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert.throws(() => decodePayload(huge), code('MALFORMED_PAYLOAD'));
  });

  it('refuses cells with more bits, more references, another tag, reserved bits or padded coins', () => {
    const [receipt] = fc.sample(arbitraryReceipt, { numRuns: 1, seed: 7 });
    const cell = encodeReceipt(receipt);
    assert.throws(() => decodeReceipt(withBits(cell, 1)), code('MALFORMED_CELL'));
    assert.throws(() => decodeReceipt({ ...cell, refs: [...cell.refs, cell.refs[0]] }), code('MALFORMED_CELL'));
    assert.throws(() => decodeReceipt({ ...cell, refs: [withBits(cell.refs[0], 8)] }), code('MALFORMED_CELL'));
    assert.throws(() => decodeReceipt({ ...cell, refs: [] }), code('MALFORMED_CELL'));
    assert.throws(() => decodeTerms(cell), code('WRONG_TAG'));
    const reserved = Uint8Array.from(cell.bytes);
    const bit = 32 + 32 + 256 + 267 + 64 + 1;
    reserved[bit >> 3] |= 0x80 >> (bit & 7);
    assert.throws(() => decodeReceipt({ ...cell, bytes: reserved }), code('RESERVED_BITS'));
    const voucher = encodeVoucher({ networkId: 1, channel: zero(32), final: false, amount: 5n });
    assert.deepEqual(decodeVoucher(voucher).amount, 5n);
    const padded = new CellWriter()
      .uint('tag', 0x4f435631, 32)
      .int32('networkId', 1)
      .fixedBytes('channel', zero(32), 32)
      .uint('final', 0, 1)
      .uint('length', 2, 4)
      .uint('amount', 5, 16)
      .cell();
    assert.throws(() => decodeVoucher(padded), code('MALFORMED_CELL'));
    assert.throws(
      () => encodeVoucher({ networkId: 1, channel: zero(31), final: false, amount: 0n }),
      code('WRONG_LENGTH'),
    );
    assert.throws(
      () => encodeVoucher({ networkId: 2 ** 31, channel: zero(32), final: false, amount: 0n }),
      code('OUT_OF_RANGE'),
    );
    assert.throws(
      () => encodeVoucher({ networkId: 0, channel: zero(32), final: false, amount: 1n << 120n }),
      code('OUT_OF_RANGE'),
    );
  });

  it('bytes in cells have one form only', () => {
    const whole = encodeByteChain(zero(200).fill(3), 24);
    const [tail] = whole.refs;
    for (const wrong of [
      { ...whole, bitLength: 23 * 8 },
      { ...whole, bitLength: 190 },
      { ...whole, refs: [tail, tail] },
      { ...whole, refs: [{ ...tail, bitLength: 126 * 8 }] },
      { ...whole, refs: [{ bytes: zero(0), bitLength: 0, refs: [] }] },
    ])
      assert.throws(() => decodeByteChain(wrong, 24), code('NOT_A_BYTE_CHAIN'));
  });

  it('an answer with non-zero padding, a wrong count or another kind is malformed; a sealed one opens only in its place', () => {
    const plain = encodeResponse({ finishReason: 0, tokens: [1, 2] });
    for (const [at, value] of [
      [0, 0],
      [4, 1],
      [6, 1],
      [11, 3],
      [12, 1],
      [63, 9],
    ]) {
      const wrong = Uint8Array.from(plain);
      wrong[at] = value;
      assert.throws(() => decodeResponse(wrong), code('MALFORMED_RESPONSE'));
    }
    assert.throws(() => decodeResponse(Uint8Array.from([...plain, 1])), code('MALFORMED_RESPONSE'));
    const [key, terms] = [zero(32).fill(1), zero(32).fill(2)];
    const sealed = sealResponse(plain, key, terms);
    assert.throws(() => openResponse(sealed, key, zero(32)), code('UNREADABLE_RESPONSE'));
    assert.throws(() => openResponse(sealed, zero(32), terms), code('UNREADABLE_RESPONSE'));
    assert.throws(() => openResponse(sealed, key, terms, { index: 0, final: false }), code('UNREADABLE_RESPONSE'));
    assert.throws(() => openResponse(sealed.slice(0, -1), key, terms), code('UNREADABLE_RESPONSE'));
  });

  it('errors say what was expected, what came, and have a code', () => {
    try {
      encodeVoucher({ networkId: 1, channel: zero(31), final: false, amount: 0n });
      assert.fail('no error');
    } catch (error) {
      assert.equal(
        (error as ProtocolError).message,
        'channel has the wrong length; expected 32 bytes; received 31 bytes',
      );
      assert.equal((error as ProtocolError).code, 'WRONG_LENGTH');
    }
  });
});
