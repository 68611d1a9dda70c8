/** A whole worker, with clients that pay and a chain that settles, killed in the middle of its work. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { Address, toNano } from '@ton/core';
import pino from 'pino';
import { type Devnet, startDevnet } from '../../devnet';
import type { ChannelBackend } from '../../gateway/channel/channelBackend';
import { ClientStore } from '../../gateway/channel/clientStore';
import type { DeliveredAnswer } from '../../gateway/channel/delivered';
import { DEVNET_ID, dueFor, encodeFrame, termsHash } from '../../protocol';
import { claimFee, parseChannel, PaymentChannel, type PaymentChannelTerms } from '../../wrappers';
import { ChainClient } from '../../worker/chain/chainClient';
import { Claimer } from '../../worker/channels/claimer';
import { ChannelStore } from '../../worker/channels/store/channelStore';
import { CHANNEL_CRASH_POINTS, PIECE_CRASH_POINTS } from '../../worker/crash';
import { openModel } from '../../worker/engine';
import { generationOf } from '../../worker/jobs/request';
import { unixTime } from '../../worker/jobs/settle';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { loadClaimKey, loadWorkerKeys } from '../../worker/keys/workerKeys';
import { TINY_MODEL } from '../support/marketplace';
import { buildChild, childEnvironment } from '../worker/channels/childProcess';
import { randomFrom } from '../worker/channels/support';
import { askOnce, backendOf, keepAsking, type OpenedChannel, StubbornClient } from './clients';
import { seededTokens } from './seededEngine';
import type { WorkerRole } from './workerProgram';

/** Kills at random moments; COCOON_WORKER_KILLS=50 for a long run. The named points come on top. */
const RANDOM_KILLS = Number(process.env.COCOON_WORKER_KILLS ?? 5);
const CHANNELS = 2;
const PARALLEL = 3;
const TOKENS = 96;
const DAY = 86_400;
/** So that a claim is worth its fee after some 150 tokens. */
const PRICES = { promptPrice: 10n ** 12n, outputPrice: 10n ** 12n };
const DEPOSIT = toNano('5000');
const chunk = dueFor({ ...PRICES, fixedPrice: 0n }, 0, 32);

/** Where it kills itself, in the middle of the load: before a piece is signed, before it is stored, before and after it is on disk, after it is sent; in a long run everywhere. */
const named = RANDOM_KILLS > 5 ? [...PIECE_CRASH_POINTS, ...CHANNEL_CRASH_POINTS] : (['pieceToSign', 'commitPrepared', 'commitDone', 'commitSynced', 'pieceSent'] as const);
const countOf = (point: string, random: () => number): number => (/start|checkpoint/.test(point) ? 1 : 2 + Math.floor(random() * 20));

class KillWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-worker-kills-'));
  readonly payout = new Address(0, Buffer.alloc(32, 0x77));
  readonly channels: OpenedChannel[] = [];
  readonly answers: DeliveredAnswer[] = [];
  pieces = 0;
  url = 'ws://127.0.0.1:1';
  private running: ChildProcess | null = null;

  private constructor(readonly devnet: Devnet, readonly chain: ChainClient, private readonly program: string) {}

  static async open(): Promise<KillWorld> {
    const [devnet, program] = await Promise.all([startDevnet(), buildChild('tests/kills/workerProgram.ts')]);
    const world = new KillWorld(devnet, new ChainClient({ endpoint: devnet.endpoint }), program);
    const keys = loadWorkerKeys(world.workerFolder);
    const client = await devnet.blockchain.treasury('client');
    for (let index = 0; index <= CHANNELS; index++) {
      const secret = new Uint8Array(32).fill(index + 1);
      const terms: PaymentChannelTerms = {
        networkId: DEVNET_ID, client: client.address, clientKey: nodeEd25519.publicKey(secret), stake: world.stake, payout: world.payout,
        claimKey: loadClaimKey(world.workerFolder).publicKey, closeDelay: DAY, expiry: unixTime() + 30 * DAY,
      };
      const account = devnet.blockchain.openContract(await PaymentChannel.fromTerms(terms));
      await account.sendTopUp(client.getSender(), DEPOSIT);
      world.channels.push({
        address: new Uint8Array(account.address.hash), terms, secret, workerKey: keys.signingPublic, sealingKey: keys.sealingPublic, ...PRICES,
        budget: DEPOSIT - toNano('1'), url: () => world.url,
      });
    }
    return world;
  }

  get stake(): Address {
    return new Address(0, Buffer.alloc(32, 3));
  }

  get workerFolder(): string {
    return join(this.folder, 'worker');
  }

  openStore(): ChannelStore {
    const workerKey = Buffer.from(loadWorkerKeys(this.workerFolder).signingPublic).toString('hex');
    return ChannelStore.open(this.workerFolder, { networkId: DEVNET_ID, workerKey }, unixTime());
  }

  /** Starts the worker; it may kill itself at a named point, even before it listens. */
  async startWorker(crashAt?: string): Promise<void> {
    const role: WorkerRole = {
      folder: this.workerFolder, api: this.devnet.endpoint, stake: this.stake.hash.toString('hex'), payout: this.payout.toRawString(),
      promptPrice: String(PRICES.promptPrice), outputPrice: String(PRICES.outputPrice),
    };
    const env = childEnvironment(crashAt === undefined ? {} : { COCOON_CRASH_AT: crashAt });
    this.running = spawn(process.execPath, [this.program, JSON.stringify(role)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await Promise.race([once(this.running.stdout!, 'data'), once(this.running, 'exit')])) as [unknown];
    if (line instanceof Buffer) this.url = line.toString().trim();
  }

  /** Kills it so much after it has served something. */
  async killAfter(millis: number): Promise<void> {
    const { pieces } = this;
    while (this.pieces === pieces && this.running!.exitCode === null) await sleep(2);
    await sleep(millis);
    await this.kill();
  }

  kill(): Promise<void> {
    this.running!.kill('SIGKILL');
    return this.killed();
  }

  /** Waits until it was killed, by itself or by us. */
  async killed(): Promise<void> {
    const running = this.running!;
    const timer = setTimeout(() => running.kill('SIGTERM'), 30_000);
    if (running.signalCode === null) await once(running, 'exit');
    clearTimeout(timer);
    assert.equal(running.signalCode, 'SIGKILL');
  }

  /** Notes what a client holds of an answer that is over, whole or not; every token of it is the engine's. */
  heard = (answer: DeliveredAnswer): void => {
    this.answers.push(answer);
    this.pieces += answer.pieces.length;
    const { payload, channel, seq } = answer.request;
    const tokens = seededTokens(generationOf(payload, channel, seq));
    assert.deepEqual([...answer.tokens], tokens.slice(0, answer.tokens.length));
    assert.equal(answer.rejected, undefined);
  };

  async end(): Promise<void> {
    this.running?.kill('SIGKILL');
    await this.devnet.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe('a worker killed while it serves and claims', { timeout: 30_000 + RANDOM_KILLS * 5_000 }, () => {
  let world: KillWorld;
  before(async () => (world = await KillWorld.open()));
  after(() => world.end());

  test(`${RANDOM_KILLS} times at random and at ${named.length} named points: no voucher is lost, nothing is signed or served twice, and the chain settles it to the last nanoTON`, async () => {
    const random = randomFrom(6);
    const { modelRoot, tokenizer, config } = openModel(TINY_MODEL).model;
    const card = { id: 'seeded', createdSeconds: 0, ownedBy: 'tests', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab };
    const clientStore = ClientStore.open(join(world.folder, 'client', 'client.db'));
    const [stubbornChannel, ...channels] = world.channels;
    const backends = channels.map((channel) => backendOf(card, channel, clientStore, world.heard));
    const stubborn = new StubbornClient(stubbornChannel, modelRoot);
    const stop = new AbortController();
    let failure: unknown = null;
    const load = [
      stubborn.keepAsking(TOKENS, stop.signal).then(() => 0),
      ...backends.flatMap((backend, place) => Array.from({ length: PARALLEL }, (_, lane) => keepAsking(backend, TOKENS, place * PARALLEL + lane, stop.signal))),
    ].map((lane) => lane.catch((error: unknown) => {
      failure ??= error;
      stop.abort();
      return 0;
    }));
    const kills: (string | number)[] = [...named.map((point) => `${point}:${countOf(point, random)}`), ...Array.from({ length: RANDOM_KILLS }, () => random() * 200)];
    const killBy = async (kill: string | number): Promise<void> => {
      await world.startWorker(typeof kill === 'string' ? kill : undefined);
      await (typeof kill === 'number' ? world.killAfter(kill) : world.killed());
      if (failure !== null) throw failure;
      const store = world.openStore();
      try {
        requireAllOf(store, world, stubborn);
      } finally {
        store.close();
      }
    };
    for (const kill of kills) await killBy(kill);
    // Whether one of them fell into an answer of the client that asks again is the machine's choice.
    for (let more = 0; stubborn.repeated === 0 && more < 20; more++) await killBy(random() * 200);
    await world.startWorker();
    while (world.answers.filter(({ pieces }) => pieces.at(-1)?.final).length < 10) await sleep(10);
    stop.abort();
    const whole = (await Promise.all(load)).reduce((sum, count) => sum + count, 0);
    if (failure !== null) throw failure;
    assert.ok(whole >= 10 && stubborn.repeated > 0, `${whole} whole answers, ${stubborn.repeated} repeated pieces`);
    await settle(world, backends, clientStore);
    clientStore.close();
  });
});

/** All that a client holds is in the store, bit for bit, and what paid for it. */
function requireAllOf(store: ChannelStore, { answers, channels }: KillWorld, stubborn: StubbornClient): void {
  const seen = new Map<string, bigint>();
  const termsOf = new Map<string, string>();
  for (const { request, pieces } of answers) {
    const channel = Buffer.from(request.channel).toString('hex');
    const hash = Buffer.from(termsHash(request.terms)).toString('hex');
    const place = `${channel} ${request.seq}`;
    assert.equal(termsOf.get(place) ?? hash, hash, `two requests were served under ${place}`);
    termsOf.set(place, hash);
    const record = store.read.request(request.channel, request.seq)!;
    assert.equal(record.termsHash.toString('hex'), hash);
    for (const piece of pieces) assert.ok(record.receipts[piece.index].bytes.equals(encodeFrame(piece)), `piece ${piece.index} of ${place}`);
    seen.set(channel, (seen.get(channel) ?? 0n) + (pieces.at(-1)?.dueNano ?? 0n));
  }
  for (const [place, bytes] of stubborn.pieces) {
    const [seq, index] = place.split(' ').map(Number);
    assert.equal(store.read.request(channels[0].address, seq)!.receipts[index].bytes.toString('hex'), bytes);
  }
  for (const { address } of store.read.channels()) {
    const { dueNano, voucherNano } = store.read.balance(address);
    const got = seen.get(address.toString('hex')) ?? 0n;
    assert.ok(dueNano >= got);
    // Every piece but the last one was paid for before it, and that payment is kept.
    assert.ok(voucherNano >= dueNano - chunk, `${voucherNano} of ${dueNano} nanoTON is vouched for`);
  }
}

/** Claims everything and compares books, chain and wallet. */
async function settle(world: KillWorld, backends: ChannelBackend[], clientStore: ClientStore): Promise<void> {
  // One more answer each: its greeting tells the client of the piece that a kill took on its way.
  for (const backend of backends) assert.ok(await askOnce(backend, 8, new Uint8Array(32).fill(9)));
  for (const backend of backends) await backend.close();
  // Time for the last vouchers to reach the disk: no further piece follows them.
  await sleep(500);
  await world.kill();
  const { chain } = world;
  const store = world.openStore();
  const claimer = new Claimer({
    chain, store, networkId: DEVNET_ID, sign: (hash) => nodeEd25519.sign(hash, loadClaimKey(world.workerFolder).secret), now: unixTime,
    log: pino({ level: 'silent' }), worthwhileFees: 1n,
  });
  await claimer.round();
  await claimer.round();
  const fee = claimFee(await chain.networkPrices());
  let paid = 0n;
  for (const [place, { address }] of world.channels.entries()) {
    const account = new Address(0, Buffer.from(address));
    const { dueNano, voucherNano, settledNano } = store.read.balance(address);
    const { claimed } = parseChannel((await chain.getAccount(account)).data!);
    assert.equal(claimed, voucherNano);
    assert.equal(settledNano, claimed);
    const claims = (await chain.getTransactions(account, 1_000)).filter(({ inMessage, outMessagesCount }) => inMessage?.info.type === 'external-in' && outMessagesCount === 1);
    assert.ok(claims.length > 0);
    paid += claimed - BigInt(claims.length) * fee;
    if (place === 0) continue;
    const { owed, vouched } = clientStore.position(address);
    assert.deepEqual([owed, vouched], [dueNano, voucherNano]);
  }
  const got = (await chain.getTransactions(world.payout, 1_000)).map(({ inMessage }) => (inMessage!.info.type === 'internal' ? inMessage!.info.value.coins : 0n));
  assert.equal(got.reduce((sum, nano) => sum + nano, 0n), paid);
  assert.equal(store.read.earnings().totalNano, world.channels.reduce((sum, { address }) => sum + store.read.balance(address).settledNano, 0n));
  store.close();
}
