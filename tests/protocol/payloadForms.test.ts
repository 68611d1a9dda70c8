import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  buildTerms,
  decodePayload,
  encodePayload,
  GREEDY_SAMPLING,
  type JobContext,
  ProtocolError,
  requestCommitment,
  type RequestPayload,
} from '../../protocol';

const bytes = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 3 + salt) & 255);
const zeros = (length: number): number[] => new Array(length).fill(0);
const malformed = (error: unknown) => error instanceof ProtocolError && error.code === 'MALFORMED_PAYLOAD';

const payload: RequestPayload = {
  asked: {
    tier: 0,
    visibility: 0,
    flags: 0,
    semantics: 1,
    salt: bytes(16, 1),
    modelRoot: bytes(32, 2),
    maxTokens: 3,
    expiresAt: 5,
    promptPrice: 0n,
    outputPrice: 0n,
    coverage: 0n,
    imageHash: new Uint8Array(32),
  },
  request: { promptTokens: [7], sampling: GREEDY_SAMPLING, stopTokens: [], nonce: 1n, toolsHash: new Uint8Array(32) },
  responseKey: bytes(32, 3),
  commitSalt: bytes(32, 4),
};
const plain = encodePayload(payload);
const PRESENT_AT = 60;
/** Before the stop count, the prompt's length and its one token of one byte. */
const SAMPLING_AT = plain.length - 3;

/** The payload with `field` marked present by `bit` and standing at `at`. */
function withField(bit: number, field: readonly number[], at = PRESENT_AT + 1): Uint8Array {
  const changed = [...plain.slice(0, at), ...field, ...plain.slice(at)];
  changed[PRESENT_AT] |= bit;
  return Uint8Array.from(changed);
}

describe('a payload says each thing in one way', () => {
  const optional: [string, number, number, number?][] = [
    ['token prices', 1, 16],
    ['coverage', 2, 8],
    ['image hash', 4, 32],
    ['tools hash', 8, 32],
    ['sampling', 16, 10, SAMPLING_AT],
  ];
  for (const [name, bit, length, at] of optional) {
    it(`${name}: zeros that are marked present are refused, and a single one among them is read and written again`, () => {
      assert.throws(() => decodePayload(withField(bit, zeros(length), at)), malformed);
      for (const place of [0, length - 1]) {
        const field = zeros(length);
        field[place] = 1;
        const changed = withField(bit, field, at);
        assert.deepEqual(encodePayload(decodePayload(changed)), changed);
        assert.notDeepEqual(decodePayload(changed), payload);
      }
    });
  }

  it('tokens are below 2^32, whatever their LEB128 could hold', () => {
    const withToken = (token: number[]) => Uint8Array.from([...plain.slice(0, -1), ...token]);
    assert.deepEqual(decodePayload(withToken([0xff, 0xff, 0xff, 0xff, 0x0f])).request.promptTokens, [2 ** 32 - 1]);
    for (const token of [
      [0x80, 0x80, 0x80, 0x80, 0x10],
      [0xff, 0xff, 0xff, 0xff, 0x1f],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      [0x80],
    ])
      assert.throws(() => decodePayload(withToken(token)), malformed);
  });

  it('a prompt that claims more tokens than there are bytes is refused', () => {
    const claims = (count: number[]) => Uint8Array.from([...plain.slice(0, -2), ...count, 7]);
    for (const count of [[2], [0xff, 0xff, 0xff, 0xff, 0x0f]])
      assert.throws(() => decodePayload(claims(count)), malformed);
  });
});

describe('terms made of a payload', () => {
  it('finding 4: hold SHA-256 of the response key; and everything else comes from where docs/protocol.md says', () => {
    const [client, stake, workerKey] = [bytes(32, 5), bytes(32, 6), bytes(32, 7)];
    const context: JobContext = { networkId: -3, client, stake, workerKey, price: 8n };
    assert.deepEqual(buildTerms(payload, context), {
      ...payload.asked,
      networkId: -3,
      client,
      stake,
      workerKey,
      fixedPrice: 8n,
      requestCommit: requestCommitment(payload),
      responseKeyHash: new Uint8Array(createHash('sha256').update(payload.responseKey).digest()),
    });
  });
});
