import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { Address } from '@ton/core';
import { AskedWorker } from '../../../cli/challenge/askedWorker';
import { findHeld } from '../../../disputes/heldTrace';
import { caseSubject, type Challenged, modelRoots } from '../../../disputes/opening';
import { ModelProver, TraceProver, type ExactModel } from '../../../exact';
import {
  buildTerms, commit, encodeReceipt, equalBytes, FinishReason, type Receipt, receiptHash, type RequestPayload, responseRoot, samplingSeed, SEMANTICS, type Terms, termsHash, toHex,
} from '../../../protocol';
import { HeldTraces, RequestVault } from '../../../worker/cases';
import type { HeldTracesOptions } from '../../../worker/cases/heldTraces';
import { type Question, type QuestionBody, TraceSeal, TRACES_PATH } from '../../../worker/cases/traceQuestions';
import { openModel } from '../../../worker/engine';
import { RequestError } from '../../../worker/errors';
import { createJsonServer } from '../../../worker/http/server';
import { listen } from '../../../worker/http/listen';
import { nodeEd25519 } from '../../../worker/keys/ed25519';
import { loadWorkerKeys } from '../../../worker/keys/workerKeys';
import type { Logger } from '../../../worker/log';
import { EngineBusy } from '../../../worker/operation/engineQueue';
import { flipBit } from '../../../worker/simulatedCheat';
import { JobStore } from '../../../worker/store/jobStore';
import { toCell } from '../../../wrappers';
import { TINY_MODEL } from '../../support/marketplace';

const root = mkdtempSync(join(tmpdir(), 'cocoon-held-'));
after(() => rmSync(root, { recursive: true, force: true }));

const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const [CLIENT, STAKE] = [fill(8), fill(6)];
const NOW = 1_800_000_000;
const NETWORK = 2026;
const PROMPT = [7, 3, 250, 9, 31];
const right = openModel(TINY_MODEL).model;
const wrong = openModel(TINY_MODEL).model;
flipBit(wrong);
const prover = new ModelProver(right);
const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Logger;

const payloadOf = (secret: { responseKey: Uint8Array; commitSalt: Uint8Array }, nonce: bigint): RequestPayload => ({
  asked: {
    tier: 0, visibility: 0, flags: 0, semantics: SEMANTICS, salt: new Uint8Array(16).fill(1), modelRoot: right.modelRoot, maxTokens: 2, expiresAt: NOW + 600, promptPrice: 0n,
    outputPrice: 0n, coverage: 0n, imageHash: new Uint8Array(32),
  },
  request: { promptTokens: PROMPT, stopTokens: [], sampling: { t: 0, topK: 0, topP16: 0, minPX: 0 }, nonce, toolsHash: new Uint8Array(32) },
  ...secret,
});
const SEALED = payloadOf({ responseKey: fill(3), commitSalt: fill(5) }, 1n);
const PUBLIC = payloadOf({ responseKey: fill(0), commitSalt: fill(0) }, 2n);

/** A worker's disk and keys, and what it answers with a model. */
class World {
  readonly folder = mkdtempSync(join(root, 'data-'));
  readonly keys = loadWorkerKeys(this.folder);
  readonly vault = new RequestVault(this.keys.signingSecret);
  readonly store = JobStore.open(this.folder, { networkId: NETWORK, workerKey: toHex(this.keys.signingPublic) });
  readonly traces: HeldTraces;
  readonly stopping = new AbortController();

  constructor(readonly model: ExactModel, changes: Partial<HeldTracesOptions> = {}) {
    this.traces = new HeldTraces({
      store: this.store, log, model, keys: this.keys, vault: this.vault, networkId: NETWORK, run: (work) => work(), signal: this.stopping.signal, now: () => NOW, ...changes,
    });
  }

