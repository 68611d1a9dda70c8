import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Address, beginCell, contractAddress, toNano } from '@ton/core';
import { TonClient } from '@ton/ton';
import fc from 'fast-check';
import { DevnetError, startDevnet } from '../../devnet';
import { compileTact } from '../support/compileTact';
import { call, fund, START, wallet, withDevnet } from './helpers';

const nobody = new Address(0, Buffer.alloc(32, 9));

describe('devnet behind the toncenter v2 API', () => {
  it('TonClient works unchanged: balances, states, wallets of both kinds, transfers, get-methods, history', async () => {
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
      assert.ok((await client.getShardTransactions(0, latestSeqno, shard)).length >= 4);
    });
  });

  it('has its own network id and refuses those of real networks', async () => {
    await withDevnet(async (devnet) => {
      const { body } = await call(`${devnet.url}/api/v2/getConfigParam?config_id=19`);
      const cell = body.result.config.bytes;
      assert.equal(Buffer.from(cell, 'base64').includes(Buffer.from('000007ea', 'hex')), true);
      assert.equal(devnet.networkId, 2026);
    });
    for (const networkId of [-239, -3]) {
      await assert.rejects(
        startDevnet({ networkId }),
        (error) => error instanceof DevnetError && error.code === 'DEVNET_NETWORK_ID',
      );
    }
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

  it('a contract sees time and masterchain blocks a hundred apart (PREVMCBLOCKS_100), both rising', async () => {
    const { BlockProbe: code } = await compileTact('tests/tact/BlockProbe.tact');
    await withDevnet(async (devnet, client) => {
      const init = { code, data: beginCell().endCell() };
      const address = contractAddress(0, init);
      const payer = wallet(client, 'v4', 3);
      await fund(devnet, payer.address);
      await payer.pay(address, toNano('0.1'), init);
      const read = async (name: string) => (await client.runMethod(address, name)).stack.readBigNumber();
      const seqno = await read('seqno');
      assert.equal(seqno % 100n, 0n);
      assert.equal(await read('time'), BigInt(START));
      const [first] = devnet.blockchain.prevBlocks!.lastMcBlocks100!;
      assert.equal(await read('rootHash'), BigInt(`0x${first.rootHash.toString('hex')}`));
      await call(`${devnet.url}/devnet/advance`, { seconds: 500 });
      assert.equal(await read('seqno'), seqno + 100n);
      assert.equal(await read('time'), BigInt(START + 500));
      await assert.rejects(client.runMethod(address, 'noSuchMethod'), /exit_code: 11/);
    });
  });

  it("answers errors in toncenter's shape", async () => {
    await withDevnet(async (devnet) => {
      const rpc = `${devnet.url}/api/v2/jsonRPC`;
      const errors: [string, unknown, number, RegExp][] = [
        [
          rpc,
          { id: '1', jsonrpc: '2.0', method: 'getAddressInformation', params: { address: 'EQnobody' } },
          422,
          /address/,
        ],
        [rpc, { id: '1', jsonrpc: '2.0', method: 'sendBoc', params: { boc: '***' } }, 422, /boc/],
        [
          rpc,
          { id: '1', jsonrpc: '2.0', method: 'sendBoc', params: { boc: 'AAAA' } },
          500,
          /LITE_SERVER_UNKNOWN: cannot apply external message/,
        ],
        [rpc, { id: '1', jsonrpc: '2.0', method: 'mintMoney', params: {} }, 404, /Unknown method/],
        [rpc, { id: '1', jsonrpc: '2.0', method: '__proto__', params: {} }, 404, /Unknown method/],
        [rpc, '{"half', 422, /JSON/],
        [rpc, [], 422, /JSON/],
        [rpc, { params: 5 }, 422, /method/],
        [rpc, undefined, 405, /Method Not Allowed/],
        [`${devnet.url}/api/v2/getTransactions?address=${nobody}&limit=-1`, undefined, 422, /limit/],
        [`${devnet.url}/api/v3/accounts`, undefined, 404, /Not Found/],
        [`${devnet.url}/devnet/faucet`, { address: nobody.toString(), amountNano: '-1' }, 422, /amountNano/],
        [`${devnet.url}/devnet/advance`, { seconds: 0.5 }, 422, /seconds/],
        [rpc, JSON.stringify({ method: 'x'.repeat(1 << 21) }), 413, /larger/],
      ];
      for (const [url, body, status, message] of errors) {
        const reply = await call(url, body);
        assert.equal(reply.status, status, `${url} ${JSON.stringify(body)?.slice(0, 80)}`);
        assert.equal(reply.body.ok, false);
        assert.equal(reply.body.code, status);
        assert.match(reply.body.error, message);
      }
      const rejected = await call(rpc, {
        id: '1',
        jsonrpc: '2.0',
        method: 'sendBoc',
        params: { boc: externalToNobody().toString('base64') },
      });
      assert.match(rejected.body.error, /External message was not accepted/);
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

  it('serves two clients at once, one change at a time', async () => {
    await withDevnet(async (devnet, client) => {
      const [a, b] = [wallet(client, 'v4', 1), wallet(new TonClient({ endpoint: devnet.endpoint }), 'v5r1', 2)];
      await Promise.all([fund(devnet, a.address), fund(devnet, b.address)]);
      await Promise.all([a.pay(nobody, toNano('1')), b.pay(nobody, toNano('2'))]);
      assert.equal(await client.getBalance(nobody), toNano('3'));
    });
  });
});

function externalToNobody(): Buffer {
  return beginCell()
    .storeUint(0b10, 2)
    .storeUint(0, 2)
    .storeAddress(nobody)
    .storeCoins(0)
    .storeUint(0, 2)
    .endCell()
    .toBoc();
}
