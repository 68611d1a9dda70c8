import '@ton/test-utils';
import { Address, beginCell, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { channelPhase, packChannel, packClaim, packCloseChannel, packReplaceClaimKey, PAYMENT_CHANNEL_ERRORS as E } from '../../wrappers';
import { channelExit, ChannelWorld, DAY, DEPOSIT, paidTo } from '../support/channelWorld';
import { multiplyGasPrice, multiplyPrices } from '../support/config';
import { refusal } from '../support/jobWorld';

const MOST_FEES = toNano('0.005');
const twinOf = (address: Address): Address => new Address(-1, address.hash);

describe('a final claim, signed by both', () => {
  it('pays the provider and returns the rest to the client in one message', async () => {
    const world = await ChannelWorld.opened();
    const result = await world.claim(toNano('0.3'), { final: true });
    expect(paidTo(result, world.address, world.payout.address)).toBe(toNano('0.3') - world.fee);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - toNano('0.3') - MOST_FEES);
    expect(await world.state()).toMatchObject({ endsAt: 0, balance: 0n });
  });

  it('finding 40: closes with nothing owed, before anything was claimed and after everything was', async () => {
    for (const claimed of [0n, toNano('0.3')]) {
      const world = await ChannelWorld.opened();
      if (claimed > 0n) await world.claim(claimed);
      const result = await world.claim(claimed, { final: true });
      expect(paidTo(result, world.address, world.payout.address)).toBe(0n);
      expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - claimed - MOST_FEES);
      expect(channelPhase((await world.state())!, world.now)).toBe('ended');
    }
  });

  it('takes nothing back when it says less than was claimed', async () => {
    const world = await ChannelWorld.opened();
    await world.claim(toNano('0.3'));
    const result = await world.claim(toNano('0.1'), { final: true });
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - toNano('0.3') - MOST_FEES);
  });

  it('finding 41: pays both whatever the prices are: the payment is never left to the client', async () => {
    for (const [factor, raise] of [[1n, multiplyPrices], [10n, multiplyPrices], [50n, multiplyPrices], [20n, multiplyGasPrice]] as const) {
      for (const owed of [DEPOSIT * 2n, toNano('0.9')]) {
        const world = await ChannelWorld.opened();
        const original = world.blockchain.config;
        world.blockchain.setConfig(raise(original, factor, false));
        const result = await world.claim(owed, { final: true });
        const paid = paidTo(result, world.address, world.payout.address);
        world.blockchain.setConfig(original);
        const { claimed } = (await world.state())!;
        expect(claimed).toBeGreaterThan(DEPOSIT - toNano('0.2') * factor);
        expect(paid).toBeGreaterThan(claimed - toNano('0.004') * factor);
      }
    }
  });
});

describe('the client', () => {
  it('starts the end: the provider claims for closeDelay, then anybody returns the rest', async () => {
    const world = await ChannelWorld.opened();
    await world.close();
    expect(await world.state()).toMatchObject({ endsAt: world.now + DAY });
    expect(channelPhase((await world.state())!, world.now)).toBe('closing');
    world.now += DAY - 1;
    await world.claim(toNano('0.3'));
    expect(channelExit(await world.close(world.stranger), world.address)).toBe(E.notAParty);
    world.now += 1;
    expect(await refusal(world.claim(toNano('0.4')))).toBe(E.ended);
    const result = await world.close(world.stranger);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - toNano('0.3') - MOST_FEES);
    expect(await world.balance()).toBe(0n);
  });

  it('neither postpones the end by starting it again nor moves it beyond the expiry', async () => {
    const world = await ChannelWorld.opened();
    await world.close();
    const { endsAt } = (await world.state())!;
    world.now += 3_600;
    await world.close();
    expect((await world.state())!.endsAt).toBe(endsAt);
    const late = await ChannelWorld.opened({ expiry: world.now + 2 * DAY });
    late.now = late.terms.expiry - 10;
    await late.close();
    expect((await late.state())!.endsAt).toBe(late.terms.expiry);
  });

  it('gets everything back after the expiry though nobody else ever shows up, and the account is deleted', async () => {
    const world = await ChannelWorld.opened();
    world.now = world.terms.expiry;
    const result = await world.close();
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - MOST_FEES);
    expect(await world.isGone()).toBe(true);
  });

  it('finding 39: loses nothing with the key of its vouchers: its wallet ends the channel', async () => {
    const world = await ChannelWorld.opened();
    await world.close();
    world.now += DAY;
    expect(paidTo(await world.close(), world.address, world.client.address)).toBeGreaterThan(DEPOSIT - MOST_FEES);
  });
});

