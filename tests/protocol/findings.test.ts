import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildTerms,
  checkAnswer,
  commit,
  type ComputedAnswer,
  encodePayload,
  FinishReason,
  GREEDY_SAMPLING,
  type JobContext,
  openRequest,
  opens,
  portableEd25519,
  prepareAnswer,
  ProtocolError,
  type Receipt,
  receiptHash,
  receiptsConflict,
  requestCommitment,
  type RequestPayload,
  responseRoot,
  samplingSeed,
  sealingPublicKey,
  sealRequest,
  type Terms,
  termsHash,
} from '../../protocol';

const bytes = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 5 + salt) & 255);
const seed = bytes(32, 1);
const workerKey = portableEd25519.publicKey(seed);
const sealingSecret = bytes(32, 2);
const escrow = bytes(32, 3);
const context: JobContext = {
  networkId: 2026,
  client: bytes(32, 4),
  stake: bytes(32, 5),
  workerKey,
  price: 50_000_000n,
};
const STOP = 10;

const payload = (overrides: Partial<RequestPayload['request']> = {}, commitSalt = bytes(32, 7)): RequestPayload => ({
  asked: {
    tier: 0,
    visibility: 0,
    flags: 0,
    semantics: 1,
    salt: bytes(16, 6),
    modelRoot: bytes(32, 8),
    maxTokens: 4,
    expiresAt: 1_800_000_600,
    promptPrice: 0n,
    outputPrice: 0n,
    coverage: 0n,
    imageHash: new Uint8Array(32),
  },
  request: {
    promptTokens: [10, 400, 77],
    sampling: GREEDY_SAMPLING,
    stopTokens: [STOP],
    nonce: 9n,
    toolsHash: new Uint8Array(32),
    ...overrides,
  },
  responseKey: bytes(32, 9),
  commitSalt,
});

const NOW = 1_800_000_100;
const computed: ComputedAnswer = { finishReason: FinishReason.stop, tokens: [5, 6, STOP], traceRoot: bytes(32, 10) };

/** An honest delivery, with a change before it is signed. */
function deliver(answer: ComputedAnswer = computed, change: (receipt: Receipt) => Receipt = (receipt) => receipt) {
  const asked = payload();
  const terms = buildTerms(asked, context);
  const prepared = prepareAnswer(terms, asked, escrow, answer, NOW);
  const receipt = change(prepared.receipt);
  const signature = portableEd25519.sign(receiptHash(receipt), seed);
  return {
    expected: { terms, payload: asked, escrow },
    delivered: { receipt, signature, output: prepared.output, deliveredAt: NOW },
  };
}

const verdict = ({ expected, delivered }: ReturnType<typeof deliver>): string => {
  const checked = checkAnswer(expected, delivered);
  return checked.ok ? 'ok' : checked.fault;
};

