import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openForClaiming } from '../../../worker/channels/store/claimingCopy';
import type { ChannelStore } from '../../../worker/channels/store/channelStore';
import type { ChannelReader } from '../../../worker/channels/store/reader';
import { Model, type Call } from './model';
import { bytes32, channelA, channelB, folders, memoryFolder, openStore, signature, terms } from './support';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 100);
const { fresh, remove } = folders(memoryFolder);
after(remove);
const addresses = [channelA, channelB];

const channel = fc.constantFrom(0, 1);
const amount = fc.oneof(fc.bigInt(0n, 30n), fc.constantFrom(2n ** 64n, 2n ** 120n - 1n));
const step = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const anyCall: fc.Arbitrary<Call> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ call: fc.constant('voucher' as const), channel, amount, final: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constant('begin' as const),
      channel,
      step: fc.constantFrom(1, 1, 1, 0, -1, -2, 2),
      terms: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      call: fc.constant('sign' as const),
      channel,
      seqStep: fc.constantFrom(0, 0, 0, -1, 1),
      indexStep: fc.constantFrom(0, 0, 0, 0, -1, 1),
      dueStep: step(-1, 9),
      final: fc.constantFrom(false, false, true),
    }),
  },
  fc.record({ call: fc.constant('end' as const), channel, seqStep: step(-1, 0) }),
  fc.record({ call: fc.constant('prune' as const), age: step(0, 3) }),
  fc.record({ call: fc.constant('claim' as const), channel, amount }),
  fc.record({ call: fc.constant('settle' as const), channel, amount: fc.bigInt(0n, 30n) }),
);
/** Calls of one turn, and what happens to the process after it. */
const anyTurn = fc.record({
  calls: fc.array(anyCall, { minLength: 1, maxLength: 5 }),
  then: fc.constantFrom('goOn', 'goOn', 'goOn', 'goOn', 'crash', 'restart', 'backup'),
});

/** Makes the call on the model at once and on the store. @returns what the model and the store answer, in words */
function make(call: Call, model: Model, store: ChannelStore): { expected: string; answer: Promise<string> } {
  const { now } = model;
  if (call.call === 'prune') {
    const before = now - call.age;
    return { expected: String(model.prune(before)), answer: store.prune(before).then(String) };
  }
  const address = addresses[call.channel];
  const state = model.channels[call.channel];
  if (call.call === 'voucher') {
    const name = signature(model.nextText());
    return {
      expected: state.keepVoucher(call.amount, call.final, name.toString('hex')),
      answer: store
        .keepVoucher(address, { amountNano: call.amount, final: call.final, signature: name })
        .then(({ voucher }) => `${voucher.amountNano} ${Buffer.from(voucher.signature).toString('hex')}`),
    };
  }
  if (call.call === 'begin') {
    const seq = state.lastSeq + call.step;
    const termsHash = bytes32(`${seq} ${call.terms}`);
    return {
      expected: state.begin(seq, termsHash.toString('hex')),
      answer: store.begin(address, { seq, termsHash }, now).then(({ receipts }) => receipts.map(({ bytes }) => bytes).join()),
    };
  }
  if (call.call === 'sign') {
    const seq = state.lastSeq + call.seqStep;
    const request = state.requests.get(seq);
    const index = Math.max(0, (request?.chunks.length ?? 0) + call.indexStep);
    const made = { text: model.nextText(), due: (request?.due ?? 0n) + BigInt(call.dueStep), final: call.final };
    if (made.due < 0n) made.due = 0n;
    return {
      expected: state.sign(seq, index, made, now),
      answer: store
        .signOnce(address, seq, index, () => ({ bytes: Buffer.from(made.text), dueNano: made.due, final: made.final }), now)
        .then(({ bytes }) => bytes.toString()),
    };
  }
  if (call.call === 'end') {
    const seq = state.lastSeq + call.seqStep;
    return { expected: state.end(seq, now), answer: store.end(address, seq, now).then(() => 'ended') };
  }
  if (call.call === 'claim') {
    const name = `${call.channel} ${call.amount}`;
    const claim = { messageHash: bytes32(name), amountNano: call.amount, message: Buffer.from(name) };
    return {
      expected: model.claim(call.channel, call.amount),
      answer: store.addClaim(address, claim, now).then(() => 'claimed'),
    };
  }
  return {
    expected: String(model.settle(call.channel, call.amount)),
    answer: store.settle(address, call.amount, now).then(({ paidNano }) => String(paidNano)),
  };
}

