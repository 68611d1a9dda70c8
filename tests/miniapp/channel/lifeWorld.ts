import type { ChannelOnChain, ChannelPair, LifeParts, SeenChannel } from '../../../miniapp/src/channel/life';
import { channelInit, openedTerms } from '../../../miniapp/src/chain';
import type { Offer, Reading } from '../../../miniapp/src/types';
import { walletError } from '../../../miniapp/src/wallet/errors';
import type { PageWallet, WalletMessage } from '../../../miniapp/src/wallet/pageWallet';
import { MemoryDatabase, MemoryDisk, MemoryLocks } from './memory';
import { ChannelStore } from '../../../miniapp/src/channel/store';
import { DAY, NOW } from './world';

export const CLIENT = '01'.repeat(32);
export const DEPOSIT = 10n ** 9n;
const CLOSE_BODY_TAIL = 0x0c70;

export const offer: Offer = {
  stake: '03'.repeat(32), owner: '04'.repeat(32), tier: 'attested', workerKey: '08'.repeat(32), sealingKey: '09'.repeat(32), imageHash: '0a'.repeat(32), modelRoot: '0b'.repeat(32),
  promptPrice: 1n, outputPrice: 1n, maxTokens: 256, contextTokens: 4_096, payout: '05'.repeat(32), claimKey: '06'.repeat(32), closeDelay: DAY, channelPath: '/',
};

/** What the wallet does with the next request. */
export type Manner = 'pays' | 'rejects' | 'isSilent' | 'losesItsAnswer' | 'paysTwice' | 'answersAndSendsNothing' | 'rejectsAndPays' | 'losesTheBridge';

/** A wallet, a chain that two APIs show, and a browser that can be reloaded. Time passes when somebody waits. */
export class LifeWorld implements ChannelPair {
  time = NOW;
  /** Seconds that the newest block is behind. */
  behind = 0;
  manner: Manner = 'pays';
  /** What each request asked for. */
  readonly requests: WalletMessage[][] = [];
  readonly validFor: number[] = [];
  readonly accounts = new Map<string, ChannelOnChain>();
  readonly opened: SeenChannel[] = [];
  /** What the APIs say instead of the truth. */
  lie: ((truth: ChannelOnChain | null) => Reading<ChannelOnChain | null>) | null = null;
  /** Money that is on its way, and when it comes. */
  private readonly onTheWay: { at: number; arrive: () => void }[] = [];
  readonly disk = new MemoryDisk();
  private readonly locks = new MemoryLocks();
  network = '2026';
  account: string | null = CLIENT;

  /** One start of the page. */
  page(): LifeParts & { database: MemoryDatabase; die: () => void } {
    const database = new MemoryDatabase(this.disk);
    const locks = this.locks.tab();
    return {
      store: new ChannelStore(database, locks), database, pair: this, wallet: this.wallet(), config: { network: 'devnet', networkId: 2026 }, now: () => this.time,
      sleep: async (millis) => {
        await new Promise((resolve) => setImmediate(resolve));
        this.pass(millis / 1_000);
      },
      die: () => (database.kill(), locks.die()),
    };
  }

  pass(seconds: number): void {
    this.time += seconds;
    for (const each of this.onTheWay.filter(({ at }) => at <= this.time)) {
      this.onTheWay.splice(this.onTheWay.indexOf(each), 1);
      each.arrive();
    }
  }

  async channel(address: string): Promise<Reading<ChannelOnChain | null>> {
    const account = this.accounts.get(address);
    const value = account === undefined ? null : { ...account, asOf: this.time - this.behind };
    return this.lie?.(value) ?? { agreement: 'both', value: structuredClone(value) };
  }

  async channelsOf() {
    const channels = await Promise.all(this.opened.map(async ({ address, terms }) => ({ address, terms, now: await this.channel(address) })));
    return { channels, complete: true };
  }

  private wallet(): PageWallet {
    const world = this;
    return {
      account: () => (world.account === null ? null : { address: world.account, network: world.network }),
      name: () => 'test', isStored: () => true, preload: async () => undefined, restore: async () => undefined, connect: () => '', disconnect: async () => undefined,
      link: () => null, isAsked: () => false, problem: () => null, onChange: () => () => undefined,
      send: (messages, validUntil) => world.send([...messages], validUntil),
    };
  }

  private async send(messages: WalletMessage[], validUntil: number): Promise<string> {
    this.requests.push(messages);
    this.validFor.push(validUntil - this.time);
    const arrives = (seconds: number): void => void this.onTheWay.push({ at: this.time + seconds, arrive: () => messages.forEach((message) => this.arrive(message)) });
    switch (this.manner) {
      case 'rejects': throw walletError('wallet.rejected');
      case 'rejectsAndPays': arrives(10); throw walletError('wallet.rejected');
      case 'losesTheBridge': arrives(10); throw walletError('wallet.bridge');
      case 'isSilent': return this.later(validUntil, () => { throw walletError('wallet.expired'); });
      case 'losesItsAnswer': arrives(10); return this.later(validUntil, () => { throw walletError('wallet.expired'); });
      case 'answersAndSendsNothing': return 'te6cc';
      case 'paysTwice': arrives(10); arrives(12); return 'te6cc';
      case 'pays': arrives(10); return 'te6cc';
    }
  }

  private later(at: number, then: () => string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.onTheWay.push({ at, arrive: () => {
        try {
          resolve(then());
        } catch (error) {
          reject(error);
        }
      } });
    });
  }

  private arrive({ address, amount, stateInit, payload }: WalletMessage): void {
    const hex = Buffer.from(address, 'base64url').subarray(2, 34).toString('hex');
    const known = this.accounts.get(hex);
    if (payload !== undefined) {
      if (known === undefined || !Buffer.from(payload, 'base64').toString('hex').includes(CLOSE_BODY_TAIL.toString(16).padStart(8, '0'))) return;
      if (this.time >= known.endsAt) Object.assign(known, { balance: 0n, endsAt: 0 });
      else known.endsAt = Math.min(known.endsAt, this.time + known.terms.closeDelay);
    } else if (known !== undefined) known.balance += amount;
    else {
      const terms = openedTerms(stateInit!)!;
      if (channelInit(terms).address !== hex) return;
      this.accounts.set(hex, { terms, claimed: 0n, endsAt: terms.expiry, balance: amount, asOf: 0 });
      this.opened.push({ address: hex, terms, now: { agreement: 'none', says: [] } });
    }
  }
}
