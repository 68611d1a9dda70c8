import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, external, storeMessage, toNano } from '@ton/core';
import { DevnetError, startDevnet, type DevnetOptions } from '../../devnet';
import { advance, call, fund, rpc, sharedDevnet, START, strangerOf, wallet } from './helpers';

const nobody = strangerOf(9);
const GARBAGE = 'te6cckEBAQEAAgAAAEysuc0=';

describe("errors have toncenter's codes, words and shape", () => {
  const shared = sharedDevnet({ bankNano: toNano('100') });

  it('bad requests', async () => {
    const { devnet } = shared;
    const json = (method: unknown, params?: unknown) => ({ id: '1', jsonrpc: '2.0', method, params });
    const get = (path: string) => `${devnet.url}/api/v2/${path}`;
    const errors: [string, unknown, number, RegExp][] = [
      [devnet.endpoint, json('getAddressState', { address: 'EQ' }), 422, /^failed to parse post request: .* address$/],
      [get('getAddressState?address=EQ'), undefined, 422, /^failed to parse get request: failed to parse address$/],
      [get('getAddressInformation'), undefined, 422, /failed to parse address/],
      [devnet.endpoint, json('sendBoc', { boc: '***' }), 422, /failed to parse boc/],
      [devnet.endpoint, json('sendBoc', { boc: '' }), 422, /^failed to validate request: empty boc$/],
      [devnet.endpoint, json('sendBoc', {}), 422, /failed to parse boc/],
      [devnet.endpoint, json('mintMoney', {}), 404, /Unknown method/],
      [devnet.endpoint, json('__proto__', {}), 404, /Unknown method/],
      [devnet.endpoint, json(5), 422, /failed to parse method/],
      [devnet.endpoint, json('getAddressState', ['EQnobody']), 422, /^params must contain an object$/],
      [devnet.endpoint, '{"half', 422, /JSON/],
      [devnet.endpoint, [], 422, /JSON/],
      [devnet.endpoint, undefined, 405, /^method GET is not supported$/],
      [devnet.endpoint, JSON.stringify({ method: 'x'.repeat(1 << 21) }), 413, /larger/],
      [get('lookupBlock?workchain=-1'), undefined, 422, /failed to parse shard/],
      [get('shards'), undefined, 422, /failed to parse seqno/],
      [get('getConfigParam?config_id=19&param=19'), undefined, 422, /only one of config_id or param/],
      [get('getConfigParam?config_id=999'), undefined, 500, /^LITE_SERVER_UNKNOWN: configuration parameter 999 not/],
      [`${devnet.url}/api/v3/accounts`, undefined, 404, /Not Found/],
      [`${devnet.url}/devnet/mint`, {}, 404, /Not Found/],
      [`${devnet.url}/devnet/faucet`, undefined, 405, /GET/],
    ];
    for (const [url, body, status, message] of errors) {
      const reply = await call(url, body);
      const name = `${url} ${JSON.stringify(body)?.slice(0, 80)}`;
      assert.equal(reply.status, status, name);
      assert.match(reply.body.error, message);
      const { error, '@extra': extra, ...rest } = reply.body;
      const hasId = status !== 413 && typeof (body as { id?: string } | undefined)?.id === 'string';
      const isAnswered = hasId && !/^failed to parse post request: failed to parse method|^params must/.test(error);
      assert.deepEqual(rest, { ok: false, code: status, ...(isAnswered && { jsonrpc: '2.0', id: '1' }) }, name);
      assert.equal(typeof extra, 'string');
    }
    const deleted = await fetch(devnet.endpoint, { method: 'DELETE' });
    assert.deepEqual([deleted.status, (await deleted.json()).error], [405, 'unsupported http method: DELETE']);
    const fine = await call(devnet.endpoint, { method: 'getAddressState', params: { address: nobody.toString() } });
    assert.deepEqual(fine.body, { ok: true, result: 'uninitialized', '@extra': 'devnet' }, 'no id, none is answered');
  });

  it('what the chain refuses is said in the words of a lite server, with exit code and end of the log', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v4', 3);
    const send = async (cell: { toBoc(): Buffer }) => {
      const { status, body } = await rpc(devnet, 'sendBoc', { boc: cell.toBoc().toString('base64') });
      assert.equal(status, 500);
      return body.error as string;
    };
    const prefix = 'LITE_SERVER_UNKNOWN: cannot apply external message to current state : ';
    const message = (body = beginCell().endCell(), init?: typeof from.init) =>
      beginCell()
        .store(storeMessage(external({ to: from.address, body, init })))
        .endCell();
    assert.equal(await send(message()), `${prefix}Failed to unpack account state`);
    await fund(devnet, from.address, toNano('1'));
    assert.match(await send(message()), /not accepted: cannot run message on account: inbound external message/);
    await from.pay(nobody, 1n);
    const hex = from.address.hash.toString('hex').toUpperCase();
    const rejected = await send(message(from.sign(7, nobody, 1n)));
    const why = 'External message was not accepted: cannot run message on account: ';
    const by = `inbound external message rejected by transaction ${hex}:\nexitcode=33, steps=`;
    assert.ok(rejected.startsWith(`${prefix}${why}${by}`), rejected);
    assert.match(rejected, /steps=[1-9]\d*, gas_used=0\nVM Log \(truncated\):\n\.\.\.[^]*THROWIFNOT 33/);
    assert.ok(rejected.length < 700);
    assert.match(await send(message()), /exitcode=9, /);
    assert.match(await send(beginCell().storeUint(1, 8).endCell()), /external message is not a \(Message Any\)/);
    const notBoc = await rpc(devnet, 'sendBoc', { boc: 'AAAA' });
    assert.equal(notBoc.body.error, `${prefix}cannot deserialize bag-of-cells: invalid header, error 0`);
    assert.equal((await rpc(devnet, 'sendBoc', { boc: GARBAGE })).status, 500);
    assert.equal(await from.seqno(), 1, 'nothing of it changed the wallet');
  });

  it('the faucet gives exactly what was asked for, never 0, and says when it is empty', async () => {
    const { devnet, client } = shared;
    const faucet = (amountNano: unknown) =>
      call(`${devnet.url}/devnet/faucet`, { address: nobody.toString(), amountNano });
    for (const amount of ['0', '-1', '1.5', 'all', '', undefined, '10000000000000001', '0x10']) {
      const { status, body } = await faucet(amount);
      assert.equal(status, 422, String(amount));
      assert.match(body.error, /amountNano/);
    }
    assert.equal((await call(`${devnet.url}/devnet/faucet`, { address: 'EQ', amountNano: '1' })).status, 422);
    const before = await client.getBalance(nobody);
    assert.equal((await faucet(toNano('90').toString())).body.result.amountNano, toNano('90').toString());
    assert.equal(await client.getBalance(nobody), before + toNano('90'));
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, body } = await faucet(toNano('9').toString());
      assert.equal(status, 500);
      assert.match(body.error, /^the faucet has \d+ nanoTON left, not 9000000000: start a new devnet$/);
    }
    assert.equal(await client.getBalance(nobody), before + toNano('90'), 'refused is not half done');
    assert.equal((await faucet(toNano('1').toString())).status, 200, 'what is left can still be had');
    assert.equal(await client.getBalance(nobody), before + toNano('91'));
  });

  it('time moves forward by whole seconds and not beyond what contracts can hold', async () => {
    const { devnet } = shared;
    for (const seconds of [0, -1, 0.5, 'soon', null, 315_360_001]) {
      assert.equal((await call(`${devnet.url}/devnet/advance`, { seconds })).status, 422, String(seconds));
    }
    const years = 315_360_000;
    let now = START;
    for (; now + years < 2 ** 32; now += years) {
      assert.equal((await advance(devnet, years)).body.result.now, now + years);
    }
    assert.equal((await advance(devnet, years)).status, 422);
    assert.equal((await call(`${devnet.url}/devnet/info`)).body.result.now, now);
  });
});

