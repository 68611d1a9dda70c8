import '@ton/test-utils';
import { beginCell, Builder, type Cell, storeMessage, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { claimable, packClaim, packCloseChannel, PAYMENT_CHANNEL_ERRORS as E } from '../../wrappers';
import { ChannelWorld, DAY, DEPOSIT, paidTo } from '../support/channelWorld';
import { multiplyForwardPrice, multiplyPrices, pricesOf } from '../support/config';
import { sumFees } from '../support/fees';
import { refusal } from '../support/jobWorld';

const OTHER_KEY = keyPairFromSeed(Buffer.alloc(32, 9));

const padding = (cells: number): Cell => {
  let cell = beginCell().endCell();
  for (let index = 0; index < cells; index++) {
    cell = beginCell().storeUint(index, 32).storeBuffer(Buffer.alloc(120, index)).storeRef(cell).endCell();
  }
  return cell;
};

describe('a claim', () => {
  it('pays the payout wallet what the voucher says beyond what was claimed, less the fee of the claim', async () => {
    const world = await ChannelWorld.opened();
    const first = await world.claim(toNano('0.3'));
    expect(paidTo(first, world.address, world.payout.address)).toBe(toNano('0.3') - world.fee);
    const second = await world.claim(toNano('0.45'));
    expect(paidTo(second, world.address, world.payout.address)).toBe(toNano('0.15') - world.fee);
    expect(await world.state()).toMatchObject({ claimed: toNano('0.45'), endsAt: world.terms.expiry });
  });

  it('takes from the channel what the voucher says and not a nanoTON more: its own fees are the payee\'s', async () => {
    for (const factor of [1n, 10n, 100n]) {
      const world = await ChannelWorld.create();
      const original = world.blockchain.config;
      if (factor > 1n) world.blockchain.setConfig(multiplyPrices(original, factor, false));
      await world.topUp(DEPOSIT);
      const before = await world.balance();
      const result = await world.claim(toNano('0.5'));
      const after = await world.balance();
      world.blockchain.setConfig(original);
      expect(before - after).toBeLessThanOrEqual(toNano('0.5'));
      expect(before - after).toBeGreaterThan(toNano('0.5') - factor * 400_000n);
      expect(sumFees(result.transactions).gas).toBeLessThan(5_000n);
    }
  });

  it('takes no more from the channel when its sender puts the body into a reference, at any forward prices', async () => {
    for (const factor of [1n, 3n, 20n]) {
      const world = await ChannelWorld.create();
      const original = world.blockchain.config;
      world.blockchain.setConfig(multiplyForwardPrice(original, factor));
      await world.topUp(DEPOSIT);
      const before = await world.balance();
      const message = beginCell()
        .store(storeMessage({ info: { type: 'external-in', dest: world.address, importFee: 0n }, body: packClaim(world.claimOf(toNano('0.5'))) }, { forceRef: true }))
        .endCell();
      await world.blockchain.sendMessage(message);
      world.blockchain.setConfig(original);
      expect(before - (await world.balance())).toBeLessThanOrEqual(toNano('0.5'));
      expect((await world.state())!.claimed).toBe(toNano('0.5'));
    }
  });

  it('is paid without a bounce', async () => {
    const world = await ChannelWorld.opened();
    for (const final of [false, true]) {
      const { transactions } = await world.claim(toNano(final ? '0.6' : '0.3'), { final });
      const sent = [...transactions[0].outMessages.values()].map(({ info }) => info.type === 'internal' && info.bounce);
      expect(sent).toEqual(final ? [false, false] : [false]);
    }
  });

  it('may be sent by whoever has it: its payee is fixed', async () => {
    const world = await ChannelWorld.opened();
    const body = packClaim(world.claimOf(toNano('0.2')));
    const result = await world.external(body);
    expect(result.transactions).toHaveTransaction({ from: world.address, to: world.payout.address, success: true });
    expect(paidTo(result, world.address, world.stranger.address)).toBe(0n);
  });

  it('is refused at no cost when it was paid before, or says less than an earlier one', async () => {
    const world = await ChannelWorld.opened();
    await world.claim(toNano('0.3'));
    const before = await world.balance();
    for (const amount of ['0.3', '0.2', '0']) expect(await refusal(world.claim(toNano(amount)))).toBe(E.nothingDue);
    expect(await world.balance()).toBe(before);
  });

  it('pays when more than its fee is due, and is refused when it is the fee alone', async () => {
    const world = await ChannelWorld.opened();
    expect(await refusal(world.claim(world.fee))).toBe(E.nothingDue);
    const result = await world.claim(world.fee + 1n);
    expect(paidTo(result, world.address, world.payout.address)).toBe(1n);
  });

  it('finding 38: pays what is there and counts only what it paid; the same voucher takes the rest after a top-up', async () => {
    const world = await ChannelWorld.opened({}, toNano('0.5'));
    const voucher = packClaim(world.claimOf(toNano('0.8')));
    const expected = claimable(toNano('0.8'), { claimed: 0n }, await world.balance(), pricesOf(world.blockchain));
    const first = await world.external(voucher);
    const state = await world.state();
    expect(state!.claimed).toBe(expected);
    expect(paidTo(first, world.address, world.payout.address)).toBe(state!.claimed - world.fee);
    expect(await refusal(world.external(voucher))).toBe(E.nothingDue);
    await world.topUp(toNano('1'));
    const second = await world.external(voucher);
    expect(paidTo(second, world.address, world.payout.address)).toBe(toNano('0.8') - state!.claimed - world.fee);
    expect((await world.state())!.claimed).toBe(toNano('0.8'));
  });

  it('finding 38: rent and earlier claims below the voucher leave the provider all the rest, not nothing', async () => {
    const world = await ChannelWorld.opened({ expiry: 1_800_000_000 + 4_000 * DAY });
    world.now += 3_650 * DAY;
    const result = await world.claim(DEPOSIT);
    expect(paidTo(result, world.address, world.payout.address)).toBeGreaterThan(toNano('0.9'));
  });

  it('finding 41: raised prices refuse a claim that they eat up, and never swallow a payment', async () => {
    const world = await ChannelWorld.opened();
    const original = world.blockchain.config;
    for (const factor of [10n, 50n, 200n]) {
      world.blockchain.setConfig(multiplyPrices(original, factor, false));
      const { claimed } = (await world.state())!;
      const fee = world.fee;
      expect(await refusal(world.claim(claimed + fee))).toBe(E.nothingDue);
      if (claimed + fee + 5n > DEPOSIT / 2n) continue;
      const result = await world.claim(claimed + fee + 5n);
      expect(paidTo(result, world.address, world.payout.address)).toBe(5n);
    }
    world.blockchain.setConfig(original);
  });

  it('finding 39: needs the claim key of the provider and no worker\'s', async () => {
    const world = await ChannelWorld.opened();
    expect(await refusal(world.claim(toNano('0.1'), { claimKey: OTHER_KEY }))).toBe(E.badClaimSignature);
    expect(await refusal(world.claim(toNano('0.1'), { claimKey: world.clientKey }))).toBe(E.badClaimSignature);
  });

  it('is refused without the signature of the client\'s key', async () => {
    const world = await ChannelWorld.opened();
    expect(await refusal(world.claim(toNano('0.1'), { clientKey: OTHER_KEY }))).toBe(E.badVoucherSignature);
    expect(await refusal(world.claim(toNano('0.1'), { clientKey: world.claimKey }))).toBe(E.badVoucherSignature);
  });

  it('finding 11: is refused with a voucher of another network, another channel or another kind of object', async () => {
    const world = await ChannelWorld.opened();
    const other = await ChannelWorld.create({ expiry: world.terms.expiry + 1 }, world.blockchain);
    for (const changes of [{ networkId: -3 }, { channel: other.address }, { tag: 0x4f435731 }]) {
      expect(await refusal(world.claim(toNano('0.1'), changes))).toBe(E.badVoucherSignature);
    }
    const onTestnet = await ChannelWorld.create({ networkId: -3 }, world.blockchain);
    await onTestnet.topUp(DEPOSIT);
    expect(await refusal(onTestnet.claim(toNano('0.1'), { networkId: -239 }))).toBe(E.badVoucherSignature);
    await onTestnet.claim(toNano('0.1'));
  });

  it('is refused when it says another amount, or closes, where the signed voucher does not', async () => {
    const world = await ChannelWorld.opened();
    const claim = world.claimOf(toNano('0.1'));
    for (const changed of [{ amount: toNano('0.1') + 1n }, { final: true }]) {
      expect(await refusal(world.external(packClaim({ ...claim, ...changed })))).toBe(E.badVoucherSignature);
    }
  });

  it('is taken until the second before the end and refused from then on', async () => {
    const world = await ChannelWorld.opened();
    world.now = world.terms.expiry - 1;
    await world.claim(toNano('0.1'));
    world.now += 1;
    expect(await refusal(world.claim(toNano('0.2')))).toBe(E.ended);
  });

  it('touches nobody but the channel and the payout wallet', async () => {
    const world = await ChannelWorld.opened();
    const { transactions } = await world.claim(toNano('0.1'));
    expect(transactions.map(({ inMessage }) => String(inMessage!.info.dest))).toEqual([String(world.address), String(world.payout.address)]);
  });

  it('is paid though the payout wallet cannot take it: nothing comes back', async () => {
    const base = await ChannelWorld.create();
    const world = await ChannelWorld.create({ payout: base.address }, base.blockchain);
    await world.topUp(DEPOSIT);
    const result = await world.claim(toNano('0.4'));
    expect(paidTo(result, world.address, base.address)).toBe(toNano('0.4') - world.fee);
    expect(result.transactions).toHaveLength(2);
  });
});

describe('an external message that is no claim', () => {
  const unchanged = (world: ChannelWorld, body: Cell, init?: { code: Cell; data: Cell }) => refusal(world.external(body, init));

  it('is refused at no cost: empty, cut short, or with a second signature of another size', async () => {
    const world = await ChannelWorld.opened();
    const { voucherSignature, claimSignature, amount } = world.claimOf(toNano('0.1'));
    const body = (second: Cell, head = voucherSignature) =>
      beginCell().storeBuffer(Buffer.from(head)).storeRef(second).storeBit(false).storeCoins(amount).endCell();
    const signature = (builder: (cell: Builder) => Builder) => builder(beginCell().storeBuffer(Buffer.from(claimSignature))).endCell();
    const before = await world.balance();
    for (const [broken, code] of [
      [beginCell().endCell(), E.malformed],
      [packCloseChannel(), E.malformed],
      [beginCell().storeBuffer(Buffer.from(voucherSignature)).storeBit(false).storeCoins(amount).endCell(), E.malformed],
      [body(beginCell().endCell()), E.malformed],
      [body(beginCell().storeBuffer(Buffer.from(claimSignature.subarray(0, 63))).endCell()), E.malformed],
      [body(signature((cell) => cell.storeBit(false))), E.malformed],
    ] as const) {
      expect(await unchanged(world, broken)).toBe(code);
    }
    expect(await world.balance()).toBe(before);
  });

  it('unsigned bytes: references under the claim signature, or bits and references behind the amount, are refused', async () => {
    const world = await ChannelWorld.opened();
    const claim = world.claimOf(toNano('0.1'));
    const whole = packClaim(claim);
    const padded = beginCell()
      .storeBuffer(Buffer.from(claim.voucherSignature))
      .storeRef(beginCell().storeBuffer(Buffer.from(claim.claimSignature)).storeRef(padding(60)).endCell())
      .storeBit(false)
      .storeCoins(claim.amount)
      .endCell();
    expect(await unchanged(world, padded)).toBe(E.malformed);
    for (const more of [beginCell().storeBit(true), beginCell().storeRef(padding(60))]) {
      const longer = beginCell().storeSlice(whole.beginParse()).storeBuilder(more).endCell();
      expect(await unchanged(world, longer)).toBe(E.badVoucherSignature);
    }
    const rest = beginCell().storeUint(5, 8).endCell();
    await world.claim(toNano('0.1'), { rest }); // both keys signed it: their own affair
  });

  it('unsigned bytes: a StateInit that rides along is refused', async () => {
    const world = await ChannelWorld.opened();
    expect(await unchanged(world, packClaim(world.claimOf(toNano('0.1'))), world.channel.init)).toBe(E.stateInitAttached);
  });

  it('is refused whichever bit of a good claim is flipped', async () => {
    const world = await ChannelWorld.opened();
    const good = packClaim(world.claimOf(toNano('0.1')));
    const flipped = (cell: Cell, bit: number): Builder => {
      const builder = beginCell();
      for (let index = 0; index < cell.bits.length; index++) builder.storeBit(cell.bits.at(index) !== (index === bit));
      return builder;
    };
    for (let bit = 0; bit < good.bits.length; bit += 7) {
      await expect(world.external(flipped(good, bit).storeRef(good.refs[0]).endCell())).rejects.toThrow();
    }
    for (let bit = 0; bit < 512; bit += 7) {
      const body = beginCell().storeBits(good.bits).storeRef(flipped(good.refs[0], bit).endCell()).endCell();
      expect(await unchanged(world, body)).toBe(E.badClaimSignature);
    }
    await world.external(good);
  });
});
