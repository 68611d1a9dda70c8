import '@ton/test-utils';
import { Cell, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { encodeResponse } from '../../protocol';
import { packOutput } from '../../wrappers';
import { ConsumerProbe, Handler } from '../support/consumerProbe';
import { DAY, type PostedJob, PRICE } from '../support/consumerWorld';
import { exitCode } from '../support/stakeWorld';

const OUT_OF_GAS = -14;
type End = (probe: ConsumerProbe, job: PostedJob) => Promise<SendMessageResult>;
const ENDS: [string, End, boolean][] = [
  ['an answer', ({ world }, job) => world.answer(job, [1, 2, 3]), true],
  ['a decline', ({ world }, job) => world.decline(job), false],
  ['the deadline', ({ world }, job) => world.expire(job), false],
];

describe('a handler that fails', () => {
  const cases = ENDS.flatMap(([name, end, isPaid]) => [
    { name: `throws at ${name}`, handler: Handler.throws, code: 999, end, isPaid },
    { name: `runs out of gas at ${name}`, handler: Handler.loops, code: OUT_OF_GAS, end, isPaid },
  ]);

  it.each(cases)('finding 42: that $name holds nobody up and costs nothing else', async (failing) => {
    const { handler, code, end, isPaid } = failing;
    const probe = await ConsumerProbe.create(handler);
    const { world } = probe;
    const [job] = await world.jobsIn(await world.conserved(() => probe.ask()));
    const before = await world.balance(probe.address);
    const paidBefore = await world.balance(world.wallets.payout.address);
    const result = await end(probe, job);
    expect(exitCode(result, probe.address)).toBe(code);
    expect(await world.isGone(job)).toBe(true);
    const paid = (await world.balance(world.wallets.payout.address)) - paidBefore;
    expect(paid > PRICE - toNano('0.001')).toBe(isPaid);
    // The callback's own money paid for the handler; rent of ten minutes aside nothing else went.
    expect(await world.balance(probe.address)).toBeGreaterThan(before - 10_000n);
    expect(await probe.record()).toMatchObject({ answers: 0, failures: 0 });
    expect(await probe.openCount()).toBe(1);
    world.now = job.terms.deadline + DAY;
    expect(exitCode(await probe.forget(job.escrow), probe.address)).toBe(0);
    expect(await probe.openCount()).toBe(0);
    await probe.setHandler(Handler.records);
    const [next] = await world.jobsIn(await probe.ask());
    await world.answer(next, [1]);
    expect(await probe.record()).toMatchObject({ answers: 1 });
  });

  it('finding 42: that does too much for a long answer runs out of gas; for a short one it works', async () => {
    const probe = await ConsumerProbe.create(Handler.readsAll);
    const { world } = probe;
    const long = (await world.jobsIn(await probe.ask({ maxTokens: 1260 })))[0];
    const short = (await world.jobsIn(await probe.ask({ maxTokens: 1260 })))[0];
    const before = await world.balance(probe.address);
    const tokens = Array.from({ length: 1260 }, (_, index) => index);
    expect(exitCode(await world.answer(long, tokens), probe.address)).toBe(OUT_OF_GAS);
    expect(await world.balance(probe.address)).toBeGreaterThan(before - 10_000n);
    expect(exitCode(await world.answer(short, tokens.slice(0, 20)), probe.address)).toBe(0);
    expect(await probe.record()).toMatchObject({ answers: 1, tokenCount: 20 });
  });

  it('finding 43: never lacks gas because the worker hung cells below its signed claims: they are refused', async () => {
    const probe = await ConsumerProbe.create();
    const { world } = probe;
    const [job] = await world.jobsIn(await probe.ask());
    const output = packOutput(encodeResponse({ finishReason: 0, tokens: [1] }));
    await expect(world.external(job, world.signedBytes(job, output, [new Cell()]))).rejects.toThrow();
    expect(await world.isGone(job)).toBe(false);
    await world.external(job, world.signedBytes(job, output, []));
    expect(await world.isGone(job)).toBe(true);
    expect(await probe.openCount()).toBe(0);
  });

  it('at a create that came back leaves its slot to ForgetJob', async () => {
    const probe = await ConsumerProbe.create(Handler.throws);
    const { world } = probe;
    const [job] = await world.jobsIn(await probe.ask({ seconds: 0 }));
    expect(await probe.openCount()).toBe(1);
    world.now = job.terms.deadline + DAY;
    await probe.forget(job.escrow);
    expect(await probe.openCount()).toBe(0);
  });
});

it('a consumer without the money for its job is left as it was', async () => {
  const probe = await ConsumerProbe.create(Handler.records, toNano('0.05'));
  const { world } = probe;
  const result = await probe.ask({ price: toNano('5') }, toNano('0.2'));
  expect(await world.jobsIn(result)).toEqual([]);
  expect(await probe.openCount()).toBe(0);
  expect(result.transactions.some(({ inMessage }) => inMessage!.body.equals(new Cell()))).toBe(false);
  await probe.ask({ price: 0n });
  expect(await probe.openCount()).toBe(1);
});
