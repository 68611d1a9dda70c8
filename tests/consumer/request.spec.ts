import fc from 'fast-check';
import { beginCell, Cell } from '@ton/core';
import {
  decodeResponse,
  encodePayload,
  encodeResponse,
  encodeTerms,
  GREEDY_SAMPLING,
  requestCommitment,
  RESPONSE_HEADER_BYTES,
  TermsFlag,
  termsHash,
  Tier,
  Visibility,
} from '../../protocol';
import { packOutput, toCell } from '../../wrappers';
import { outputCellsFor } from '../../worker/jobs/request';
import { ConsumerProbe, digestOf, Handler, QUESTION } from '../support/consumerProbe';
import { STOP_TOKEN, WORKER } from '../support/consumerWorld';
import { exitCode } from '../support/stakeWorld';

const RUNS = 60;
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const token = fc.oneof(
  fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1),
  fc.integer({ min: 0, max: 2 ** 21 - 1 }),
);
const question = fc.record({
  tokens: fc.array(token, { minLength: 1, maxLength: 31 }),
  stopToken: fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32 - 1), fc.nat(2 ** 31)),
  maxTokens: fc.integer({ min: 1, max: 1260 }),
  modelRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  price: fc.bigInt({ min: 0n, max: 200_000_000n }),
  seconds: fc.integer({ min: 1, max: 86_400 }),
  note: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
});

describe('the request of a contract', () => {
  it('is bit for bit what protocol/ would write, and opens to the very terms that the escrow pins', async () => {
    const probe = await ConsumerProbe.create();
    const salts = new Set<string>();
    await fc.assert(
      fc.asyncProperty(question, async (asked) => {
        const [job] = await probe.world.jobsIn(await probe.ask(asked));
        const salt = Buffer.alloc(16);
        salt.writeUInt32BE(salts.add(Buffer.from(job.rebuilt.salt).toString('hex')).size, 12);
        expect(job.payload).toEqual({
          asked: {
            tier: Tier.bonded,
            visibility: Visibility.public,
            flags: TermsFlag.checkKey,
            semantics: 2,
            salt: Uint8Array.from(salt),
            modelRoot: asked.modelRoot,
            maxTokens: asked.maxTokens,
            expiresAt: probe.world.now + asked.seconds,
            promptPrice: 0n,
            outputPrice: 0n,
            coverage: 0n,
            imageHash: zeros(32),
          },
          request: {
            promptTokens: asked.tokens,
            sampling: GREEDY_SAMPLING,
            stopTokens: [asked.stopToken],
            nonce: BigInt(salts.size),
            toolsHash: zeros(32),
          },
          responseKey: zeros(32),
          commitSalt: zeros(32),
        });
        expect(job.envelope).toEqual(Uint8Array.of(2, ...encodePayload(job.payload)));
        expect(job.rebuilt.requestCommit).toEqual(requestCommitment(job.payload));
        expect(toCell(encodeTerms(job.rebuilt)).equals(job.termsCell)).toBe(true);
        expect(Buffer.from(job.terms.termsHash).equals(Buffer.from(termsHash(job.rebuilt)))).toBe(true);
        const { deadline, price, answerInCallback, client, payout, workerKey, outputCells } = job.terms;
        expect({ deadline, price, answerInCallback }).toEqual({
          deadline: probe.world.now + asked.seconds,
          price: asked.price,
          answerInCallback: true,
        });
        expect(outputCells).toBe(outputCellsFor(asked.maxTokens, false));
        expect([client, payout].map(String)).toEqual([probe.address, probe.world.wallets.payout.address].map(String));
        expect(Buffer.from(workerKey).equals(WORKER.publicKey)).toBe(true);
        expect(String(job.stake)).toBe(String(probe.world.stake.address));
        await probe.world.external(job, probe.world.delivery(job, [7]));
      }),
      { numRuns: Math.ceil(RUNS / 3), seed: 5 },
    );
    expect((await probe.record()).answers).toBe(salts.size);
  });

  it('of no token, of more than 31 or of tokens that take more than three bytes is refused', async () => {
    const probe = await ConsumerProbe.create();
    const code = async (tokens: number[]) => exitCode(await probe.ask({ tokens }), probe.address);
    expect(await code([])).toBe(761);
    expect(await code([2 ** 21])).toBe(767);
    expect(await code([1, 2, 2 ** 32 - 1])).toBe(767);
    expect(await code(Array.from({ length: 31 }, () => 2 ** 21 - 1))).toBe(0);
    expect(exitCode(await probe.ask({ maxTokens: 1261 }), probe.address)).toBe(766);
  });

  it('for longer than a day is not stood for, and fails with the reason that the stake gives', async () => {
    const probe = await ConsumerProbe.create();
    await probe.ask({ seconds: 86_401 });
    expect(await probe.record()).toMatchObject({ failures: 1, reason: 128 + 7, note: QUESTION.note });
  });
});

