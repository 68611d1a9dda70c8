import '@ton/test-utils';
import { beginCell, type Cell } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import { JOB_ESCROW_ERRORS, packDecline, parseJobCallback } from '../../wrappers';
import { declineCell, JobWorld, refusal } from '../support/jobWorld';

const bodyTo = (world: JobWorld, result: SendMessageResult): Cell =>
  result.transactions.find((tx) => tx.inMessage?.info.dest?.toString() === world.client.address.toString())!.inMessage!
    .body;

describe('decline', () => {
  it('finding 25: returns everything to the client at once, with the reason', async () => {
    const world = await JobWorld.create();
    await world.create();
    const locked = await world.balance(world.job.address);
    const result = await world.decline(7);
    expect(parseJobCallback(bodyTo(world, result))).toEqual({ kind: 'failed', reason: 'declined', declineReason: 7 });
    const refund = result.transactions[0].outMessages.get(0)!;
    expect(refund.info.type === 'internal' && refund.info.value.coins).toBeGreaterThan(locked - 3_000_000n);
    expect(result.transactions).not.toHaveTransaction({ to: world.provider.address });
    expect(await world.isGone()).toBe(true);
  });

  it('refuses a decline by another key, with another reason, for another job, or with more bytes', async () => {
    const world = await JobWorld.create();
    await world.create();
    const { badSignature } = JOB_ESCROW_ERRORS;
    expect(await refusal(world.decline(1, keyPairFromSeed(Buffer.alloc(32, 66))))).toBe(badSignature);
    const signature = sign(declineCell(world.terms, world.job.address, 1).hash(), world.worker.secretKey);
    expect(await refusal(world.external(packDecline(signature, 2)))).toBe(badSignature);
    const padded = beginCell().storeSlice(packDecline(signature, 1).beginParse()).storeUint(0, 8).endCell();
    expect(await refusal(world.external(padded))).toBe(badSignature);
    const other = await JobWorld.create({ deadline: world.terms.deadline + 1 }, world.blockchain);
    expect(
      await refusal(
        world.external(
          packDecline(sign(declineCell(other.terms, other.job.address, 1).hash(), world.worker.secretKey), 1),
        ),
      ),
    ).toBe(badSignature);
    expect(await world.isFunded()).toBe(true);
  });

  it('ends at the deadline, where expiry begins', async () => {
    const world = await JobWorld.create();
    await world.create();
    world.blockchain.now = world.terms.deadline;
    expect(await refusal(world.decline())).toBe(JOB_ESCROW_ERRORS.malformed);
  });
});

describe('expire', () => {
  it('returns everything to the client when anyone asks at the deadline, and not a second before', async () => {
    const world = await JobWorld.create();
    await world.create();
    world.blockchain.now = world.terms.deadline - 1;
    expect(await refusal(world.expire())).toBe(JOB_ESCROW_ERRORS.malformed);
    world.blockchain.now = world.terms.deadline;
    const result = await world.expire();
    expect(parseJobCallback(bodyTo(world, result))).toEqual({ kind: 'failed', reason: 'expired' });
    expect(await world.isGone()).toBe(true);
  });

  it('works ten years late: rent never strands the money', async () => {
    const world = await JobWorld.create();
    await world.create();
    world.blockchain.now = world.terms.deadline + 10 * 365 * 86_400;
    const result = await world.expire();
    const refund = result.transactions[0].outMessages.get(0)!;
    expect(refund.info.type === 'internal' && refund.info.value.coins).toBeGreaterThan(world.terms.price - 30_000_000n);
    expect(await world.isGone()).toBe(true);
  });

  it('refuses an expiry with any bits or references: the escrow pays for no padding', async () => {
    const world = await JobWorld.create();
    await world.create();
    world.blockchain.now = world.terms.deadline;
    for (const body of [beginCell().storeBit(0).endCell(), beginCell().storeRef(beginCell().endCell()).endCell()])
      expect(await refusal(world.external(body))).toBe(JOB_ESCROW_ERRORS.malformed);
    expect(await world.isFunded()).toBe(true);
  });

  it('cannot be repeated', async () => {
    const world = await JobWorld.create();
    await world.create();
    world.blockchain.now = world.terms.deadline;
    await world.expire();
    await expect(world.expire()).rejects.toThrow();
  });
});
