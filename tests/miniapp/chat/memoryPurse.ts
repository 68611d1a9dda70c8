/** A purse that keeps nothing on disk, with the bounds of docs/channel-protocol.md. */
import { CHUNK_TOKENS, dueFor, portableEd25519, type Prices, voucherHash, type Welcome } from '../../../protocol';
import type { ChannelTerms, Purse, SignedVoucher } from '../../../miniapp/src/types';
import type { KeyPair } from '../../worker/channels/conversationWorld';

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

export class MemoryPurse implements Purse {
  vouched = 0n;
  owed = 0n;
  seq = 1;
  isLost = false;
  isFinished = false;
  mostLeft: bigint | null = null;
  before = 0n;
  /** Numbers that were given out, in order, and vouchers that were signed. */
  readonly begun: number[] = [];
  readonly signed: bigint[] = [];

  constructor(
    readonly address: string,
    readonly terms: ChannelTerms,
    private readonly key: KeyPair,
    private readonly prices: Prices,
    private readonly budget = 10n ** 9n,
  ) {}

  position(): { vouched: bigint; owed: bigint; budget: bigint } {
    return { vouched: this.vouched, owed: this.owed, budget: this.budget };
  }

  nextSeq(): number {
    return this.seq;
  }

  async begin(first: bigint, most: bigint): Promise<{ seq: number; voucher: SignedVoucher }> {
    if (this.isFinished) throw new Error('finished');
    const voucher = await this.resume(first, most);
    this.begun.push(this.seq);
    return { seq: this.seq++, voucher };
  }

  async resume(ahead: bigint, most: bigint): Promise<SignedVoucher> {
    if (this.mostLeft !== null) throw new Error('busy');
    if (ahead < 0n || most < ahead || this.owed + most > this.budget) throw new Error('exhausted');
    this.mostLeft = most;
    this.before = this.vouched;
    this.vouched = larger(this.vouched, this.owed + ahead);
    return this.voucher(false);
  }

  async pay(more: bigint, ahead: bigint): Promise<SignedVoucher> {
    if (this.mostLeft === null || more < 0n || ahead < 0n || more + ahead > this.mostLeft) throw new Error('more than was begun with');
    this.mostLeft -= more;
    this.owed += more;
    this.vouched = larger(this.vouched, this.owed + ahead);
    return this.voucher(false);
  }

  async end(lost: boolean, left: bigint | null = this.vouched): Promise<void> {
    this.mostLeft = null;
    this.vouched = larger(larger(left ?? 0n, this.before), this.owed);
    this.isLost ||= lost && left !== null;
  }

  async believe({ nextSeq, owed, voucher: { amount, final, signature } }: Welcome): Promise<void> {
    const isOurs = portableEd25519.verify(this.hash(amount, final), signature, this.key.publicKey);
    if (isOurs) this.vouched = larger(this.vouched, amount);
    this.seq = Math.max(this.seq, nextSeq);
    const most = this.vouched + (this.isLost ? dueFor(this.prices, 0, CHUNK_TOKENS) : 0n);
    if (owed > most) throw new Error('the worker lies');
    this.isLost = false;
    if (owed <= this.owed) return;
    this.owed = owed;
    this.vouched = larger(this.vouched, owed);
  }

  async final(): Promise<SignedVoucher> {
    this.isFinished = true;
    return this.voucher(true);
  }

  async sign(hash: Uint8Array): Promise<Uint8Array> {
    return this.key.sign(hash);
  }

  private voucher(final: boolean): SignedVoucher {
    this.signed.push(this.vouched);
    return { amount: this.vouched, final, signature: this.key.sign(this.hash(this.vouched, final)) };
  }

  private hash(amount: bigint, final: boolean): Uint8Array {
    return voucherHash({ networkId: this.terms.networkId, channel: Buffer.from(this.address, 'hex'), final, amount });
  }
}
