import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CARD_SEMANTICS, dueFor, FinishReason, firstPiece, opens, payableBeyond, preparePiece, type Receipt, receiptsConflict, StreamChecker, PROMPT_PIECE_TOKENS,
} from '../../../protocol';
import { channelRequest, filled, madePieces, nodeEd25519, NOW, signed, STOP, stream } from './channelRequest';

const plain = (count: number, last?: number): number[] => Array.from({ length: count }, (_, index) => (index === count - 1 && last !== undefined ? last : 100 + index));

describe('an answer in pieces', () => {
  it('is accepted piece by piece, and each says what is due so far', () => {
    for (const [prompt, tokens, maxTokens] of [[5, plain(70, STOP), 100], [5, plain(100), 100], [5, plain(64), 64], [1, plain(1, STOP), 9], [5_000, plain(40, STOP), 100]] as const) {
      const request = channelRequest(prompt, maxTokens);
      const checker = new StreamChecker(request, nodeEd25519);
      const pieces = stream(request, tokens);
      assert.equal(pieces.length, Math.ceil(prompt / PROMPT_PIECE_TOKENS) - 1 + Math.ceil(tokens.length / 32));
      for (const piece of pieces) {
        const checked = checker.accept(piece, NOW + 1);
        assert.ok(checked.ok, 'fault' in checked ? checked.fault : '');
        assert.equal(checked.dueNano, dueFor(request.terms, checker.progress.promptTokens, checker.progress.outputTokens));
      }
      assert.deepEqual(checker.answer, tokens);
    }
  });

  it('finding 1: gives no two receipts that conflict, nor does a piece made again', () => {
    const request = channelRequest(5_000);
    const receipts = stream(request, plain(70, STOP)).map(({ receipt }) => receipt);
    const again = madePieces(request, plain(70, STOP)).map((made) => preparePiece(request, made, NOW + 50).receipt);
    for (const a of receipts) for (const b of [...receipts, ...again]) assert.equal(receiptsConflict(a, b), false);
  });

  it('is over after its last piece, and after a fault that the worker signed', () => {
    const request = channelRequest();
    const pieces = stream(request, plain(70, STOP));
    const whole = new StreamChecker(request, nodeEd25519);
    for (const piece of pieces) assert.ok(whole.accept(piece, NOW).ok);
    const beyond = signed({ ...pieces[2], receipt: { ...pieces[2].receipt, index: 3 } });
    assert.deepEqual(whole.accept(beyond, NOW), { ok: false, fault: 'after-the-end' });
    const cheated = new StreamChecker(request, nodeEd25519);
    const dear = signed({ ...pieces[0], receipt: { ...pieces[0].receipt, dueNano: 1n << 40n } });
    assert.deepEqual(cheated.accept(dear, NOW), { ok: false, fault: 'wrong-due' });
    assert.deepEqual(cheated.accept(pieces[0], NOW), { ok: false, fault: 'after-the-end' });
    assert.deepEqual(cheated.progress, { promptTokens: 0, outputTokens: 0 });
  });

  it('goes on after bytes that no worker signed, whoever put them in, and after pieces that come again', () => {
    const request = channelRequest();
    const pieces = stream(request, plain(70, STOP));
    const checker = new StreamChecker(request, nodeEd25519);
    const [first, second, third] = pieces;
    const junk: [ReturnType<typeof signed>, string][] = [
      [{ ...first, sealed: new Uint8Array(1024 * 1024) }, 'output-not-signed'],
      [{ ...first, sealed: new Uint8Array(65_536) }, 'output-not-signed'],
      [{ ...first, receipt: { ...first.receipt, finishReason: 200 } }, 'malformed'],
      [{ ...first, receipt: { ...first.receipt, dueNano: -1n } }, 'malformed'],
      [{ ...first, signature: second.signature }, 'bad-signature'],
      [second, 'out-of-order'],
    ];
    for (const [piece, fault] of junk) assert.deepEqual(checker.accept(piece, NOW), { ok: false, fault });
    assert.ok(checker.accept(first, NOW).ok);
    const again = checker.accept(first, NOW + 500);
    assert.ok(again.ok && again.tokens.length === 0);
    for (const piece of [second, first, third, third]) assert.ok(checker.accept(piece, NOW).ok);
    assert.deepEqual(checker.answer, plain(70, STOP));
  });

  it('commits to the trace in its final receipt, and is refused without', () => {
    const request = channelRequest();
    const pieces = madePieces(request, plain(5, STOP)).map((made) => preparePiece(request, made, NOW));
    assert.ok(opens(pieces[0].receipt.traceCommit, 'trace', request.payload.commitSalt, filled(8)));
    const without = signed({ ...pieces[0], receipt: { ...pieces[0].receipt, traceCommit: new Uint8Array(32) } });
    assert.deepEqual(new StreamChecker(request, nodeEd25519).accept(without, NOW), { ok: false, fault: 'trace-not-committed' });
  });

  it('of an engine that nobody can compute again commits to no trace, in no receipt', () => {
    const request = channelRequest(5, 100, CARD_SEMANTICS);
    const tokens = plain(40, STOP);
    const made = madePieces(request, tokens).map(({ traceRoot: _, ...piece }) => signed(preparePiece(request, piece, NOW)));
    const checker = new StreamChecker(request, nodeEd25519);
    for (const piece of made) assert.ok(checker.accept(piece, NOW).ok);
    assert.deepEqual(checker.answer, tokens);
    for (const bad of [0, 1]) {
      const other = new StreamChecker(request, nodeEd25519);
      if (bad === 1) assert.ok(other.accept(made[0], NOW).ok);
      assert.deepEqual(other.accept(stream(request, tokens)[bad], NOW), { ok: false, fault: 'unexpected-trace' });
      assert.deepEqual(other.accept(made[bad], NOW), { ok: false, fault: 'after-the-end' }, 'the worker signed it');
    }
  });

  it('is refused when any one field of a signed receipt says something else', () => {
    const request = channelRequest();
    const [first, last] = stream(request, plain(40, STOP));
    const changes: [Partial<Receipt>, string][] = [
      [{ networkId: 1 }, 'other-network'], [{ escrow: filled(1) }, 'other-channel'], [{ termsHash: filled(1) }, 'other-terms'], [{ seq: 4 }, 'other-request'],
      [{ index: 2 }, 'out-of-order'], [{ final: false }, 'unreadable'], [{ finishReason: FinishReason.length }, 'response-not-committed'],
      [{ issuedAt: NOW - 121 }, 'bad-date'], [{ issuedAt: NOW + 121 }, 'bad-date'], [{ index: 0 }, 'out-of-order'], [{ dueNano: last.receipt.dueNano + 1n }, 'wrong-due'],
      [{ sealedHash: filled(1) }, 'output-not-signed'], [{ responseCommit: filled(1) }, 'response-not-committed'],
      [{ promptTokens: 4 }, 'wrong-prompt-count'], [{ outputTokens: 41 }, 'wrong-output-count'],
    ];
    for (const [change, fault] of changes) {
      const checker = new StreamChecker(request, nodeEd25519);
      assert.ok(checker.accept(first, NOW).ok);
      const changed = signed({ receipt: { ...last.receipt, ...change }, sealed: last.sealed });
      assert.deepEqual(checker.accept(changed, NOW), { ok: false, fault }, JSON.stringify(Object.keys(change)));
    }
    for (const skew of [-120, 120]) {
      const checker = new StreamChecker(request, nodeEd25519);
      assert.ok(checker.accept(signed({ ...first, receipt: { ...first.receipt, issuedAt: NOW + skew } }), NOW).ok);
    }
    const unsigned = new StreamChecker(request, nodeEd25519);
    assert.deepEqual(unsigned.accept({ ...first, receipt: { ...first.receipt, traceCommit: filled(1) } }, NOW), { ok: false, fault: 'bad-signature' });
  });

  it('finding 8: is refused when it is cut short, goes beyond a stop token or maxTokens, or comes in other portions', () => {
    const request = channelRequest(5, 100);
    const faultOf = (pieces: ReturnType<typeof stream>, of = request): string => {
      const checker = new StreamChecker(of, nodeEd25519);
      for (const piece of pieces) {
        const checked = checker.accept(piece, NOW);
        if (!checked.ok) return checked.fault;
      }
      return 'none';
    };
    assert.equal(faultOf(stream(request, plain(70, STOP))), 'none');
    assert.equal(faultOf(stream(request, plain(99))), 'wrong-finish-reason'); // says length, and is shorter
    assert.equal(faultOf(stream(request, plain(101, STOP))), 'too-many-tokens');
    assert.equal(faultOf(stream(request, [...plain(32, STOP), ...plain(5, STOP)])), 'not-stopped');
    assert.equal(faultOf(stream(request, [...plain(3, STOP), ...plain(5, STOP)])), 'not-stopped');
    const early = madePieces(request, plain(70, STOP));
    const says = (reason: number) => faultOf([signed(preparePiece(request, { ...early[0] }, NOW)), signed({ ...preparePiece(request, early[1], NOW), receipt: { ...preparePiece(request, early[1], NOW).receipt, finishReason: reason } })]);
    assert.equal(says(FinishReason.stop), 'response-not-committed');
    const full = madePieces(channelRequest(5, 32), [...plain(32), 1]);
    assert.equal(faultOf([signed(preparePiece(channelRequest(5, 32), full[0], NOW))], channelRequest(5, 32)), 'wrong-finish-reason');
    const made = madePieces(request, plain(40, STOP));
    const short = { ...made[0], tokens: made[0].tokens.slice(0, 20), fresh: 20 };
    assert.equal(faultOf([signed(preparePiece(request, short, NOW))]), 'wrong-output-count');
    const empty = { ...made[1], tokens: made[0].tokens, fresh: 0 };
    assert.equal(faultOf([signed(preparePiece(request, made[0], NOW)), signed(preparePiece(request, empty, NOW))]), 'wrong-output-count');
    const long = channelRequest(5_000);
    const soon = { ...madePieces(long, plain(40, STOP))[2], index: 0, promptTokens: 2_048 };
    assert.equal(faultOf([signed(preparePiece(long, soon, NOW))], long), 'wrong-prompt-count');
    const whole = { ...madePieces(long, plain(40, STOP))[2], index: 0 };
    assert.equal(faultOf([signed(preparePiece(long, whole, NOW))], long), 'wrong-prompt-count');
  });

  it('tells nothing by its lengths: every piece is one block', () => {
    const request = channelRequest(5_000);
    for (const { sealed } of stream(request, plain(70, STOP))) assert.equal(sealed.length, 256);
  });
});

