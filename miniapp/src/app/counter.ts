/** The channels of this browser, and the conversation over the one that is used. */
import type { Conversation } from '../chat';
import { ChannelPurse, endByVoucher, type LifeParts, loadKey, viewOf } from '../channel';
import { walletError } from '../wallet/errors';
import type { ChannelView, Estimate, HeldAnswer, Offer, PageConfig, PageTokenizer } from '../types';
import type { Tokenizers } from './tokenizers';

interface Open {
  address: string;
  /** What it was opened under: another key or price of the provider needs another conversation. */
  terms: string;
  purse: ChannelPurse;
  conversation: Conversation;
  tokenizer: PageTokenizer;
}

export class Counter {
  private open: Promise<Open> | null = null;
  private address: string | null = null;
  /** The conversation, once there is one. */
  private current: Conversation | null = null;

  constructor(
    private readonly parts: LifeParts & { config: PageConfig },
    private readonly tokenizers: Tokenizers,
  ) {}

  /** @throws PageError where another tab has the channel, or its key is not here */
  async conversation(address: string, offer: Offer): Promise<Open> {
    const terms = termsOf(offer);
    const known = await this.open?.catch(() => null);
    if (known?.address === address && known.terms === terms) return known;
    await this.release();
    this.address = address;
    this.open = this.opened(address, terms, offer);
    this.open.catch(() => (this.open = null));
    return this.open;
  }

  /** Whether its newest answer was cut and can go on. */
  canResume = (held: HeldAnswer): boolean => this.current?.canResume(held) ?? false;

  async estimate(offer: Offer, prompt: string): Promise<Estimate> {
    const [{ estimateFor }, tokenizer] = await Promise.all([import('../chat'), this.tokenizers.of(offer.modelRoot)]);
    return estimateFor(offer, tokenizer, prompt);
  }

  /** Ends a channel by its last voucher: the provider claims, and the rest comes back without the wallet. */
  async finish(address: string, offer: Offer): Promise<ChannelView> {
    const { conversation } = await this.conversation(address, offer);
    return endByVoucher(this.parts, address, () => conversation.finish());
  }

  /** Lets go of the channel that is used, or of this one. */
  async release(address = this.address): Promise<void> {
    if (address !== this.address) return;
    const known = await this.open?.catch(() => null);
    this.open = this.current = null;
    known?.conversation.close();
    known?.purse.release();
  }

  /** Channels of this browser as they were noted last, newest first. */
  async views(): Promise<ChannelView[]> {
    const { store, now } = this.parts;
    const records = (await store.list()).filter(({ intent }) => intent !== 'declined').sort((a, b) => b.openedAt - a.openedAt);
    return Promise.all(records.map(async (record) => viewOf(record, null, now(), (await loadKey(store.database, record.terms.clientKey)) !== null)));
  }

  private async opened(address: string, terms: string, offer: Offer): Promise<Open> {
    const { store, config, now } = this.parts;
    const [{ Conversation }, tokenizer, record] = await Promise.all([import('../chat'), this.tokenizers.of(offer.modelRoot), store.get(address)]);
    const key = record && (await loadKey(store.database, record.terms.clientKey));
    if (!key) throw walletError('wallet.noKey');
    const purse = await ChannelPurse.open(store, address, key, offer, now);
    try {
      const conversation = new Conversation({ config, offer, purse, tokenizer, modelName: this.tokenizers.nameOf(offer.modelRoot), now });
      this.current = conversation;
      return { address, terms, purse, conversation, tokenizer };
    } catch (error) {
      purse.release();
      throw error;
    }
  }
}

const termsOf = (offer: Offer): string => JSON.stringify(Object.values(offer).map(String));
