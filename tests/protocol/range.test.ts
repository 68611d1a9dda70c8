import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  encodePayload,
  encodeReceipt,
  encodeResponse,
  encodeTerms,
  GREEDY_SAMPLING,
  ProtocolError,
  type Receipt,
  type RequestPayload,
  requestRoot,
  responseRoot,
  type Terms,
} from '../../protocol';

const zero = (length: number) => new Uint8Array(length);
const outOfRange = (error: unknown) => error instanceof ProtocolError && error.code === 'OUT_OF_RANGE';
/** What no unsigned field of `bits` bits can hold. */
const wrong = (bits: number) => [-1, 1.5, NaN, Infinity, bits > 52 ? 2n ** BigInt(bits) : 2 ** bits];

const terms: Terms = {
  networkId: 2026,
  tier: 0,
  visibility: 0,
  flags: 0,
  semantics: 1,
  client: zero(32),
  stake: zero(32),
  workerKey: zero(32),
  salt: zero(16),
  modelRoot: zero(32),
  requestCommit: zero(32),
  responseKeyHash: zero(32),
  maxTokens: 1,
  expiresAt: 1,
  promptPrice: 0n,
  outputPrice: 0n,
  fixedPrice: 0n,
  coverage: 0n,
  imageHash: zero(32),
};
const receipt: Receipt = {
  networkId: 2026,
  termsHash: zero(32),
  escrow: zero(32),
  seq: 0,
  index: 0,
  final: true,
  finishReason: 0,
  issuedAt: 1,
  dueNano: 0n,
  sealedHash: zero(32),
  responseCommit: zero(32),
  traceCommit: zero(32),
  promptTokens: 0,
  outputTokens: 0,
};
const payload: RequestPayload = {
  asked: {
    tier: 0,
    visibility: 0,
    flags: 0,
    semantics: 1,
    salt: zero(16),
    modelRoot: zero(32),
    maxTokens: 1,
    expiresAt: 1,
    promptPrice: 0n,
    outputPrice: 0n,
    coverage: 0n,
    imageHash: zero(32),
  },
  request: { promptTokens: [1], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: 0n, toolsHash: zero(32) },
  responseKey: zero(32),
  commitSalt: zero(32),
};

describe('values out of range', () => {
  it('no field of the terms wraps, rounds or spills into its neighbour', () => {
    const bits = {
      tier: 3,
      visibility: 1,
      flags: 4,
      semantics: 16,
      maxTokens: 32,
      expiresAt: 32,
      promptPrice: 120,
      outputPrice: 120,
      fixedPrice: 120,
      coverage: 120,
    };
    for (const [field, size] of Object.entries(bits)) {
      for (const value of wrong(size))
        assert.throws(() => encodeTerms({ ...terms, [field]: value }), outOfRange, `${field} ${value}`);
    }
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5]) {
      assert.throws(() => encodeTerms({ ...terms, networkId: value }), outOfRange);
    }
  });

  it('no field of a receipt does', () => {
    const bits = { seq: 32, index: 32, finishReason: 3, issuedAt: 32, dueNano: 64, promptTokens: 32, outputTokens: 32 };
    for (const [field, size] of Object.entries(bits)) {
      for (const value of wrong(size))
        assert.throws(() => encodeReceipt({ ...receipt, [field]: value }), outOfRange, field);
    }
  });

  it('no field of a payload does: a visibility of 2 is not the next tier', () => {
    const bits = {
      tier: 3,
      visibility: 1,
      flags: 4,
      semantics: 16,
      maxTokens: 32,
      expiresAt: 32,
      promptPrice: 64,
      outputPrice: 64,
      coverage: 64,
    };
    for (const [field, size] of Object.entries(bits)) {
      for (const value of wrong(size)) {
        assert.throws(
          () => encodePayload({ ...payload, asked: { ...payload.asked, [field]: value } }),
          outOfRange,
          field,
        );
      }
    }
    const sampling = { t: 32, topK: 16, topP16: 16, minPX: 16 };
    for (const [field, size] of Object.entries(sampling)) {
      for (const value of wrong(size)) {
        const request = { ...payload.request, sampling: { ...GREEDY_SAMPLING, [field]: value } };
        assert.throws(() => encodePayload({ ...payload, request }), outOfRange, field);
        assert.throws(() => requestRoot(request), outOfRange, field);
      }
    }
  });

  it('what is no token has no commitment, so that two lists of tokens never share one', () => {
    for (const token of wrong(32) as number[]) {
      assert.throws(() => requestRoot({ ...payload.request, promptTokens: [1, token] }), outOfRange);
      assert.throws(() => requestRoot({ ...payload.request, stopTokens: [token] }), outOfRange);
      assert.throws(() => responseRoot({ finishReason: 0, tokens: [token] }), outOfRange);
      assert.throws(
        () => encodePayload({ ...payload, request: { ...payload.request, promptTokens: [token] } }),
        outOfRange,
      );
    }
    for (const finishReason of wrong(8) as number[])
      assert.throws(() => encodeResponse({ finishReason, tokens: [] }), outOfRange);
  });

  it('the error of a token says where, never which: logs hold no prompt', () => {
    const request = { ...payload.request, promptTokens: [1, 2, -123456789] };
    const silent = (error: ProtocolError) => error instanceof ProtocolError && !/123456789/.test(error.message);
    assert.throws(
      () => requestRoot(request),
      (error: ProtocolError) => silent(error) && /position 2/.test(error.message),
    );
    assert.throws(() => encodePayload({ ...payload, request }), silent);
  });
});