  /** What it signed for a request. @param escrow its first byte */
  async answered(payload: RequestPayload, escrow = 9, receipt: Partial<Receipt> = {}, more: Partial<Terms> = {}): Promise<Challenged> {
    const terms = { ...buildTerms(payload, { networkId: NETWORK, client: CLIENT, stake: STAKE, workerKey: this.keys.signingPublic, price: 10n }), ...more };
    const seed = samplingSeed(terms.requestCommit, { escrow: fill(escrow), seq: 0 });
    const { tokens, traceRoot } = await new TraceProver(this.model, { promptTokens: PROMPT, maxTokens: 2, stopTokens: [], sampling: { ...payload.request.sampling, seed } }).result();
    return {
      terms, payload,
      receipt: {
        networkId: NETWORK, termsHash: termsHash(terms), escrow: fill(escrow), seq: 0, index: 0, final: true, finishReason: FinishReason.length, issuedAt: NOW, dueNano: 10n,
        sealedHash: fill(11), responseCommit: commit('response', payload.commitSalt, responseRoot({ finishReason: FinishReason.length, tokens })),
        traceCommit: commit('trace', payload.commitSalt, traceRoot), promptTokens: PROMPT.length, outputTokens: tokens.length, ...receipt,
      },
    };
  }

  keep({ payload, receipt: { escrow } }: Challenged): void {
    this.store.cases.keep(new Address(0, Buffer.from(escrow)).toRawString(), this.vault.seal(payload, { escrow, seq: 0 }), NOW);
  }

  signatureOf({ receipt }: Challenged): Uint8Array {
    return nodeEd25519.sign(receiptHash(receipt), this.keys.signingSecret);
  }
}

interface Asking {
  /** Of whose keys. */
  seal?: RequestPayload;
  signature?: Uint8Array;
  change?: Partial<QuestionBody>;
}

const bodyOf = (world: World, answer: Challenged, question: Question, { seal = answer.payload, signature, change }: Asking = {}): QuestionBody => {
  const sealed = new TraceSeal(seal, receiptHash(answer.receipt)).sealQuestion({ ...answer, signature: signature ?? world.signatureOf(answer) }, question);
  const { escrow, seq } = answer.receipt;
  return { escrow: toHex(escrow), seq, receiptHash: toHex(receiptHash(answer.receipt)), question: sealed.toString('base64'), ...change };
};

/** What is answered, opened. */
async function ask(world: World, answer: Challenged, question: Question, asking: Asking = {}): Promise<unknown> {
  const body = bodyOf(world, answer, question, asking);
  const { answer: sealed } = await world.traces.answer(body);
  return new TraceSeal(asking.seal ?? answer.payload, receiptHash(answer.receipt)).openAnswer(Buffer.from(body.question, 'base64'), Buffer.from(sealed, 'base64'));
}

const refused = async (work: Promise<unknown>, status: number, code: string): Promise<void> => {
  await assert.rejects(work, (error: RequestError) => error instanceof RequestError && error.status === status && error.code === code);
};