describe('what is due', () => {
  it('is rounded up once over both kinds of tokens', () => {
    const prices = { promptPrice: 1n, outputPrice: 1n, fixedPrice: 5n };
    assert.equal(dueFor(prices, 0, 0), 5n);
    assert.equal(dueFor(prices, 1, 1), 6n);
    assert.equal(dueFor(prices, 500_000, 500_000), 6n);
    assert.equal(dueFor(prices, 500_001, 500_000), 7n);
  });

  it('finding 44: never lets either side lose more than one piece of a prompt or one chunk, wherever the other leaves', () => {
    const nano = fc.bigInt({ min: 0n, max: 10n ** 12n });
    fc.assert(
      fc.property(nano, nano, fc.integer({ min: 1, max: 9_000 }), fc.integer({ min: 1, max: 400 }), (promptPrice, outputPrice, prompt, output) => {
        const prices = { promptPrice, outputPrice, fixedPrice: 0n };
        const onePiece = dueFor(prices, Math.min(prompt, PROMPT_PIECE_TOKENS), 0);
        const oneChunk = dueFor(prices, 0, 32);
        let done = { promptTokens: 0, outputTokens: 0 };
        let paid = dueFor(prices, firstPiece(prompt).promptTokens, 0);
        while (done.promptTokens < prompt || done.outputTokens < output) {
          // The worker goes on when what is payable is paid; here it leaves, there the client does.
          assert.ok(paid >= payableBeyond(prices, done, prompt));
          assert.ok(paid - dueFor(prices, done.promptTokens, done.outputTokens) <= onePiece);
          done = { promptTokens: Math.min(prompt, done.promptTokens + PROMPT_PIECE_TOKENS), outputTokens: done.outputTokens };
          if (done.promptTokens === prompt) done.outputTokens = Math.min(output, done.outputTokens + 32);
          const due = dueFor(prices, done.promptTokens, done.outputTokens);
          assert.ok(due - paid <= oneChunk);
          paid = payableBeyond(prices, done, prompt);
        }
        assert.equal(paid, dueFor(prices, prompt, output));
      }),
      { numRuns: 200, seed: 44 },
    );
  });
});
