import '@ton/test-utils';
import { Address, beginCell, toNano } from '@ton/core';
import { JOB_ESCROW_ERRORS, MAX_OUTPUT_CELLS, packCreateJob, packJobEscrowTerms, parseCreateJob } from '../../wrappers';
import { JobWorld, patternBytes } from '../support/jobWorld';

describe('create', () => {
  it('opens a job with its money, its terms readable from chain', async () => {
    const world = await JobWorld.create();
    const result = await world.create();
    expect(result.transactions).toHaveTransaction({ to: world.job.address, deploy: true, success: true });
    const terms = await world.job.getTerms();
    expect(packJobEscrowTerms(terms!).equals(packJobEscrowTerms(world.terms))).toBe(true);
    expect(await world.balance(world.job.address)).toBeGreaterThan(world.terms.price);
  });

  it('carries any request whole, in the one canonical form', async () => {
    for (const length of [0, 1, 31, 32, 33, 159, 160, 256, 6096]) {
      const request = patternBytes(length);
      expect(Buffer.from(parseCreateJob(packCreateJob(request)))).toEqual(Buffer.from(request));
    }
  });

  it('refuses one nanoTON less than the required value and returns it', async () => {
    const world = await JobWorld.create();
    const result = await world.create(world.value - 1n);
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: JOB_ESCROW_ERRORS.valueTooLow,
    });
    expect(result.transactions).toHaveTransaction({
      from: world.job.address,
      to: world.client.address,
      inMessageBounced: true,
    });
    expect(await world.isFunded()).toBe(false);
  });

  it('refuses a create by anybody but the client, and the client can still create', async () => {
    const world = await JobWorld.create();
    const result = await world.create(world.value, world.stranger);
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: JOB_ESCROW_ERRORS.notClient,
    });
    expect(await world.isFunded()).toBe(false);
    await world.create();
    expect(await world.isFunded()).toBe(true);
  });

  it('refuses a create at the deadline and accepts it one second before', async () => {
    const late = await JobWorld.create();
    late.blockchain.now = late.terms.deadline;
    expect((await late.create()).transactions).toHaveTransaction({
      to: late.job.address,
      success: false,
      exitCode: JOB_ESCROW_ERRORS.deadlinePassed,
    });
    const early = await JobWorld.create();
    early.blockchain.now = early.terms.deadline - 1;
    await early.create();
    expect(await early.isFunded()).toBe(true);
  });

  it('refuses unknown operations and empty messages', async () => {
    const world = await JobWorld.create();
    for (const body of [
      beginCell().endCell(),
      beginCell().storeUint(0x0c02, 32).endCell(),
      beginCell().storeUint(1, 8).endCell(),
    ]) {
      const result = await world.client.send({ to: world.job.address, value: toNano('1'), init: world.job.init, body });
      expect(result.transactions).toHaveTransaction({ to: world.job.address, success: false, exitCode: 130 });
    }
    expect(await world.isFunded()).toBe(false);
  });

  it('lets the client top up an open job with a second create', async () => {
    const world = await JobWorld.create();
    await world.create();
    const before = await world.balance(world.job.address);
    await world.create(toNano('0.05'));
    expect(await world.balance(world.job.address)).toBeGreaterThan(before + toNano('0.04'));
    await world.deliver();
    expect(await world.isGone()).toBe(true);
  });

  it('the SDK refuses terms that could never be paid, naming what was expected', async () => {
    const { terms } = await JobWorld.create();
    expect(() => packJobEscrowTerms({ ...terms, price: 1n << 64n })).toThrow(/expected 0\.\.2\^64-1 nanoTON/);
    expect(() => packJobEscrowTerms({ ...terms, outputCells: MAX_OUTPUT_CELLS + 1 })).toThrow(/expected 0\.\.40/);
    expect(() => packJobEscrowTerms({ ...terms, workerKey: patternBytes(31) })).toThrow(/expected 32 bytes/);
    const masterchain = new Address(-1, terms.payout.hash);
    expect(() => packJobEscrowTerms({ ...terms, payout: masterchain })).toThrow(/expected workchain 0/);
  });

  it('ignores a bounced message: it sends none that could bounce', async () => {
    const world = await JobWorld.create();
    await world.create();
    const result = await world.blockchain.sendMessage({
      info: {
        type: 'internal',
        ihrDisabled: true,
        bounce: false,
        bounced: true,
        src: world.provider.address,
        dest: world.job.address,
        value: { coins: toNano('0.01') },
        ihrFee: 0n,
        forwardFee: 0n,
        createdLt: 0n,
        createdAt: 0,
      },
      body: beginCell().storeUint(0xffffffff, 32).storeUint(0x0c01, 32).endCell(),
    });
    expect(result.transactions).toHaveTransaction({ to: world.job.address, success: true, outMessagesCount: 0 });
    expect(await world.isFunded()).toBe(true);
  });
});
