import { Address, Cell } from '@ton/core';
import { voucherHash } from '../../protocol';
import { channelPhase, type ChannelState, claimFee, packClaim, parseChannel } from '../../wrappers';
import { type ChainClient, externalTo } from '../chain/chainClient';
import { ChainStateError } from '../errors';
import type { Logger } from '../log';
import type { ChannelStore } from './store/channelStore';
import type { ChannelRecord, KeptVoucher } from './store/records';

export interface ClaimerOptions {
  chain: Pick<ChainClient, 'getAccount' | 'networkPrices' | 'sendExternal'>;
  store: ChannelStore;
  networkId: number;
  /** Signs with the provider's claim key. */
  sign: (hash: Uint8Array) => Uint8Array;
  /** Unix seconds. */
  now: () => number;
  log: Logger;
  /** Hears of each look at a channel; for books and metrics. */
  observe?: ClaimObserver;
  /** A claim is worth its while when it pays this many times its own fee. */
  worthwhileFees: bigint;
}

/** What became of one channel in a round. */
export type ClaimOutcome = 'nothing due' | 'waits' | 'sent' | 'refused' | 'ended';

export interface ClaimObserver {
  /** @param endsAt Unix seconds, null for a channel that is not there any more */
  seen(address: Buffer, endsAt: number | null): void;
  looked(outcome: ClaimOutcome | 'failed'): void;
}

/** Claims at half of closeDelay before a channel ends at the latest: the other half is for an API or a machine that is down. */
const EARLY = 2;

/**
 * Turns vouchers into money: one claim settles any number of requests, so it waits until it is worth its while, but not until
 * the channel ends. A claim is durable before it is sent, and the same bytes are sent again until the chain shows it.
 */
export class Claimer {
  constructor(private readonly options: ClaimerOptions) {}

  /** Looks at every channel once. What fails at one channel holds up no other. @param signal ends it before the next one */
  async round(signal?: AbortSignal): Promise<void> {
    const { observe } = this.options;
    for (const record of this.options.store.read.channels()) {
      if (signal?.aborted) return;
      try {
        const outcome = await this.look(record);
        observe?.looked(outcome);
      } catch (error) {
        observe?.looked('failed');
        this.options.log.warn({ channel: record.address.toString('hex'), error: String(error) }, 'a channel could not be claimed from');
      }
    }
  }

  /** Counts what the chain has paid, and claims when it is time. @throws ChainApiError, StorageError */
  async look(record: ChannelRecord): Promise<ClaimOutcome> {
    const { chain, store, now } = this.options;
    const address = new Address(0, record.address);
    const account = await chain.getAccount(address);
    const state = account.data === null || account.state !== 'active' ? null : parseChannel(account.data);
    this.options.observe?.seen(record.address, state?.endsAt ?? null);
    if (state !== null) await store.settle(record.address, state.claimed, now());
    const { voucher } = record;
    if (state === null || now() >= state.endsAt) return this.ended(record);
    if (voucher === null || (voucher.amountNano <= state.claimed && !voucher.final)) return 'nothing due';
    if (!(await this.isTime(state, voucher, account.balance))) return 'waits';
    return this.claim(address, record, voucher);
  }

  /** Nothing can be claimed from it any more. */
  private async ended(record: ChannelRecord): Promise<ClaimOutcome> {
    const { store, now } = this.options;
    for (const claim of store.read.claims(record.address)) if (claim.state === 'pending') await store.dropClaim(claim.messageHash, now());
    return 'ended';
  }

  private async isTime(state: ChannelState, voucher: KeptVoucher, balance: bigint): Promise<boolean> {
    const { chain, now, worthwhileFees } = this.options;
    const fee = claimFee(await chain.networkPrices());
    const due = voucher.amountNano - state.claimed;
    if (voucher.final) return true;
    if (due <= fee) return false;
    const isLate = now() >= state.endsAt - Math.floor(state.terms.closeDelay / EARLY);
    return isLate || channelPhase(state, now()) === 'closing' || due >= worthwhileFees * fee || due + 2n * fee >= balance;
  }

  private async claim(address: Address, record: ChannelRecord, voucher: KeptVoucher): Promise<ClaimOutcome> {
    const { chain, store, now, log, networkId, sign } = this.options;
    const { final, amountNano: amount, signature: voucherSignature } = voucher;
    const claimSignature = sign(voucherHash({ networkId, channel: record.address, final, amount }));
    const message = externalTo(address, packClaim({ final, amount, voucherSignature, claimSignature }));
    const messageHash = Cell.fromBoc(message)[0].hash();
    // The voucher in the store may be newer by now; it is worth no less, so this one may be claimed.
    await store.addClaim(record.address, { messageHash, amountNano: amount, message }, now());
    try {
      await chain.sendExternal(message);
      log.info({ channel: record.address.toString('hex'), amountNano: String(amount) }, 'claim sent');
      return 'sent';
    } catch (error) {
      if (!(error instanceof ChainStateError)) throw error;
      // Prices rose, or somebody else's message of the same claim was first; the voucher is kept, and the next round looks again.
      log.warn({ channel: record.address.toString('hex'), error: error.message }, 'claim refused');
      return 'refused';
    }
  }
}