/** All that a store holds is what the model holds. */
function compare(read: ChannelReader, model: Model): void {
  model.channels.forEach((state, index) => {
    const address = addresses[index];
    const { lastSeq, voucher } = read.channel(address)!;
    assert.equal(lastSeq, state.lastSeq);
    assert.equal(voucher === null ? null : Buffer.from(voucher.signature).toString('hex'), state.voucher?.name ?? null);
    assert.deepEqual(read.balance(address), state.balance());
    for (let seq = 1; seq <= lastSeq; seq++) {
      const kept = read.request(address, seq);
      const expected = state.requests.get(seq) ?? null;
      assert.deepEqual(kept?.receipts.map(({ bytes }) => bytes.toString()), expected?.chunks);
      assert.deepEqual([kept?.dueNano, kept?.endedAt], [expected?.due, expected?.endedAt]);
    }
    const open = [...state.requests].filter(([, { endedAt }]) => endedAt === null).map(([seq]) => seq);
    assert.deepEqual(read.openRequests(address).map(({ seq }) => seq), open);
  });
  assert.deepEqual(read.pendingClaims().map(({ message }) => message.toString()), model.pending);
  assert.equal(read.earnings().totalNano, model.earned);
}

describe('the store of channels, call by call beside a plain model,', () => {
  test('answers what the model answers and holds what it holds, through crashes, restarts and backups', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(anyTurn, { minLength: 5, maxLength: 25 }), async (turns) => {
        let folder = fresh();
        const model = new Model();
        let store = openStore(folder);
        await Promise.all(addresses.map((address) => store.addChannel(address, terms, 1)));
        for (const { calls, then } of turns) {
          model.now += 1;
          const made = calls.map((call) => make(call, model, store));
          const answers = await Promise.all(
            made.map(({ answer }) => answer.catch((error: unknown) => (error as { code?: string }).code ?? String(error))),
          );
          assert.deepEqual(answers, made.map(({ expected }) => expected));
          for (const answer of answers) {
            const kind = answer.startsWith('channel.') ? answer : 'done';
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
          if (then === 'backup') {
            const file = join(folder, `backup-${model.now}.db`);
            store.backup(file);
            const copy = openForClaiming(file);
            compare(copy.read, model);
            copy.close();
          } else if (then !== 'goOn') {
            const old = folder;
            if (then === 'crash') {
              // What is on disk while the process lives is what a killed one leaves; a call that waits is lost with it.
              const lost = store.begin(channelA, { seq: model.channels[0].lastSeq + 1, termsHash: bytes32('lost') }, 1);
              folder = fresh();
              cpSync(old, folder, { recursive: true, filter: (path) => !/-shm$|\.lock/.test(path), mode: 0 });
              await lost;
            }
            store.close();
            store = openStore(folder);
            compare(store.read, model);
            if (old !== folder) rmSync(old, { recursive: true });
          }
        }
        compare(store.read, model);
        store.close();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: RUNS, seed: Number(process.env.COCOON_PROPERTY_SEED ?? 20261122) },
    );
    // Every refusal was met, and most calls were no refusals.
    const refusals = ['seq-taken', 'seq-forgotten', 'not-begun', 'request-ended', 'index-gap', 'due', 'claim-above-voucher'];
    for (const name of refusals) assert.ok((seen.get(`channel.${name}`) ?? 0) >= 5, `${name}: ${seen.get(`channel.${name}`)}`);
    assert.ok(seen.get('done')! > 500, `done: ${seen.get('done')}`);
  });
});
