import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildTerms,
  checkAnswer,
  DEVNET_ID,
  encodePayload,
  FinishReason,
  GREEDY_SAMPLING,
  type JobContext,
  openRequest,
  portableEd25519,
  prepareAnswer,
  ProtocolError,
  publicRequest,
  receiptHash,
  type RequestPayload,
  sealRequest,
  type Terms,
  termsHash,
} from '../../protocol';

const bytes = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 13 + salt) & 255);
const seed = bytes(32, 1);
const escrow = bytes(32, 3);
const NOW = 1_800_000_100;
const context: JobContext = {
  networkId: DEVNET_ID,
  client: bytes(32, 4),
  stake: bytes(32, 5),
  workerKey: portableEd25519.publicKey(seed),
  price: 9n,
};
const payload: RequestPayload = {
  asked: {
    tier: 0,
    visibility: 0,
    flags: 0,
    semantics: 1,
    salt: bytes(16, 6),
    modelRoot: bytes(32, 8),
    maxTokens: 3,
    expiresAt: NOW + 500,
    promptPrice: 1n,
    outputPrice: 2n,
    coverage: 3n,
    imageHash: bytes(32, 11),
  },
  request: {
    promptTokens: [7, 8],
    sampling: GREEDY_SAMPLING,
    stopTokens: [10],
    nonce: 1n,
    toolsHash: new Uint8Array(32),
  },
  responseKey: bytes(32, 9),
  commitSalt: bytes(32, 10),
};
const terms = buildTerms(payload, context);

/** One other value of every field, by hand, so that a new field without a row here fails the test. */
const others: { [K in keyof Terms]: Terms[K] } = {
  networkId: -3,
  tier: 1,
  visibility: 1,
  flags: 1,
  semantics: 2,
  client: bytes(32, 20),
  stake: bytes(32, 21),
  workerKey: portableEd25519.publicKey(bytes(32, 2)),
  salt: bytes(16, 22),
  modelRoot: bytes(32, 23),
  requestCommit: bytes(32, 24),
  responseKeyHash: bytes(32, 25),
  maxTokens: 4,
  expiresAt: NOW + 501,
  promptPrice: 2n,
  outputPrice: 3n,
  fixedPrice: 10n,
  coverage: 4n,
  imageHash: bytes(32, 26),
};

/** An answer that a worker made and signed for `signed`, checked by a client that asked for `asked`. */
function verdict(asked: Terms, signed: Terms): string {
  const { receipt, output } = prepareAnswer(
    signed,
    payload,
    escrow,
    { finishReason: FinishReason.stop, tokens: [5, 10], traceRoot: bytes(32, 27) },
    NOW,
  );
  const signature = portableEd25519.sign(receiptHash(receipt), seed);
  const checked = checkAnswer({ terms: asked, payload, escrow }, { receipt, signature, output, deliveredAt: NOW });
  return checked.ok ? 'ok' : checked.fault;
}

describe('one field of the terms', () => {
  it('the table names every field', () => {
    assert.deepEqual(Object.keys(others).sort(), Object.keys(terms).sort());
    assert.equal(verdict(terms, terms), 'ok');
  });

  for (const field of Object.keys(others) as (keyof Terms)[]) {
    it(`findings 2, 11, 12, 14, 32: with another ${field} it is another job, and an answer to it is no answer here`, () => {
      const changed = { ...terms, [field]: others[field] };
      assert.notDeepEqual(termsHash(changed), termsHash(terms));
      const fault = field === 'networkId' ? 'other-network' : 'other-terms';
      assert.equal(verdict(terms, changed), fault);
      assert.equal(verdict(changed, terms), fault);
    });
  }
});

describe('sealing refuses', () => {
  const binding = { networkId: DEVNET_ID, escrow, seq: 0, termsHash: termsHash(terms) };
  const refusal = (code: string) => (error: unknown) => error instanceof ProtocolError && error.code === code;

  it('a request that does not fit a job, sealed or public', async () => {
    const long = { ...payload, request: { ...payload.request, promptTokens: new Array(6200).fill(1) } };
    assert.throws(() => publicRequest(encodePayload(long)), refusal('REQUEST_TOO_LONG'));
    await assert.rejects(sealRequest(encodePayload(long), bytes(32, 30), binding), refusal('REQUEST_TOO_LONG'));
  });

  it('envelopes of no kind, of no length and with keys of small order', async () => {
    const secret = bytes(32, 31);
    for (const envelope of [
      [],
      [0],
      [1],
      [3, 1, 2],
      [1, ...new Array(48).fill(0)],
      [1, 1, ...new Array(254).fill(0)],
    ]) {
      await assert.rejects(openRequest(Uint8Array.from(envelope), secret, binding), refusal('UNREADABLE_REQUEST'));
    }
  });

  it('worker keys that are no X25519 key: all that is sealed to them would be open to everybody', async () => {
    const one = new Uint8Array(32);
    one[0] = 1;
    for (const key of [new Uint8Array(32), one]) {
      await assert.rejects(sealRequest(encodePayload(payload), key, binding), refusal('BAD_SEALING_KEY'));
    }
  });
});
