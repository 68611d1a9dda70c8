import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Address, beginCell, Cell, type Message, type Transaction } from '@ton/core';
import { caseSubject, modelRoots } from '../../../disputes/opening';
import { ModelProver, TraceProver } from '../../../exact';
import {
  buildTerms, commit, encodePayload, FinishReason, type Receipt, type RequestPayload, responseRoot, SEMANTICS, termsHash,
} from '../../../protocol';
import {
  CASE_TURNS, CASE_VERDICTS, type CaseSubject, OP_CASE_ENDED, OP_END_TURN, OP_SHOW_CHILDREN, OP_SHOW_POSITION, OP_SHOW_TRACE, packCaseSubject, SlashingCase,
} from '../../../wrappers';
import { Defender, RequestVault } from '../../../worker/cases';
import type { DefenderOptions } from '../../../worker/cases';
import { ChainStateError } from '../../../worker/errors';
import { openModel } from '../../../worker/engine';
import { loadWorkerKeys } from '../../../worker/keys/workerKeys';
import type { Logger } from '../../../worker/log';
import { JobStore } from '../../../worker/store/jobStore';
import { TINY_MODEL } from '../../support/marketplace';

const root = mkdtempSync(join(tmpdir(), 'cocoon-cases-'));
after(() => rmSync(root, { recursive: true, force: true }));

const { model } = openModel(TINY_MODEL);
const OTHER_MODEL = join(__dirname, '../../../exact/vectors/single.cocoon');
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const account = (byte: number): Address => new Address(0, Buffer.from(fill(byte)));
const [STAKE, CHALLENGER, ESCROW] = [account(6), account(8), account(9)];
const NOW = 1_800_000_000;
const DAY = 86_400;
const NETWORK = 2026;
const PROMPT = [7, 3, 250, 9, 31];
const PAYLOAD: RequestPayload = {
  asked: {
    tier: 0, visibility: 0, flags: 0, semantics: SEMANTICS, salt: new Uint8Array(16).fill(1), modelRoot: model.modelRoot, maxTokens: 2, expiresAt: NOW + 600, promptPrice: 0n,
    outputPrice: 0n, coverage: 0n, imageHash: new Uint8Array(32),
  },
  request: { promptTokens: PROMPT, stopTokens: [], sampling: { t: 0, topK: 0, topP16: 0, minPX: 0 }, nonce: 1n, toolsHash: new Uint8Array(32) },
  responseKey: fill(3), commitSalt: fill(5),
};
const prover = new ModelProver(model);

/** The case about the answer of a worker key. */
async function subjectFor(workerKey: Uint8Array): Promise<CaseSubject> {
  const terms = buildTerms(PAYLOAD, { networkId: NETWORK, client: CHALLENGER.hash, stake: STAKE.hash, workerKey, price: 10n });
  const job = { promptTokens: PROMPT, maxTokens: 2, stopTokens: [], sampling: { ...PAYLOAD.request.sampling, seed: fill(0) } };
  const { tokens, traceRoot } = await new TraceProver(model, job).result();
  const receipt: Receipt = {
    networkId: NETWORK, termsHash: termsHash(terms), escrow: ESCROW.hash, seq: 0, index: 0, final: true, finishReason: FinishReason.length, issuedAt: NOW, dueNano: 10n,
    sealedHash: fill(11), responseCommit: commit('response', fill(5), responseRoot({ finishReason: FinishReason.length, tokens })), traceCommit: commit('trace', fill(5), traceRoot),
    promptTokens: PROMPT.length, outputTokens: tokens.length,
  };
  return caseSubject({ terms, payload: PAYLOAD, receipt }, modelRoots(model, prover));
}