describe('the payout wallet', () => {
  it('ends the channel at once: everything goes to the client', async () => {
    const world = await ChannelWorld.opened();
    await world.claim(toNano('0.2'));
    const result = await world.close(world.payout);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - toNano('0.2') - MOST_FEES);
    expect(await world.state()).toMatchObject({ endsAt: 0, balance: 0n });
  });

  it('finding 39: replaces a lost or stolen claim key, and claims with the next one', async () => {
    const world = await ChannelWorld.opened();
    const next = keyPairFromSeed(Buffer.alloc(32, 7));
    await world.claim(toNano('0.1'));
    await world.replaceClaimKey(next.publicKey);
    const { terms, claimed, endsAt } = (await world.state())!;
    expect(packChannel(terms).equals(packChannel({ ...world.terms, claimKey: next.publicKey }))).toBe(true);
    expect({ claimed, endsAt }).toEqual({ claimed: toNano('0.1'), endsAt: world.terms.expiry });
    expect(await refusal(world.claim(toNano('0.3')))).toBe(E.badClaimSignature);
    const result = await world.claim(toNano('0.3'), { claimKey: next });
    expect(paidTo(result, world.address, world.payout.address)).toBe(toNano('0.2') - world.fee);
  });

  it('alone replaces it: not the client, a stranger, or an account of the same hash in the masterchain', async () => {
    const world = await ChannelWorld.opened();
    const body = packReplaceClaimKey(world.clientKey.publicKey);
    for (const address of [world.client.address, world.stranger.address, twinOf(world.payout.address)]) {
      expect(channelExit(await world.from(address, body), world.address)).toBe(E.notAParty);
    }
    expect((await world.state())!.terms.claimKey).toEqual(new Uint8Array(world.claimKey.publicKey));
  });
});

describe('nobody else', () => {
  it('ends a channel before its time, an account of the same hash in the masterchain neither', async () => {
    const world = await ChannelWorld.opened();
    for (const address of [world.stranger.address, world.terms.stake, twinOf(world.client.address), twinOf(world.payout.address)]) {
      expect(channelExit(await world.from(address, packCloseChannel()), world.address)).toBe(E.notAParty);
    }
    expect(await world.state()).toMatchObject({ endsAt: world.terms.expiry });
  });

  it('changes it with a message that it does not know, one cut short, or a bounced one', async () => {
    const world = await ChannelWorld.opened();
    const before = await world.state();
    for (const op of [0, 0x0c6f, 0x0c72, 0xffffffff]) {
      const result = await world.from(world.payout.address, beginCell().storeUint(op, 32).endCell());
      expect(channelExit(result, world.address)).toBe(E.unknownMessage);
    }
    for (const body of [beginCell().storeUint(0x0c, 8), beginCell().storeUint(0x0c71, 32).storeUint(1, 255)]) {
      expect(channelExit(await world.from(world.payout.address, body.endCell()), world.address)).toBe(E.malformed);
    }
    const bounced = beginCell().storeUint(0xffffffff, 32).storeSlice(packCloseChannel().beginParse()).endCell();
    await world.blockchain.sendMessage({
      info: {
        type: 'internal', ihrDisabled: true, bounce: false, bounced: true, src: world.payout.address, dest: world.address,
        value: { coins: toNano('0.1') }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0,
      },
      body: bounced,
    });
    const { terms, claimed, endsAt } = (await world.state())!;
    expect(packChannel(terms).equals(packChannel(before!.terms))).toBe(true);
    expect({ claimed, endsAt }).toEqual({ claimed: 0n, endsAt: before!.endsAt });
  });
});

