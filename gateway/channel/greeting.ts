import type { ClientStore } from './clientStore';
import { ChannelLink } from './link';
import type { ChannelMoney } from './money';
import type { BoughtChannel } from './order';

/** The connection to one worker about one channel: opened when it is needed, greeted anew when a session ends or what became of a request is not known. */
export class Greeting {
  private link: Promise<ChannelLink> | null = null;
  /** A request was given up in silence: what it waited for may be lost, and the worker may wait for it to be paid. */
  private isUnsure = false;

  constructor(
    private readonly bought: BoughtChannel,
    private readonly store: ClientStore,
    private readonly money: ChannelMoney,
  ) {}

  /** The newest link; null before the first one, or where it could not be opened. */
  async newest(): Promise<ChannelLink | null> {
    return (await this.link?.catch(() => null)) ?? null;
  }

  /** The worker may count other things than this client: the next request begins with what it says. */
  doubt(): void {
    this.isUnsure = true;
  }

  /** The link for this number, one after another: a session seals numbers as they rise. @throws GatewayError */
  connected(seq: number): Promise<ChannelLink> {
    const before = this.link ?? Promise.resolve(null);
    const link = before.catch(() => null).then(async (known) => {
      if (known !== null && !known.isLost) {
        if (this.isUnsure || !known.carries(seq)) await this.greetAgain(known, seq);
        return known;
      }
      this.isUnsure = false;
      const opened = await ChannelLink.open(this.bought, seq);
      await this.believe(opened);
      return opened;
    });
    this.link = link;
    return link;
  }

  /** The next session over the same connection; the welcome comes behind all that was on its way. */
  private async greetAgain(link: ChannelLink, seq: number): Promise<void> {
    const wasUnsure = this.isUnsure;
    this.isUnsure = false;
    const silent = await link.renew(seq);
    if (!wasUnsure) return;
    for (const of of silent) {
      this.money.forget(of);
      link.leave(of, true);
      this.store.lose(this.bought.channel);
    }
    await this.believe(link);
  }

  /** An old copy of the store learns from the greeting what this client signed and which numbers it used; then what is owed is believed, within bounds. */
  private async believe(link: ChannelLink): Promise<void> {
    const { welcome, shownVoucher } = link;
    try {
      await this.store.catchUp(this.bought.channel, welcome.nextSeq, shownVoucher);
      await this.money.believe(welcome.owed, shownVoucher);
    } catch (error) {
      link.close();
      throw error;
    }
  }
}
