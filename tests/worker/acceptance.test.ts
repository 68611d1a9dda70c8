import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Address, beginCell, Cell } from '@ton/core';
import { acceptanceHash, decodeAcceptance } from '../../protocol';
import { fromCell, packJobEscrowTerms, parseSignedAcceptance } from '../../wrappers';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { MAX_OPEN_PROMISES } from '../../worker/promises/accept';
import type { JobStore } from '../../worker/store/jobStore';
import { eventually } from '../support/marketplace';
import { CheckedMarket, type PersonsJob, type RunningService } from './checkedMarket';

const TON = 1_000_000_000n;
let market: CheckedMarket;
let worker: RunningService;
before(async () => {
  market = await CheckedMarket.open();
  worker = await market.serve();
});
after(() => market.close());

const base64 = (cell: Cell): string => cell.toBoc().toString('base64');
const bodyOf = (job: PersonsJob): { job: string; request: string } => ({
  job: base64(packJobEscrowTerms(job.terms)),
  request: Buffer.from(job.request).toString('base64'),
});
const nameOf = ({ escrow }: PersonsJob): string => escrow.address.toRawString();

async function ask(body: unknown, service = worker): Promise<{ status: number; code?: string; acceptance?: string }> {
  const init = { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${service.url}/v1/acceptances`, init);
  const reply = (await response.json()) as { error?: { code: string }; acceptance?: string };
  return { status: response.status, code: reply.error?.code, acceptance: reply.acceptance };
}
/** Status and code, the form in which the tables below name a refusal. */
const refusal = async (body: unknown, service = worker): Promise<string> => {
  const { status, code } = await ask(body, service);
  return `${status} ${code}`;
};

describe('asking for a promise', () => {
  test('finding 21: the promise names the genuine escrow of these very terms and ends in a minute', async () => {
    const job = await market.job({ coverage: TON / 2n });
    const { acceptance } = await ask(bodyOf(job));
    const signed = parseSignedAcceptance(Cell.fromBase64(acceptance!));
    const said = decodeAcceptance(fromCell(signed.acceptance));
    const { acceptBy, ...rest } = said;
    assert.deepEqual(rest, {
      networkId: 2026,
      escrow: new Uint8Array(job.escrow.address.hash),
      stake: new Uint8Array(market.owner.stake.hash),
      termsHash: new Uint8Array(job.terms.termsHash),
      coverage: TON / 2n,
    });
    const now = await market.now();
    assert.ok(acceptBy > now + 50 && acceptBy <= now + 60);
    assert.ok(nodeEd25519.verify(acceptanceHash(said), signed.signature, market.keys.signingPublic));
    const soon = await market.job({ seconds: 75 });
    const reply = Cell.fromBase64((await ask(bodyOf(soon))).acceptance!);
    const { acceptBy: sooner } = decodeAcceptance(fromCell(parseSignedAcceptance(reply).acceptance));
    assert.equal(sooner, soon.terms.deadline - 30, 'early enough to be kept');
  });

  test('what cannot be read, is not ours, or would be declined is refused by name, and nothing is stored', async () => {
    const before = worker.store.counts();
    const good = bodyOf(await market.job());
    const jobs = {
      otherKey: await market.job({ terms: { workerKey: new Uint8Array(32).fill(8) } }),
      otherNetwork: await market.job({ terms: { networkId: -239 } }),
      otherPayout: await market.job({ terms: { payout: new Address(0, Buffer.alloc(32, 1)) } }),
      otherTerms: await market.job({ terms: { termsHash: new Uint8Array(32) } }),
      otherStake: await market.job({ stake: new Address(0, Buffer.alloc(32, 9)) }),
      cheap: await market.job({ price: 9_999_999n }),
      short: await market.job({ seconds: 20 }),
      soon: await market.job({ seconds: 40 }),
      late: await market.job({ seconds: 86_500 }),
      long: await market.job({ maxTokens: 65 }),
      cramped: await market.job({ terms: { outputCells: 1 } }),
      greedy: await market.job({ coverage: 2n * TON + 1n }),
    };
    const table: [string, unknown, string][] = [
      ['no object', [], '400 request.body'],
      ['another field', { ...good, more: 1 }, '400 request.body'],
      ['no base64', { ...good, job: '%' }, '400 request.body'],
      ['too long', { ...good, request: 'A'.repeat(8_196) }, '400 request.body'],
      ['too large', { ...good, request: 'A'.repeat(20_000) }, '413 request.too-large'],
      ['no cells', { ...good, job: 'AAAA' }, '400 request.job'],
      ['other cells', { ...good, job: base64(beginCell().storeUint(1, 8).endCell()) }, '400 request.job'],
      ['no envelope', { ...good, request: 'AAAA' }, '409 request.not-taken'],
      ['the request of another job', { ...good, request: bodyOf(jobs.cheap).request }, '409 request.not-taken'],
      ['another key', bodyOf(jobs.otherKey), '400 request.other-worker'],
      ['another network', bodyOf(jobs.otherNetwork), '400 request.other-worker'],
      ['another payout', bodyOf(jobs.otherPayout), '409 request.not-taken'],
      ['other terms', bodyOf(jobs.otherTerms), '409 request.not-taken'],
      ['another stake', bodyOf(jobs.otherStake), '409 request.not-taken'],
      ['a low price', bodyOf(jobs.cheap), '409 request.not-taken'],
      ['a deadline too close', bodyOf(jobs.short), '409 request.not-taken'],
      ['a deadline too close for a promise', bodyOf(jobs.soon), '409 request.deadline'],
      ['a deadline too far', bodyOf(jobs.late), '409 request.not-taken'],
      ['a long answer', bodyOf(jobs.long), '409 request.not-taken'],
      ['no room for the answer', bodyOf(jobs.cramped), '409 request.not-taken'],
      ['more coverage than the worker gives', bodyOf(jobs.greedy), '409 request.coverage'],
    ];
    for (const [name, body, expected] of table) assert.equal(await refusal(body), expected, name);
    assert.deepEqual(worker.store.counts(), before);
  });

  test('finding 17: promises never exceed the free stake together, those that nobody took yet included', async () => {
    const { active, reserved } = await market.status();
    const free = active - reserved - worker.store.promises.open().coverageNano;
    const jobs = await Promise.all([0, 1, 2].map(() => market.job({ coverage: 2n * TON })));
    const replies = await Promise.all(jobs.map(async (job) => ask(bodyOf(job))));
    assert.ok(free >= 4n * TON && free < 6n * TON);
    assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 200, 409]);
    assert.equal(replies.find(({ status }) => status === 409)!.code, 'request.coverage');
  });

  test('the same request has the same promise: asked twice at once, after a restart, in another envelope', async () => {
    const folder = market.market.newFolder('restarted');
    const first = await market.serve({}, folder);
    const job = await market.job();
    const [one, two] = await Promise.all([ask(bodyOf(job), first), ask(bodyOf(job), first)]);
    await first.stop();
    const second = await market.serve({}, folder);
    const again = await ask({ ...bodyOf(job), request: 'AAAA' }, second);
    assert.deepEqual([two.acceptance, again.acceptance], [one.acceptance, one.acceptance]);
    assert.ok(one.acceptance !== undefined);
    await second.stop();
  });

  test('a worker without a stake, one that is full, and one that knows the job promise nothing', async () => {
    const job = await market.job();
    const bare = await market.serve({ stake: new Uint8Array(32) });
    assert.equal(await refusal(bodyOf(job), bare), '409 request.no-stake');
    const full = await market.serve();
    fillWithPromises(full.store);
    assert.equal(await refusal(bodyOf(job), full), '503 request.overloaded');
    await worker.api.announce(nameOf(job));
    assert.equal(await refusal(bodyOf(job)), '409 request.known-job');
    await Promise.all([bare.stop(), full.stop()]);
  });
});

/** As many promises as a worker gives, all of them open. */
function fillWithPromises(store: JobStore): void {
  for (let index = 0; index < MAX_OPEN_PROMISES; index++) {
    const address = `0:${index.toString(16).padStart(64, '0')}`;
    const promise = { address, acceptBy: 0, coverageNano: 0n, request: Buffer.alloc(1), signed: Buffer.alloc(1) };
    store.promises.add(promise, { deadline: 0, priceNano: 1n, termsHash: '00' }, 1);
  }
}

describe('a job that was promised', () => {
  // Two workers must not share a key.
  before(() => worker.stop());

  test('finding 25: is never declined: a failing engine tries again, and the job is delivered', async () => {
    let failures = 2;
    const engine = {
      ...market.engine,
      generate: (...asked: Parameters<typeof market.engine.generate>) =>
        failures-- > 0 ? Promise.reject(new Error('the device was lost')) : market.engine.generate(...asked),
    };
    const shaky = await market.serve({ engine });
    const [kept, declined] = [await market.job(), await market.job()];
    await market.create(kept, await shaky.api.accept(packJobEscrowTerms(kept.terms), kept.request));
    await eventually(() => (shaky.store.get(nameOf(kept))!.state === 'delivered' ? true : null));
    failures = 1;
    await market.create(declined);
    await eventually(() => (shaky.store.get(nameOf(declined))?.state === 'declined' ? true : null));
    await shaky.stop();
  });

  test('is not declined by a worker that was started with other limits, and served when they are back', async () => {
    const folder = market.market.newFolder('limited');
    const first = await market.serve({}, folder);
    const job = await market.job();
    const acceptance = await first.api.accept(packJobEscrowTerms(job.terms), job.request);
    await first.stop();
    await market.create(job, acceptance);
    const limited = await market.serve({ maxTokens: 1 }, folder);
    const { note, external } = await eventually(() => {
      const record = limited.store.get(nameOf(job))!;
      return record.note === null ? null : record;
    });
    assert.deepEqual([note, external], ['promised, and cannot be served now: reason 6', null]);
    await limited.stop();
    const back = await market.serve({}, folder);
    await eventually(() => (back.store.get(nameOf(job))!.state === 'delivered' ? true : null));
    assert.deepEqual(await market.payments(job.escrow.address), [job.terms.price]);
  });
});
