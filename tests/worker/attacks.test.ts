import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Address, beginCell, Cell, loadMessage, type Transaction } from '@ton/core';
import { JobEscrow, packCreateJob, parseDelivery, type JobEscrowTerms } from '../../wrappers';
import type { AccountSnapshot, ChainClient } from '../../worker/chain/chainClient';
import { openEngine, openModel, type LoadedEngine, type LoadedModel } from '../../worker/engine';
import { ChainApiError } from '../../worker/errors';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { escrowCodes } from '../../worker/jobs/escrowCheck';
import { MAX_UNPAID, MAX_UNPAID_PER_SENDER, UnpaidIntake } from '../../worker/jobs/intake';
import { computeJob, readJob, type JobContext } from '../../worker/jobs/process';
import { loadWorkerKeys, type WorkerKeys } from '../../worker/keys/workerKeys';
import { createLogger } from '../../worker/log';
import { startService, type Service } from '../../worker/service';
import { JobStore } from '../../worker/store/jobStore';
import { eventually, TINY_MODEL } from '../support/marketplace';
import { fill, LyingChain, NETWORK, now, payJobTo, wallet } from './lyingChain';

const root = mkdtempSync(join(tmpdir(), 'cocoon-attacks-'));
let model: LoadedModel;
let engine: LoadedEngine;
let keys: WorkerKeys;
const services: Service[] = [];
before(async () => {
  model = openModel(TINY_MODEL);
  engine = await openEngine(model, 'reference');
  keys = loadWorkerKeys(join(root, 'keys'));
});
after(async () => {
  await Promise.all(services.map((service) => service.stop()));
  await engine.close();
  rmSync(root, { recursive: true, force: true });
});

let folders = 0;
async function contextOf(chain: LyingChain, changes: Partial<JobContext> = {}): Promise<JobContext> {
  const workerKey = keys.signingPublic;
  return {
    chain: chain as unknown as ChainClient,
    store: JobStore.open(join(root, `store-${folders++}`), {
      networkId: NETWORK,
      workerKey: Buffer.from(workerKey).toString('hex'),
    }),
    log: createLogger('silent'),
    keys,
    policy: { networkId: NETWORK, workerKey, payout: wallet(2), tier: 0, minPrice: 1n, minSeconds: 30, maxSeconds: 86_400 },
    stake: fill(0),
    model,
    engine,
    escrowCodes: await escrowCodes(),
    maxTokens: 2_000,
    ...changes,
  };
}

const payJob = (chain: LyingChain, changes: Partial<JobEscrowTerms> = {}, maxTokens = 4): Promise<Address> => (
  payJobTo({ model, keys }, chain, changes, maxTokens)
);

async function serve(chain: LyingChain): Promise<Service & { store: JobStore }> {
  const context = await contextOf(chain);
  const limits = { queueLimit: 4, pollSeconds: 0.05, lagSeconds: 60, maxCoverage: 0n };
  const options = { ...context, ...limits, host: '127.0.0.1', port: 0 };
  const service = await startService(options);
  services.push(service);
  return { ...service, store: context.store };
}
const announce = (url: string, address: string): Promise<Response> =>
  fetch(`${url}/v1/jobs`, { method: 'POST', body: JSON.stringify({ address }) });
const receiptOf = (url: string, address: Address): Promise<Response> =>
  fetch(`${url}/v1/jobs/${address.toRawString()}/receipt`);
const statusOf = async (url: string, address: Address): Promise<{ state: string; external: string | null }> =>
  (await (await fetch(`${url}/v1/jobs/${address.toRawString()}`)).json()) as { state: string; external: string | null };