describe('a worker that is asked about its trace', () => {
  const servers: Server[] = [];
  after(() => servers.forEach((server) => server.close()));
  let world: World;
  let answer: Challenged;
  before(async () => {
    world = new World(right);
    answer = await world.answered(SEALED);
    world.keep(answer);
  });

  test('shows whoever may challenge an answer all that a case would, so that he finds the wrong step without the chain', async () => {
    const liar = new World(wrong);
    const server = createJsonServer([{ method: 'POST', path: new RegExp(`^${TRACES_PATH}$`), maxBodyBytes: 8_192, handle: async (_match, body) => ({ status: 200, body: await liar.traces.answer(body) }) }], log);
    servers.push(server);
    const { authority } = await listen(server, '127.0.0.1', 0);
    for (const payload of [SEALED, PUBLIC]) {
      const lie = await liar.answered(payload, payload === SEALED ? 9 : 10);
      liar.keep(lie);
      const subject = caseSubject(lie, modelRoots(right, prover));
      const job = { promptTokens: PROMPT, maxTokens: 2, stopTokens: [], sampling: { ...payload.request.sampling, seed: fill(0) } };
      const own = new TraceProver(right, job);
      const signed = { receipt: toCell(encodeReceipt(lie.receipt)), signature: liar.signatureOf(lie) };
      const asked = new AskedWorker(async () => `http://${authority}`, { answer: lie, signed }, liar.stopping.signal);
      const found = await findHeld(right.config, subject, payload.commitSalt, own, asked);
      assert.equal(found?.isContradiction, false);
      const theirs = new TraceProver(wrong, job);
      assert.ok(equalBytes(await theirs.positionRoot(found!.t), found!.position.positionRoot));
    }
  });

  test('says nothing to whoever has not the keys of a request, nor whether it has it', async () => {
    const other = await world.answered(SEALED, 20);
    const seal = { ...SEALED, commitSalt: fill(6) };
    await refused(ask(world, answer, { ask: 'root' }, { seal }), 404, 'request.no-trace');
    await refused(ask(world, answer, { ask: 'root' }, { seal: { ...SEALED, responseKey: fill(0) } }), 404, 'request.no-trace');
    await refused(ask(world, other, { ask: 'root' }), 404, 'request.no-trace');
    await refused(ask(world, answer, { ask: 'root' }, { change: { seq: 1 } }), 404, 'request.no-trace');
    await refused(ask(world, answer, { ask: 'root' }, { change: { receiptHash: toHex(fill(1)) } }), 404, 'request.no-trace');
    await refused(ask(world, answer, { ask: 'root' }, { change: { question: 'AAAA' } }), 404, 'request.no-trace');
    await refused(ask(world, answer, { ask: 'all' } as never), 404, 'request.no-trace');
    for (const change of [{ escrow: 'x' }, { seq: -1 }, { question: '!' }, { more: 1 } as never]) {
      await refused(ask(world, answer, { ask: 'root' }, { change }), 400, 'request.body');
    }
    const body = bodyOf(world, answer, { ask: 'root' });
    const { answer: sealed } = await world.traces.answer(body);
    assert.throws(() => new TraceSeal(seal, receiptHash(answer.receipt)).openAnswer(Buffer.from(body.question, 'base64'), Buffer.from(sealed, 'base64')));
    const another = Buffer.from(bodyOf(world, answer, { ask: 'root' }).question, 'base64');
    assert.throws(() => new TraceSeal(SEALED, receiptHash(answer.receipt)).openAnswer(another, Buffer.from(sealed, 'base64')), 'it answers one question');
  });

  test('shows nothing of a receipt about which it could not be challenged', async () => {
    const cases: Record<string, [Challenged, Asking?]> = {
      'signed by another key': [answer, { signature: nodeEd25519.sign(receiptHash(answer.receipt), fill(1)) }],
      'a piece before the last': [await world.answered(SEALED, 9, { final: false })],
      'another network': [await world.answered(SEALED, 9, { networkId: -3 })],
      'another number': [await world.answered(SEALED, 9, { seq: 1 }), { change: { seq: 0 } }],
      'another job': [await world.answered(SEALED, 21), { change: { escrow: toHex(fill(9)) } }],
      'other terms than its own': [{ ...answer, terms: { ...answer.terms, fixedPrice: 11n } }],
      'terms of another request': [{ ...(await world.answered({ ...SEALED, request: { ...SEALED.request, nonce: 3n } })), payload: SEALED }],
      'another model': [await world.answered(SEALED, 9, {}, { modelRoot: fill(4) })],
      'an attested one': [await world.answered(SEALED, 9, {}, { tier: 1 })],
    };
    for (const [label, [asked, asking]] of Object.entries(cases)) {
      await assert.rejects(ask(world, asked, { ask: 'root' }, asking), { code: 'request.not-disputable' }, label);
    }
    const elsewhere = await world.answered(SEALED, 9, { traceCommit: fill(2) });
    await refused(ask(world, elsewhere, { ask: 'leaf', t: 0, index: 0 }), 409, 'request.other-trace');
  });

  test('answers what the trace has, and says of anything else that it has it not', async () => {
    const own = new TraceProver(right, { promptTokens: PROMPT, maxTokens: 2, stopTokens: [], sampling: { ...SEALED.request.sampling, seed: fill(0) } });
    assert.equal(await ask(world, answer, { ask: 'root' }), toHex((await own.result()).traceRoot));
    assert.deepEqual(await ask(world, answer, { ask: 'children', depth: 0, index: 0 }), (await own.children({ depth: 0, index: 0 })).map(toHex));
    await refused(ask(world, answer, { ask: 'children', depth: 200, index: 0 }), 400, 'request.no-such-node');
    await refused(ask(world, answer, { ask: 'children', depth: 0, index: 1 }), 400, 'request.no-such-node');
    await refused(ask(world, answer, { ask: 'leaf', t: 0, index: 2 ** 31 }), 400, 'request.no-such-node');
    await refused(ask(world, answer, { ask: 'leaf', t: 6, index: 2 }), 409, 'request.other-trace');
  });

  test('keeps that it signed a position, and signs no second root of it', async () => {
    const signing = new World(right);
    const asked = await signing.answered(SEALED);
    signing.keep(asked);
    const first = (await ask(signing, asked, { ask: 'position', t: 2 })) as { positionRoot: string };
    const hash = toHex(receiptHash(asked.receipt));
    assert.equal(signing.store.cases.notePosition(hash, 2, Buffer.from(first.positionRoot, 'hex'), NOW), true);
    assert.equal(signing.store.cases.notePosition(hash, 2, fill(1), NOW), false);
    assert.equal(signing.store.cases.notePosition(hash, 3, fill(1), NOW), true);
    await refused(ask(signing, asked, { ask: 'position', t: 3 }), 409, 'request.other-trace');
  });

  test('computes a job eight times at most for whoever asks, one after another, and only when the engine has a place', async () => {
    let [running, most, runs] = [0, 0, 0];
    const busy = new World(right, {
      run: async (work) => {
        runs++;
        most = Math.max(most, ++running);
        try {
          return await work();
        } finally {
          running--;
        }
      },
    });
    const asked = await busy.answered(SEALED);
    busy.keep(asked);
    const position = (t: number): Promise<unknown> => ask(busy, asked, { ask: 'position', t });
    assert.equal((await Promise.all(Array.from({ length: 5 }, () => position(0)))).length, 5);
    assert.equal(runs, 1, 'the same question is computed once');
    const answers = await Promise.allSettled([1, 2, 3, 4, 5].map(position));
    assert.equal(answers.every(({ status }) => status === 'fulfilled'), true);
    assert.equal(most, 1);
    // One run for the outcome, six for the positions, one for the block.
    await ask(busy, asked, { ask: 'children', depth: 0, index: 0 });
    await refused(ask(busy, asked, { ask: 'innerChildren', t: 0, depth: 0, index: 0 }), 429, 'request.too-many');
    assert.ok(await position(0), 'what was computed stays');
    const full = new World(right, { run: () => Promise.reject(new EngineBusy()) });
    full.keep(await full.answered(SEALED));
    await refused(ask(full, await full.answered(SEALED), { ask: 'root' }), 503, 'request.computing');
  });

  test('lets nobody wait: who asks for what takes long is told to ask again, and gets it then', async () => {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const slow = new World(right, { run: async (work) => begun.then(work) });
    const asked = await slow.answered(SEALED);
    slow.keep(asked);
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const first = assert.rejects(ask(slow, asked, { ask: 'root' }), { code: 'request.computing', retryAfter: 1 });
      mock.timers.tick(5_000);
      await first;
    } finally {
      mock.timers.reset();
    }
    for (let i = 0; i < 15; i++) void ask(slow, asked, { ask: 'children', depth: 0, index: i }).catch(() => undefined);
    const at = performance.now();
    await refused(ask(slow, asked, { ask: 'position', t: 0 }), 503, 'request.computing');
    assert.ok(performance.now() - at < 2_500, 'at once: sixteen wait already');
    begin();
    assert.match((await ask(slow, asked, { ask: 'root' })) as string, /^[0-9a-f]{64}$/);
  });

  test('shows what was asked of it over a channel, and forgets with its request', async () => {
    const kept = new Map<string, Buffer>();
    const served = new World(right, { channelRequest: (channel, seq) => kept.get(`${toHex(channel)}/${seq}`) ?? null });
    const asked = await served.answered(SEALED, 30, { seq: 4 });
    kept.set(`${toHex(fill(30))}/4`, served.vault.seal(SEALED, { escrow: fill(30), seq: 4 }));
    // Its seed is that of another place: the trace of greedy choices is the same.
    assert.match((await ask(served, asked, { ask: 'root' })) as string, /^[0-9a-f]{64}$/);
    kept.clear();
    await refused(ask(served, asked, { ask: 'root' }), 404, 'request.no-trace');
    const job = await served.answered(SEALED);
    served.keep(job);
    await ask(served, job, { ask: 'position', t: 0 });
    served.store.cases.prune(NOW + 1);
    await refused(ask(served, job, { ask: 'root' }), 404, 'request.no-trace');
  });
});