describe('the answer that a contract reads', () => {
  it('finding 5: is the public answer, token for token, as everybody reads it', async () => {
    const probe = await ConsumerProbe.create(Handler.readsAll);
    const [job] = await probe.world.jobsIn(await probe.ask({ maxTokens: 60, note: 99n }));
    expect(job.rebuilt.visibility).toBe(Visibility.public);
    const tokens = [5, 2 ** 32 - 1, ...Array.from({ length: 30 }, (_, index) => index * 1_000_003), STOP_TOKEN];
    await probe.world.answer(job, tokens);
    expect(await probe.record()).toEqual({
      answers: 1,
      failures: 0,
      note: 99n,
      reason: 0,
      finishReason: 0,
      tokenCount: tokens.length,
      digest: digestOf(tokens),
    });
  });

  it('is what protocol/ reads, for any tokens; what protocol/ cannot read is not read', async () => {
    const probe = await ConsumerProbe.create();
    const plain = fc.record({
      finishReason: fc.nat(255),
      tokens: fc.array(fc.oneof(fc.nat(2 ** 31), fc.constant(2 ** 32 - 1)), { maxLength: 400 }),
    });
    const damage = fc.oneof(fc.constant(null), fc.record({ at: fc.nat(11), by: fc.integer({ min: 1, max: 255 }) }));
    await fc.assert(
      fc.asyncProperty(plain, damage, fc.nat(9), async (response, damaged, cut) => {
        const whole = encodeResponse(response);
        const bytes = cut === 0 ? whole.subarray(0, Math.max(25, whole.length - 3)) : whole;
        if (damaged) bytes[damaged.at] ^= damaged.by;
        const read = await probe.parsed(packOutput(bytes));
        let expected;
        try {
          expected = decodeResponse(bytes);
        } catch {
          // Padding and spare tokens are the client's to judge; they change nothing that the contract reads.
          if (read !== null) expect(read.tokenCount).toBeLessThanOrEqual((bytes.length - RESPONSE_HEADER_BYTES) / 4);
          return;
        }
        const { finishReason, tokens } = expected;
        expect(read).toEqual({ finishReason, tokenCount: tokens.length, digest: digestOf(tokens) });
      }),
      { numRuns: RUNS, seed: 6 },
    );
  });

  it('is never longer than what was delivered: a count beyond the bytes is no answer', async () => {
    const probe = await ConsumerProbe.create();
    const bytes = encodeResponse({ finishReason: 0, tokens: [1, 2, 3] });
    for (const count of [4, 5, 2 ** 31, 2 ** 32 - 1]) {
      new DataView(bytes.buffer).setUint32(8, count);
      expect(await probe.parsed(packOutput(bytes))).toBe(null);
    }
    const library = new Cell({ exotic: true, bits: beginCell().storeUint(2, 8).storeUint(7, 256).asCell().bits });
    const head = beginCell().storeUint(0x4f435031, 32).storeUint(0, 32).storeUint(1, 32).storeUint(0, 96);
    expect(await probe.parsed(head.storeRef(library).endCell())).toBe(null);
  });
});