describe('findings on signed objects and binding', () => {
  it('finding 1: chunks of one answer, re-dated retries and other requests do not conflict; everything else does', () => {
    const { receipt } = deliver().delivered;
    const chunk = (index: number, final: boolean, salt = 0): Receipt => ({
      ...receipt,
      index,
      final,
      responseCommit: bytes(32, 20 + index + salt),
    });
    assert.equal(receiptsConflict(chunk(0, false), chunk(1, true)), false);
    assert.equal(receiptsConflict(receipt, { ...receipt, issuedAt: receipt.issuedAt + 60 }), false);
    assert.equal(receiptsConflict(receipt, { ...receipt, seq: 1, responseCommit: bytes(32, 99) }), false);
    assert.equal(
      receiptsConflict(receipt, { ...receipt, escrow: bytes(32, 98), responseCommit: bytes(32, 99) }),
      false,
    );
    assert.equal(receiptsConflict(receipt, { ...receipt, networkId: 1, responseCommit: bytes(32, 99) }), false);
    assert.equal(receiptsConflict(chunk(1, false), chunk(1, false, 7)), true);
    assert.equal(receiptsConflict(receipt, { ...receipt, termsHash: bytes(32, 97) }), true);
    assert.equal(receiptsConflict(chunk(0, true), chunk(1, false)), true);
    assert.equal(receiptsConflict(chunk(1, false), chunk(0, true)), true);
  });

  it('findings 2 and 7: the terms hold the commitment to exactly this request, so another request is another job', () => {
    const hashes = [
      payload(),
      payload({ promptTokens: [10, 400, 78] }),
      payload({ stopTokens: [] }),
      payload({ nonce: 10n }),
      payload({ sampling: { t: 1, topK: 0, topP16: 0, minPX: 0 } }),
      payload({ toolsHash: bytes(32, 1) }),
      payload({}, bytes(32, 11)),
    ].map((asked) => Buffer.from(termsHash(buildTerms(asked, context))).toString('hex'));
    assert.equal(new Set(hashes).size, hashes.length);
  });

  it('finding 3: a copied sealed request does not open for another job, sequence, terms or network', async () => {
    const binding = { networkId: 2026, escrow, seq: 0, termsHash: bytes(32, 30) };
    const envelope = await sealRequest(encodePayload(payload()), sealingPublicKey(sealingSecret), binding);
    assert.equal((await openRequest(envelope, sealingSecret, binding)).sealed, true);
    for (const other of [{ networkId: -3 }, { escrow: bytes(32, 31) }, { seq: 1 }, { termsHash: bytes(32, 32) }]) {
      await assert.rejects(openRequest(envelope, sealingSecret, { ...binding, ...other }), ProtocolError);
    }
    await assert.rejects(openRequest(envelope, bytes(32, 33), binding), ProtocolError);
    for (const at of [1, 40, 255]) {
      const flipped = Uint8Array.from(envelope);
      flipped[at] ^= 1;
      await assert.rejects(openRequest(flipped, sealingSecret, binding), ProtocolError);
    }
  });

  it('finding 4: bytes that the client cannot open are not an answer, even signed', () => {
    const honest = deliver();
    assert.equal(verdict(honest), 'ok');
    const garbage = bytes(256, 40);
    assert.equal(verdict({ ...honest, delivered: { ...honest.delivered, output: garbage } }), 'output-not-signed');
    const other = deliver({ ...computed, tokens: [7, STOP] });
    const mixed = { ...honest, delivered: { ...honest.delivered, output: other.delivered.output } };
    assert.equal(verdict(mixed), 'output-not-signed');
  });

  it('finding 6: the same answer under another salt, or another label, gives another commitment', () => {
    const root = responseRoot({ finishReason: 0, tokens: [1] });
    const salt = bytes(32, 50);
    const commitment = commit('response', salt, root);
    assert.equal(opens(commitment, 'response', salt, root), true);
    assert.equal(opens(commitment, 'response', bytes(32, 51), root), false);
    assert.equal(opens(commitment, 'trace', salt, root), false);
    assert.equal(opens(commitment, 'response', salt, responseRoot({ finishReason: 0, tokens: [2] })), false);
  });

  it('finding 8: truncated, over-long and un-stopped answers are refused although every byte is signed', () => {
    const faults: [Partial<ComputedAnswer>, string][] = [
      [{ tokens: [5, 6], finishReason: FinishReason.stop }, 'wrong-finish-reason'],
      [{ tokens: [5, 6, 7], finishReason: FinishReason.length }, 'wrong-finish-reason'],
      [{ tokens: [5, STOP, 6, 7], finishReason: FinishReason.length }, 'not-stopped'],
      [{ tokens: [1, 2, 3, 4, 5], finishReason: FinishReason.length }, 'too-many-tokens'],
      [{ tokens: [5, 6, 7, STOP], finishReason: FinishReason.length }, 'wrong-finish-reason'],
      [{ tokens: [], finishReason: FinishReason.stop }, 'wrong-finish-reason'],
      [{ finishReason: FinishReason.cancelled }, 'wrong-finish-reason'],
    ];
    for (const [answer, fault] of faults) assert.equal(verdict(deliver({ ...computed, ...answer })), fault);
    assert.equal(verdict(deliver({ ...computed, tokens: [1, 2, 3, 4], finishReason: FinishReason.length })), 'ok');
  });

  it('finding 10: the seed depends on job and request, and only a reproducible one leaves the job out', () => {
    const commitment = requestCommitment(payload());
    const seeds = [
      samplingSeed(commitment),
      samplingSeed(commitment, { escrow, seq: 0 }),
      samplingSeed(commitment, { escrow, seq: 1 }),
      samplingSeed(commitment, { escrow: bytes(32, 60), seq: 0 }),
      samplingSeed(bytes(32, 61), { escrow, seq: 0 }),
    ].map((value) => Buffer.from(value).toString('hex'));
    assert.equal(new Set(seeds).size, seeds.length);
  });

  it('finding 13: any single field of a receipt changed after signing breaks it, and each has its reason when signed', () => {
    const changes: [keyof Receipt, unknown, string][] = [
      ['networkId', 1, 'other-network'],
      ['escrow', bytes(32, 70), 'other-escrow'],
      ['termsHash', bytes(32, 71), 'other-terms'],
      ['seq', 1, 'not-a-final-job-receipt'],
      ['index', 1, 'not-a-final-job-receipt'],
      ['final', false, 'not-a-final-job-receipt'],
      ['finishReason', 1, 'wrong-finish-reason'],
      ['issuedAt', NOW + 601, 'bad-date'],
      ['dueNano', 1n, 'other-price'],
      ['sealedHash', bytes(32, 72), 'output-not-signed'],
      ['responseCommit', bytes(32, 73), 'response-not-committed'],
      ['traceCommit', bytes(32, 74), 'ok'],
      ['promptTokens', 4, 'wrong-prompt-count'],
      ['outputTokens', 4, 'wrong-output-count'],
    ];
    const honest = deliver();
    assert.deepEqual(changes.map(([field]) => field).sort(), Object.keys(honest.delivered.receipt).sort());
    for (const [field, value, fault] of changes) {
      const receipt = { ...honest.delivered.receipt, [field]: value };
      assert.notDeepEqual(receiptHash(receipt), receiptHash(honest.delivered.receipt));
      assert.equal(verdict(deliver(computed, (signed) => ({ ...signed, [field]: value }))), fault, field);
      assert.notEqual(verdict({ ...honest, delivered: { ...honest.delivered, receipt } }), 'ok', field);
    }
  });

  it('findings 11, 12 and 14: terms for another network, client, stake, key or price have another hash', () => {
    const asked = payload();
    const base = termsHash(buildTerms(asked, context));
    for (const change of [
      { networkId: -239 },
      { client: bytes(32, 80) },
      { stake: bytes(32, 81) },
      { workerKey: bytes(32, 82) },
      { price: 1n },
    ])
      assert.notDeepEqual(termsHash(buildTerms(asked, { ...context, ...change })), base);
  });

  it('every field of the terms is in their hash', () => {
    const terms = buildTerms(payload(), context);
    for (const field of Object.keys(terms) as (keyof Terms)[]) {
      const value = terms[field];
      const changed =
        value instanceof Uint8Array
          ? bytes(value.length, 90)
          : typeof value === 'bigint'
            ? value + 1n
            : Number(value) ^ 1;
      assert.notDeepEqual(termsHash({ ...terms, [field]: changed }), termsHash(terms), field);
    }
  });
});
