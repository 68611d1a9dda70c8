import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, type Cell, SendMode, type StateInit, toNano, type Transaction } from '@ton/core';
import { advance, fund, rpc, sharedDevnet, strangerOf, wallet, type TestWallet } from './helpers';

const stranger = strangerOf(9);
const value = toNano('0.1');
const DAY = 86_400;

interface Fees {
  in_fwd_fee: number;
  storage_fee: number;
  gas_fee: number;
  fwd_fee: number;
}

describe('fees', () => {
  const shared = sharedDevnet();

  /** Estimates a message, sends it, and gives the estimate with the transaction and what really was paid. */
  async function estimateThenSend(from: TestWallet, body: Cell, init?: StateInit) {
    const { client } = shared;
    const args = { body, initCode: init?.code ?? null, initData: init?.data ?? null, ignoreSignature: false };
    const before = await client.getContractState(from.address);
    const first = await client.estimateExternalMessageFee(from.address, args);
    const second = await client.estimateExternalMessageFee(from.address, args);
    assert.deepEqual(second, first, 'an estimate changes nothing');
    assert.deepEqual(await client.getContractState(from.address), before, 'an estimate changes nothing');
    await from.send(body);
    const paid = before.balance - (await client.getBalance(from.address)) - value;
    const [transaction] = await client.getTransactions(from.address, { limit: 1 });
    return { fees: first.source_fees as Fees, paid, transaction };
  }

  function checkParts(fees: Fees, paid: bigint, { description }: Transaction): void {
    assert.ok(description.type === 'generic' && description.computePhase.type === 'vm');
    assert.equal(BigInt(fees.gas_fee), description.computePhase.gasFees);
    assert.equal(BigInt(fees.storage_fee), description.storagePhase!.storageFeesCollected);
    assert.equal(BigInt(fees.fwd_fee), description.actionPhase!.totalFwdFees ?? 0n);
    assert.equal(BigInt(fees.in_fwd_fee + fees.storage_fee + fees.gas_fee + fees.fwd_fee), paid);
    assert.ok(fees.in_fwd_fee > 0 && fees.gas_fee > 0 && fees.fwd_fee > 0);
  }

  for (const kind of ['v4', 'v5r1'] as const) {
    it(`an estimate is what a ${kind} wallet then pays: with its deployment, and with rent after a month`, async () => {
      const from = wallet(shared.client, kind, 4);
      await fund(shared.devnet, from.address);
      const deploying = await estimateThenSend(from, from.sign(0, stranger, value), from.init);
      checkParts(deploying.fees, deploying.paid, deploying.transaction);
      assert.equal(deploying.fees.storage_fee, 0);
      await advance(shared.devnet, 30 * DAY);
      const later = await estimateThenSend(from, from.sign(1, stranger, value));
      checkParts(later.fees, later.paid, later.transaction);
      assert.ok(later.fees.storage_fee > 0);
      assert.ok(later.fees.in_fwd_fee < deploying.fees.in_fwd_fee, 'the deployment travels in the message');
    });
  }

  it('the signature does not matter unless asked for; what the account refuses has no estimate', async () => {
    const { client, devnet } = shared;
    const from = wallet(client, 'v4', 4);
    const seqno = await from.seqno();
    const good = from.sign(seqno, stranger, value);
    const unsigned = beginCell().storeBuffer(Buffer.alloc(64)).storeSlice(good.beginParse().skip(512)).endCell();
    const args = { body: unsigned, initCode: null, initData: null };
    const estimate = await client.estimateExternalMessageFee(from.address, { ...args, ignoreSignature: true });
    const checked = { ...args, body: good, ignoreSignature: false };
    const signed = await client.estimateExternalMessageFee(from.address, checked);
    assert.deepEqual(estimate.source_fees, signed.source_fees);
    const refused: [object, RegExp][] = [
      [{ body: unsigned, ignoreSignature: false }, /exitcode=35/],
      [{ body: from.sign(seqno + 1, stranger, value), ignoreSignature: true }, /exitcode=33/],
    ];
    for (const [change, message] of refused) {
      const asked = client.estimateExternalMessageFee(from.address, { ...args, ignoreSignature: true, ...change });
      await assert.rejects(asked, (error: { response: { status: number; data: { error: string } } }) => {
        assert.equal(error.response.status, 500);
        assert.match(error.response.data.error, message);
        return true;
      });
    }
    const wrong = { init_code: from.init.code!.toBoc().toString('base64'), init_data: 'te6cckEBAQEAAgAAAEysuc0=' };
    const reply = await rpc(devnet, 'estimateFee', {
      address: from.address.toString(),
      body: good.toBoc().toString('base64'),
      ...wrong,
    });
    assert.deepEqual([reply.status, /do not give this address/.test(reply.body.error)], [422, true]);
  });

  it('a listed transaction has the fees that its cells say: storage, the rest, forwarding', async () => {
    const { client, devnet } = shared;
    const from = wallet(client, 'v4', 5);
    await fund(devnet, from.address);
    await from.pay(stranger, value);
    await advance(devnet, 200 * DAY);
    await from.pay(stranger, value, undefined, SendMode.PAY_GAS_SEPARATELY + SendMode.IGNORE_ERRORS);
    const { body } = await rpc(devnet, 'getTransactions', { address: from.address.toString(), limit: 10 });
    const parsed = await client.getTransactions(from.address, { limit: 10 });
    assert.equal(parsed.length, 3);
    parsed.forEach(({ totalFees, description, outMessages, now }, index) => {
      const listed = body.result[index];
      assert.ok(description.type === 'generic');
      const storage = description.storagePhase?.storageFeesCollected ?? 0n;
      assert.equal(listed.fee, totalFees.coins.toString());
      assert.equal(listed.storage_fee, storage.toString());
      assert.equal(listed.other_fee, (totalFees.coins - storage).toString());
      assert.equal(listed.utime, now);
      const forward = [...outMessages.values()].map(({ info }) => (info.type === 'internal' ? info.forwardFee : 0n));
      assert.deepEqual(
        listed.out_msgs.map((message: { fwd_fee: string }) => BigInt(message.fwd_fee)),
        forward,
      );
    });
    assert.notEqual(body.result[0].storage_fee, '0');
  });
});
