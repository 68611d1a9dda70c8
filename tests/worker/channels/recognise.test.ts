import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Address, beginCell, toNano } from '@ton/core';
import { RefusalReason } from '../../../protocol';
import { channelRent, claimable, claimFee, type NetworkPrices, packChannel, PaymentChannel, type PaymentChannelTerms } from '../../../wrappers';
import type { AccountSnapshot } from '../../../worker/chain/chainClient';
import { type ChannelPolicy, recogniseChannel } from '../../../worker/channels/recognise';

const NOW = 1_800_000_000;
const DAY = 86_400;
const wallet = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const prices: NetworkPrices = {
  gasPrice: 26_214_400n, flatGasLimit: 100n, flatGasPrice: 40_000n, lumpPrice: 400_000n, bitPrice: 26_214_400n, cellPrice: 2_621_440_000n,
};
const policy: ChannelPolicy = { networkId: 2026, stake: key(3), payout: wallet(2), claimKeys: [key(5), key(6)], minCloseDelay: DAY };
const good: PaymentChannelTerms = {
  networkId: 2026, client: wallet(1), clientKey: key(4), stake: wallet(3), payout: wallet(2), claimKey: key(5), closeDelay: DAY, expiry: NOW + 90 * DAY,
};

/** A channel's data as its own code would have changed it. */
function changed(terms: PaymentChannelTerms, { claimed = 0n, endsAt = terms.expiry }: { claimed?: bigint; endsAt?: number }) {
  const rest = packChannel(terms).beginParse();
  rest.loadCoins();
  rest.loadUint(32);
  return beginCell().storeCoins(claimed).storeUint(endsAt, 32).storeSlice(rest).endCell();
}

async function verdict(change: Partial<PaymentChannelTerms> = {}, account: Partial<AccountSnapshot> = {}, now = NOW, address?: Address) {
  const channel = await PaymentChannel.fromTerms({ ...good, ...change });
  const snapshot: AccountSnapshot = { state: 'active', balance: toNano('1'), code: channel.init!.code, data: channel.init!.data, apiTime: now, ...account };
  return recogniseChannel(address ?? channel.address, snapshot, policy, prices, now);
}

async function refusal(...args: Parameters<typeof verdict>): Promise<number> {
  const answer = await verdict(...args);
  assert.ok(answer.kind === 'refused');
  return answer.reason;
}

describe('recognising a channel', () => {
  test('finding 38: serves at most what a claim is certain to pay, whenever it comes before the expiry', async () => {
    const answer = await verdict();
    assert.ok(answer.kind === 'servable');
    assert.ok(answer.mostOwed > toNano('0.98') && answer.mostOwed < toNano('1') - claimFee(prices));
    const left = toNano('1') - channelRent(90 * DAY);
    assert.equal(await refusal({ expiry: NOW + 731 * DAY }), RefusalReason.unsupportedTerms);
    assert.equal(claimable(answer.mostOwed, answer.state, left, prices), answer.mostOwed);
    assert.equal(answer.servesUntil, good.expiry - DAY);
  });

  test('counts what was claimed before', async () => {
    const answer = await verdict({}, { data: changed(good, { claimed: toNano('5') }) });
    assert.ok(answer.kind === 'servable');
    assert.ok(answer.mostOwed > toNano('5.98') && answer.mostOwed < toNano('6'));
  });

  test('finding 37: knows one by its address alone: not by code and data that look right, nor by a state that never was the first', async () => {
    const { unsupportedTerms } = RefusalReason;
    assert.equal(await refusal({}, {}, NOW, wallet(9)), unsupportedTerms);
    assert.equal(await refusal({}, { code: beginCell().endCell() }), unsupportedTerms);
    assert.equal(await refusal({}, { data: beginCell().endCell() }), unsupportedTerms);
    assert.equal(await refusal({}, { data: packChannel({ ...good, expiry: good.expiry + 1 }) }), unsupportedTerms);
  });

  test('refuses another network, stake, payout, claim key or a short closeDelay', async () => {
    for (const change of [{ networkId: -239 }, { stake: wallet(8) }, { payout: wallet(8) }, { claimKey: key(8) }, { claimKey: key(6) }, { closeDelay: DAY - 1 }]) {
      assert.equal(await refusal(change), RefusalReason.unsupportedTerms, Object.keys(change)[0]);
    }
  });

  test('finding 39: serves a channel that was opened with a claim key which the payout wallet has replaced', async () => {
    const data = packChannel(good);
    assert.equal((await verdict({ claimKey: key(6) }, { data })).kind, 'servable');
    assert.equal(await refusal({ claimKey: key(7) }, { data }), RefusalReason.unsupportedTerms);
  });

  test('finding 40: serves nothing after the client began to close, nor in the last closeDelay before the expiry', async () => {
    const { channelEnding } = RefusalReason;
    assert.equal(await refusal({}, { data: changed(good, { endsAt: NOW + DAY }) }), channelEnding);
    assert.equal(await refusal({}, { data: changed(good, { endsAt: 0 }) }), channelEnding);
    assert.equal((await verdict({}, {}, good.expiry - DAY - 1)).kind, 'servable');
    assert.equal(await refusal({}, {}, good.expiry - DAY), channelEnding);
    assert.equal(await refusal({}, { state: 'absent', code: null, data: null }), channelEnding);
    assert.equal(await refusal({}, { state: 'frozen' }), channelEnding);
  });

  test('refuses one that holds nothing beyond its fees', async () => {
    assert.equal(await refusal({}, { balance: 2n * claimFee(prices) }), RefusalReason.channelExhausted);
  });
});
