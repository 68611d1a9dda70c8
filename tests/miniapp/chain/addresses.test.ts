import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Address, beginCell, Cell, storeStateInit } from '@ton/core';
import fc from 'fast-check';
import {
  accountOf, channelInit, closeChannelBody, fromBase64, fromHex, friendlyAddress, openedTerms, parseChannel, stakeAddress, toBase64,
} from '../../../miniapp/src/chain';
import type { ChannelTerms } from '../../../miniapp/src/types';
import { decodeBoc, toHex } from '../../../protocol';
import { packCloseChannel, PaymentChannel, providerStakeAddress } from '../../../wrappers';

const SEED = 2026;
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const seconds = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const arbitraryTerms: fc.Arbitrary<ChannelTerms> = fc.record(
  { networkId: int32, client: hash, clientKey: hash, stake: hash, payout: hash, claimKey: hash, closeDelay: seconds, expiry: seconds },
  { noNullPrototype: true },
);
const address = (hex: string): Address => new Address(0, Buffer.from(hex, 'hex'));
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

const open = ({ client, clientKey, stake, payout, claimKey, ...numbers }: ChannelTerms): Promise<PaymentChannel> =>
  PaymentChannel.fromTerms({
    ...numbers, client: address(client), stake: address(stake), payout: address(payout), clientKey: fromHex(clientKey), claimKey: fromHex(claimKey),
  });

it('a stake has the address that the SDK computes for its network, registry and owner', async () => {
  await fc.assert(
    fc.asyncProperty(int32, hash, hash, async (networkId, registry, owner) => {
      const expected = await providerStakeAddress({ networkId, registry: address(registry), owner: address(owner) });
      assert.equal(stakeAddress({ networkId, registry, owner }), expected.hash.toString('hex'));
    }),
    { seed: SEED, numRuns: 20 },
  );
});

it('a channel has the address and the StateInit that the SDK opens it with, and its terms are read back from both cells', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTerms, async (terms) => {
      const channel = await open(terms);
      const { address: account, stateInit } = channelInit(terms);
      assert.equal(account, channel.address.hash.toString('hex'));
      assert.equal(stateInit, beginCell().store(storeStateInit(channel.init!)).endCell().toBoc().toString('base64'));
      assert.deepEqual(openedTerms(stateInit), terms);
      assert.deepEqual(parseChannel(decodeBoc(channel.init!.data.toBoc())), { terms, claimed: 0n, endsAt: terms.expiry });
    }),
    { seed: SEED, numRuns: 20 },
  );
});

const terms: ChannelTerms = {
  networkId: -3, client: '01'.repeat(32), clientKey: '02'.repeat(32), stake: '03'.repeat(32), payout: '04'.repeat(32), claimKey: '05'.repeat(32),
  closeDelay: 86_400, expiry: 1_900_000_000,
};

it('a StateInit of other code, with a library, of a channel that was claimed from, or garbage opens no channel', async () => {
  const { init } = await open(terms);
  const text = (cell: Cell): string => cell.toBoc().toString('base64');
  const packed = (code: Cell, data: Cell): string => text(beginCell().store(storeStateInit({ code, data })).endCell());
  assert.deepEqual(openedTerms(packed(init!.code, init!.data)), terms);
  assert.equal(openedTerms(packed(init!.data, init!.data)), null);
  assert.equal(openedTerms(packed(init!.code, init!.code)), null);
  const claimed = init!.data.beginParse();
  claimed.loadCoins();
  assert.equal(openedTerms(packed(init!.code, beginCell().storeCoins(1).storeSlice(claimed).endCell())), null);
  assert.equal(openedTerms(text(beginCell().storeUint(0b00111, 5).storeRef(init!.code).storeRef(init!.data).storeRef(new Cell()).endCell())), null);
  for (const garbage of ['', 'AAAA', '%', toBase64(new Uint8Array(500))]) assert.equal(openedTerms(garbage), null);
});

