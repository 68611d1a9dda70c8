import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Address, beginCell, type Cell, Dictionary, internal, type MessageRelaxed, storeMessageRelaxed } from '@ton/core';
import fc from 'fast-check';
import { openedTerms } from '../../../miniapp/src/chain';
import { readTransaction } from '../../../miniapp/src/chain/transactions';
import { PaymentChannel } from '../../../wrappers';
import { strangerOf } from '../../devnet/helpers';
import { fill, hexOf } from './chainWorld';

const SEED = 2026;
const me = strangerOf(1);
const channelOf = (expiry: number): Promise<PaymentChannel> =>
  PaymentChannel.fromTerms({ networkId: -3, client: me, clientKey: fill(2), stake: strangerOf(3), payout: strangerOf(4), claimKey: fill(5), closeDelay: 6, expiry });

/** What a transaction's cell is read for: who was before it, and what it sent. */
function transaction(before: { lt: bigint; hash: Uint8Array }, messages: Cell[], messageIn?: Cell): Cell {
  const sent = Dictionary.empty(Dictionary.Keys.Uint(15), Dictionary.Values.Cell());
  messages.forEach((message, index) => sent.set(index, message));
  const inside = beginCell().storeMaybeRef(messageIn).storeDict(sent).endCell();
  return beginCell().storeUint(0b0111, 4).storeBuffer(me.hash).storeUint(77, 64).storeBuffer(Buffer.from(before.hash)).storeUint(before.lt, 64).storeUint(0, 51).storeRef(inside).endCell();
}

const message = (to: Address, options: Partial<Parameters<typeof internal>[0]> & { forceRef?: boolean; src?: Address; other?: boolean }): Cell => {
  const { forceRef, src = me, other, ...rest } = options;
  const sent: MessageRelaxed = internal({ to, value: 10n ** 9n, bounce: false, ...rest });
  const value = { coins: 10n ** 9n, other: other ? Dictionary.empty(Dictionary.Keys.Uint(32), Dictionary.Values.BigVarUint(5)).set(1, 5n) : undefined };
  const info = { ...sent.info, src, value } as MessageRelaxed['info'];
  return beginCell().store(storeMessageRelaxed({ ...sent, info }, { forceRef })).endCell();
};

const read = (cell: Cell) => readTransaction(cell.toBoc().toString('base64'), cell.hash().toString('hex'));

it('a StateInit is found wherever a message has it: inline, in a cell of its own, behind other currencies, among other messages', async () => {
  const [one, two] = [await channelOf(100), await channelOf(200)];
  const plans = fc.array(fc.record({ opens: fc.constantFrom(null, one, two), forceRef: fc.boolean(), other: fc.boolean(), body: fc.boolean() }), { maxLength: 8 });
  fc.assert(
    fc.property(plans, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.boolean(), (all, lt, hash, isAsked) => {
      const messages = all.map(({ opens, forceRef, other, body }) =>
        message(opens?.address ?? strangerOf(9), { init: opens?.init, forceRef, other, body: body ? beginCell().storeUint(1, 32).storeRef(beginCell()).endCell() : undefined }),
      );
      const result = read(transaction({ lt, hash }, messages, isAsked ? beginCell().endCell() : undefined))!;
      assert.deepEqual(result.before, { lt, hash: hexOf(hash) });
      assert.deepEqual(result.opened.map(({ expiry }) => expiry), all.flatMap(({ opens }) => (opens === null ? [] : opens === one ? [100] : [200])));
    }),
    { seed: SEED, numRuns: 60 },
  );
});

it('messages to the masterchain, of log, of other contracts, or cut short open nothing, and the others count', async () => {
  const channel = await channelOf(100);
  const good = message(channel.address, { init: channel.init });
  const log = beginCell().storeUint(0b11, 2).storeUint(0, 400).endCell();
  const cut = beginCell().storeBits(good.bits.substring(0, good.bits.length - 3)).endCell();
  const other = message(strangerOf(8), { init: { code: channel.init!.data, data: channel.init!.data } });
  const result = read(transaction({ lt: 1n, hash: fill(0) }, [log, message(new Address(-1, Buffer.alloc(32)), { init: channel.init }), cut, other, good]))!;
  assert.deepEqual(result.opened, [openedTerms(beginCell().storeUint(0b00110, 5).storeRef(channel.init!.code).storeRef(channel.init!.data).endCell().toBoc().toString('base64'))]);
});

it('a transaction of another hash is refused, and one that cannot be read is no transaction', () => {
  const cell = transaction({ lt: 1n, hash: fill(0) }, []);
  assert.throws(() => readTransaction(cell.toBoc().toString('base64'), hexOf(fill(1))), { code: 'OTHER_TRANSACTION' });
  assert.throws(() => read(beginCell().storeUint(7, 4).endCell()), { code: 'MALFORMED_CELL' });
  for (const garbage of ['', '%', 'AAAA']) assert.equal(readTransaction(garbage, hexOf(fill(1))), null);
});