it('a devnet does not start as a real network, nor with absurd ids, times or ports', async () => {
  const refused: [DevnetOptions, string, RegExp][] = [
    [{ networkId: -239 }, 'DEVNET_NETWORK_ID', /mainnet.*received -239.*would be valid on the real network/],
    [{ networkId: -3 }, 'DEVNET_NETWORK_ID', /testnet/],
    ...[1.5, NaN, 2 ** 31, -(2 ** 31) - 1].map(
      (networkId): [DevnetOptions, string, RegExp] => [{ networkId }, 'DEVNET_NETWORK_ID', /32-bit integer/],
    ),
    ...[0, -5, 1.5, NaN, 2 ** 32].map((startSeconds): [DevnetOptions, string, RegExp] => [
      { clock: { startSeconds } },
      'config.start-time',
      /Unix seconds/,
    ]),
    ...[-1, 65_536, 80.5].map((port): [DevnetOptions, string, RegExp] => [{ port }, 'config.port', /0 to 65535/]),
  ];
  for (const [options, code, message] of refused) {
    await assert.rejects(startDevnet(options), (error) => {
      assert.ok(error instanceof DevnetError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /--/, 'no flag that no command has');
      return true;
    });
  }
  const networkId = -(2 ** 31);
  const devnet = await startDevnet({ networkId, clock: { startSeconds: START } });
  const { body } = await call(`${devnet.url}/api/v2/getConfigParam?config_id=19`);
  await devnet.close();
  const id = beginCell().storeInt(networkId, 32).endCell();
  assert.equal(body.result.config.bytes, id.toBoc().toString('base64'));
});
