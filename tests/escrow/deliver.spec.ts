import '@ton/test-utils';
import { beginCell, Cell, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { JOB_ESCROW_ERRORS, MAX_OUTPUT_CELLS, packDelivery, parseDelivery, parseJobCallback } from '../../wrappers';
import { sumFees } from '../support/fees';
import { JobWorld, NETWORK_ID, patternBytes, refusal } from '../support/jobWorld';

const longestOutput = (cells: number) => patternBytes(24 + 127 * cells, 9);

describe('deliver', () => {
  it('pays the provider exactly the price, returns the rest to the client and leaves no account', async () => {
    const world = await JobWorld.create();
    await world.create();
    const providerBefore = await world.balance(world.provider.address);
    const result = await world.deliver();
    expect(result.transactions).toHaveTransaction({
      from: world.job.address,
      to: world.provider.address,
      value: world.terms.price,
      inMessageBounceable: false,
    });
    const receiverFee = 123_600n;
    expect((await world.balance(world.provider.address)) - providerBefore).toBe(world.terms.price - receiverFee);
    const callback = result.transactions.find(
      (tx) => tx.inMessage?.info.dest?.toString() === world.client.address.toString(),
    );
    expect(parseJobCallback(callback!.inMessage!.body)).toEqual({ kind: 'answered' });
    expect(await world.isGone()).toBe(true);
  });

  it('repeats the answer in the callback when the terms ask for it, bit for bit', async () => {
    for (const length of [0, 1, 24, 25, 151, 152, 256]) {
      const world = await JobWorld.create({ answerInCallback: true });
      await world.create();
      const output = patternBytes(length, 5);
      const result = await world.deliver(world.delivery(world.answer({ output })));
      const callback = result.transactions.find(
        (tx) => tx.inMessage?.info.dest?.toString() === world.client.address.toString(),
      );
      const parsed = parseJobCallback(callback!.inMessage!.body);
      expect(parsed?.kind === 'answered' ? Buffer.from(parsed.output ?? []) : null).toEqual(Buffer.from(output));
    }
  });

  it('leaves the sealed answer in the delivering message, where the client reads it back', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery();
    const result = await world.deliver(delivery);
    const read = parseDelivery(result.transactions[0].inMessage!.body);
    expect(Buffer.from(read.output)).toEqual(Buffer.from(delivery.output));
    expect(read.claims.equals(delivery.claims)).toBe(true);
  });

  it('works one second before the deadline and not at the deadline', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery();
    world.blockchain.now = world.terms.deadline;
    expect(await refusal(world.deliver(delivery))).toBe(JOB_ESCROW_ERRORS.malformed);
    world.blockchain.now = world.terms.deadline - 1;
    expect(await refusal(world.deliver(delivery))).toBe(null);
  });

  it('refuses a receipt signed by another key', async () => {
    const world = await JobWorld.create();
    await world.create();
    const delivery = world.delivery(world.answer(), {}, keyPairFromSeed(Buffer.alloc(32, 66)));
    expect(await refusal(world.deliver(delivery))).toBe(JOB_ESCROW_ERRORS.badSignature);
    expect(await world.isFunded()).toBe(true);
  });

  it('refuses a receipt in which any one field differs from this job', async () => {
    const world = await JobWorld.create();
    await world.create();
    const wrong = [
      { seq: 1 },
      { index: 1 },
      { final: 0 },
      { reserved: 1 },
      { reserved: 8 },
      { tag: 0x4f435231 },
      { dueNano: world.terms.price - 1n },
      { dueNano: world.terms.price + 1n },
      { dueNano: 0n },
    ];
    for (const fields of wrong) {
      expect(await refusal(world.deliver(world.delivery(world.answer(), fields)))).toBe(JOB_ESCROW_ERRORS.badSignature);
    }
    const other = await JobWorld.create({ termsHash: patternBytes(32, 98) }, world.blockchain);
    expect(await refusal(world.deliver(other.delivery()))).toBe(JOB_ESCROW_ERRORS.badSignature);
  });

  it('refuses a delivery whose sent fields are not the signed ones', async () => {
    const world = await JobWorld.create();
    await world.create();
    const good = world.delivery();
    const otherClaims = world.delivery(world.answer({ responseCommit: patternBytes(32, 77) })).claims;
    const changed = [
      { ...good, finishReason: 0 },
      { ...good, issuedAt: good.issuedAt + 1 },
      { ...good, claims: otherClaims },
      { ...good, signature: patternBytes(64) },
    ];
    for (const delivery of changed) expect(await refusal(world.deliver(delivery))).toBe(JOB_ESCROW_ERRORS.badSignature);
    const swapped = { ...good, output: patternBytes(256, 8) };
    expect(await refusal(world.deliver(swapped))).toBe(JOB_ESCROW_ERRORS.outputNotSigned);
    expect(await refusal(world.deliver(good))).toBe(null);
  });

  it('refuses malformed external messages before paying for them', async () => {
    const world = await JobWorld.create();
    await world.create();
    const whole = packDelivery(world.delivery());
    const bodies = [
      new Cell(),
      beginCell().storeUint(1, 1).endCell(),
      beginCell().storeBuffer(Buffer.alloc(64)).endCell(),
      beginCell().storeBuffer(Buffer.alloc(64)).storeRef(new Cell()).endCell(),
      beginCell().storeBuffer(Buffer.alloc(64)).storeUint(0, 35).storeRef(new Cell()).endCell(),
      beginCell().storeSlice(whole.beginParse()).storeUint(0, 1).endCell(),
    ];
    for (const body of bodies) expect(await refusal(world.external(body))).not.toBe(null);
    expect(await world.isFunded()).toBe(true);
    expect(await refusal(world.external(whole))).toBe(null);
  });

  it('delivers the largest output that its terms allow and refuses one cell more', async () => {
    for (const outputCells of [0, 1, MAX_OUTPUT_CELLS]) {
      const world = await JobWorld.create({ outputCells, answerInCallback: true });
      await world.create();
      const tooLarge = world.delivery(world.answer({ output: longestOutput(outputCells + 1) }));
      expect(await refusal(world.deliver(tooLarge))).toBe(JOB_ESCROW_ERRORS.outputTooLarge);
      const largest = world.delivery(world.answer({ output: longestOutput(outputCells) }));
      const result = await world.deliver(largest);
      expect(result.transactions).toHaveTransaction({ to: world.provider.address, value: world.terms.price });
      expect(await world.isGone()).toBe(true);
    }
  });

  it('conserves every nanoTON: what the parties lost is what the fees add up to', async () => {
    const world = await JobWorld.create();
    const parties = [world.client.address, world.provider.address, world.job.address];
    const sum = async () =>
      (await Promise.all(parties.map((party) => world.balance(party)))).reduce((a, b) => a + b, 0n);
    const before = await sum();
    const created = await world.create();
    const delivered = await world.deliver();
    const fees = sumFees([...created.transactions, ...delivered.transactions]);
    expect(before - (await sum())).toBe(fees.totalNano);
    expect(fees.totalNano).toBeLessThan(toNano('0.0125'));
  });

  it('finding 11: a receipt for the same job on another network is refused', async () => {
    const world = await JobWorld.create();
    await world.create();
    const elsewhere = await JobWorld.create({ networkId: -3 }, world.blockchain);
    expect(elsewhere.job.address.equals(world.job.address)).toBe(false);
    expect(world.terms.networkId).toBe(NETWORK_ID);
    expect(await refusal(world.deliver(elsewhere.delivery()))).toBe(JOB_ESCROW_ERRORS.badSignature);
  });
});
