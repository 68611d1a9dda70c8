import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import pino from 'pino';
import { ARRIVAL_SECONDS, type ChannelOnChain, CLAIM_SECONDS, nextStep, WORTH_COLLECTING } from '../../gateway/market/channelLife';
import { type ChannelAccounts, ChannelKeeper, type OwnChannel } from '../../gateway/market/channelKeeper';
import type { SellerBook } from '../../gateway/market/seller';

const DAY = 86_400;
const NOW = 1_800_000_000;
const open: ChannelOnChain = { phase: 'open', balance: 10n ** 9n, servedUntil: NOW + 20 * DAY, expiry: NOW + 21 * DAY };
const used = { openedAt: NOW - DAY, lastUsed: NOW - 60, finishedAt: null };
const rules = { idleSeconds: 3 * DAY };

describe("the life of a client's channel", () => {
  test('one that is used is kept; one that nobody uses, or that is hardly served any more, is finished', () => {
    assert.equal(nextStep(open, used, rules, NOW), 'keep');
    assert.equal(nextStep(open, { ...used, lastUsed: NOW - 3 * DAY - 1 }, rules, NOW), 'finish');
    assert.equal(nextStep({ ...open, servedUntil: NOW + 3_599 }, used, rules, NOW), 'finish');
  });

  test('a provider that was asked to close and does not is given ten minutes; then the wallet closes', () => {
    assert.equal(nextStep(open, { ...used, finishedAt: NOW - CLAIM_SECONDS }, rules, NOW), 'keep');
    assert.equal(nextStep(open, { ...used, finishedAt: NOW - CLAIM_SECONDS - 1 }, rules, NOW), 'close');
    assert.equal(nextStep({ ...open, phase: 'closing' }, { ...used, finishedAt: NOW - DAY }, rules, NOW), 'keep');
  });

  test('what is left after the end is fetched, dust is not, and a channel that never arrived is forgotten only when nothing can arrive', () => {
    assert.equal(nextStep({ ...open, phase: 'ended' }, used, rules, NOW), 'collect');
    assert.equal(nextStep({ ...open, phase: 'ended', balance: WORTH_COLLECTING - 1n }, used, rules, NOW), 'forget');
    assert.equal(nextStep({ ...open, phase: 'absent', balance: 0n }, { ...used, openedAt: NOW - ARRIVAL_SECONDS }, rules, NOW), 'keep');
    assert.equal(nextStep({ ...open, phase: 'absent', balance: 0n }, { ...used, openedAt: NOW - ARRIVAL_SECONDS - 1 }, rules, NOW), 'forget');
  });
});

/** A channel as its contract behaves, a provider that may never claim, and rounds at any times. */
class ChainOfOne implements ChannelAccounts {
  now = NOW;
  balance = 0n;
  wallet = 0n;
  endsAt = NOW + 30 * DAY;
  finishedAt: number | null = null;
  isForgotten = false;
  closes = 0;
  private readonly expiry = NOW + 30 * DAY;

  constructor(readonly deposit: bigint, readonly arrivesAt: number, readonly claimsAfter: number | null) {}

  /** Lets time pass. */
  pass(seconds: number): void {
    this.now += seconds;
    if (this.balance === 0n && this.wallet === 0n && this.now >= this.arrivesAt) this.balance = this.deposit;
    const asked = this.finishedAt;
    if (asked !== null && this.claimsAfter !== null && this.now >= asked + this.claimsAfter && this.now < this.endsAt && this.balance > 0n) this.giveBack(0);
  }

  list(): OwnChannel[] {
    return this.isForgotten ? [] : [{ address: new Uint8Array(32), stake: new Uint8Array(32), openedAt: NOW, finishedAt: this.finishedAt }];
  }

  async look(): Promise<ChannelOnChain> {
    const isThere = this.now >= this.arrivesAt;
    const phase = !isThere ? 'absent' : this.now >= this.endsAt ? 'ended' : this.endsAt < this.expiry ? 'closing' : 'open';
    return { phase, balance: this.balance, servedUntil: this.expiry - DAY, expiry: this.expiry };
  }

  retire(): void {
    this.finishedAt ??= this.now;
  }

  async close(): Promise<void> {
    this.closes++;
    if (this.now >= this.endsAt) this.giveBack(this.endsAt);
    else if (this.endsAt === this.expiry) this.endsAt = Math.min(this.expiry, this.now + DAY);
  }

  forget(): void {
    this.isForgotten = true;
  }

  private giveBack(endsAt: number): void {
    this.wallet += this.balance;
    this.balance = 0n;
    this.endsAt = endsAt;
  }
}

describe('the keeper of channels', () => {
  const nobody = { withStake: () => undefined } as unknown as SellerBook;
  const keeperOf = (chain: ChainOfOne): ChannelKeeper =>
    new ChannelKeeper({ accounts: chain, sellers: nobody, rules, log: pino({ level: 'silent' }), now: () => chain.now });

  test('whatever the provider does and whenever the keeper looks, all money is back in the end and little is sent for it', async () => {
    const run = fc.asyncProperty(
      fc.integer({ min: 0, max: 500 }), fc.option(fc.integer({ min: 1, max: 100 * DAY })), fc.array(fc.integer({ min: 30, max: 2 * DAY }), { minLength: 60, maxLength: 90 }),
      async (arrival, claimsAfter, pauses) => {
        const chain = new ChainOfOne(10n ** 9n, NOW + arrival, claimsAfter);
        let keeper = keeperOf(chain);
        for (const [index, pause] of pauses.entries()) {
          chain.pass(pause);
          // A restart now and then.
          if (index % 20 === 19) keeper = keeperOf(chain);
          await keeper.round();
          assert.ok(!chain.isForgotten || chain.balance === 0n);
        }
        for (let day = 0; day < 40; day++) {
          chain.pass(DAY);
          await keeper.round();
        }
        assert.deepEqual([chain.isForgotten, chain.balance, chain.wallet], [true, 0n, 10n ** 9n]);
        assert.ok(chain.closes <= 2);
      },
    );
    await fc.assert(run, { seed: 6, numRuns: 200 });
  });

  test('a chain that cannot be read ends nothing', async () => {
    const chain = new ChainOfOne(1n, NOW, null);
    chain.look = () => Promise.reject(new Error('silent'));
    chain.pass(10 * DAY);
    await keeperOf(chain).round();
    assert.deepEqual([chain.finishedAt, chain.isForgotten, chain.closes], [null, false, 0]);
  });
});
