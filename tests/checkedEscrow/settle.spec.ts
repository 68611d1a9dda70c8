import '@ton/test-utils';
import { beginCell, Cell, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { CHECKED_JOB_ERRORS, packDecline, packDelivery, parseJobCallback } from '../../wrappers';
import { BURN_ADDRESS, CheckedJobWorld, STAKE_NANO } from '../support/checkedJobWorld';
import { multiplyPrices } from '../support/config';
import { patternBytes, refusal } from '../support/jobWorld';

async function open(acceptance = false, coverage = 0n): Promise<CheckedJobWorld> {
  const world = await CheckedJobWorld.create();
  await world.conserved(() => world.create({ acceptance: acceptance ? world.acceptance({ coverage }) : undefined }));
  expect(await world.state()).toBe('open');
  return world;
}

/** Jobs that did not open: deployed by a stranger, and asked about at a stake that keeps silent. */
async function notOpen(): Promise<{ fresh: CheckedJobWorld; checking: CheckedJobWorld }> {
  const fresh = await CheckedJobWorld.create();
  const { init, address: to } = fresh.job;
  await fresh.stranger.send({ to, value: toNano('1'), init, bounce: false });
  const checking = await CheckedJobWorld.create({ blockchain: fresh.blockchain, stake: fresh.owner.address });
  await checking.create();
  expect([await fresh.state(), await checking.state()]).toEqual(['fresh', 'checking']);
  return { fresh, checking };
}

const clientBody = (world: CheckedJobWorld, result: Awaited<ReturnType<CheckedJobWorld['expire']>>): Cell =>
  result.transactions.find(
    ({ inMessage }) =>
      inMessage?.info.src?.toString() === world.job.address.toString() &&
      inMessage.info.dest?.toString() === world.client.address.toString(),
  )!.inMessage!.body;

describe('deliver to a checked job', () => {
  it('pays exactly the price, returns the rest to the client and leaves no account', async () => {
    const world = await open();
    const before = await world.balance(world.payout.address);
    const result = await world.conserved(() => world.deliver());
    expect(result.transactions).toHaveTransaction({
      from: world.job.address,
      to: world.payout.address,
      value: world.terms.price,
      inMessageBounceable: false,
    });
    expect((await world.balance(world.payout.address)) - before).toBe(world.terms.price - 123_600n);
    expect(parseJobCallback(clientBody(world, result))).toEqual({ kind: 'answered' });
    expect(await world.isGone()).toBe(true);
  });

  it('repeats the answer in the callback when the terms ask for it', async () => {
    const world = await CheckedJobWorld.create({ job: { answerInCallback: true } });
    await world.create();
    const output = patternBytes(256, 5);
    const result = await world.deliver(world.delivery(world.answer({ output })));
    const callback = parseJobCallback(clientBody(world, result));
    expect(callback?.kind === 'answered' && Buffer.from(callback.output!)).toEqual(Buffer.from(output));
  });

  it('is refused while the job is fresh and while the stake is being asked', async () => {
    const { fresh, checking } = await notOpen();
    for (const world of [fresh, checking]) {
      expect(await refusal(world.deliver())).toBe(CHECKED_JOB_ERRORS.notOpen);
      expect(await refusal(world.decline())).toBe(CHECKED_JOB_ERRORS.notOpen);
    }
  });

  it('is refused at the deadline, from another key, in any changed field, and twice', async () => {
    const world = await open();
    const good = world.delivery();
    const thief = keyPairFromSeed(Buffer.alloc(32, 66));
    const { badSignature, outputNotSigned } = CHECKED_JOB_ERRORS;
    expect(await refusal(world.deliver(world.delivery(world.answer(), {}, thief)))).toBe(badSignature);
    for (const fields of [{ seq: 1 }, { index: 1 }, { final: 0 }, { reserved: 1 }, { tag: 1 }, { dueNano: 0n }]) {
      expect(await refusal(world.deliver(world.delivery(world.answer(), fields)))).toBe(badSignature);
    }
    for (const changed of [{ finishReason: 0 }, { issuedAt: 1 }, { signature: patternBytes(64) }]) {
      expect(await refusal(world.deliver({ ...good, ...changed }))).toBe(badSignature);
    }
    expect(await refusal(world.deliver({ ...good, output: patternBytes(256, 8) }))).toBe(outputNotSigned);
    world.blockchain.now = world.terms.deadline;
    expect(await refusal(world.deliver(good))).toBe(CHECKED_JOB_ERRORS.malformed);
    world.blockchain.now = world.terms.deadline - 1;
    expect(await refusal(world.deliver(good))).toBe(null);
    await expect(world.deliver(good)).rejects.toThrow();
  });

  it('finding 41: raised prices delay the payment; whoever sends the escrow money, unbounceable, lets it through', async () => {
    const world = await open(true);
    world.blockchain.setConfig(multiplyPrices(world.blockchain.config, 20n));
    expect(await refusal(world.deliver())).toBe(CHECKED_JOB_ERRORS.balanceTooLow);
    const { address: to } = world.job;
    await world.conserved(() => world.payout.send({ to, value: toNano('0.5'), bounce: false }));
    const result = await world.conserved(() => world.deliver());
    expect(result.transactions).toHaveTransaction({ to: world.payout.address, value: world.terms.price });
    expect(await world.isGone()).toBe(true);
  });
});

describe('decline of a checked job', () => {
  it('returns everything at once with the reason', async () => {
    const world = await open();
    const result = await world.conserved(() => world.decline(5));
    expect(parseJobCallback(clientBody(world, result))).toEqual({ kind: 'failed', reason: 'declined', declineReason: 5 });
    expect(await world.isGone()).toBe(true);
  });

  it('is refused from another key and at the deadline', async () => {
    const world = await open();
    expect(await refusal(world.decline(5, keyPairFromSeed(Buffer.alloc(32, 66))))).toBe(CHECKED_JOB_ERRORS.badSignature);
    world.blockchain.now = world.terms.deadline;
    expect(await refusal(world.decline())).toBe(CHECKED_JOB_ERRORS.malformed);
  });

  it('finding 25: is refused when the worker had accepted; delivering is not', async () => {
    const world = await open(true);
    expect(await refusal(world.decline())).toBe(CHECKED_JOB_ERRORS.accepted);
    expect(await refusal(world.deliver())).toBe(null);
  });
});

describe('expire of a checked job', () => {
  it('returns everything from any state, at the deadline and not a second before', async () => {
    const { fresh, checking } = await notOpen();
    const opened = await CheckedJobWorld.create({ blockchain: fresh.blockchain, salt: 9 });
    await opened.create();
    const worlds = [fresh, checking, opened];
    fresh.blockchain.now = fresh.terms.deadline - 1;
    for (const world of worlds) {
      const { malformed, notOpen: early } = CHECKED_JOB_ERRORS;
      expect(await refusal(world.expire())).toBe(world === opened ? malformed : early);
    }
    fresh.blockchain.now = fresh.terms.deadline;
    for (const world of worlds) {
      const held = await world.balance(world.job.address);
      const result = await world.conserved(() => world.expire());
      expect(parseJobCallback(clientBody(world, result))).toEqual({ kind: 'failed', reason: 'expired' });
      const { info } = result.transactions[0].outMessages.get(0)!;
      expect(info.type === 'internal' && info.value.coins).toBeGreaterThan(held - toNano('0.003'));
      expect(result.transactions).not.toHaveTransaction({ to: world.stake.address });
      expect(await world.isGone()).toBe(true);
    }
  });

  it('cannot be repeated and carries nothing', async () => {
    const world = await open();
    world.blockchain.now = world.terms.deadline;
    for (const body of [beginCell().storeBit(0).endCell(), beginCell().storeRef(new Cell()).endCell()]) {
      expect(await refusal(world.external(body))).toBe(CHECKED_JOB_ERRORS.malformed);
    }
    await world.expire();
    await expect(world.expire()).rejects.toThrow();
  });

  it('works three years late: rent is small against what the job holds', async () => {
    const world = await open(true);
    world.blockchain.now = world.terms.deadline + 3 * 365 * 86_400;
    const result = await world.expire();
    const refund = [...result.transactions[0].outMessages.values()].find(
      ({ info }) => info.dest?.toString() === world.client.address.toString(),
    )!;
    expect(refund.info.type === 'internal' && refund.info.value.coins).toBeGreaterThan(
      world.terms.price - toNano('0.03'),
    );
    expect(await world.isGone()).toBe(true);
  });
});

describe('an accepted job', () => {
  it('finding 17: reserves its coverage at the stake until disputes about it are over', async () => {
    const world = await open(true, toNano('3'));
    expect((await world.job.getData())!.acceptance).not.toBe(null);
    const before = await world.stake.getStatus();
    expect(before.reserved).toBe(toNano('3'));
    await world.deliver();
    expect((await world.stake.getStatus()).reserved).toBe(toNano('3'));
    world.blockchain.now = world.terms.deadline + 7 * 86_400;
    expect((await world.stake.getStatus()).reserved).toBe(0n);
  });

  it('finding 21: that expired undelivered costs the stake its price, of which the client gets a little and nobody the rest', async () => {
    const world = await open(true);
    const [burnt, client] = [await world.balance(BURN_ADDRESS), await world.balance(world.client.address)];
    world.blockchain.now = world.terms.deadline;
    const result = await world.conserved(() => world.expire());
    expect(result.transactions).toHaveTransaction({
      from: world.job.address,
      to: world.stake.address,
      op: 0x0c07,
      success: true,
      inMessageBounceable: false,
    });
    const status = await world.stake.getStatus();
    const share = toNano('0.05');
    expect(status.slashed).toBe(world.terms.price);
    expect(status.active).toBe(STAKE_NANO - world.terms.price);
    expect(status.faults).toBe(1n);
    const toNobody = (await world.balance(BURN_ADDRESS)) - burnt;
    expect(toNobody).toBeGreaterThan(world.terms.price - share - toNano('0.001'));
    expect((await world.balance(world.client.address)) - client).toBeGreaterThan(world.terms.price + share);
    expect(await world.isGone()).toBe(true);
  });

  it('finding 21: costs at most 1 TON, whatever its price', async () => {
    const world = await CheckedJobWorld.create({ price: toNano('20') });
    await world.create({ acceptance: world.acceptance() });
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    expect((await world.stake.getStatus()).slashed).toBe(toNano('1'));
  });

  it('delivered in the last second costs nothing, and its expiry afterwards neither', async () => {
    const world = await open(true);
    world.blockchain.now = world.terms.deadline - 1;
    await world.conserved(() => world.deliver());
    world.blockchain.now = world.terms.deadline;
    const { init, address: to } = world.job;
    await world.stranger.send({ to, value: toNano('0.05'), init, bounce: false });
    const result = await world.conserved(() => world.expire());
    expect(result.transactions).not.toHaveTransaction({ to: world.stake.address });
    expect((await world.stake.getStatus()).slashed).toBe(0n);
    expect(await world.isGone()).toBe(true);
  });

  it('that the worker did not accept owes nothing when it expires', async () => {
    const world = await open();
    world.blockchain.now = world.terms.deadline;
    await world.conserved(() => world.expire());
    expect((await world.stake.getStatus()).slashed).toBe(0n);
  });
});

describe('what an escrow would pay for', () => {
  it('a StateInit riding along is refused', async () => {
    const world = await open();
    const { init } = world.job;
    expect(await refusal(world.external(packDelivery(world.delivery()), init))).toBe(CHECKED_JOB_ERRORS.stateInitAttached);
    world.blockchain.now = world.terms.deadline;
    expect(await refusal(world.external(new Cell(), init))).toBe(CHECKED_JOB_ERRORS.stateInitAttached);
  });

  it('finding 43: bytes that nobody signed are refused, under claims, signature, output and decline', async () => {
    const world = await open();
    const good = world.delivery();
    const heavy = beginCell().storeBuffer(Buffer.alloc(100)).endCell();
    const under = (cell: Cell) => beginCell().storeSlice(cell.beginParse()).storeRef(heavy).endCell();
    // Claims of any other size than theirs, signed or not.
    expect(await refusal(world.deliver({ ...good, claims: under(good.claims) }))).toBe(9);
    expect(await refusal(world.external(under(packDelivery(good))))).toBe(CHECKED_JOB_ERRORS.outputNotSigned);
    const bloated = world.delivery(world.answer({ output: patternBytes(24 + 127 * 3) }));
    expect(await refusal(world.deliver(bloated))).toBe(CHECKED_JOB_ERRORS.outputTooLarge);
    const declined = packDecline(sign(Buffer.alloc(32), world.worker.secretKey), 3);
    expect(await refusal(world.external(declined))).toBe(CHECKED_JOB_ERRORS.badSignature);
    expect(await world.state()).toBe('open');
  });

  it('refused messages cost nothing', async () => {
    const world = await open(true);
    const before = await world.balance(world.job.address);
    for (let salt = 0; salt < 3; salt++) {
      await refusal(world.deliver({ ...world.delivery(), signature: patternBytes(64, salt) }));
      await refusal(world.decline());
      await refusal(world.expire());
    }
    expect(await world.balance(world.job.address)).toBe(before);
  });
});
