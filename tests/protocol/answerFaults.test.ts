import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AnswerFault,
  buildTerms,
  CARD_SEMANTICS,
  checkAnswer,
  commit,
  encodeResponse,
  FinishReason,
  GREEDY_SAMPLING,
  isExact,
  type JobContext,
  outputHash,
  portableEd25519,
  prepareAnswer,
  type Receipt,
  receiptHash,
  type RequestPayload,
  responseRoot,
  sealResponse,
  SEMANTICS,
  termsHash,
  Visibility,
} from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';

const bytes = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 11 + salt) & 255);
const seed = bytes(32, 1);
const escrow = bytes(32, 3);
const NOW = 1_800_000_100;
const STOP = 10;
const context: JobContext = {
  networkId: 2026,
  client: bytes(32, 4),
  stake: bytes(32, 5),
  workerKey: portableEd25519.publicKey(seed),
  price: 9n,
};

function payloadFor(visibility: number, semantics = SEMANTICS): RequestPayload {
  const isPublic = visibility === Visibility.public;
  return {
    asked: {
      tier: 0,
      visibility,
      flags: 0,
      semantics,
      salt: bytes(16, 6),
      modelRoot: bytes(32, 8),
      maxTokens: 4,
      expiresAt: NOW + 500,
      promptPrice: 0n,
      outputPrice: 0n,
      coverage: 0n,
      imageHash: new Uint8Array(32),
    },
    request: {
      promptTokens: [7, 8],
      sampling: GREEDY_SAMPLING,
      stopTokens: [STOP],
      nonce: 1n,
      toolsHash: new Uint8Array(32),
    },
    responseKey: isPublic ? new Uint8Array(32) : bytes(32, 9),
    commitSalt: isPublic ? new Uint8Array(32) : bytes(32, 10),
  };
}

/** What a worker that holds the key and signs whatever it likes delivers, and what the client's check says. */
function verdictOf(
  lie: { receipt?: Partial<Receipt>; output?: Uint8Array; signer?: Uint8Array; deliveredAt?: number } = {},
  visibility: number = Visibility.sealed,
  ed25519 = portableEd25519,
  semantics = SEMANTICS,
): AnswerFault | number[] {
  const payload = payloadFor(visibility, semantics);
  const terms = buildTerms(payload, context);
  const traceRoot = isExact(semantics) ? bytes(32, 60) : undefined;
  const honest = prepareAnswer(terms, payload, escrow, { finishReason: FinishReason.stop, tokens: [5, STOP], traceRoot }, NOW);
  const output = lie.output ?? honest.output;
  const receipt = { ...honest.receipt, sealedHash: outputHash(output), ...lie.receipt };
  const signature = ed25519.sign(receiptHash(receipt), lie.signer ?? seed);
  const delivered = { receipt, signature, output, deliveredAt: lie.deliveredAt ?? NOW };
  const checked = checkAnswer({ terms, payload, escrow }, delivered, ed25519);
  return checked.ok ? [...checked.answer.tokens] : checked.fault;
}

const sealed = (plaintext: Uint8Array): Uint8Array =>
  sealResponse(plaintext, bytes(32, 9), termsHash(buildTerms(payloadFor(Visibility.sealed), context)));

