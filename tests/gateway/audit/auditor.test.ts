import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { outputHash, preparePiece, sealResponse, termsHash, Tier } from '../../../protocol';
import { type AuditEngine, AuditStore, onEngine, parseEvidence, verifyEvidence } from '../../../gateway/audit';
import { until } from '../support';
import { delivered, echoEngine, flipped, newAuditor, newFolder, NOW, otherToken, piecesOf, rejecting, requestFor, signed, STAKE, STAKE_HEX } from './answers';

const filesOf = (folder: string, name: 'evidence' | 'unconfirmed'): string[] => readdirSync(join(folder, 'audits', name));
const evidenceIn = (folder: string) => parseEvidence(readFileSync(join(folder, 'audits', 'evidence', filesOf(folder, 'evidence')[0]), 'utf8'));
const referenceOf = (seq: number): string => `${'05'.repeat(32)}-${seq}`;
const never: AuditEngine = { ...echoEngine(), generate: ({ signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))) };

describe('an audited answer', () => {
  it('that is right leaves a count and nothing else: no prompt, no answer, no file', async () => {
    const folder = newFolder();
    const { auditor, store, accused, lines, end } = newAuditor(folder);
    auditor.heard(delivered(1));
    await auditor.idle();
    assert.deepEqual(store.record(STAKE), { drawn: 1, clean: 1, different: 0, undecided: 0, failed: 0, dropped: 0, faults: 0, evidence: 0 });
    assert.equal(store.state(referenceOf(1)), 'clean');
    assert.equal(store.state(referenceOf(2)), undefined);
    assert.ok(auditor.isTrusted(STAKE));
    await end();
    assert.deepEqual([filesOf(folder, 'evidence'), filesOf(folder, 'unconfirmed'), accused, lines], [[], [], [], []]);
  });

  for (const [name, lie, found] of [
    ['another token', otherToken(35), { part: 'answer', index: 35, chunk: 1, position: 37, block: 1 }],
    ['another first token', otherToken(0), { part: 'answer', index: 0, chunk: 0, position: 2, block: 0 }],
    ['the right tokens with one bit of the trace changed', (result: never) => ({ ...(result as object), traceRoot: flipped((result as { traceRoot: Uint8Array }).traceRoot, 31) }), { part: 'trace' }],
  ] as [string, Parameters<typeof echoEngine>[0] & {}, object][]) {
    it(`with ${name} is kept as evidence that says where, and ends the trust`, async () => {
      const folder = newFolder();
      const { auditor, store, accused, lines, end } = newAuditor(folder);
      auditor.heard(delivered(1, { lie }));
      await auditor.idle();
      assert.deepEqual(accused, [STAKE_HEX]);
      assert.equal(auditor.isTrusted(STAKE), false);
      assert.equal(store.state(referenceOf(1)), 'different');
      const evidence = evidenceIn(folder);
      assert.ok(evidence.kind === 'wrong-answer');
      assert.deepEqual(evidence.difference, found);
      assert.deepEqual(evidence.computed.map(({ by }) => by), ['echo on a test', 'second echo on a test']);
      const finding = await verifyEvidence(evidence);
      assert.deepEqual([finding.fault, finding.stake, finding.hasTrace], [(found as { part: string }).part, STAKE_HEX, true]);
      assert.equal(statSync(join(folder, 'audits', 'evidence', filesOf(folder, 'evidence')[0])).mode & 0o777, 0o600);
      assert.equal(lines.length, 1);
      assert.equal(JSON.parse(lines[0]).level, 50);
      await end();
      // Distrust outlives the process, and ends with the file.
      const again = newAuditor(folder);
      assert.equal(again.auditor.isTrusted(STAKE), false);
      assert.equal(again.auditor.record(STAKE).different, 1);
      await again.end();
      rmSync(join(folder, 'audits', 'evidence', filesOf(folder, 'evidence')[0]));
      const forgiven = newAuditor(folder);
      assert.ok(forgiven.auditor.isTrusted(STAKE));
      await forgiven.end();
    });
  }

  it('that ended early is compared as far as it came', async () => {
    const folder = newFolder();
    const counts: number[] = [];
    const { auditor, store, end } = newAuditor(folder, { first: async () => onEngine(echoEngine((result) => (counts.push(result.tokens.length), result))) });
    auditor.heard(delivered(1, { pieces: 1 }));
    auditor.heard(delivered(2, { pieces: 1, lie: otherToken(35) }));
    auditor.heard(delivered(3, { pieces: 1, lie: otherToken(31) }));
    auditor.heard(delivered(4, { pieces: 0 }));
    await auditor.idle();
    assert.deepEqual([1, 2, 3, 4].map((seq) => store.state(referenceOf(seq))), ['clean', 'clean', 'different', undefined]);
    const finding = await verifyEvidence(evidenceIn(folder));
    assert.equal(finding.hasTrace, false);
    assert.deepEqual(counts, [32, 32, 32]);
    await end();
  });

  it('that its worker broke off is always computed again, whatever is drawn, unless nothing is: wrong tokens without a final receipt are bought once', async () => {
    const broken = { ...delivered(1, { pieces: 1, lie: otherToken(31) }), isDoubtful: true as const };
    const hardly = newAuditor(newFolder(), { rate: 1e-12 });
    hardly.auditor.heard(delivered(2, { pieces: 1, lie: otherToken(31) }));
    hardly.auditor.heard(broken);
    await hardly.auditor.idle();
    assert.deepEqual([hardly.store.state(referenceOf(2)), hardly.store.state(referenceOf(1)), hardly.auditor.isTrusted(STAKE)], [undefined, 'different', false]);
    await hardly.end();
    const none = newAuditor(newFolder(), { rate: 0 });
    none.auditor.heard(broken);
    await none.auditor.idle();
    assert.deepEqual([none.store.record(STAKE).drawn, none.auditor.isTrusted(STAKE)], [0, true]);
    await none.end();
  });

  it('of an attested key, another model, another arithmetic or with chain entropy is left alone', async () => {
    const { auditor, store, end } = newAuditor(newFolder(), { first: () => assert.fail('computed') });
    const lie = otherToken(0);
    for (const asked of [{ tier: Tier.attested }, { modelRoot: new Uint8Array(32).fill(8) }, { semantics: 1 }, { flags: 5 }]) auditor.heard(delivered(1, { asked, lie }));
    await auditor.idle();
    assert.equal(store.record(STAKE).drawn, 0);
    await end();
  });
});

