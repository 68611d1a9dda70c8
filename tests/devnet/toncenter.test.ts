import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toNano } from '@ton/core';
import fc from 'fast-check';
import { METHODS } from '../../devnet/methods';
import { advance, fund, rpc, sharedDevnet, START, strangerOf, wallet } from './helpers';

const stranger = strangerOf(9);

describe('devnet behind the toncenter v2 API', () => {
  const shared = sharedDevnet();

  it('TonClient works unchanged: balances, states, wallets of both kinds, transfers, history', async () => {
    const { devnet, client } = shared;
    for (const kind of ['v4', 'v5r1'] as const) {
      const from = wallet(client, kind, 7);
      assert.equal((await client.getContractState(from.address)).state, 'uninitialized');
      await fund(devnet, from.address);
      assert.equal(await client.getBalance(from.address), toNano('5'));
      await from.pay(stranger, toNano('1'));
      assert.equal(await from.seqno(), 1);
      await from.pay(stranger, toNano('0.5'));
      assert.equal(await from.seqno(), 2);
      const all = await client.getTransactions(from.address, { limit: 10 });
      assert.equal(all.length, 3);
      assert.ok(all.every(({ now }) => now === START));
    }
    assert.equal(await client.getBalance(stranger), toNano('3'));
  });

  it('advances time, and masterchain blocks with it', async () => {
    const { devnet, client } = shared;
    const before = (await client.getMasterchainInfo()).latestSeqno;
    const { body } = await advance(devnet, 600);
    assert.equal(body.result.now, START + 600);
    assert.equal((await client.getMasterchainInfo()).latestSeqno, before + 120);
    assert.equal((await client.getContractState(stranger)).timestampt, START + 600);
  });

  it('survives anything: random methods and parameters get an answer, and the chain goes on', async () => {
    const { devnet, client } = shared;
    const before = await client.getBalance(stranger);
    const methods = fc.constantFrom(...Object.keys(METHODS), 'constructor', '__proto__');
    const names = ['address', 'boc', 'stack', 'method', 'lt', 'hash', 'limit', 'body', 'seqno', 'source'];
    const parameters = fc.dictionary(
      fc.constantFrom(...names, 'destination', 'created_lt', 'workchain', 'shard', 'unixtime', 'count', 'config_id'),
      fc.oneof(
        fc.jsonValue(),
        fc.constant(stranger.toString()),
        fc.constant('te6cckEBAQEAAgAAAEysuc0='),
        fc.base64String(),
        fc.nat(),
      ),
    );
    await fc.assert(
      fc.asyncProperty(methods, parameters, async (method, params) => {
        const reply = await rpc(devnet, method, params);
        assert.ok(reply.status === 200 || reply.body.ok === false);
        assert.doesNotMatch(String(reply.body.error ?? ''), /internal devnet error/);
      }),
      { numRuns: 250, seed: 5 },
    );
    assert.equal(await client.getBalance(stranger), before);
  });
});
