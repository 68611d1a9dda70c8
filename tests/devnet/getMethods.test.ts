import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, Cell, toNano, type TupleItem } from '@ton/core';
import { fund, rpc, sharedDevnet, strangerOf, tinyContract, wallet } from './helpers';

const cell = beginCell()
  .storeUint(5, 11)
  .storeRef(beginCell().storeUint(0xff, 8).endCell())
  .endCell();
/** TVM instructions in hex. A get-method begins with its arguments on the stack and the method's number on top. */
const CODE = {
  echo: '30', // DROP
  nothing: '306d', // PUSHNULL
  tuple: '3071726d6f02736f03', // [1, [2, null] as a list, 3]
  pair: '3071726f02', // [1, 2]
  list: '3071726d6f026f02', // (1 (2 null))
  builder: '30c8', // NEWC
  throws: '30f22a', // THROW 42
};

describe('get-methods', () => {
  const shared = sharedDevnet();
  const address = (name: keyof typeof CODE) => tinyContract(CODE[name]).address;

  it('are deployed by a wallet', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v5r1', 1);
    await fund(devnet, from.address);
    for (const code of Object.values(CODE)) {
      const contract = tinyContract(code);
      await from.pay(contract.address, toNano('0.05'), contract.init);
      assert.equal((await client.getContractState(contract.address)).state, 'active');
    }
  });

  it('integers of all signs and sizes, cells and slices go in and come out as they are', async () => {
    const { client } = shared;
    const most = 2n ** 256n;
    for (const value of [0n, 1n, -1n, 255n, -256n, 2n ** 64n, most - 1n, -most]) {
      const { stack, gas_used } = await client.runMethod(address('echo'), 'any', [{ type: 'int', value }]);
      assert.equal(stack.readBigNumber(), value);
      assert.ok(gas_used > 0);
    }
    const items: TupleItem[] = [{ type: 'cell', cell }, { type: 'slice', cell }, { type: 'int', value: 7n }];
    const { stack } = await client.runMethod(address('echo'), 'any', items);
    assert.equal(stack.remaining, 3);
    assert.ok(stack.readCell().equals(cell));
    assert.ok(stack.readCell().equals(cell), 'toncenter calls slices cells');
    assert.equal(stack.readNumber(), 7);
  });

  it('null, tuples and lists come out as toncenter has them', async () => {
    const { client } = shared;
    assert.equal((await client.runMethod(address('nothing'), 'any')).stack.readCellOpt(), null);
    // TonClient gives what is in tuples as plain values.
    const read = async (name: keyof typeof CODE) => (await client.runMethod(address(name), 'any')).stack.pop();
    assert.deepEqual(await read('pair'), { type: 'tuple', items: [1n, 2n] });
    assert.deepEqual(await read('list'), { type: 'tuple', items: [1n, 2n] });
    assert.deepEqual(await read('tuple'), { type: 'tuple', items: [1n, [2n], 3n] });
    const raw = async (name: keyof typeof CODE, stack: unknown[] = []) => {
      const parameters = { address: address(name).toString(), method: 'any', stack };
      return (await rpc(shared.devnet, 'runGetMethod', parameters)).body.result;
    };
    const number = (value: string) => ({
      '@type': 'tvm.stackEntryNumber',
      number: { '@type': 'tvm.numberDecimal', number: value },
    });
    const list = (elements: unknown[]) => ({ '@type': 'tvm.list', elements });
    assert.deepEqual((await raw('nothing')).stack, [['list', list([])]]);
    const elements = [number('1'), number('2')];
    assert.deepEqual((await raw('pair')).stack, [['tuple', { '@type': 'tvm.tuple', elements }]]);
    assert.deepEqual((await raw('list')).stack, [['list', list(elements)]]);
    assert.deepEqual((await raw('tuple')).stack[0][1].elements[1], {
      '@type': 'tvm.stackEntryList',
      list: list([number('2')]),
    });
    assert.deepEqual((await raw('builder')).stack, [['unsupported', '']]);
    const [[type, value]] = (await raw('echo', [['tvm.Cell', cell.toBoc().toString('base64')]])).stack;
    assert.equal(type, 'cell');
    assert.ok(Cell.fromBase64(value.bytes).equals(cell));
    assert.deepEqual(value.object, {
      // Eleven bits: 00000000101.
      data: { b64: Buffer.from([0, 0b10100000]).toString('base64'), len: 11 },
      refs: [{ data: { b64: '/w==', len: 8 }, refs: [], special: false }],
      special: false,
    });
  });

  it('few cells that unfold to endlessly many are answered as the few that they are', async () => {
    let deep = cell;
    for (let depth = 0; depth < 40; depth++) {
      deep = beginCell().storeRef(deep).storeRef(deep).storeRef(deep).storeRef(deep).endCell();
    }
    const { stack } = await shared.client.runMethod(address('echo'), 'any', [{ type: 'cell', cell: deep }]);
    assert.ok(stack.readCell().equals(deep));
  });

  it('a method that throws has its exit code, one of an account without code -13, by name and by number', async () => {
    const { client, devnet } = shared;
    const thrown = await client.runMethodWithError(address('throws'), 'any');
    assert.deepEqual([thrown.exit_code, thrown.stack.remaining], [42, 0]);
    await assert.rejects(client.runMethod(address('throws'), 'any'), /exit_code: 42/);
    assert.equal((await client.runMethodWithError(strangerOf(1), 'any')).exit_code, -13);
    const state = await client.getContractState(address('echo'));
    for (const method of ['seqno', '85143', 85_143]) {
      const { body } = await rpc(devnet, 'runGetMethod', { address: address('echo').toString(), method, stack: [] });
      assert.deepEqual([body.result.exit_code, body.result.stack], [0, []]);
      const { lt, hash } = body.result.last_transaction_id;
      assert.deepEqual({ lt, hash }, state.lastTransaction);
      assert.equal(body.result.block_id.seqno, state.blockId.seqno);
    }
  });

  it('arguments that cannot be read are refused by name', async () => {
    const refused: [unknown, number, RegExp][] = [
      ['all', 422, /failed to parse stack/],
      [[['num']], 422, /Expected 2 elements/],
      [[['num', 'seven']], 422, /Invalid number: seven/],
      [[['num', `0x${'f'.repeat(64)}`]], 200, /^$/],
      [[['num', (2n ** 256n).toString()]], 422, /Invalid number/],
      [[['num', { value: 1 }]], 422, /Invalid number/],
      [[['tvm.Cell', '']], 422, /Empty tvm.Cell/],
      [[['tvm.Cell', 5]], 422, /base64 string expected/],
      [[['tvm.Cell', 'AAAA']], 422, /failed to parse tvm.Cell/],
      [[['cell', { bytes: cell.toBoc().toString('base64') }]], 200, /^$/],
      [[['slice', {}]], 422, /base64 string expected/],
      [[['tvm.Builder', cell.toBoc().toString('base64')]], 542, /Unsupported stack entry type: tvm.Builder/],
    ];
    for (const [stack, status, message] of refused) {
      const method = { address: address('echo').toString(), method: 'any', stack };
      const reply = await rpc(shared.devnet, 'runGetMethod', method);
      assert.equal(reply.status, status, JSON.stringify(stack));
      assert.match(reply.body.error ?? '', message);
    }
    for (const method of [undefined, '', null, 1.5, {}]) {
      const reply = await rpc(shared.devnet, 'runGetMethod', { address: strangerOf(1).toString(), method, stack: [] });
      assert.equal(reply.status, 422, String(method));
    }
  });
});