describe('an auditor whose own machine makes mistakes', () => {
  for (const [name, first, confirm] of [
    ['the first engine', otherToken(3), otherToken(-1)],
    ['the second engine, on an answer that looks wrong to the first', otherToken(3), otherToken(4)],
  ] as const) {
    it(`accuses nobody: ${name}`, async () => {
      const folder = newFolder();
      const { auditor, store, accused, lines, end } = newAuditor(folder, {
        first: async () => onEngine(echoEngine(first)), confirm: async () => onEngine(echoEngine(confirm)),
      });
      auditor.heard(delivered(1));
      await auditor.idle();
      assert.deepEqual([accused, store.state(referenceOf(1)), auditor.isTrusted(STAKE)], [[], 'undecided', true]);
      assert.deepEqual([filesOf(folder, 'evidence'), filesOf(folder, 'unconfirmed')], [[], []]);
      assert.match(lines.join(), /this machine/);
      await end();
    });
  }

  it('or has no engine says that it could not, and tries again with the next answer', async () => {
    let tries = 0;
    const { auditor, store, lines, end } = newAuditor(newFolder(), {
      first: async () => {
        if (tries++ === 0) throw Object.assign(new Error('no'), { code: 'engine.none' });
        return onEngine(echoEngine());
      },
    });
    auditor.heard(delivered(1));
    auditor.heard(delivered(2));
    await auditor.idle();
    assert.deepEqual([store.state(referenceOf(1)), store.state(referenceOf(2))], ['failed', 'clean']);
    assert.match(lines[0], /engine\.none/);
    await end();
  });
});

