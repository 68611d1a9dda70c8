import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, contractAddress, external, storeMessage, toNano } from '@ton/core';
import { TonClient } from '@ton/ton';
import { Chain } from '../../devnet/chain';
import { compileTact } from '../support/compileTact';
import { advance, call, fund, rpc, sharedDevnet, START, strangerOf, wallet } from './helpers';

const stranger = strangerOf(9);
const WHOLE = '-9223372036854775808';

describe('blocks', () => {
  const shared = sharedDevnet();

  it('who reads each block once, as it comes, misses no transaction and sees none twice', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v4', 7);
    let read = (await client.getMasterchainInfo()).latestSeqno;
    const seen: string[] = [];
    const follow = async () => {
      const { latestSeqno } = await client.getMasterchainInfo();
      while (read < latestSeqno) {
        // TonClient keeps a block that it has read.
        const transactions = await client.getShardTransactions(0, ++read, WHOLE);
        seen.push(...transactions.map(({ hash }) => hash));
      }
    };
    await fund(devnet, from.address);
    await follow();
    for (let seqno = 0; seqno < 4; seqno++) {
      await from.pay(stranger, toNano('0.1'));
      await follow();
      if (seqno === 1) await advance(devnet, 12);
      await from.send(from.sign(await from.seqno(), stranger, 1n));
    }
    await follow();
    const all = [
      ...(await client.getTransactions(from.address, { limit: 100 })),
      ...(await client.getTransactions(stranger, { limit: 100 })),
    ].map((transaction) => transaction.hash().toString('base64'));
    assert.equal(all.length, 9 + 8);
    assert.deepEqual(seen.filter((hash) => all.includes(hash)).sort(), all.sort());
    assert.equal(new Set(seen).size, seen.length);
  });

  it('lookupBlock finds a block by number, by the lt of a transaction in it, and by time', async () => {
    const { devnet, client } = shared;
    const look = (selector: object) => rpc(devnet, 'lookupBlock', { workchain: 0, shard: WHOLE, ...selector });
    const at = async (selector: object): Promise<number> => {
      const { status, body } = await look(selector);
      assert.equal(status, 200, body.error);
      assert.equal(body.result['@type'], 'ton.blockIdExt');
      return body.result.seqno;
    };
    await fund(devnet, stranger, 5n);
    const [newest, ...older] = await client.getTransactions(stranger, { limit: 6 });
    const { latestSeqno, shard } = await client.getMasterchainInfo();
    assert.equal(await at({ lt: newest.lt.toString() }), latestSeqno);
    assert.equal(await at({ seqno: latestSeqno }), latestSeqno);
    for (const { lt, hash } of older) {
      const seqno = await at({ lt: lt.toString() });
      const inBlock = await client.getShardTransactions(0, seqno, shard);
      assert.ok(inBlock.some((transaction) => transaction.hash === hash().toString('base64')));
    }
    const { now } = (await call(`${devnet.url}/devnet/info`)).body.result;
    await advance(devnet, 23);
    assert.equal(await at({ unixtime: now }), latestSeqno);
    assert.equal(await at({ unixtime: now + 23 }), latestSeqno + 4, 'idle time: a block every five seconds');
    assert.equal(await at({ unixtime: now + 9 }), latestSeqno + 1);
    await fund(devnet, stranger, 5n);
    assert.equal(await at({ unixtime: now + 23 }), latestSeqno + 5);
    assert.equal(await at({ unixtime: now + 22 }), latestSeqno + 4);
    const refused: [object, number, RegExp][] = [
      [{}, 422, /exactly one of seqno, lt, unixtime/],
      [{ seqno: latestSeqno, lt: 1 }, 422, /exactly one/],
      [{ lt: 0 }, 422, /lt should be positive/],
      [{ seqno: 0 }, 422, /seqno should be positive/],
      [{ seqno: 'last' }, 422, /failed to parse seqno/],
      [{ seqno: latestSeqno + 6 }, 500, /LITE_SERVER_NOTREADY: seqno not in db/],
      [{ seqno: 5 }, 500, /seqno not in db/],
      [{ unixtime: START - 1 }, 500, /utime not in db/],
      [{ unixtime: now + 1_000 }, 500, /utime not in db/],
      [{ lt: (newest.lt * 2n).toString() }, 500, /lt not in db/],
      [{ seqno: latestSeqno, shard: '4611686018427387904' }, 500, /no shard 4611686018427387904/],
      [{ seqno: latestSeqno, workchain: 7 }, 422, /workchain/],
    ];
    for (const [selector, status, message] of refused) {
      const reply = await look(selector);
      assert.equal(reply.status, status, JSON.stringify(selector));
      assert.match(reply.body.error, message);
    }
    const [only, ...others] = await client.getWorkchainShards(latestSeqno);
    assert.deepEqual([only, others], [{ workchain: 0, shard: WHOLE, seqno: latestSeqno }, []]);
    assert.equal((await rpc(devnet, 'shards', { seqno: latestSeqno + 6 })).status, 500);
  });

  it('the transactions of a block can be had in parts', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v5r1', 7);
    await fund(devnet, from.address);
    await from.pay(stranger, 1n);
    const { latestSeqno: seqno } = await client.getMasterchainInfo();
    const part = async (parameters: object) =>
      (await rpc(devnet, 'getBlockTransactions', { workchain: 0, shard: WHOLE, seqno, ...parameters })).body.result;
    const whole = await part({});
    assert.deepEqual([whole.transactions.length, whole.incomplete, whole.req_count], [2, false, 40]);
    const first = await part({ count: 1 });
    assert.deepEqual([first.transactions, first.incomplete], [whole.transactions.slice(0, 1), true]);
    const [{ account, lt }] = first.transactions;
    const rest = await part({ count: 1, after_lt: lt, after_hash: account.slice(2) });
    assert.deepEqual([rest.transactions, rest.incomplete], [whole.transactions.slice(1), false]);
    assert.equal((await part({ workchain: -1 })).transactions.length, 0);
    assert.equal(await part({ after_lt: lt }), undefined);
    assert.equal(await part({ after_lt: lt, after_hash: '00'.repeat(32) }), undefined);
    assert.equal(await part({ count: 0 }), undefined);
  });

  it('a contract sees time, and sixteen masterchain blocks that are a hundred apart (PREVMCBLOCKS_100)', async () => {
    const { BlockProbe: code } = await compileTact('tests/tact/BlockProbe.tact');
    const { devnet, client } = shared;
    const init = { code, data: beginCell().endCell() };
    const address = contractAddress(0, init);
    const payer = wallet(client, 'v4', 3);
    await fund(devnet, payer.address);
    await payer.pay(address, toNano('0.1'), init);
    const read = async (name: string) => (await client.runMethod(address, name)).stack.readBigNumber();
    const seqno = await read('seqno');
    const { latestSeqno } = await client.getMasterchainInfo();
    assert.equal(seqno, BigInt(latestSeqno - (latestSeqno % 100)));
    const { now } = (await call(`${devnet.url}/devnet/info`)).body.result;
    assert.equal(await read('time'), BigInt(now));
    const hundreds = devnet.blockchain.prevBlocks!.lastMcBlocks100!;
    assert.deepEqual(
      hundreds.map((block) => block.seqno),
      Array.from({ length: 16 }, (_, index) => Number(seqno) - 100 * index),
    );
    const last = devnet.blockchain.prevBlocks!.lastMcBlocks;
    assert.deepEqual(
      last.map((block) => block.seqno),
      Array.from({ length: 16 }, (_, index) => latestSeqno - index),
    );
    const { body } = await rpc(devnet, 'lookupBlock', { workchain: -1, shard: WHOLE, seqno: Number(seqno) });
    assert.equal(await read('rootHash'), BigInt(`0x${Buffer.from(body.result.root_hash, 'base64').toString('hex')}`));
    await advance(devnet, 500);
    assert.equal(await read('seqno'), seqno + 100n);
    assert.equal(await read('time'), BigInt(now + 500));
  });
});

