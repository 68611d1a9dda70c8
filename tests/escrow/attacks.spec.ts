import '@ton/test-utils';
import { beginCell, type Cell, storeStateInit, toNano } from '@ton/core';
import { decodeResponse, encodeResponse, FinishReason } from '../../protocol';
import {
  JOB_ESCROW_ERRORS,
  JobEscrow,
  packDelivery,
  parseJobCallback,
  readNetworkPrices,
  requiredJobValue,
} from '../../wrappers';
import { multiplyPrices } from '../support/config';
import { JobWorld, patternBytes, refusal } from '../support/jobWorld';

const padding = (cells: number): Cell => {
  let cell = beginCell().endCell();
  for (let index = 0; index < cells; index++) {
    cell = beginCell().storeUint(index, 32).storeBuffer(Buffer.alloc(120, index)).storeRef(cell).endCell();
  }
  return cell;
};

describe('attacks on a job', () => {
  it('finding 2: another request is another address, so one address never sees two receipts', async () => {
    const world = await JobWorld.create();
    const other = await JobWorld.create({ termsHash: patternBytes(32, 100) }, world.blockchain);
    expect(other.job.address.equals(world.job.address)).toBe(false);
  });

  it('finding 2: an ended job that a stranger deploys again pays nobody', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery();
    await world.deliver(delivery);
    await world.stranger.send({ to: world.job.address, value: toNano('0.02'), init: world.job.init, bounce: false });
    expect(await refusal(world.deliver(delivery))).toBe(JOB_ESCROW_ERRORS.balanceTooLow);
    await expect(world.external(packDelivery(delivery), world.job.init)).rejects.toThrow();
  });

  it('an ended job that its own client creates again can only pay the same answer again, to the same provider', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery();
    await world.deliver(delivery);
    await world.create();
    const result = await world.deliver(delivery);
    expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
  });

  it('finding 5: the answer of a public job reaches the client in the callback, plain, as a contract can read it', async () => {
    const world = await JobWorld.create({ answerInCallback: true });
    await world.create();
    const output = encodeResponse({ finishReason: FinishReason.stop, tokens: [5, 6, 10] });
    const result = await world.deliver(world.delivery(world.answer({ output, finishReason: FinishReason.stop })));
    const callback = result.transactions.find(
      (tx) => tx.inMessage?.info.dest?.toString() === world.client.address.toString(),
    );
    const parsed = parseJobCallback(callback!.inMessage!.body);
    expect(parsed?.kind === 'answered' && decodeResponse(parsed.output!)).toEqual({
      finishReason: 0,
      tokens: [5, 6, 10],
    });
  });

  it('finding 36: the escrow embeds no other contract: no instance carries a dictionary of codes', async () => {
    const { init } = (await JobWorld.create()).job;
    expect(init!.data.refs.length).toBe(1);
    expect(init!.data.refs[0].bits.length).toBe(32 + 256);
    expect(init!.data.refs[0].refs.length).toBe(0);
  });

  it('finding 37: a job is recognised only by its whole StateInit: other data is another address', async () => {
    const world = await JobWorld.create();
    for (const change of [
      { price: world.terms.price + 1n },
      { deadline: world.terms.deadline + 1 },
      { networkId: 1 },
      { outputCells: 3 },
      { answerInCallback: true },
      { payout: world.stranger.address },
      { client: world.stranger.address },
      { workerKey: patternBytes(32) },
      { termsHash: patternBytes(32) },
    ]) {
      const other = await JobEscrow.fromTerms({ ...world.terms, ...change });
      expect(other.address.equals(world.job.address)).toBe(false);
    }
  });

  it('a stranger who deploys the job first, with money, only makes the client a present', async () => {
    const world = await JobWorld.create();
    await world.stranger.send({ to: world.job.address, value: toNano('1'), init: world.job.init, bounce: false });
    await world.create();
    world.blockchain.now = world.terms.deadline;
    const result = await world.expire();
    const refund = result.transactions[0].outMessages.get(0)!;
    expect(refund.info.dest?.toString()).toBe(world.client.address.toString());
    expect(refund.info.type === 'internal' && refund.info.value.coins).toBeGreaterThan(toNano('1') + world.terms.price);
  });

  it('unsigned bytes: references under the claims, the signature or the output are refused', async () => {
    const world = await JobWorld.create();
    await world.create(toNano('1'));
    const good = world.delivery();
    const paddedClaims = beginCell().storeSlice(good.claims.beginParse()).storeRef(padding(60)).endCell();
    expect(await refusal(world.deliver({ ...good, claims: paddedClaims }))).toBe(JOB_ESCROW_ERRORS.badSignature);
    const secondOutput = beginCell().storeSlice(packDelivery(good).beginParse()).storeRef(padding(60)).endCell();
    expect(await refusal(world.external(secondOutput))).toBe(JOB_ESCROW_ERRORS.outputNotSigned);
    expect(await world.isFunded()).toBe(true);
  });

  it('finding 43: a worker that signs 60 cells of padding into its output is refused before anything is paid', async () => {
    const world = await JobWorld.create();
    await world.create(toNano('2'));
    const bloated = world.delivery(world.answer({ output: patternBytes(24 + 127 * 60) }));
    expect(await refusal(world.deliver(bloated))).toBe(JOB_ESCROW_ERRORS.outputTooLarge);
  });

  it("a StateInit riding along is refused, the job's own and a foreign one", async () => {
    const world = await JobWorld.create();
    await world.create();
    const body = packDelivery(world.delivery());
    expect(await refusal(world.external(body, world.job.init))).toBe(JOB_ESCROW_ERRORS.stateInitAttached);
    await expect(world.external(body, { code: padding(60), data: padding(60) })).rejects.toThrow();
    expect(beginCell().store(storeStateInit(world.job.init!)).endCell().hash()).toEqual(world.job.address.hash);
    expect(await world.isFunded()).toBe(true);
  });

  it('finding 41: raised prices can delay a payment but never swallow it', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery();
    world.blockchain.setConfig(multiplyPrices(world.blockchain.config, 10n));
    expect(await refusal(world.deliver(delivery))).toBe(JOB_ESCROW_ERRORS.balanceTooLow);
    await world.create(toNano('0.2'));
    const result = await world.deliver(delivery);
    expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
    expect(await world.isGone()).toBe(true);
  });

  it('at ten times the prices the required value still works and one nanoTON less still fails', async () => {
    for (const outputCells of [0, 2, 40]) {
      const world = await JobWorld.create({ outputCells, answerInCallback: true });
      world.blockchain.setConfig(multiplyPrices(world.blockchain.config, 10n));
      const value = requiredJobValue(world.terms, readNetworkPrices(world.blockchain.config));
      expect((await world.create(value - 1n)).transactions).toHaveTransaction({
        to: world.job.address,
        success: false,
        exitCode: JOB_ESCROW_ERRORS.valueTooLow,
      });
      await world.create(value);
      world.blockchain.now = world.terms.deadline - 1;
      const output = patternBytes(24 + 127 * outputCells, 2);
      const result = await world.deliver(world.delivery(world.answer({ output })));
      expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
      expect(await world.isGone()).toBe(true);
    }
  });

  it('finding 47: the required value carries the rent of the longest life, 24 hours, at the largest output', async () => {
    const world = await JobWorld.create({ outputCells: 40, answerInCallback: true, deadline: 1_800_000_000 + 86_400 });
    await world.create();
    world.blockchain.now = world.terms.deadline - 1;
    const result = await world.deliver(world.delivery(world.answer({ output: patternBytes(24 + 127 * 40) })));
    expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
  });

  it('findings 40 and 42: a client that cannot take the callback blocks neither the payment nor the end of the job', async () => {
    const world = await JobWorld.create({ answerInCallback: true });
    await world.create();
    const throwing = beginCell().storeUint(0xf2c0, 16).storeUint(0x64, 8).endCell();
    const client = await world.blockchain.getContract(world.client.address);
    client.account = {
      ...client.account,
      account: {
        ...client.account.account!,
        storage: {
          ...client.account.account!.storage,
          state: { type: 'active', state: { code: throwing, data: beginCell().endCell() } },
        },
      },
    };
    const result = await world.deliver();
    expect(result.transactions).toHaveTransaction({ to: world.client.address, success: false });
    expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
    expect(await world.isGone()).toBe(true);
  });

  it('refused messages cost the escrow nothing', async () => {
    const world = await JobWorld.create();
    await world.create();
    const before = await world.balance(world.job.address);
    for (let salt = 0; salt < 5; salt++) {
      await refusal(world.deliver({ ...world.delivery(), signature: patternBytes(64, salt) }));
      await refusal(world.expire());
    }
    expect(await world.balance(world.job.address)).toBe(before);
  });
});