describe('an ended channel', () => {
  const ended = async (): Promise<ChannelWorld> => {
    const world = await ChannelWorld.opened();
    await world.claim(toNano('0.3'), { final: true });
    return world;
  };

  it('finding 40: refuses vouchers and returns top-ups until its expiry', async () => {
    const world = await ended();
    const result = await world.topUp(toNano('1'), world.stranger);
    expect(channelExit(result, world.address)).toBe(E.ended);
    expect(result.transactions).toHaveTransaction({ from: world.address, to: world.stranger.address, inMessageBounced: true });
    expect(await world.balance()).toBe(0n);
    await world.stranger.send({ to: world.address, value: toNano('2'), bounce: false });
    expect(await refusal(world.claim(toNano('0.9')))).toBe(E.ended);
  });

  it('sends the client what reached it without a bounce, as often as anybody asks', async () => {
    const world = await ended();
    await world.stranger.send({ to: world.address, value: toNano('0.5'), bounce: false });
    const result = await world.close(world.stranger);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(toNano('0.5') - MOST_FEES);
    expect(await world.state()).toMatchObject({ endsAt: 0 });
  });

  it('finding 2: is there until its expiry, so nobody deploys it anew, and from then on no channel takes a claim', async () => {
    const world = await ended();
    const old = packClaim(world.claimOf(toNano('0.9')));
    await world.stranger.send({ to: world.address, value: toNano('2'), init: world.channel.init, bounce: false });
    expect(await world.state()).toMatchObject({ endsAt: 0, claimed: toNano('0.3') });
    expect(await refusal(world.external(old))).toBe(E.ended);
    world.now = world.terms.expiry;
    await world.close(world.stranger);
    expect(await world.isGone()).toBe(true);
    await world.client.send({ to: world.address, value: toNano('2'), init: world.channel.init, bounce: false });
    expect(await refusal(world.external(old))).toBe(E.ended);
    expect(paidTo(await world.close(world.stranger), world.address, world.client.address)).toBeGreaterThan(toNano('2') - MOST_FEES);
  });
});

describe('an opening', () => {
  it('finding 37: is recognised by its whole StateInit: other terms, or a state that is not the first, are another address', async () => {
    const world = await ChannelWorld.create();
    const other = world.stranger.address;
    for (const change of [
      { networkId: -3 }, { client: other }, { stake: other }, { payout: other }, { closeDelay: 60 }, { expiry: world.terms.expiry + 1 },
      { clientKey: new Uint8Array(32) }, { claimKey: new Uint8Array(32) },
    ]) {
      expect((await ChannelWorld.create(change, world.blockchain)).address.equals(world.address)).toBe(false);
    }
  });

  it('comes back whole, less fees, when the expiry has passed', async () => {
    const world = await ChannelWorld.create();
    world.now = world.terms.expiry;
    const before = await world.client.getBalance();
    await world.topUp(DEPOSIT);
    expect(before - (await world.client.getBalance())).toBeLessThan(toNano('0.01'));
  });

  it('may be paid by anybody; the money is the client\'s', async () => {
    const world = await ChannelWorld.create();
    await world.topUp(DEPOSIT, world.stranger);
    const result = await world.close(world.payout);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(DEPOSIT - MOST_FEES);
  });
});

describe('what a close sends', () => {
  it('is sent without a bounce: a client that cannot take it holds up nothing', async () => {
    const world = await ChannelWorld.opened();
    const { transactions } = await world.close(world.payout);
    const own = transactions.find(({ inMessage }) => String(inMessage!.info.dest) === String(world.address))!;
    expect([...own.outMessages.values()].map(({ info }) => info.type === 'internal' && info.bounce)).toEqual([false]);
  });

  it('is left for a later close when it is less than its own forward fee', async () => {
    const world = await ChannelWorld.opened();
    await world.claim(DEPOSIT * 2n);
    await world.from(world.payout.address, packCloseChannel(), 1_900_000n);
    expect((await world.state())!.endsAt).toBe(0);
    const result = await world.close(world.stranger);
    expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(0n);
  });
});

describe('a top-up', () => {
  it('has an empty body: with a reference alone it comes back', async () => {
    const world = await ChannelWorld.opened();
    const held = await world.balance();
    const result = await world.from(world.stranger.address, beginCell().storeRef(beginCell().endCell()).endCell());
    expect(channelExit(result, world.address)).not.toBe(0);
    expect(await world.balance()).toBeLessThanOrEqual(held);
  });
});

describe('closing with too little money for its gas', () => {
  it('changes nothing, and the least that works ends the channel', async () => {
    const works = async (value: bigint): Promise<boolean> => {
      const world = await ChannelWorld.opened();
      await world.from(world.payout.address, packCloseChannel(), value);
      return (await world.state())!.endsAt === 0;
    };
    let [low, high] = [0n, toNano('0.01')];
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      if (await works(middle)) high = middle;
      else low = middle;
    }
    expect(await works(high)).toBe(true);
    expect(await works(high - 1n)).toBe(false);
    expect(high).toBeLessThan(toNano('0.002'));
  });
});
