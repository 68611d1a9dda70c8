import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RefusalFrame, RefusalReason } from '../../../protocol';
import { ApiRecord } from '../../../worker/chain/apiRecord';
import { ChannelBooks } from '../../../worker/channels/books';
import type { LoadedEngine } from '../../../worker/engine';
import { StorageError } from '../../../worker/errors';
import { createLogger } from '../../../worker/log';
import { Admission } from '../../../worker/operation/admission';
import { EngineWatch } from '../../../worker/operation/engineWatch';
import { WorkerMetrics } from '../../../worker/operation/metrics';
import { startOperatorServer } from '../../../worker/operation/operatorServer';
import { CHAIN_SECONDS, Readiness, type ReadinessSources } from '../../../worker/operation/readiness';
import { addReadings } from '../../../worker/operation/readings';
import { NOW, prepaid, settled, WorkerWorld } from '../channels/conversationWorld';
import { wallet } from '../lyingChain';

/** Values of a page in the text exposition format, by name with labels. */
function valuesOf(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^}]*\})?) (\S+)$/.exec(line);
    assert.ok(match, line);
    values.set(match[1], match[2] === '+Inf' ? Infinity : Number(match[2]));
  }
  return values;
}

/** A chain, an engine and stores of which the test says how they are. */
function sources(changes: Partial<ReadinessSources> = {}): ReadinessSources & { engineFails: boolean; looks: number } {
  const made = {
    engineFails: false,
    looks: 0,
    draining: new AbortController().signal,
    checkStores: () => undefined,
    account: wallet(1),
    log: createLogger('silent'),
    ...changes,
  } as ReadinessSources & { engineFails: boolean; looks: number };
  const generate: LoadedEngine['generate'] = (job) => (
    made.engineFails ? Promise.reject(new Error('the device is gone')) : Promise.resolve({ tokens: Array(job.maxTokens).fill(1) } as never)
  );
  made.engine = new EngineWatch({ generate } as LoadedEngine, [7]);
  const record = new ApiRecord();
  made.chain = {
    record,
    getAccount: () => {
      made.looks++;
      record.answered();
      return Promise.resolve(null as never);
    },
  };
  return made;
}

describe('a ready worker', () => {
  const start = Date.now();
  let now = start;
  const readinessOf = (made: ReadinessSources): Readiness => {
    now = start;
    const readiness = new Readiness(made, () => now);
    readiness.stop();
    return readiness;
  };

  test('is not ready before the chain was seen, when it was not for long, and when it shows old blocks only', () => {
    const made = sources();
    const readiness = readinessOf(made);
    assert.deepEqual(readiness.reasons(), ['chain']);
    made.chain.record.answered();
    assert.deepEqual(readiness.reasons(), []);
    made.chain.record.block(start / 1_000 - CHAIN_SECONDS - 5);
    assert.deepEqual(readiness.reasons(), ['chain-behind']);
    made.chain.record.block(start / 1_000);
    assert.deepEqual(readiness.reasons(), []);
    now += (CHAIN_SECONDS + 5) * 1_000;
    assert.deepEqual(readiness.reasons(), ['chain']);
  });

  test('looks at the chain itself when nothing else did, and tries an engine that failed until it works again', async () => {
    const made = sources();
    const readiness = readinessOf(made);
    await readiness.pulse();
    assert.deepEqual([made.looks, readiness.reasons()], [1, []]);
    await readiness.pulse();
    assert.equal(made.looks, 1, 'seen just now');
    made.engineFails = true;
    const job = { promptTokens: [1, 2], maxTokens: 3, stopTokens: [], sampling: {} as never };
    await assert.rejects(made.engine.engine.generate(job));
    await readiness.pulse();
    assert.deepEqual(readiness.reasons(), ['engine']);
    made.engineFails = false;
    await readiness.pulse();
    assert.deepEqual(readiness.reasons(), []);
    assert.deepEqual(made.engine.counts, { promptTokens: 4, outputTokens: 1, failures: 2 });
  });

  test('an engine that failed is probed with the stop set of its model, and not again while it does not answer', async () => {
    const jobs: { stopTokens: readonly number[] }[] = [];
    const made = sources();
    let answer = (): void => undefined;
    made.engine = new EngineWatch({
      generate: (job: { stopTokens: readonly number[] }) => {
        jobs.push(job);
        return jobs.length === 1 ? Promise.reject(new Error('gone')) : new Promise((resolve) => (answer = () => resolve({ tokens: [1] } as never)));
      },
    } as never, [7]);
    await assert.rejects(made.engine.engine.generate({ promptTokens: [1] } as never));
    const readiness = readinessOf(made);
    const pulses = Array.from({ length: 6 }, () => readiness.pulse());
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(jobs.slice(1).map(({ stopTokens }) => stopTokens), [[7]]);
    answer();
    await Promise.all(pulses);
    assert.ok(made.engine.isWell);
  });

  test('a job that is wrong, too long or stopped says nothing about the engine', async () => {
    for (const code of ['input.prompt-token', 'engine.kv-memory', 'engine.logits']) {
      const watch = new EngineWatch({ generate: () => Promise.reject(Object.assign(new Error('x'), { code })) } as never, []);
      await assert.rejects(watch.engine.generate({ promptTokens: [1] } as never));
      assert.equal(watch.isWell, true, code);
    }
  });

  test('is not ready while a store cannot keep anything, or while it drains', () => {
    const stop = new AbortController();
    let full = true;
    const made = sources({
      draining: stop.signal,
      checkStores: () => {
        if (full) throw new StorageError('storage.full', 'the disk is full');
      },
    });
    made.chain.record.answered();
    const readiness = readinessOf(made);
    assert.deepEqual(readiness.reasons(), ['store']);
    full = false;
    assert.deepEqual(readiness.reasons(), []);
    stop.abort();
    assert.deepEqual(readiness.reasons(), ['draining']);
  });
});

