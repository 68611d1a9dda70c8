import { type Address, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import fc from 'fast-check';
import { packClaim } from '../../wrappers';
import { ChannelWorld, DAY, paidTo } from '../support/channelWorld';
import { sumFees } from '../support/fees';
import { Counts } from '../properties/counts';

const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 50);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 2026);
const SECOND_KEY = keyPairFromSeed(Buffer.alloc(32, 7));
/** Most that one message takes out of a channel beside what it pays: two transactions' fees. */
const MOST_FEES = toNano('0.008');

/** What anybody may try, in any order; who is meant, how much and what is wrong with it follow from the numbers. */
interface Attempt {
  kind: 'topUp' | 'sign' | 'claim' | 'close' | 'replaceKey' | 'drop' | 'deployAgain' | 'wait';
  who: number;
  size: number;
  fault: number;
}

const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom('topUp', 'sign', 'sign', 'sign', 'claim', 'claim', 'claim', 'claim', 'close', 'replaceKey', 'drop', 'deployAgain', 'wait'),
  who: fc.nat(3),
  size: fc.nat(9),
  fault: fc.nat(9),
});

const counts = new Counts();

/** A plain model of one channel, and what the client ever signed for it. */
class Model {
  claimed = 0n;
  endsAt: number;
  claimKey: KeyPair;
  isThere = false;
  readonly vouchers: { amount: bigint; final: boolean }[] = [];
  highest = 0n;

  constructor(readonly world: ChannelWorld) {
    this.endsAt = world.terms.expiry;
    this.claimKey = world.claimKey;
  }

  get hasEnded(): boolean {
    return this.world.now >= this.endsAt;
  }
}

/** Two channels of the same parties, so that vouchers of one are tried at the other. */
class Story {
  private constructor(readonly models: Model[]) {}

  static async begin(): Promise<Story> {
    const first = await ChannelWorld.create();
    const second = await ChannelWorld.create({ expiry: first.terms.expiry - 10 * DAY }, first.blockchain);
    return new Story([new Model(first), new Model(second)]);
  }

  get world(): ChannelWorld {
    return this.models[0].world;
  }

  private async holdings(): Promise<bigint> {
    const { client, payout, stranger } = this.world;
    let sum = 0n;
    for (const { address } of [client, payout, stranger, ...this.models.map(({ world }) => world)]) sum += await this.world.balance(address);
    return sum;
  }

  async perform({ kind, who, size, fault }: Attempt): Promise<void> {
    const model = this.models[who & 1];
    const { world } = model;
    if (kind === 'wait') {
      world.now += [60, 3_600, DAY - 1, DAY, 40 * DAY][size % 5];
      for (const { world: other } of this.models) other.now = world.now;
      return;
    }
    if (kind === 'sign') {
      const amount = model.highest + toNano('0.02') * BigInt(size * size);
      model.highest = amount;
      model.vouchers.push({ amount, final: fault < 2 });
      return;
    }
    const before = await this.holdings();
    const result = await this.send(model, { kind, who, size, fault });
    const fees = result === null ? 0n : sumFees(result.transactions).totalNano;
    expect(before - (await this.holdings())).toBe(fees);
    if (result !== null) expect(paidTo(result, world.address, world.stranger.address)).toBe(0n);
    const state = await world.state();
    // A refused deployment may leave an account in its first state, which takes nothing from the expiry on.
    if (model.isThere || !model.hasEnded) expect(state === null).toBe(!model.isThere);
    if (state !== null) {
      expect(state.claimed).toBe(model.claimed);
      expect(state.endsAt).toBe(model.endsAt);
      expect(Buffer.from(state.terms.claimKey)).toEqual(model.claimKey.publicKey);
    }
  }

  private async send(model: Model, { kind, who, size, fault }: Attempt): Promise<SendMessageResult | null> {
    const { world } = model;
    const person = [world.client, world.payout, world.stranger, world.client][(who + fault) % 4];
    switch (kind) {
      case 'topUp': {
        const taken = !model.hasEnded;
        const held = await world.balance();
        const result = await world.topUp(toNano('0.1') * BigInt(size + 1), person);
        if (taken) model.isThere = true;
        counts.add(`top-up ${taken ? 'taken' : 'returned'}`);
        if (!taken) expect(await world.balance()).toBeLessThanOrEqual(held);
        return result;
      }
      case 'drop':
        return world.stranger.send({ to: world.address, value: toNano('0.02') * BigInt(size), bounce: false });
      case 'deployAgain': {
        const result = await world.stranger.send({ to: world.address, value: toNano('0.2'), init: world.channel.init, bounce: true });
        if (!model.hasEnded) model.isThere = true;
        counts.add(`deployment ${model.isThere ? 'on an open channel' : 'of an expired one'}`);
        return result;
      }
      case 'replaceKey': {
        const next = size % 2 === 0 ? SECOND_KEY : world.claimKey;
        const result = await world.replaceClaimKey(next.publicKey, person);
        const taken = model.isThere && person === world.payout;
        if (taken) model.claimKey = next;
        counts.add(`key ${taken ? 'replaced' : 'kept'}`);
        return result;
      }
      case 'close':
        return this.close(model, person);
      default:
        return this.claim(model, size, fault);
    }
  }