describe('many at once', () => {
  const shared = sharedDevnet();

  it('calls that begin at the same instant take turns: a refused one spoils no other', async () => {
    const chain = await Chain.create({ networkId: 2026, clock: { startSeconds: START } });
    const from = wallet(shared.client, 'v4', 1);
    await chain.inTurn(() => chain.faucet(from.address, toNano('5')));
    const boc = (body = beginCell().endCell(), init?: typeof from.init) =>
      beginCell()
        .store(storeMessage(external({ to: from.address, body, init })))
        .endCell()
        .toBoc();
    const calls: (() => Promise<unknown>)[] = [
      () => chain.sendBoc(boc(from.sign(0, stranger, toNano('1')), from.init)),
      () => chain.sendBoc(boc()),
      () => chain.sendBoc(boc(from.sign(1, stranger, toNano('1')))),
      () => chain.faucet(stranger, 7n),
      () => chain.sendBoc(boc(from.sign(1, stranger, toNano('1')))),
      () => chain.sendBoc(boc(from.sign(2, stranger, toNano('1')))),
    ];
    const outcomes = await Promise.allSettled(calls.map((call) => chain.inTurn(call)));
    const good = ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'];
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      good,
    );
    assert.equal((await chain.account(stranger)).balance, toNano('3') + 7n);
    assert.equal(chain.transactionsOf(stranger).length, 4);
    assert.equal(chain.transactionsOf(from.address).length, 4);
  });

  it('externals are taken one after the other: each sender hears of its own, and each is in a block', async () => {
    const { devnet, client } = shared;
    const second = new TonClient({ endpoint: devnet.endpoint });
    const [a, b, c] = [wallet(client, 'v4', 1), wallet(second, 'v5r1', 2), wallet(client, 'v4', 3)];
    for (const { address } of [a, b, c]) await fund(devnet, address);
    const unsigned = external({ to: a.address, body: beginCell().endCell() });
    const garbage = beginCell().store(storeMessage(unsigned)).endCell().toBoc();
    const { code: initCode, data: initData } = c.init;
    const order = { body: c.sign(0, stranger, 1n), initCode: initCode!, initData: initData!, ignoreSignature: true };
    const pay = (from: typeof a) => from.send(from.sign(0, stranger, toNano('1')));
    const reasonOf = (sent: Promise<unknown>): Promise<string> =>
      sent.then(
        () => 'fine',
        (error: { response: { data: { error: string } } }) => /exitcode=\d+/.exec(error.response.data.error)![0],
      );
    const [paidByA, paidByB, paidByC, ofGarbage, estimates] = await Promise.all([
      Promise.all([reasonOf(pay(a)), reasonOf(pay(a))]),
      Promise.all([reasonOf(pay(b)), reasonOf(pay(b))]),
      reasonOf(pay(c)),
      Promise.all([1, 2, 3].map(() => reasonOf(client.sendFile(garbage)))),
      Promise.all([1, 2, 3].map(() => reasonOf(client.estimateExternalMessageFee(c.address, order)))),
      fund(devnet, stranger, 7n),
    ]);
    assert.deepEqual(paidByA.sort(), ['exitcode=33', 'fine'], 'each seqno is good for one');
    assert.deepEqual(paidByB.sort(), ['exitcode=133', 'fine']);
    assert.equal(paidByC, 'fine');
    for (const reason of ofGarbage) assert.match(reason, /^exitcode=[09]$/, 'before the wallet has its code, or after');
    for (const reason of estimates) assert.match(reason, /^fine$|^exitcode=33$/, 'before the payment, or after');
    assert.equal(await client.getBalance(stranger), toNano('3') + 7n);
    assert.equal((await client.getTransactions(stranger, { limit: 100 })).length, 4);
    assert.deepEqual([await a.seqno(), await b.seqno(), await c.seqno()], [1, 1, 1]);
    const { seqno } = (await call(`${devnet.url}/devnet/info`)).body.result;
    const each = await Promise.all([0, 1, 2, 3].map((ago) => client.getShardTransactions(0, seqno - ago, WHOLE)));
    assert.deepEqual(each.flatMap((block) => block.filter(({ account }) => account.equals(stranger))).length, 4);
  });
});