describe('what is promised of drawn answers', () => {
  it('the oldest that waits makes room when the queue is full, is counted, and no answer ever waits', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { auditor, store, end } = newAuditor(newFolder(), {
      capacity: 3,
      first: async () => {
        await gate;
        return onEngine(echoEngine());
      },
    });
    auditor.heard(delivered(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let seq = 2; seq <= 8; seq++) auditor.heard(delivered(seq));
    assert.equal(store.record(STAKE).dropped, 4);
    release();
    await auditor.idle();
    assert.deepEqual([1, 2, 5, 6, 8].map((seq) => store.state(referenceOf(seq))), ['clean', 'dropped', 'dropped', 'clean', 'clean']);
    const { drawn, clean, dropped } = store.record(STAKE);
    assert.deepEqual([drawn, clean, dropped], [8, 4, 4]);
    await end();
  });

  it('those that a killed gateway had not compared are dropped, counted, and their prompts were nowhere on disk', async () => {
    const folder = newFolder();
    const killed = newAuditor(folder, { first: async () => onEngine(never) });
    killed.auditor.heard(delivered(1, { lie: otherToken(0) }));
    await killed.store.durable();
    assert.deepEqual([filesOf(folder, 'evidence'), filesOf(folder, 'unconfirmed')], [[], []]);
    const { auditor, store, end } = newAuditor(folder);
    await auditor.idle();
    const { drawn, dropped } = store.record(STAKE);
    assert.deepEqual([drawn, dropped, store.state(referenceOf(1))], [1, 1, 'dropped']);
    await end();
    await killed.auditor.close(0);
  });

  it('a difference that was seen survives a kill, and is confirmed by the next gateway', async () => {
    const folder = newFolder();
    const killed = newAuditor(folder, { confirm: async () => onEngine(never) });
    killed.auditor.heard(delivered(1, { lie: otherToken(0) }));
    await until(() => filesOf(folder, 'unconfirmed').length === 1);
    assert.equal(statSync(join(folder, 'audits', 'unconfirmed', filesOf(folder, 'unconfirmed')[0])).mode & 0o777, 0o600);
    const { auditor, store, accused, end } = newAuditor(folder, { rate: 0 });
    await auditor.idle();
    assert.deepEqual([accused, store.state(referenceOf(1)), filesOf(folder, 'unconfirmed')], [[STAKE_HEX], 'different', []]);
    const { drawn, different, dropped } = store.record(STAKE);
    assert.deepEqual([drawn, different, dropped], [1, 1, 0]);
    await end();
    await killed.auditor.close(0);
  });

  it('a difference that was seen with one model is left alone by a gateway of another, for one that has it', async () => {
    const folder = newFolder();
    const killed = newAuditor(folder, { confirm: async () => onEngine(never) });
    killed.auditor.heard(delivered(1, { lie: otherToken(0) }));
    await until(() => filesOf(folder, 'unconfirmed').length === 1);
    const other = newAuditor(folder, { modelRoot: new Uint8Array(32).fill(8), confirm: async () => onEngine(echoEngine(otherToken(1), 'another model')) });
    await other.auditor.idle();
    assert.deepEqual([other.store.state(referenceOf(1)), filesOf(folder, 'unconfirmed').length, other.lines], ['pending', 1, []]);
    await other.end();
    const { auditor, store, accused, end } = newAuditor(folder);
    await auditor.idle();
    assert.deepEqual([accused, store.state(referenceOf(1))], [[STAKE_HEX], 'different']);
    await end();
    await killed.auditor.close(0);
  });

  it('a gateway that ends finishes what it can, drops the rest, and leaves what it saw for the next start', async () => {
    const folder = newFolder();
    const ending = newAuditor(folder, { confirm: async () => onEngine(never) });
    ending.auditor.heard(delivered(1));
    ending.auditor.heard(delivered(2, { lie: otherToken(0) }));
    ending.auditor.heard(delivered(3));
    await until(() => filesOf(folder, 'unconfirmed').length === 1);
    await ending.auditor.close(50);
    assert.deepEqual([1, 2, 3].map((seq) => ending.store.state(referenceOf(seq))), ['clean', 'pending', 'dropped']);
    ending.auditor.heard(delivered(4));
    ending.store.close();
    const { auditor, store, end } = newAuditor(folder);
    await auditor.idle();
    assert.deepEqual([store.state(referenceOf(2)), store.state(referenceOf(4))], ['different', 'dropped']);
    await end();
  });

  it('evidence that no disk takes still ends the trust, and the answer is looked at again', async () => {
    const folder = newFolder();
    const { auditor, store, accused, lines, end } = newAuditor(folder);
    store.evidence.keep = () => {
      throw Object.assign(new Error('full'), { code: 'storage.full' });
    };
    auditor.heard(delivered(1, { lie: otherToken(0) }));
    await auditor.idle();
    assert.deepEqual([accused, auditor.isTrusted(STAKE), store.state(referenceOf(1))], [[STAKE_HEX], false, 'pending']);
    assert.match(lines.join(), /storage\.full/);
    await end();
    const next = newAuditor(folder);
    await next.auditor.idle();
    assert.equal(next.store.state(referenceOf(1)), 'different');
    await next.end();
  });

  it('steps back while answers are under way, but not for ever', async () => {
    const waits = async (isBusy: () => boolean, patienceMillis: number): Promise<number> => {
      const { auditor, end } = newAuditor(newFolder(), { isBusy, patienceMillis });
      const start = performance.now();
      auditor.heard(delivered(1));
      const timer = setInterval(() => undefined, 10);
      await auditor.idle();
      clearInterval(timer);
      await end();
      return performance.now() - start;
    };
    assert.ok((await waits(() => true, 150)) >= 140);
    let looks = 0;
    await waits(() => looks++ < 2, 60_000);
    assert.equal(looks, 3);
  });
});

