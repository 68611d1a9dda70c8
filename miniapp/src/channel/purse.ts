import type { Welcome } from '../../../protocol';
import { CHUNK_TOKENS, dueFor, type Prices } from '../../../protocol/channel/pricing';
import { voucherHash } from '../../../protocol/payments';
import { fromHex } from '../chain';
import { tonText } from '../tonText';
import type { ChannelTerms, Purse, SignedVoucher } from '../types';
import { walletError } from '../wallet/errors';
import { mostPayable } from './budget';
import type { ChannelKey } from './keys';
import type { ChannelRecord, ChannelStore, Release } from './store';

/** Numbers that an old copy of the store may be behind. */
const MAX_SKIPPED = 2 ** 20;

/** The money of one channel: what gateway/channel/money.ts and clientStore.ts keep for many requests at a time, for one. */
export class ChannelPurse implements Purse {
  /** What the request that runs may still come to; null while none runs. */
  private mostLeft: bigint | null = null;
  /** The newest voucher before it. */
  private before = 0n;
  /** Changes go one after another: a voucher is signed from what the last one left. */
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly store: ChannelStore,
    private readonly key: ChannelKey,
    private readonly prices: Prices,
    private record: ChannelRecord,
    /** Lets another tab have the channel. */
    readonly release: Release,
    private readonly now: () => number,
  ) {}

  /**
   * For this tab alone, until it is released. What an earlier one left in the middle is lost.
   * @param prices of the provider's offer; its answers are paid at them
   * @param now Unix seconds
   * @throws PageError `wallet.otherTab`, `wallet.oldBrowser`, `wallet.unknownChannel`, `wallet.storage`
   */
  static async open(store: ChannelStore, address: string, key: ChannelKey, prices: Omit<Prices, 'fixedPrice'>, now: () => number): Promise<ChannelPurse> {
    const release = await store.exclusively(`channel:${address}`);
    try {
      const record = await store.change(address, (known) => ({ ...known, running: false, lost: known.lost || known.running }));
      if (record.terms.clientKey !== key.publicKey) throw walletError('wallet.noKey');
      return new ChannelPurse(store, key, { ...prices, fixedPrice: 0n }, record, release, now);
    } catch (error) {
      release();
      throw error;
    }
  }

  get address(): string {
    return this.record.address;
  }

  get terms(): ChannelTerms {
    return this.record.terms;
  }

  position(): { vouched: bigint; owed: bigint; budget: bigint } {
    const { funds, terms, vouched, owed } = this.record;
    const budget = mostPayable(BigInt(funds), terms.expiry - this.now());
    return { vouched: BigInt(vouched), owed: BigInt(owed), budget: budget > 0n ? budget : 0n };
  }

  nextSeq(): number {
    return this.record.nextSeq;
  }

  /** @throws PageError `wallet.busy`, `wallet.finished`, `wallet.exhausted`, `wallet.otherTab`, `wallet.storage` */
  begin(first: bigint, most: bigint): Promise<{ seq: number; voucher: SignedVoucher }> {
    return this.inTurn(async () => {
      const seq = this.record.nextSeq;
      return { seq, voucher: await this.run(seq + 1, first, most) };
    });
  }

  resume(ahead: bigint, most: bigint): Promise<SignedVoucher> {
    return this.inTurn(() => this.run(this.record.nextSeq, ahead, most));
  }

  /** @throws PageError `wallet.exhausted` for more than the request was begun with */
  pay(more: bigint, ahead: bigint): Promise<SignedVoucher> {
    return this.inTurn(async () => {
      if (more < 0n || ahead < 0n || this.mostLeft === null || more + ahead > this.mostLeft) throw exhausted(more + ahead, this.mostLeft ?? 0n);
      await this.owe(more, ahead);
      this.mostLeft -= more;
      return this.voucher(false);
    });
  }

  end(lost: boolean, left?: bigint | null): Promise<void> {
    return this.inTurn(async () => {
      const { vouched, owed } = this.position();
      const kept = left === undefined || this.mostLeft === null ? vouched : [left ?? 0n, this.before, owed].reduce(max);
      await this.note((known) => ({ ...known, running: false, lost: known.lost || (lost && left !== null), vouched: String(kept < vouched ? kept : vouched) }));
      this.mostLeft = null;
    });
  }

  /**
   * An old copy of the store learns what this key signed and which numbers it used; then what is owed is believed: up to the newest voucher that left, which the
   * worker could claim whatever it says, and one chunk beyond where a request was lost since it was believed the last time, at the prices of that request: the
   * provider may ask for others by now. Between requests alone: what is prepaid for one that runs would count twice.
   * @throws PageError `wallet.busy`, `wallet.oldCopy`, `wallet.badWorker`
   */
  believe({ nextSeq, owed, voucher }: Welcome): Promise<void> {
    return this.inTurn(async () => {
      if (this.mostLeft !== null) throw walletError('wallet.busy');
      const isOurs = await this.key.verify(this.hash(voucher.amount, voucher.final), voucher.signature);
      const shown = isOurs ? voucher.amount : 0n;
      if (nextSeq - this.record.nextSeq > MAX_SKIPPED) throw walletError('wallet.oldCopy');
      if (nextSeq > this.record.nextSeq || shown > BigInt(this.record.vouched) || (isOurs && voucher.final && this.record.finishedAt === null)) {
        await this.note((known) => ({
          ...known,
          nextSeq: Math.max(nextSeq, known.nextSeq),
          vouched: larger(BigInt(known.vouched), shown),
          lost: known.lost || shown > BigInt(known.vouched),
          finishedAt: known.finishedAt ?? (isOurs && voucher.final ? this.now() : null),
        }));
      }
      const { vouched, owed: known } = this.position();
      const { lost } = this.record;
      const most = vouched + (lost ? BigInt(this.record.chunk ?? 0) : 0n);
      if (owed > most) throw walletError('wallet.badWorker', { most: tonText(most), owed: tonText(owed) });
      if (lost || owed > known) await this.owe(owed > known ? owed - known : 0n, 0n, false);
    });
  }

  /** All that was ever vouched for: a lower one would not be taken. Nothing is bought over the channel afterwards. @throws PageError `wallet.busy` */
  final(): Promise<SignedVoucher> {
    return this.inTurn(async () => {
      if (this.mostLeft !== null) throw walletError('wallet.busy');
      if (this.record.finishedAt === null) await this.note((known) => ({ ...known, finishedAt: this.now() }));
      return this.voucher(true);
    });
  }

  sign(hash: Uint8Array): Promise<Uint8Array> {
    return this.key.sign(hash);
  }

  /** A request is under way. @param first prepaid for it; @param most it may come to, nanoTON */
  private async run(nextSeq: number, first: bigint, most: bigint): Promise<SignedVoucher> {
    if (this.mostLeft !== null) throw walletError('wallet.busy');
    // More may have come since the purse was opened.
    const { funds = this.record.funds } = (await this.store.get(this.address)) ?? {};
    this.record = { ...this.record, funds };
    const { vouched, owed, budget } = this.position();
    if (first < 0n || most < first || owed + most > budget) throw exhausted(owed + most, budget);
    await this.note((known) => {
      const { terms: { expiry, closeDelay }, finishedAt } = known;
      if (finishedAt !== null || this.now() >= expiry - closeDelay) throw walletError('wallet.finished');
      const chunk = String(dueFor(this.prices, 0, CHUNK_TOKENS));
      return { ...known, nextSeq, running: true, chunk, vouched: larger(BigInt(known.vouched), owed + first) };
    });
    this.mostLeft = most;
    this.before = vouched;
    return this.voucher(false);
  }

  /** Notes that so much more is owed, within the budget. @param lost whether a loss is still to be granted; as it was if left out */
  private async owe(more: bigint, ahead: bigint, lost?: boolean): Promise<void> {
    const { owed, budget } = this.position();
    const wanted = owed + more + ahead;
    // A chunk that was lost may be owed beyond what the channel holds; nobody signs for that.
    const covered = wanted < budget ? wanted : budget;
    await this.note((known) => ({
      ...known, owed: String(owed + more), vouched: larger(BigInt(known.vouched), covered), ...(lost !== undefined && { lost }),
    }));
  }

  /** On disk before anything follows from it, unless somebody else wrote there. */
  private async note(change: (known: ChannelRecord) => ChannelRecord): Promise<void> {
    const mine = this.record;
    this.record = await this.store.change(mine.address, (known) => {
      if (known.nextSeq !== mine.nextSeq || known.vouched !== mine.vouched || known.owed !== mine.owed) throw walletError('wallet.otherTab');
      return change(known);
    });
  }

  private async voucher(final: boolean): Promise<SignedVoucher> {
    const amount = BigInt(this.record.vouched);
    return { amount, final, signature: await this.key.sign(this.hash(amount, final)) };
  }

  private hash(amount: bigint, final: boolean): Uint8Array {
    return voucherHash({ networkId: this.terms.networkId, channel: fromHex(this.address), final, amount });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work);
    this.last = next.catch(() => undefined);
    return next;
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const larger = (a: bigint, b: bigint): string => String(max(a, b));

const exhausted = (wanted: bigint, budget: bigint) => walletError('wallet.exhausted', { wanted: tonText(wanted), budget: tonText(budget) });