/** Data of a case as the chain has it. */
function dataOf(subject: CaseSubject, { turn, endsAt = NOW + 8 * 3600, index = 0, left = 0, traceRoot }: { turn: number; endsAt?: number; index?: number; left?: number; traceRoot?: Uint8Array }): Cell {
  const step = traceRoot && beginCell().storeBuffer(Buffer.from(traceRoot)).storeUint(0, 256).storeUint(0, 256).storeUint(0, 96).storeRef(Cell.EMPTY).storeRef(Cell.EMPTY).endCell();
  return beginCell()
    .storeAddress(STAKE).storeAddress(CHALLENGER).storeRef(packCaseSubject(subject)).storeUint(turn, 8).storeUint(endsAt, 32).storeCoins(1n).storeUint(5, 256).storeUint(index, 32)
    .storeUint(left, 8).storeMaybeRef(step)
    .endCell();
}

/** A worker's disk, keys and log, a stake with a history, and a case that a test changes. */
class World {
  readonly folder = mkdtempSync(join(root, 'data-'));
  readonly keys = loadWorkerKeys(this.folder);
  readonly vault = new RequestVault(this.keys.signingSecret);
  store = this.openStore();
  readonly sent: { to: Address; body: Cell }[] = [];
  readonly logged: { level: string; text: string }[] = [];
  readonly transactions: Transaction[] = [];
  data: Cell | null = null;
  now = NOW;
  refusal: Error | null = null;

  openStore(): JobStore {
    return JobStore.open(this.folder, { networkId: NETWORK, workerKey: Buffer.from(this.keys.signingPublic).toString('hex') });
  }

  add(inMessage: Partial<Message> | null, out: Partial<Message>[] = [], aborted = false): void {
    const lt = BigInt(this.transactions.length + 1);
    const hash = Buffer.alloc(32, this.transactions.length + 1);
    const before = this.transactions[0];
    this.transactions.unshift({
      lt, now: this.now, hash: () => hash, prevTransactionLt: before?.lt ?? 0n, prevTransactionHash: before === undefined ? 0n : BigInt(`0x${before.hash().toString('hex')}`),
      inMessage, outMessages: new Map(out.map((message, i) => [i, message])), description: { type: 'generic', aborted },
    } as unknown as Transaction);
  }

  async open(subject: CaseSubject): Promise<Address> {
    const { address, init } = await SlashingCase.fromSubject(STAKE, CHALLENGER, subject);
    this.add(null, [{ info: { type: 'internal', dest: address } as never, init, body: SlashingCase.openBody(1n) }]);
    return address;
  }

  end(address: Address, verdict: number, aborted = false): void {
    const body = beginCell().storeUint(OP_CASE_ENDED, 32).storeRef(beginCell().endCell()).storeAddress(CHALLENGER).storeCoins(1n).storeUint(verdict, 8).endCell();
    this.add({ info: { type: 'internal', src: address } as never, body }, [], aborted);
  }

  keep(): void {
    this.store.cases.keep(ESCROW.toRawString(), this.vault.seal(PAYLOAD, { escrow: ESCROW.hash, seq: 0 }), this.now);
  }

  defender(changes: Partial<DefenderOptions> = {}): Defender {
    const log = Object.fromEntries(['info', 'warn', 'error'].map((level) => [level, (_: unknown, text: string) => void this.logged.push({ level, text })])) as unknown as Logger;
    return new Defender({
      chain: {
        getAccount: async () => ({ state: this.data === null ? 'absent' : 'active', balance: 1n, code: null, data: this.data, apiTime: this.now }) as const,
        getPage: async (_, limit, from) => this.transactions.filter(({ lt }) => from === undefined || lt < BigInt(from.lt)).slice(0, limit),
      },
      store: this.store, log, model, keys: this.keys, vault: this.vault, networkId: NETWORK, stake: STAKE.hash, now: () => this.now,
      send: async (move) => {
        if (this.refusal !== null) throw this.refusal;
        this.sent.push(move);
      },
      ...changes,
    });
  }

  ops(): number[] {
    return this.sent.map(({ body }) => body.beginParse().preloadUint(32));
  }

