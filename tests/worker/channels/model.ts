import type { Balance } from '../../../worker/channels/store/reader';

/** One call on a store; `channel` is 0 or 1, numbers marked `step` are relative to where the model is. */
export type Call =
  | { call: 'voucher'; channel: number; amount: bigint; final: boolean }
  | { call: 'begin'; channel: number; step: number; terms: number }
  | { call: 'sign'; channel: number; seqStep: number; indexStep: number; dueStep: number; final: boolean }
  | { call: 'end'; channel: number; seqStep: number }
  | { call: 'prune'; age: number }
  | { call: 'claim'; channel: number; amount: bigint }
  | { call: 'settle'; channel: number; amount: bigint };

interface ModelRequest {
  terms: string;
  chunks: string[];
  due: bigint;
  endedAt: number | null;
}

/** What a store should be, in plain maps, without files, crashes and bytes. */
export class Model {
  readonly channels = [new ModelChannel(), new ModelChannel()];
  readonly pending: string[] = [];
  earned = 0n;
  now = 1;
  private made = 0;

  /** The next chunk's text: no two are equal, so a second signature shows. */
  nextText(): string {
    return `chunk ${this.made++}`;
  }

  prune(before: number): number {
    let removed = 0;
    for (const { requests } of this.channels) {
      for (const [seq, { endedAt }] of requests) {
        if (endedAt !== null && endedAt < before) removed += Number(requests.delete(seq));
      }
    }
    return removed;
  }

  claim(channel: number, amount: bigint): string {
    const { voucher } = this.channels[channel];
    if (amount > (voucher?.amount ?? 0n)) return 'channel.claim-above-voucher';
    const name = `${channel} ${amount}`;
    // A claim of that amount may have been settled before; then it stays so.
    if (!this.channels[channel].claimed.has(name)) this.pending.push(name);
    this.channels[channel].claimed.add(name);
    return 'claimed';
  }

  settle(channel: number, amount: bigint): bigint {
    const state = this.channels[channel];
    const paid = amount > state.settled ? amount - state.settled : 0n;
    state.settled += paid;
    this.earned += paid;
    for (let index = this.pending.length - 1; index >= 0; index--) {
      const [of, claimed] = this.pending[index].split(' ');
      if (Number(of) === channel && BigInt(claimed) <= amount) this.pending.splice(index, 1);
    }
    return paid;
  }
}

export class ModelChannel {
  readonly requests = new Map<number, ModelRequest>();
  readonly claimed = new Set<string>();
  voucher: { amount: bigint; final: boolean; name: string } | null = null;
  lastSeq = 0;
  due = 0n;
  settled = 0n;

  keepVoucher(amount: bigint, final: boolean, name: string): string {
    const kept = this.voucher;
    if (kept === null || amount > kept.amount || (amount === kept.amount && final && !kept.final)) this.voucher = { amount, final, name };
    return `${this.voucher!.amount} ${this.voucher!.name}`;
  }

  begin(seq: number, terms: string): string {
    const known = this.requests.get(seq);
    if (known !== undefined) return known.terms === terms ? known.chunks.join() : 'channel.seq-taken';
    if (seq >= 1 && seq <= this.lastSeq) return 'channel.seq-forgotten';
    if (seq < 1) return 'channel.seq-range';
    this.lastSeq = seq;
    this.requests.set(seq, { terms, chunks: [], due: 0n, endedAt: null });
    return '';
  }

  sign(seq: number, index: number, made: { text: string; due: bigint; final: boolean }, now: number): string {
    const request = this.requests.get(seq);
    if (request?.chunks[index] !== undefined) return request.chunks[index];
    if (request === undefined) return 'channel.not-begun';
    if (request.endedAt !== null) return 'channel.request-ended';
    if (index !== request.chunks.length) return 'channel.index-gap';
    if (made.due < request.due) return 'channel.due';
    this.due += made.due - request.due;
    request.due = made.due;
    request.chunks.push(made.text);
    if (made.final) request.endedAt = now;
    return made.text;
  }

  end(seq: number, now: number): string {
    const request = this.requests.get(seq);
    if (request === undefined) return 'channel.not-begun';
    request.endedAt ??= now;
    return 'ended';
  }

  balance(): Balance {
    const voucherNano = this.voucher?.amount ?? 0n;
    const uncoveredNano = this.due > voucherNano ? this.due - voucherNano : 0n;
    return { dueNano: this.due, voucherNano, settledNano: this.settled, uncoveredNano };
  }
}