describe('a piece that the worker signed and that contradicts itself', () => {
  const request = requestFor(1);
  const answer = delivered(1, { pieces: 1 });
  const last = delivered(1).pieces[1];

  it('is evidence without any computation, at any rate and tier', async () => {
    for (const asked of [{}, { tier: Tier.attested }]) {
      const folder = newFolder();
      const { auditor, store, accused, end } = newAuditor(folder, { rate: 0, first: () => assert.fail('computed') });
      const own = requestFor(1, 40, asked);
      const { receipt, sealed } = preparePiece(own, { index: 0, promptTokens: 3, tokens: Array<number>(32).fill(1), fresh: 32 }, NOW);
      auditor.heard({ ...answer, request: own, pieces: [], tokens: [], rejected: { piece: signed({ ...receipt, dueNano: receipt.dueNano + 1n }, sealed), fault: 'wrong-due' } });
      await until(() => accused.length > 0);
      assert.deepEqual([accused, store.record(STAKE).faults, store.state(referenceOf(1))], [[STAKE_HEX], 1, 'fault']);
      assert.equal((await verifyEvidence(evidenceIn(folder))).fault, 'wrong-due');
      await end();
    }
  });

  it('is evidence when it is sealed with bytes that do not open', async () => {
    const folder = newFolder();
    const { auditor, accused, end } = newAuditor(folder, { rate: 0 });
    const { receipt } = preparePiece(request, { index: 1, promptTokens: 3, tokens: [...answer.tokens, 1], fresh: 1 }, NOW);
    const sealed = sealResponse(new Uint8Array(64), new Uint8Array(32).fill(1), termsHash(request.terms), { index: 1, final: false });
    auditor.heard(rejecting(answer, signed({ ...receipt, sealedHash: outputHash(sealed) }, sealed), 'unreadable'));
    await until(() => accused.length > 0);
    assert.deepEqual(accused, [STAKE_HEX]);
    assert.equal((await verifyEvidence(evidenceIn(folder))).fault, 'unreadable');
    await end();
  });

  it('is evidence when another receipt of the same place says something else', async () => {
    const folder = newFolder();
    const { auditor, accused, end } = newAuditor(folder, { rate: 0 });
    const [other] = piecesOf(request, { tokens: Array<number>(40).fill(1), finishReason: 'length', traceRoot: new Uint8Array(32).fill(1) });
    auditor.heard(rejecting(answer, other, 'out-of-order'));
    await until(() => accused.length > 0);
    assert.deepEqual(accused, [STAKE_HEX]);
    assert.equal((await verifyEvidence(evidenceIn(folder))).fault, 'two receipts');
    await end();
  });

  it('is none when the key did not sign it, or nothing is wrong with it, whatever it is called', async () => {
    const folder = newFolder();
    const { auditor, store, accused, end } = newAuditor(folder, { rate: 0 });
    const [other] = piecesOf(request, { tokens: Array<number>(40).fill(1), finishReason: 'length', traceRoot: new Uint8Array(32).fill(1) });
    auditor.heard(rejecting(answer, { ...other, signature: flipped(other.signature) }, 'out-of-order'));
    auditor.heard(rejecting(answer, last, 'bad-date'));
    auditor.heard(rejecting(answer, { ...last, signature: flipped(last.signature) }, 'bad-signature'));
    auditor.heard(rejecting(answer, { ...last, dueNano: 1n }, 'wrong-due'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([accused, auditor.isTrusted(STAKE), filesOf(folder, 'evidence')], [[], true, []]);
    assert.equal(store.record(STAKE).evidence, 0);
    await end();
  });
});

it('looking for audits where there never were any writes nothing', () => {
  const folder = join(newFolder(), 'data');
  assert.equal(AuditStore.look(folder), null);
  assert.equal(existsSync(folder), false);
});

it('the store of audits is private, and can be read beside the gateway that writes it', async () => {
  const folder = newFolder();
  const { auditor, store, end } = newAuditor(folder);
  auditor.heard(delivered(1));
  await auditor.idle();
  await store.durable();
  const beside = AuditStore.look(folder)!;
  assert.deepEqual([...beside.records()].map(([stake, { clean }]) => [stake, clean]), [[STAKE_HEX, 1]]);
  beside.close();
  await end();
  chmodSync(join(folder, 'audits'), 0o755);
  assert.throws(() => AuditStore.open(folder), { code: 'storage.permissions' });
});