describe('attacks on a worker', { concurrency: true }, () => {
  test('an announced account that is no job of ours is refused without paging through its history', async () => {
    const chain = new LyingChain();
    const context = await contextOf(chain);
    const address = await payJob(chain);
    const busy = { ...chain.account, code: beginCell().storeUint(1, 8).endCell() };
    const other = await JobEscrow.fromTerms({
      networkId: NETWORK,
      deadline: now() + 600,
      price: 50_000_000n,
      outputCells: 1,
      answerInCallback: false,
      client: wallet(1),
      payout: wallet(2),
      workerKey: fill(9),
      termsHash: fill(8),
    });
    const cases: [Address, AccountSnapshot][] = [
      [address, busy],
      [other.address, { ...chain.account, ...other.init! }],
    ];
    for (const [at, account] of cases) {
      chain.account = account;
      context.store.add(at.toRawString(), now());
      assert.equal(await readJob(context, at, 5), null);
      assert.equal(context.store.get(at.toRawString())!.state, 'refused');
    }
    assert.equal(chain.histories, 0);
    context.store.close();
  });

  test('announcing accounts of others does not fill the disk: the store keeps the newest refused ones only', async () => {
    const { store } = await contextOf(new LyingChain());
    store.add('0:paid', 1);
    store.update('0:paid', { state: 'declined', external: Buffer.from([1]), settledAt: 1 }, 1);
    for (let index = 0; index < 9; index++) {
      store.add(`0:${index}`, index);
      store.update(`0:${index}`, { state: 'refused', settledAt: index }, index);
    }
    store.forgetRefused(4);
    assert.deepEqual(store.counts(), { declined: 1, refused: 4 });
    assert.deepEqual([store.get('0:4'), store.get('0:5')?.state], [null, 'refused']);
    store.close();
  });

  test('one sender holds a few unpaid places only, whatever form its address has; a paid job frees its place', () => {
    const intake = new UnpaidIntake();
    const admitMany = (count: number, sender: (index: number) => string, prefix: string): number =>
      Array.from({ length: count }, (_, index) => intake.admit(`${prefix}${index}`, sender(index))).filter(Boolean)
        .length;
    assert.equal(admitMany(100, (n) => (n % 2 ? '::ffff:10.0.0.1' : '10.0.0.1'), 'a'), MAX_UNPAID_PER_SENDER);
    assert.equal(admitMany(100, (n) => `2001:db8:1:2::${n}`, 'b'), MAX_UNPAID_PER_SENDER);
    assert.equal(intake.admit('honest', '2001:db8:1:3::1'), true);
    assert.equal(intake.admit('a0', '10.0.0.1'), true, 'the same job needs no second place');
    intake.release('a0');
    assert.equal(intake.admit('a200', '10.0.0.1'), true);
    assert.equal(admitMany(1_000, () => '127.0.0.1', 'c'), MAX_UNPAID - 2 * MAX_UNPAID_PER_SENDER - 1);
    assert.equal(intake.admit('last', '10.0.0.9'), false);
    assert.equal(intake.size, MAX_UNPAID);
  });

  test('a flood of unpaid announcements is bounded, and a paid job that is already followed is served', async () => {
    const chain = new LyingChain();
    const address = await payJob(chain);
    const { url } = await serve(chain);
    assert.equal((await announce(url, address.toRawString())).status, 202);
    await eventually(() => (chain.sent.length > 0 ? true : null));
    const { account } = chain;
    chain.account = { ...account, state: 'absent', code: null, data: null };
    const flood = Array.from({ length: MAX_UNPAID + 20 }, (_, index) =>
      announce(url, `0:${index.toString(16).padStart(64, '0')}`),
    );
    const statuses = (await Promise.all(flood)).map(({ status }) => status);
    assert.deepEqual(
      [202, 429].map((status) => statuses.filter((found) => found === status).length),
      [MAX_UNPAID, 20],
    );
    const again = await announce(url, address.toRawString());
    assert.equal(again.status, 202, 'a known job needs no place');
  });

  test('an answer that comes too late to be paid for is neither signed nor shown', async () => {
    const chain = new LyingChain();
    const address = await payJob(chain);
    const slow: LoadedEngine = {
      ...engine,
      generate: (job) => {
        chain.account = { ...chain.account, apiTime: now() + 598 };
        return engine.generate(job);
      },
    };
    const context = await contextOf(chain, { engine: slow });
    context.store.add(address.toRawString(), now());
    const job = await readJob(context, address, 5);
    assert.ok(job !== null);
    await computeJob(context, job);
    const { state, external, receiptHash, settledAt } = context.store.get(address.toRawString())!;
    assert.deepEqual([state, external, receiptHash, settledAt !== null], ['expired', null, null, true]);
    context.store.close();
  });

  test('a signed answer is not shown over HTTP before the chain has it: nobody reads it and lets the job expire', async () => {
    const chain = new LyingChain();
    const address = await payJob(chain);
    chain.away = true;
    const { url, store } = await serve(chain);
    await announce(url, address.toRawString());
    await eventually(() => store.get(address.toRawString())!.external);
    assert.deepEqual(
      [(await statusOf(url, address)).state, (await statusOf(url, address)).external],
      ['answered', null],
    );
    assert.equal((await receiptOf(url, address)).status, 404);
    chain.account = { ...chain.account, apiTime: now() + 601 };
    await eventually(() => (store.get(address.toRawString())!.settledAt === null ? null : true));
    const ended = await statusOf(url, address);
    assert.deepEqual([ended.state, ended.external, chain.sent.length], ['expired', null, 0]);
  });

  test('a signed answer is shown once the chain has it, as the very bytes that were sent', async () => {
    const chain = new LyingChain();
    const address = await payJob(chain);
    const { url } = await serve(chain);
    await announce(url, address.toRawString());
    const shown = await eventually(async () => (await statusOf(url, address)).external);
    assert.deepEqual(Buffer.from(shown, 'base64'), chain.sent[0]);
    const { receipt, signature } = (await (await receiptOf(url, address)).json()) as Record<string, string>;
    const signed = Cell.fromBase64(receipt).hash();
    assert.ok(nodeEd25519.verify(signed, Buffer.from(signature, 'hex'), keys.signingPublic));
    const paid = parseDelivery(loadMessage(Cell.fromBoc(chain.sent[0])[0].beginParse()).body);
    assert.equal(signature, Buffer.from(paid.signature).toString('hex'));
  });

  test('changed answers of the chain never make a second signature: gone, back, another balance, another request', async () => {
    const chain = new LyingChain();
    const address = await payJob(chain);
    const { url, store } = await serve(chain);
    await announce(url, address.toRawString());
    const first = await eventually(() => store.get(address.toRawString())!.external);
    const { account, create } = chain;
    const lies: [Partial<AccountSnapshot>, Transaction | null][] = [
      [{ state: 'absent', code: null, data: null, balance: 0n }, null],
      [{ balance: 0n }, create],
      [{}, { ...create!, inMessage: { ...create!.inMessage!, body: packCreateJob(fill(7, 300)) } } as Transaction],
      [{}, create],
    ];
    for (const [lie, found] of lies) {
      Object.assign(chain, { account: { ...account, ...lie }, create: found });
      await announce(url, address.toRawString());
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    const { state, external } = store.get(address.toRawString())!;
    assert.deepEqual([state, external], ['answered', first]);
    assert.ok(chain.sent.length > 0 && chain.sent.every((bytes) => bytes.equals(first)));
  });

  test('an escrow that promises more cells than deliver can check is declined before anything is computed', async () => {
    const chain = new LyingChain();
    const context = await contextOf(chain);
    const { outputCellsFor, openJobRequest } = await import('../../worker/jobs/request');
    assert.ok(outputCellsFor(1_300, true) > 40);
    const long = { ...model, model: { ...model.model, config: { ...model.model.config, context: 4_096 } } };
    const address = await payJob(chain, {}, 1_300);
    const { parseCreateJob, parseJobEscrowTerms } = await import('../../wrappers');
    const opened = await openJobRequest({
      envelope: parseCreateJob(chain.create!.inMessage!.body),
      escrow: new Uint8Array(address.hash),
      terms: { ...parseJobEscrowTerms(chain.account.data!), outputCells: 255 },
      tier: 0,
      isChecked: false,
      stake: fill(0),
      keys,
      model: long as LoadedModel,
      maxTokens: 2_000,
    });
    assert.deepEqual(opened, { kind: 'decline', reason: 8 });
    context.store.close();
  });

  test('a sender that never ends its request is cut off, and others are served meanwhile', async () => {
    const { url } = await serve(new LyingChain());
    const { hostname, port } = new URL(url);
    const closed = new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write('POST /v1/jobs HTTP/1.1\r\nhost: x\r\n'));
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('close', () => resolve(text));
      socket.on('error', () => undefined);
    });
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.match(await closed, /408 Request Timeout/);
  });
});