  levels(level: string): number {
    return this.logged.filter((one) => one.level === level).length;
  }
}

describe('a worker whose answer is challenged', () => {
  test('answers with its trace, sends the same again only when it did not land, and goes on after a restart', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    const address = await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    const defender = world.defender();
    await defender.round();
    await defender.round();
    assert.deepEqual([world.ops(), world.sent[0].to.equals(address)], [[OP_SHOW_TRACE], true]);
    world.now += 46;
    await defender.round();
    assert.deepEqual(world.ops(), [OP_SHOW_TRACE, OP_SHOW_TRACE]);

    world.store.close();
    world.store = world.openStore();
    world.data = dataOf(subject, { turn: CASE_TURNS.children, left: 5, traceRoot: fill(1) });
    await world.defender().round();
    assert.deepEqual(world.ops().slice(2), [OP_SHOW_CHILDREN]);
    assert.equal(world.levels('error'), 0);
    world.store.close();
  });

  test('leaves alone what is about another key, another network, or not its turn', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    await world.open(await subjectFor(fill(77)));
    await world.open({ ...subject, networkId: -3 });
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    await world.defender().round();
    assert.deepEqual(world.store.cases.running(), []);
    await world.open(subject);
    for (const turn of [0, CASE_TURNS.choose, CASE_TURNS.prove]) {
      world.data = dataOf(subject, { turn });
      await world.defender().round();
    }
    assert.deepEqual(world.sent, []);
    world.store.close();
  });

  test('pays nothing to an account that an API shows as a case and that the stake cannot have opened', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    const { init } = await SlashingCase.fromSubject(STAKE, CHALLENGER, subject);
    world.add(null, [{ info: { type: 'internal', dest: account(99) } as never, init, body: SlashingCase.openBody(1n) }]);
    const other = await SlashingCase.fromSubject(account(66), CHALLENGER, subject);
    world.add(null, [{ info: { type: 'internal', dest: other.address } as never, init: other.init, body: SlashingCase.openBody(1n) }]);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    await world.defender().round();
    assert.deepEqual([world.sent, world.store.cases.running()], [[], []]);
    assert.equal(world.levels('error'), 2);
    world.store.close();
  });

  test('ends the case of a challenger that is silent', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.choose, endsAt: NOW });
    await world.defender().round();
    assert.deepEqual(world.ops(), [OP_END_TURN]);
    world.store.close();
  });

  test('says so once when it cannot pay or has not the request, and tries again', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    const without = world.defender();
    await without.round();
    await without.round();
    assert.deepEqual([world.sent, world.levels('error')], [[], 1]);

    const other = new World();
    const otherSubject = await subjectFor(other.keys.signingPublic);
    other.keep();
    await other.open(otherSubject);
    other.data = dataOf(otherSubject, { turn: CASE_TURNS.trace });
    other.refusal = new ChainStateError('chain.low-balance', 'the wallet has too little');
    const defender = other.defender();
    await defender.round();
    await defender.round();
    assert.equal(other.levels('error'), 1);
    other.refusal = null;
    await defender.round();
    assert.deepEqual(other.ops(), [OP_SHOW_TRACE]);
    for (const one of [world, other]) one.store.close();
  });

  test('says that it needs the model of the answer, where it serves another one by now', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    await world.defender({ model: openModel(OTHER_MODEL).model }).round();
    assert.deepEqual([world.sent, world.logged.at(-1)!.text], [[], 'a dispute cannot be answered now']);
    await world.defender().round();
    assert.deepEqual(world.ops(), [OP_SHOW_TRACE]);
    world.store.close();
  });

  test('does not sign a trace that its receipt has not', async () => {
    const world = new World();
    const subject = { ...(await subjectFor(world.keys.signingPublic)), traceCommit: fill(1) };
    world.keep();
    await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace });
    await world.defender().round();
    assert.deepEqual([world.sent, world.levels('error')], [[], 1]);
    world.store.close();
  });

  test('keeps which root of a position it signed, and says when it computes another one: silence would lose the case', async () => {
    for (const before of [null, fill(1)]) {
      const world = new World();
      const subject = await subjectFor(world.keys.signingPublic);
      const receipt = Buffer.from(subject.judged.receipt.hash()).toString('hex');
      if (before !== null) world.store.cases.notePosition(receipt, 0, before, world.now);
      world.keep();
      await world.open(subject);
      world.data = dataOf(subject, { turn: CASE_TURNS.position, traceRoot: fill(2) });
      await world.defender().round();
      const positionRoot = world.sent[0].body.beginParse().skip(32).loadBuffer(32);
      assert.deepEqual(world.ops(), [OP_SHOW_POSITION]);
      assert.equal(world.store.cases.notePosition(receipt, 0, positionRoot, world.now), before === null);
      assert.equal(world.levels('error'), before === null ? 0 : 1);
      world.store.close();
    }
  });

  test('learns the verdict from its stake, and from nobody whom the stake refused', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    const address = await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.choose });
    const defender = world.defender();
    await defender.round();
    world.end(address, CASE_VERDICTS.convicted, true);
    world.end(account(33), CASE_VERDICTS.convicted);
    await defender.round();
    assert.equal(world.store.cases.running().length, 1);
    world.end(address, CASE_VERDICTS.convicted);
    await defender.round();
    assert.deepEqual([world.store.cases.running().length, world.levels('error')], [0, 1]);
    assert.equal(world.store.cases.counts().get(CASE_VERDICTS.convicted), 1);
    world.store.close();
  });

  test('keeps requests for ten days, and that of a dispute until its verdict', async () => {
    const world = new World();
    const subject = await subjectFor(world.keys.signingPublic);
    world.keep();
    await world.open(subject);
    world.data = dataOf(subject, { turn: CASE_TURNS.choose, endsAt: NOW + 30 * DAY });
    const defender = world.defender();
    await defender.round();
    world.now += 10 * DAY;
    await defender.round();
    assert.notEqual(world.store.cases.kept(ESCROW.toRawString()), null);
    world.now += 1;
    await defender.round();
    assert.equal(world.store.cases.kept(ESCROW.toRawString()), null);
    world.data = dataOf(subject, { turn: CASE_TURNS.trace, endsAt: NOW + 30 * DAY });
    await defender.round();
    assert.deepEqual(world.ops(), [OP_SHOW_TRACE]);
    world.store.close();
  });

  test('keeps a request so that neither the disk nor another key or place gives it away', () => {
    const world = new World();
    world.keep();
    const place = { escrow: ESCROW.hash, seq: 0 };
    const kept = world.store.cases.kept(ESCROW.toRawString())!;
    assert.deepEqual(encodePayload(world.vault.open(kept, place)), encodePayload(PAYLOAD));
    const damaged = { code: 'storage.damaged' };
    assert.throws(() => new RequestVault(fill(1)).open(kept, place), damaged);
    assert.throws(() => world.vault.open(kept, { ...place, seq: 1 }), damaged);
    for (const at of [0, 20, kept.length - 1]) {
      const bent = Buffer.from(kept);
      bent[at] ^= 1;
      assert.throws(() => world.vault.open(bent, place), damaged);
    }
    assert.throws(() => world.vault.open(Buffer.alloc(3), place), damaged);
    world.store.close();
    const secrets = [PAYLOAD.commitSalt, PAYLOAD.responseKey].map((bytes) => Buffer.from(bytes));
    for (const name of readdirSync(world.folder).filter((one) => one.startsWith('worker.db'))) {
      const bytes = readFileSync(join(world.folder, name));
      assert.ok(secrets.every((secret) => !bytes.includes(secret)), name);
    }
  });
});
