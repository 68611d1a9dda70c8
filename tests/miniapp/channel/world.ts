import type { ChannelTerms } from '../../../miniapp/src/types';
import { ChannelPurse } from '../../../miniapp/src/channel/purse';
import { type ChannelKey, createKey } from '../../../miniapp/src/channel/keys';
import { type ChannelRecord, ChannelStore } from '../../../miniapp/src/channel/store';
import { MemoryDatabase, MemoryDisk, MemoryLocks } from './memory';

export const NOW = 1_800_000_000;
export const DAY = 86_400;
export const FUNDS = 10n ** 9n;
/** 1 nanoTON a prompt token, 1,000 an output token: a chunk is 32,000. */
export const PRICES = { promptPrice: 1_000_000n, outputPrice: 1_000_000_000n };
export const CHUNK = 32_000n;
export const ADDRESS = '07'.repeat(32);

export const termsWith = (clientKey: string): ChannelTerms => ({
  networkId: 2026, client: '01'.repeat(32), clientKey, stake: '03'.repeat(32), payout: '05'.repeat(32), claimKey: '06'.repeat(32), closeDelay: DAY,
  expiry: NOW + 30 * DAY,
});

export const recordWith = (clientKey: string, changes: Partial<ChannelRecord> = {}): ChannelRecord => ({
  address: ADDRESS, terms: termsWith(clientKey), intent: 'open', openedAt: NOW, asked: 1, deposit: String(FUNDS), funds: String(FUNDS), claimed: '0',
  nextSeq: 1, vouched: '0', owed: '0', running: false, lost: false, finishedAt: null, ...changes,
});

/** One browser with one open channel. */
export class Browser {
  readonly disk = new MemoryDisk();
  private readonly locks = new MemoryLocks();

  private constructor(readonly key: ChannelKey) {}

  static async withChannel(changes: Partial<ChannelRecord> = {}): Promise<Browser> {
    const disk = new MemoryDisk();
    const browser = new Browser(await createKey(new MemoryDatabase(disk)));
    await browser.tab().store.add(recordWith(browser.key.publicKey, changes));
    return browser;
  }

  tab(): { database: MemoryDatabase; store: ChannelStore; die: () => void } {
    const database = new MemoryDatabase(this.disk);
    const locks = this.locks.tab();
    return { database, store: new ChannelStore(database, locks), die: () => (database.kill(), locks.die()) };
  }

  purse(store = this.tab().store, now = () => NOW): Promise<ChannelPurse> {
    return ChannelPurse.open(store, ADDRESS, this.key, PRICES, now);
  }
}
