import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Address, toNano } from '@ton/core';
import fc from 'fast-check';
import { call, fund, START, wallet, withDevnet } from './helpers';

const nobody = new Address(0, Buffer.alloc(32, 9));

describe('devnet behind the toncenter v2 API', () => {
  it('TonClient works unchanged: balances, states, wallets of both kinds, transfers, history', async () => {
    await withDevnet(async (devnet, client) => {
      for (const kind of ['v4', 'v5r1'] as const) {
        const from = wallet(client, kind, 7);
        assert.equal((await client.getContractState(from.address)).state, 'uninitialized');
        await fund(devnet, from.address);
        assert.equal(await client.getBalance(from.address), toNano('5'));
        await from.pay(nobody, toNano('1'));
        assert.equal(await from.seqno(), 1);
        await from.pay(nobody, toNano('0.5'));
        assert.equal(await from.seqno(), 2);
        const all = await client.getTransactions(from.address, { limit: 10 });
        assert.equal(all.length, 3);
        assert.ok(all.every(({ now }) => now === START));
        const [newest] = all;
        const older = await client.getTransactions(from.address, {
          limit: 10,
          lt: newest.lt.toString(),
          hash: newest.hash().toString('base64'),
        });
        assert.deepEqual(
          older.map(({ lt }) => lt),
          all.slice(1).map(({ lt }) => lt),
        );
        const same = await client.getTransaction(from.address, newest.lt.toString(), newest.hash().toString('base64'));
        assert.equal(same!.lt, newest.lt);
      }
      assert.equal(await client.getBalance(nobody), toNano('3'));
    });
  });

  it("locates a message's two transactions, blocks and their transactions, the newest masterchain block", async () => {
    await withDevnet(async (devnet, client) => {
      const from = wallet(client, 'v5r1', 7);
      await fund(devnet, from.address);
      await from.pay(nobody, toNano('1'));
      const [received] = await client.getTransactions(nobody, { limit: 1 });
      const info = received.inMessage!.info;
      assert.equal(info.type, 'internal');
      const lt = info.type === 'internal' ? info.createdLt.toString() : '';
      assert.equal(
        (await client.tryLocateSourceTx(from.address, nobody, lt)).address,
        BigInt(`0x${from.address.hash.toString('hex')}`),
      );
      assert.equal((await client.tryLocateResultTx(from.address, nobody, lt)).lt, received.lt);
      const { latestSeqno, shard } = await client.getMasterchainInfo();
      const ofTransfer = await client.getShardTransactions(0, latestSeqno, shard);
      assert.deepEqual(
        ofTransfer.map(({ account }) => account.toRawString()),
        [from.address.toRawString(), nobody.toRawString()],
      );
    });
  });

  it('advances time, and masterchain blocks with it', async () => {
    await withDevnet(async (devnet, client) => {
      const before = (await client.getMasterchainInfo()).latestSeqno;
      const { body } = await call(`${devnet.url}/devnet/advance`, { seconds: 600 });
      assert.equal(body.result.now, START + 600);
      assert.equal((await client.getMasterchainInfo()).latestSeqno, before + 120);
      assert.equal((await client.getContractState(nobody)).timestampt, START + 600);
    });
  });

  it('survives anything: random methods, parameters and bodies get an answer, and the chain goes on', async () => {
    await withDevnet(async (devnet, client) => {
      const methods = fc.constantFrom(
        'getTransactions',
        'runGetMethod',
        'estimateFee',
        'sendBoc',
        'tryLocateTx',
        'getConfigParam',
        'shards',
        'constructor',
      );
      const parameters = fc.dictionary(
        fc.constantFrom('address', 'boc', 'stack', 'method', 'lt', 'limit', 'body', 'seqno', 'source', 'created_lt'),
        fc.oneof(fc.jsonValue(), fc.constant(nobody.toString()), fc.base64String()),
      );
      await fc.assert(
        fc.asyncProperty(methods, parameters, async (method, params) => {
          const reply = await call(`${devnet.url}/api/v2/jsonRPC`, { id: '1', jsonrpc: '2.0', method, params });
          assert.ok(reply.status === 200 || reply.body.ok === false);
          assert.doesNotMatch(String(reply.body.error ?? ''), /internal devnet error/);
        }),
        { numRuns: 150, seed: 5 },
      );
      assert.equal(await client.getBalance(nobody), 0n);
    });
  });
});