describe('what a signing worker can still not pass off as an answer', () => {
  it('finding 4: a signed receipt over random bytes pays, but is never an answer', () => {
    assert.equal(verdictOf({ output: bytes(256, 40) }), 'unreadable');
    assert.equal(verdictOf({ output: new Uint8Array(0) }), 'unreadable');
    assert.equal(verdictOf({ output: bytes(76, 40) }, Visibility.public), 'unreadable');
  });

  it('finding 4: an answer that opens but is not the committed one is refused', () => {
    const other = encodeResponse({ finishReason: FinishReason.stop, tokens: [6, STOP] });
    assert.equal(verdictOf({ output: sealed(other) }), 'response-not-committed');
    assert.equal(verdictOf({ output: other }, Visibility.public), 'response-not-committed');
    const malformed = Uint8Array.from(other);
    malformed[4] = 1;
    assert.equal(verdictOf({ output: sealed(malformed) }), 'unreadable');
  });

  it('finding 6: trace and answer stand in the receipt under the salt that only the client and the worker know', () => {
    const payload = payloadFor(Visibility.sealed);
    const terms = buildTerms(payload, context);
    const answer = { finishReason: FinishReason.stop, tokens: [5, STOP] };
    const { receipt } = prepareAnswer(terms, payload, escrow, { ...answer, traceRoot: bytes(32, 60) }, NOW);
    assert.deepEqual(receipt.traceCommit, commit('trace', payload.commitSalt, bytes(32, 60)));
    assert.deepEqual(receipt.responseCommit, commit('response', payload.commitSalt, responseRoot(answer)));
    assert.deepEqual(prepareAnswer(terms, payload, escrow, answer, NOW).receipt.traceCommit, new Uint8Array(32));
  });

  it('an exact answer commits to its trace, and one that nobody can compute again claims none', () => {
    const traceCommit = bytes(32, 61);
    assert.equal(verdictOf({ receipt: { traceCommit: new Uint8Array(32) } }), 'trace-not-committed');
    assert.deepEqual(verdictOf({}, Visibility.sealed, portableEd25519, CARD_SEMANTICS), [5, STOP]);
    assert.equal(verdictOf({ receipt: { traceCommit } }, Visibility.sealed, portableEd25519, CARD_SEMANTICS), 'unexpected-trace');
  });

  it('finding 11: a receipt for the same job on another network has another hash and is refused', () => {
    const { receipt } = prepareAnswer(
      buildTerms(payloadFor(0), context),
      payloadFor(0),
      escrow,
      { finishReason: FinishReason.stop, tokens: [STOP] },
      NOW,
    );
    for (const networkId of [-239, -3, 0])
      assert.notDeepEqual(receiptHash({ ...receipt, networkId }), receiptHash(receipt));
    assert.equal(verdictOf({ receipt: { networkId: -239 } }), 'other-network');
  });

  it('findings 13 and 14: only the key of the terms signs', () => {
    assert.equal(verdictOf({ signer: bytes(32, 77) }), 'bad-signature');
  });

  it('finding 15: a date up to 10 minutes from the delivery holds, a second more does not, on either side', () => {
    for (const [skew, verdict] of [
      [600, [5, STOP]],
      [601, 'bad-date'],
      [-600, [5, STOP]],
      [-601, 'bad-date'],
    ] as const) {
      assert.deepEqual(verdictOf({ deliveredAt: NOW + skew }), verdict, String(skew));
    }
  });

  it("finding 33: counts are of the client's own token ids", () => {
    assert.equal(verdictOf({ receipt: { promptTokens: 3 } }), 'wrong-prompt-count');
    assert.equal(verdictOf({ receipt: { outputTokens: 1 } }), 'wrong-output-count');
  });

  it('sealed and public answers hold, with either implementation of Ed25519', () => {
    for (const ed25519 of [portableEd25519, nodeEd25519]) {
      assert.deepEqual(verdictOf({}, Visibility.sealed, ed25519), [5, STOP]);
      assert.deepEqual(verdictOf({}, Visibility.public, ed25519), [5, STOP]);
      assert.equal(verdictOf({ signer: bytes(32, 77) }, Visibility.sealed, ed25519), 'bad-signature');
    }
  });

  it('signatures of any other length or form are bad, not a crash', () => {
    for (const ed25519 of [portableEd25519, nodeEd25519]) {
      for (const signature of [new Uint8Array(0), bytes(63, 1), bytes(65, 1), bytes(64, 1), new Uint8Array(64)]) {
        assert.equal(ed25519.verify(bytes(32, 1), signature, context.workerKey), false);
      }
      assert.equal(ed25519.verify(bytes(32, 1), bytes(64, 1), bytes(32, 255)), false);
    }
  });
});