  private async close(model: Model, person: ChannelWorld['client']): Promise<SendMessageResult> {
    const { world } = model;
    const held = await world.balance();
    const result = await world.close(person);
    if (!model.isThere) return result;
    const ends = model.hasEnded || person === world.payout;
    if (ends) {
      model.endsAt = 0;
      expect(paidTo(result, world.address, world.client.address)).toBeGreaterThan(held - MOST_FEES);
      if (world.now >= world.terms.expiry) this.deleted(model);
    } else if (person === world.client) model.endsAt = Math.min(model.endsAt, world.now + DAY);
    counts.add(`close ${ends ? 'ended it' : person === world.client ? 'started the end' : 'refused'}`);
    return result;
  }

  /** From the expiry on a deployment makes a new account with the old state: nothing was claimed, and it has ended. */
  private deleted(model: Model): void {
    model.isThere = false;
    model.claimed = 0n;
    model.endsAt = model.world.terms.expiry;
    model.claimKey = model.world.claimKey;
  }

  private async claim(model: Model, size: number, fault: number): Promise<SendMessageResult | null> {
    const { world } = model;
    // A voucher of the other channel, or one that the client never signed, is worth nothing here.
    const source = fault === 1 ? this.models.find((other) => other !== model)! : model;
    const voucher = source.vouchers[source.vouchers.length - 1 - (size % 4)] ?? { amount: toNano('0.2'), final: false };
    const isSigned = source.vouchers.includes(voucher);
    const claimKey = fault === 2 ? world.clientKey : fault === 3 ? world.claimKey : model.claimKey;
    const clientKey = isSigned && fault !== 4 ? world.clientKey : world.claimKey;
    const claim = source.world.claimOf(voucher.amount, { final: voucher.final, claimKey, clientKey });
    if (fault === 5) claim.amount += 1n;
    const genuine = isSigned && ![1, 2, 4, 5].includes(fault) && claimKey.publicKey.equals(model.claimKey.publicKey);
    const held = await world.balance();
    const due = voucher.amount - model.claimed;
    let result: SendMessageResult | null = null;
    try {
      result = await world.external(packClaim(claim));
    } catch {
      expect(await world.balance()).toBe(held);
    }
    const taken = result !== null;
    counts.add(`${voucher.final ? 'final' : 'claim'} ${taken ? 'taken' : 'refused'}`);
    if (taken) {
      const { fee } = world;
      expect(genuine && !model.hasEnded && model.isThere).toBe(true);
      expect(due > fee || voucher.final).toBe(true);
      const paid = paidTo(result!, world.address, world.payout.address);
      const covered = held > due + MOST_FEES;
      if (due > fee && covered) expect(paid).toBe(due - fee);
      if (due <= fee) expect(paid).toBe(0n);
      expect(paid).toBeLessThanOrEqual(due > fee ? due - fee : 0n);
      model.claimed += paid + fee;
      expect(voucher.final || model.claimed <= model.highest).toBe(true);
      if (!voucher.final) expect(held - (await world.balance())).toBeLessThanOrEqual(paid + fee + 1_000_000n);
      if (voucher.final) {
        model.endsAt = 0;
        expect(paidTo(result!, world.address, world.client.address)).toBeGreaterThan(held - paid - fee - MOST_FEES);
      }
      counts.add(`payment ${paid === 0n ? 'of nothing' : covered ? 'whole' : 'in part'}`);
    } else if (genuine && !model.hasEnded && model.isThere && held > toNano('0.01')) {
      // A genuine voucher is refused only when it is not worth its fee.
      expect(due <= world.fee || held - due < MOST_FEES || held < 3n * world.fee).toBe(true);
    }
    return result;
  }

  /** Everybody is gone, and a stranger cleans up. */
  async end(): Promise<void> {
    for (const model of this.models) {
      const { world } = model;
      world.now = Math.max(world.now, this.world.terms.expiry);
      await this.perform({ kind: 'close', who: this.models.indexOf(model), size: 0, fault: 2 - this.models.indexOf(model) });
      expect(await world.balance()).toBeLessThan(toNano('0.001'));
    }
  }
}

const addresses = (...all: { address: Address }[]): string[] => all.map(({ address }) => String(address));

describe('channels of parties that lie, replay and disappear', () => {
  it('follow the model after every step: TON is conserved, a provider gets what was signed, a client loses no more, nothing is stuck', async () => {
    const opening: Attempt[] = [0, 1].map((who) => ({ kind: 'topUp', who, size: 9, fault: 0 }));
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 12, maxLength: 30 }), async (attempts) => {
        const story = await Story.begin();
        expect(new Set(addresses(...story.models.map(({ world }) => world))).size).toBe(2);
        for (const made of [...opening, ...attempts]) await story.perform(made);
        await story.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
    console.log(counts.toString());
    const wanted = ['top-up taken', 'top-up returned', 'claim taken', 'claim refused', 'final taken', 'final refused', 'key replaced', 'key kept'];
    wanted.push('close ended it', 'close started the end', 'close refused', 'payment whole', 'payment in part');
    expect(counts.missing(wanted, 5)).toEqual([]);
  });
});
