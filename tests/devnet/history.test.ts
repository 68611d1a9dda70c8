import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Address, type Transaction, toNano } from '@ton/core';
import { call, fund, rpc, sharedDevnet, strangerOf, wallet } from './helpers';

const stranger = strangerOf(9);
const idOf = ({ lt, hash }: Transaction) => ({ lt: lt.toString(), hash: hash().toString('base64') });
const lts = (transactions: Transaction[]) => transactions.map(({ lt }) => lt);

describe('history of a busy account', () => {
  const shared = sharedDevnet();
  /** All of them, newest first. */
  let all: Transaction[];

  it('is complete, newest first, with each transaction pointing to the one before', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v4', 7);
    await fund(devnet, from.address);
    for (let seqno = 0; seqno < 12; seqno++) await from.pay(stranger, toNano('0.01'));
    all = await client.getTransactions(stranger, { limit: 100 });
    assert.equal(all.length, 12);
    all.slice(1).forEach((older, index) => {
      assert.equal(all[index].prevTransactionLt, older.lt);
      assert.equal(all[index].prevTransactionHash, BigInt(`0x${older.hash().toString('hex')}`));
    });
  });

  it('pages through by lt and hash: every transaction once, in order, whatever the size of a page', async () => {
    for (const limit of [1, 5, 11, 12, 50]) {
      const seen: Transaction[] = [];
      for (;;) {
        const cursor = seen.length === 0 ? {} : idOf(seen[seen.length - 1]);
        const page = await shared.client.getTransactions(stranger, { limit, ...cursor });
        assert.ok(page.length <= limit);
        if (page.length === 0) break;
        seen.push(...page);
      }
      assert.deepEqual(lts(seen), lts(all), `pages of ${limit}`);
    }
  });

  it('begins with the transaction that lt and hash name, and ends before to_lt', async () => {
    const { client } = shared;
    const from = { ...idOf(all[3]), inclusive: true };
    assert.deepEqual(lts(await client.getTransactions(stranger, { limit: 4, ...from })), lts(all.slice(3, 7)));
    const toLt = all[6].lt.toString();
    assert.deepEqual(
      lts(await client.getTransactions(stranger, { limit: 100, to_lt: toLt })),
      lts(all.slice(0, 6)),
      'to_lt itself is left out',
    );
    const between = { limit: 100, to_lt: toLt, ...from };
    assert.deepEqual(lts(await client.getTransactions(stranger, between)), lts(all.slice(3, 6)));
    assert.deepEqual(lts(await client.getTransactions(stranger, { limit: 2, to_lt: toLt })), lts(all.slice(0, 2)));
    assert.deepEqual(await client.getTransactions(stranger, { limit: 5, to_lt: all[0].lt.toString() }), []);
    const { lt, hash } = idOf(all[5]);
    assert.equal((await client.getTransaction(stranger, lt, hash))!.lt, all[5].lt);
  });

  it('a limit that is left out is 10, and there is none above 1000', async () => {
    const url = `${shared.devnet.url}/api/v2/getTransactions?address=${stranger}`;
    assert.equal((await call(url)).body.result.length, 10);
    assert.equal((await call(`${url}&limit=1000`)).body.result.length, 12);
    for (const limit of ['0', '-1', '1001', '1e2', 'ten', '']) {
      const { status, body } = await call(`${url}&limit=${limit}`);
      assert.equal(status, 422, limit);
      assert.match(body.error, /limit/);
    }
  });

  it('takes lt and hash only together, and only of a transaction of this account', async () => {
    const { lt, hash } = idOf(all[3]);
    const other = idOf(all[4]);
    const refused: [object, number, RegExp][] = [
      [{ lt }, 422, /lt and hash should be used together/],
      [{ hash }, 422, /lt and hash should be used together/],
      [{ lt: '-5', hash }, 422, /lt should be non-negative/],
      [{ lt: 'new', hash }, 422, /failed to parse lt/],
      [{ lt, hash: 'abc' }, 422, /failed to parse hash/],
      [{ lt, hash: other.hash }, 500, /LITE_SERVER_UNKNOWN: transaction hash mismatch/],
      [{ lt: (BigInt(lt) + 1n).toString(), hash }, 500, /LITE_SERVER_UNKNOWN: cannot locate transaction/],
    ];
    for (const [cursor, status, message] of refused) {
      const reply = await rpc(shared.devnet, 'getTransactions', { address: stranger.toString(), limit: 3, ...cursor });
      assert.equal(reply.status, status, JSON.stringify(cursor));
      assert.match(reply.body.error, message);
    }
    const hex = Buffer.from(hash, 'base64').toString('hex');
    const urlSafe = hash.replace(/\+/g, '-').replace(/\//g, '_');
    for (const form of [hash, hex, hex.toUpperCase(), urlSafe]) {
      const reply = await rpc(shared.devnet, 'getTransactions', {
        address: stranger.toRawString(),
        limit: 1,
        lt: Number(lt),
        hash: form,
      });
      assert.equal(reply.body.result?.[0].transaction_id.lt, lt, form);
    }
    const newest = await rpc(shared.devnet, 'getTransactions', { address: stranger.toString(), limit: 1, lt: 0 });
    assert.equal(newest.body.result[0].transaction_id.lt, idOf(all[0]).lt, 'lt 0 counts as none');
  });

  it('keeps accounts of equal hash in two workchains apart', async () => {
    const { devnet, client } = shared;
    const twin = new Address(-1, stranger.hash);
    await fund(devnet, twin, 5n);
    assert.equal((await client.getTransactions(twin, { limit: 100 })).length, 1);
    assert.equal((await client.getTransactions(stranger, { limit: 100 })).length, 12);
  });

  it('finds the two transactions of a message by its lt, and says 404 for one that there is not', async () => {
    const { client } = shared;
    const { info } = all[0].inMessage!;
    assert.ok(info.type === 'internal');
    const source = await client.tryLocateSourceTx(info.src, stranger, info.createdLt.toString());
    assert.ok([...source.outMessages.values()].some((sent) => sent.info.type === 'internal'));
    assert.equal((await client.tryLocateResultTx(info.src, stranger, info.createdLt.toString())).lt, all[0].lt);
    for (const method of ['tryLocateTx', 'tryLocateResultTx', 'tryLocateSourceTx']) {
      const { status, body } = await rpc(shared.devnet, method, {
        source: info.src.toString(),
        destination: stranger.toString(),
        created_lt: (info.createdLt + 1n).toString(),
      });
      assert.deepEqual([status, body.error], [404, 'transaction was not found']);
    }
  });
});