describe('metrics of a worker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-metrics-'));
  let loaded: Awaited<ReturnType<typeof WorkerWorld.loaded>>;
  let world: WorkerWorld;
  let metrics: WorkerMetrics;
  before(async () => {
    loaded = await WorkerWorld.loaded();
    const made = await WorkerWorld.create(loaded.model, loaded.engine);
    const watch = new EngineWatch(loaded.engine, []);
    const admission = new Admission();
    const readiness = new Readiness(sources());
    const chain = new ApiRecord();
    chain.answered();
    chain.failed('network.rate-limit');
    metrics = new WorkerMetrics();
    const books = new ChannelBooks(made.store, () => NOW);
    books.noteEnd(made.address, NOW + 500);
    made.context = { ...made.context, engine: watch.engine, admission, metrics };
    addReadings(metrics, {
      info: { backend: 'wasm', tier: 'bonded' }, jobs: () => ({ delivered: 3 }), jobQueue: () => 2, admission, engine: watch, chain, readiness,
      channels: { connections: () => 1, totals: () => books.totals(), commits: () => made.store.commits },
      certificateEnd: () => NOW,
    });
    readiness.stop();
    world = made;
  });
  after(async () => {
    world.end();
    await loaded.engine.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('count what is served, refused, owed, vouched for and still to be claimed', async () => {
    const client = world.connect();
    await client.hello(1);
    const request = world.request(1, 40);
    await client.ask(request, prepaid(request));
    await client.count(2);
    await client.pay(client.pieces(1)[0].dueNano);
    await client.count(3);
    await client.pay(client.pieces(1)[1].dueNano);
    await client.ask(world.request(2, 257), 10n ** 8n);
    assert.equal((client.last as RefusalFrame).reason, RefusalReason.tooLong);
    await settled();
    metrics.claimed('sent');
    metrics.claimed('nothing due');
    metrics.replied(404);
    const text = await metrics.text();
    assert.equal(metrics.registry.contentType, 'text/plain; version=0.0.4; charset=utf-8');
    const values = valuesOf(text);
    const due = Number(client.pieces(1)[1].dueNano) / 1e9;
    const expected: Record<string, number> = {
      'requests_total{outcome="served"}': 1,
      'requests_total{outcome="failed"}': 0,
      'refusals_total{reason="tooLong"}': 1,
      'refusals_total{reason="draining"}': 0,
      'http_responses_total{status="404"}': 1,
      'claims_total{outcome="sent"}': 1,
      'claims_total{outcome="failed"}': 0,
      first_piece_seconds_count: 1,
      piece_seconds_count: 1,
      'engine_tokens_total{direction="output"}': 40,
      'engine_tokens_total{direction="prompt"}': request.payload.request.promptTokens.length,
      'jobs{state="delivered"}': 3,
      'jobs{state="seen"}': 0,
      job_queue_length: 2,
      engine_running: 0,
      channel_requests: 0,
      channel_connections: 1,
      channels: 1,
      'channel_ton{kind="owed"}': due,
      'channel_ton{kind="vouched"}': due,
      'channel_ton{kind="claimed"}': 0,
      'channel_ton{kind="unclaimed"}': due,
      unclaimed_end_seconds: 500,
      ready: 0,
      'not_ready{reason="chain"}': 1,
      'chain_api_errors_total{code="network.rate-limit"}': 1,
      tls_certificate_end_seconds: NOW,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(values.get(`cocoon_worker_${name}`), value, name);
    assert.ok(values.get('cocoon_worker_store_commits_total')! >= 4);
    assert.ok(values.get('cocoon_worker_chain_api_age_seconds')! < 60);
    assert.equal(values.get('cocoon_worker_chain_block_age_seconds'), Infinity);
    assert.ok(values.has('process_resident_memory_bytes'));
    assert.deepEqual(valuesOf(await metrics.text()).get('cocoon_worker_engine_tokens_total{direction="output"}'), 40, 'a second look counts nothing');
  });

  test('name no channel, client, key or token, whoever talks to the worker', async () => {
    const text = await metrics.text();
    const secrets = [world.address, world.clientKey.publicKey, world.keys.signingPublic].map((bytes) => Buffer.from(bytes).toString('hex'));
    for (const secret of [...secrets, 'swiftly', '127.0.0.1']) assert.ok(!text.includes(secret), secret);
    assert.doesNotMatch(text, /[0-9a-f]{32}/);
    const series = [...valuesOf(text).keys()].filter((name) => name.startsWith('cocoon_worker_'));
    assert.ok(series.length < 150, `${series.length} series`);
  });

  test('two workers in one process count apart', async () => {
    const other = new WorkerMetrics();
    other.refused(RefusalReason.overloaded);
    assert.equal(valuesOf(await other.text()).get('cocoon_worker_refusals_total{reason="overloaded"}'), 1);
    assert.equal(valuesOf(await metrics.text()).get('cocoon_worker_refusals_total{reason="overloaded"}'), 0);
  });

  test('money of a channel that ended unclaimed is lost, and of one that nobody looked at is not', async () => {
    const books = new ChannelBooks(world.store, () => NOW);
    const { vouchedNano, claimedNano } = books.totals();
    const open = vouchedNano - claimedNano;
    assert.ok(open > 0n);
    assert.deepEqual([books.totals().unclaimedNano, books.totals().lostNano, books.totals().secondsToEnd], [open, 0n, Infinity]);
    for (const end of [NOW, null]) {
      books.noteEnd(world.address, end);
      assert.deepEqual([books.totals().unclaimedNano, books.totals().lostNano, books.totals().secondsToEnd], [0n, open, Infinity]);
    }
  });

  test('a number that cannot be read hides no other, and the page is at its path on its own port', async () => {
    const own = new WorkerMetrics();
    own.gauge('broken', 'x', () => {
      throw new Error('the store is closed');
    });
    own.gauge('parts', 'x', () => {
      throw new Error('the store is closed');
    }, 'part');
    own.gauge('fine', 'x', () => 4);
    const operator = await startOperatorServer({ host: '127.0.0.1' }, 0, {
      open: {
        '/metrics': async () => ({ status: 200, type: own.registry.contentType, text: await own.text() }),
        '/broken': () => Promise.reject(new Error('secret detail')),
      },
      own: {},
    }, createLogger('silent'), new Map());
    const page = await fetch(`${operator.url}/metrics`);
    const values = valuesOf(await page.text());
    assert.match(page.headers.get('content-type')!, /version=0\.0\.4/);
    assert.deepEqual([values.get('cocoon_worker_fine'), values.get('cocoon_worker_broken')], [4, NaN]);
    const broken = await fetch(`${operator.url}/broken`);
    assert.equal(broken.status, 500);
    assert.ok(!(await broken.text()).includes('secret detail'));
    assert.equal((await fetch(operator.url)).status, 404);
    assert.equal((await fetch(`${operator.url}/metrics`, { method: 'POST' })).status, 404);
    operator.close();
  });
});
