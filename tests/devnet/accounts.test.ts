import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beginCell, Cell, contractAddress, SendMode, toNano } from '@ton/core';
import { advance, fund, rpc, sharedDevnet, START, strangerOf, wallet } from './helpers';

const YEAR = 365 * 86_400;
const NO_TRANSACTION = { '@type': 'internal.transactionId', lt: '0', hash: Buffer.alloc(32).toString('base64') };

describe('states of accounts', () => {
  const shared = sharedDevnet();

  const ask = async (method: string, address: { toString(): string }) => {
    const { status, body } = await rpc(shared.devnet, method, { address: address.toString() });
    assert.equal(status, 200, body.error);
    return body.result;
  };

  it('an account that never was, and one that has money and no code', async () => {
    const { devnet, client } = shared;
    const nobody = strangerOf(1);
    assert.equal(await ask('getAddressState', nobody), 'uninitialized');
    assert.equal(await ask('getAddressBalance', nobody), '0');
    assert.deepEqual((await ask('getAddressInformation', nobody)).last_transaction_id, NO_TRANSACTION);
    const { balance, state, lastTransaction } = await client.getContractState(nobody);
    assert.deepEqual([balance, state, lastTransaction], [0n, 'uninitialized', null]);
    assert.deepEqual(await client.getTransactions(nobody, { limit: 10 }), []);

    await fund(devnet, nobody, 7n);
    const [received] = await client.getTransactions(nobody, { limit: 10 });
    const funded = await client.getContractState(nobody);
    assert.deepEqual([funded.balance, funded.state, funded.code], [7n, 'uninitialized', null]);
    assert.deepEqual(funded.lastTransaction, {
      lt: received.lt.toString(),
      hash: received.hash().toString('base64'),
    });
    const extended = await ask('getExtendedAddressInformation', nobody);
    assert.deepEqual(extended.account_state, { '@type': 'uninited.accountState', frozen_hash: '' });
  });

  it('an account that is gone has no state, no last transaction, and its history', async () => {
    const { devnet, client } = shared;
    const from = wallet(client, 'v4', 7);
    await fund(devnet, from.address);
    await from.pay(strangerOf(2), toNano('1'));
    assert.equal((await client.getContractState(from.address)).state, 'active');
    const everything = SendMode.CARRY_ALL_REMAINING_BALANCE + SendMode.DESTROY_ACCOUNT_IF_ZERO;
    await from.pay(strangerOf(2), 0n, undefined, everything);
    const gone = await client.getContractState(from.address);
    assert.deepEqual(
      { balance: gone.balance, state: gone.state, code: gone.code, data: gone.data, last: gone.lastTransaction },
      { balance: 0n, state: 'uninitialized', code: null, data: null, last: null },
    );
    assert.deepEqual((await ask('getAddressInformation', from.address)).last_transaction_id, NO_TRANSACTION);
    assert.equal((await client.getTransactions(from.address, { limit: 10 })).length, 3);
    assert.equal((await client.runMethodWithError(from.address, 'seqno')).exit_code, -13);

    // It can come back, and its history goes on.
    await fund(devnet, from.address);
    assert.equal(await from.seqno(), 0);
    const again = await client.getContractState(from.address);
    const [newest] = await client.getTransactions(from.address, { limit: 10 });
    assert.equal(again.lastTransaction!.lt, newest.lt.toString());
    assert.equal((await client.getTransactions(from.address, { limit: 10 })).length, 4);
  });

  it('an account that owes rent is frozen, and its last state brings it back', async () => {
    const { devnet, client } = shared;
    const poor = wallet(client, 'v4', 8);
    await fund(devnet, poor.address);
    await poor.pay(strangerOf(2), toNano('4.99'));
    const last = await client.getContractState(poor.address);
    assert.ok(last.balance < toNano('0.01'));
    await advance(devnet, 10 * YEAR);
    await advance(devnet, 10 * YEAR);
    await fund(devnet, poor.address, 1n);
    const frozen = await client.getContractState(poor.address);
    assert.deepEqual([frozen.state, frozen.code, frozen.data], ['frozen', null, null]);
    const init = { code: Cell.fromBoc(last.code!)[0], data: Cell.fromBoc(last.data!)[0] };
    const frozen_hash = contractAddress(0, init).hash.toString('base64');
    assert.equal((await ask('getAddressInformation', poor.address)).frozen_hash, frozen_hash);
    assert.equal(await ask('getAddressState', poor.address), 'frozen');
    assert.deepEqual((await ask('getExtendedAddressInformation', poor.address)).account_state, {
      '@type': 'uninited.accountState',
      frozen_hash,
    });
    assert.equal((await client.runMethodWithError(poor.address, 'seqno')).exit_code, -13);
    const rich = wallet(client, 'v4', 9);
    await fund(devnet, rich.address);
    await rich.pay(poor.address, toNano('2'), init);
    assert.deepEqual(await poor.seqno(), 1);
  });

  it('getWalletInformation and getExtendedAddressInformation know wallets by their code', async () => {
    const { devnet, client } = shared;
    for (const kind of ['v4', 'v5r1'] as const) {
      const from = wallet(client, kind, 10);
      assert.equal((await ask('getWalletInformation', from.address)).wallet, false);
      await fund(devnet, from.address);
      await from.pay(strangerOf(3), 1n);
      const state = await client.getContractState(from.address);
      const reader = Cell.fromBoc(state.data!)[0].beginParse();
      if (kind === 'v5r1') reader.skip(1);
      const expected = { seqno: reader.loadUint(32), wallet_id: reader.loadInt(32) };
      assert.equal(expected.seqno, 1);
      assert.deepEqual(await ask('getWalletInformation', from.address), {
        '@type': 'ext.accounts.walletInformation',
        wallet: true,
        balance: state.balance.toString(),
        account_state: 'active',
        last_transaction_id: { '@type': 'internal.transactionId', ...state.lastTransaction },
        wallet_type: kind === 'v4' ? 'wallet v4 r2' : 'wallet v5 r1',
        ...expected,
        ...(kind === 'v5r1' && { is_signature_allowed: true }),
      });
      const { account_state: known, revision, address } = await ask('getExtendedAddressInformation', from.address);
      assert.equal(address.account_address, from.address.toString());
      if (kind === 'v4') {
        assert.deepEqual([known, revision], [{ '@type': 'wallet.v4.accountState', ...expected }, 2]);
      } else {
        assert.deepEqual(known, {
          '@type': 'raw.accountState',
          code: state.code!.toString('base64'),
          data: state.data!.toString('base64'),
          frozen_hash: '',
        });
      }
    }
    const from = wallet(client, 'v4', 10);
    const init = { code: from.init.code!, data: beginCell().endCell() };
    const address = contractAddress(0, init);
    await from.pay(address, toNano('0.1'), init);
    assert.equal((await ask('getWalletInformation', address)).wallet, false, "a wallet's code with other data");
  });

  it('states of the past are not kept, of the future not known: neither is answered with the newest', async () => {
    const { devnet, client } = shared;
    const { latestSeqno } = await client.getMasterchainInfo();
    const at = (method: string, seqno: unknown) =>
      rpc(devnet, method, { address: strangerOf(1).toString(), method: 'any', stack: [], config_id: 19, seqno });
    for (const method of [
      'getAddressInformation',
      'getExtendedAddressInformation',
      'getWalletInformation',
      'getAddressBalance',
      'getAddressState',
      'runGetMethod',
    ]) {
      assert.equal((await at(method, latestSeqno)).status, 200, method);
      const past = await at(method, latestSeqno - 1);
      assert.deepEqual([past.status, /is not kept/.test(past.body.error)], [500, true], method);
      const future = await at(method, latestSeqno + 10);
      assert.deepEqual([future.status, future.body.error], [500, 'LITE_SERVER_NOTREADY: seqno not in db'], method);
      assert.equal((await at(method, 'new')).status, 422, method);
    }
    assert.ok((await client.getContractState(strangerOf(1))).timestampt >= START + 20 * YEAR);
  });

  it('shows an address in all its forms, and says which of them it was given', async () => {
    const address = strangerOf(200);
    for (const [given, type, isTestOnly] of [
      [address.toRawString(), 'raw_form', false],
      [address.toString(), 'friendly_bounceable', false],
      [address.toString({ bounceable: false }), 'friendly_non_bounceable', false],
      [address.toString({ testOnly: true }), 'friendly_bounceable', true],
    ] as const) {
      const { body } = await rpc(shared.devnet, 'detectAddress', { address: given });
      const form = (bounceable: boolean, urlSafe: boolean) =>
        address.toString({ bounceable, testOnly: isTestOnly, urlSafe });
      assert.deepEqual(body.result, {
        '@type': 'ext.utils.detectedAddress',
        raw_form: address.toRawString(),
        bounceable: { b64: form(true, false), b64url: form(true, true) },
        non_bounceable: { b64: form(false, false), b64url: form(false, true) },
        given_type: type,
        test_only: isTestOnly,
      });
    }
    assert.equal(await ask('packAddress', address.toRawString()), address.toString());
    assert.equal(await ask('unpackAddress', address), address.toRawString());
  });
});