it('data of a channel that is a bit longer or shorter, or has coins with leading zeros, is refused', async () => {
  const { data } = (await open(terms)).init!;
  const plain = (cell: Cell) => decodeBoc(cell.toBoc());
  assert.equal(codeOf(() => parseChannel(plain(beginCell().storeSlice(data.beginParse()).storeBit(0).endCell()))), 'MALFORMED_CELL');
  const bits = data.beginParse();
  const shorter = beginCell().storeBits(bits.loadBits(bits.remainingBits - 1)).storeRef(bits.loadRef()).endCell();
  assert.equal(codeOf(() => parseChannel(plain(shorter))), 'MALFORMED_CELL');
  const own = data.beginParse();
  const fixed = beginCell().storeSlice(own.loadRef().beginParse()).storeBit(1).endCell();
  assert.equal(codeOf(() => parseChannel(plain(beginCell().storeBits(own.loadBits(own.remainingBits)).storeRef(fixed).endCell()))), 'MALFORMED_CELL');
  const rest = data.beginParse();
  rest.loadCoins();
  assert.equal(codeOf(() => parseChannel(plain(beginCell().storeUint(1, 4).storeUint(0, 8).storeSlice(rest).endCell()))), 'MALFORMED_CELL');
});

it('terms that no channel can have are refused with a typed error', () => {
  assert.equal(codeOf(() => channelInit({ ...terms, expiry: 0 })), 'SECONDS_OUT_OF_RANGE');
  assert.equal(codeOf(() => channelInit({ ...terms, closeDelay: 2 ** 32 })), 'SECONDS_OUT_OF_RANGE');
  assert.equal(codeOf(() => channelInit({ ...terms, networkId: 2 ** 31 })), 'OUT_OF_RANGE');
  assert.equal(codeOf(() => channelInit({ ...terms, client: '01'.repeat(31) })), 'BAD_HEX');
  assert.equal(codeOf(() => channelInit({ ...terms, clientKey: 'zz'.repeat(32) })), 'BAD_HEX');
});

it('the body that closes a channel is the one of the SDK', () => {
  assert.equal(closeChannelBody(), packCloseChannel().toBoc().toString('base64'));
});

it('addresses are written and read as @ton/core does, in every form', () => {
  fc.assert(
    fc.property(hash, fc.boolean(), fc.boolean(), (account, bounceable, testOnly) => {
      const expected = address(account);
      assert.equal(friendlyAddress(account, { bounceable, testOnly }), expected.toString({ bounceable, testOnly }));
      for (const urlSafe of [true, false]) assert.equal(accountOf(expected.toString({ bounceable, testOnly, urlSafe })), account);
      assert.equal(accountOf(expected.toRawString().toUpperCase()), account);
    }),
    { seed: SEED, numRuns: 200 },
  );
});

it('an address with a wrong character, of another workchain or of another length is refused', () => {
  const good = friendlyAddress('ab'.repeat(32));
  for (let index = 0; index < 48; index++) {
    const other = good[index] === 'A' ? 'B' : 'A';
    assert.equal(codeOf(() => accountOf(good.slice(0, index) + other + good.slice(index + 1))), 'BAD_ADDRESS', `character ${index}`);
  }
  const master = new Address(-1, Buffer.alloc(32, 1));
  for (const bad of [master.toString(), master.toRawString(), good.slice(1), `${good}A`, '', `0:${'ab'.repeat(31)}`, `1:${'ab'.repeat(32)}`]) {
    assert.equal(codeOf(() => accountOf(bad)), 'BAD_ADDRESS', bad);
  }
});

it('base64 is written and read as Node does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'));
      assert.deepEqual(fromBase64(Buffer.from(bytes).toString('base64')), bytes);
      assert.deepEqual(fromBase64(Buffer.from(bytes).toString('base64url')), bytes);
    }),
    { seed: SEED },
  );
  assert.equal(codeOf(() => fromBase64('A*')), 'BAD_BASE64');
});
