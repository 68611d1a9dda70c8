import '@ton/test-utils';
import { Address, beginCell, Cell, toNano } from '@ton/core';
import {
  CHECKED_JOB_ERRORS,
  packCreateCheckedJob,
  packJobEscrowTerms,
  requiredCheckedJobValue,
} from '../../wrappers';
import { CheckedJobWorld } from '../support/checkedJobWorld';
import { multiplyPrices, pricesOf } from '../support/config';
import { patternBytes } from '../support/jobWorld';

/** Cells that hang below a cell, each different. */
const weight = (cells: number): Cell => {
  let cell = beginCell().endCell();
  for (let index = 0; index < cells; index++) {
    cell = beginCell().storeUint(index, 32).storeBuffer(Buffer.alloc(120, index)).storeRef(cell).endCell();
  }
  return cell;
};
const withReference = (cell: Cell, reference: Cell): Cell =>
  beginCell().storeSlice(cell.beginParse()).storeRef(reference).endCell();

describe('create of a checked job', () => {
  it('asks the stake about the key and opens when the stake stands for the terms', async () => {
    const world = await CheckedJobWorld.create();
    expect(await world.state()).toBe(null);
    const result = await world.conserved(() => world.create());
    expect(result.transactions).toHaveTransaction({ from: world.job.address, to: world.stake.address, success: true });
    expect(result.transactions).toHaveTransaction({ from: world.stake.address, to: world.job.address, success: true });
    const data = (await world.job.getData())!;
    expect(packJobEscrowTerms(data.terms).equals(packJobEscrowTerms(world.terms))).toBe(true);
    expect(data.stake.equals(world.stake.address)).toBe(true);
    expect(data).toMatchObject({ state: 'open', acceptance: null });
  });

  it('refuses anybody but the client, also an account of the masterchain with the same hash', async () => {
    const world = await CheckedJobWorld.create();
    const result = await world.conserved(() => world.create({ from: world.stranger }));
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.notClient,
    });
    const body = packCreateCheckedJob({ terms: world.termsCell, acceptance: null, request: world.request });
    const twin = await world.forged(new Address(-1, world.client.address.hash), body, { value: toNano('1') });
    expect(twin.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.notClient,
    });
    await world.create();
    expect(await world.state()).toBe('open');
  });

  it('refuses a second create and returns its money: a job asks once', async () => {
    const world = await CheckedJobWorld.create();
    await world.create();
    const held = await world.balance(world.job.address);
    const result = await world.conserved(() => world.create());
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.alreadyCreated,
    });
    expect(await world.balance(world.job.address)).toBe(held);
    expect(await world.state()).toBe('open');
  });

  it.each([1n, 10n])('at prices x%d one nanoTON less than the required value is returned', async (factor) => {
    const world = await CheckedJobWorld.create();
    world.blockchain.setConfig(multiplyPrices(world.blockchain.config, factor));
    const value = requiredCheckedJobValue(world.terms, pricesOf(world.blockchain));
    const result = await world.conserved(() => world.create({ value: value - 1n }));
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.valueTooLow,
    });
    expect(await world.state()).toBe('fresh');
    expect(await world.balance(world.job.address)).toBe(0n);
  });

  it.each([1n, 10n])(
    'findings 21 and 41: at prices x%d the required value pays for the largest accepted answer in the last second',
    async (factor) => {
      for (const outputCells of [0, 2, 40]) {
        const world = await CheckedJobWorld.create({
          job: { outputCells, answerInCallback: true },
          asked: { expiresAt: 1_800_000_000 + 86_400 },
        });
        world.blockchain.setConfig(multiplyPrices(world.blockchain.config, factor));
        const value = requiredCheckedJobValue(world.terms, pricesOf(world.blockchain));
        const acceptance = world.acceptance({ coverage: toNano('1') });
        await world.conserved(() => world.create({ value, acceptance }));
        world.blockchain.now = world.terms.deadline - 1;
        const output = patternBytes(24 + 127 * outputCells, 2);
        const result = await world.conserved(() => world.deliver(world.delivery(world.answer({ output }))));
        expect(result.transactions).toHaveTransaction({ to: world.payout.address, value: world.terms.price });
        expect(await world.isGone()).toBe(true);
      }
    },
  );

  it('refuses a create at the deadline and accepts it one second before', async () => {
    const late = await CheckedJobWorld.create();
    late.blockchain.now = late.terms.deadline;
    expect((await late.create()).transactions).toHaveTransaction({
      to: late.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.deadlinePassed,
    });
    const early = await CheckedJobWorld.create();
    early.blockchain.now = early.terms.deadline - 1;
    await early.create();
    expect(await early.state()).toBe('open');
  });

  it('finding 2: refuses other terms than those whose hash the address pins', async () => {
    const world = await CheckedJobWorld.create();
    const other = await CheckedJobWorld.create({ blockchain: world.blockchain, salt: 8 });
    expect(other.job.address.equals(world.job.address)).toBe(false);
    for (const terms of [other.termsCell, beginCell().endCell(), withReference(world.termsCell, new Cell())]) {
      expect((await world.create({ terms })).transactions).toHaveTransaction({
        to: world.job.address,
        success: false,
        exitCode: CHECKED_JOB_ERRORS.termsNotPinned,
      });
    }
    expect(await world.state()).toBe('fresh');
  });

  it('finding 21: refuses an acceptance with anything hanging below it, which nobody signed and the job would pay', async () => {
    const world = await CheckedJobWorld.create();
    for (const cells of [1, 60]) {
      const acceptance = withReference(world.acceptance(), weight(cells));
      const result = await world.conserved(() => world.create({ value: toNano('2'), acceptance }));
      expect(result.transactions).toHaveTransaction({
        to: world.job.address,
        success: false,
        exitCode: CHECKED_JOB_ERRORS.queryTooLarge,
      });
    }
    expect(await world.balance(world.job.address)).toBe(0n);
  });

  it('refuses giant terms that the address pins, and the money is not stuck', async () => {
    const honest = await CheckedJobWorld.create();
    const terms = withReference(honest.termsCell, weight(60));
    const world = await CheckedJobWorld.create({ blockchain: honest.blockchain, job: { termsHash: terms.hash() } });
    const result = await world.conserved(() => world.create({ value: toNano('2'), terms }));
    expect(result.transactions).toHaveTransaction({
      to: world.job.address,
      success: false,
      exitCode: CHECKED_JOB_ERRORS.queryTooLarge,
    });
    expect(await world.balance(world.job.address)).toBe(0n);
  });

  it('refuses malformed and unknown messages with their money', async () => {
    const world = await CheckedJobWorld.create();
    const create = beginCell().storeUint(0x0c04, 32);
    const bodies: [Cell, number][] = [
      [create.endCell(), CHECKED_JOB_ERRORS.malformed],
      [beginCell().storeUint(0x0c04, 32).storeRef(world.termsCell).endCell(), CHECKED_JOB_ERRORS.malformed],
      [beginCell().storeUint(0x0c04, 32).storeRef(world.termsCell).storeBit(1).endCell(), CHECKED_JOB_ERRORS.malformed],
      [beginCell().endCell(), 130],
      [beginCell().storeUint(0x0c01, 32).endCell(), 130],
      [beginCell().storeUint(1, 8).endCell(), 130],
    ];
    for (const [body, exitCode] of bodies) {
      const { init, address: to } = world.job;
      const result = await world.conserved(() => world.client.send({ to, value: toNano('1'), init, body }));
      expect(result.transactions).toHaveTransaction({ to, success: false, exitCode });
    }
    expect(await world.balance(world.job.address)).toBe(0n);
  });
});
