import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { toNano } from '@ton/core';
import { mnemonicToPrivateKey } from '@ton/crypto';
import { TonClient, WalletContractV4 } from '@ton/ton';
import { finishJob } from '../../cli/client/finish';
import { requestFaucet } from '../../cli/client/devnetApi';
import { Subprocess } from '../../cli/processes';
import { ChainClient } from '../../worker/chain/chainClient';
import { Marketplace } from '../support/marketplace';
import { strangerOf, wallet } from './helpers';

const MNEMONIC =
  'unfold sugar water drift mango vessel pelican brick amount gather shield voyage ' +
  'lemon crystal orbit kidney fabric planet velvet anchor tunnel rescue spoon galaxy';
const root = path.join(__dirname, '../..');
const blueprint = path.join(root, 'node_modules/@ton/blueprint/dist/cli/cli.js');

/** Two API processes: all work is done with the first one while the second one is stopped in the middle of its work. */
let market: Marketplace;
let paused: Subprocess;
let pausedUrl: string;
before(async () => {
  paused = Subprocess.start('devnet', ['devnet', '--port', '0', '--json']);
  [market, { url: pausedUrl }] = await Promise.all([Marketplace.open(), paused.next<{ url: string }>()]);
});
after(async () => {
  paused.child.kill('SIGCONT');
  await Promise.all([market.close(), paused.stop(2_000)]);
});

it('TonClient, a Blueprint script and a worker share one API process, while another one is paused', async () => {
  const other = new ChainClient({ endpoint: pausedUrl, timeoutMillis: 300, attempts: 2, backoffMillis: 1 });
  const stranger = strangerOf(9);
  await requestFaucet(pausedUrl, stranger, 5n);
  assert.equal((await other.getAccount(stranger)).balance, 5n);
  paused.child.kill('SIGSTOP');

  const client = new TonClient({ endpoint: market.api });
  const { publicKey } = await mnemonicToPrivateKey(MNEMONIC.split(' '));
  const deployer = WalletContractV4.create({ workchain: 0, publicKey }).address;
  const from = wallet(client, 'v5r1', 1);
  await Promise.all([deployer, from.address].map((address) => requestFaucet(market.api, address, toNano('5'))));
  await Promise.all([byTonClient(), byBlueprint(), byWorker()]);

  async function byTonClient(): Promise<void> {
    for (let payment = 1; payment <= 3; payment++) {
      await from.pay(stranger, toNano('0.1'));
      assert.equal(await from.seqno(), payment);
    }
    const received = await client.getTransactions(stranger, { limit: 10 });
    assert.equal(received.length, 3);
    await assert.rejects(other.getAccount(stranger), { code: 'network.unreachable' });
  }

  async function byBlueprint(): Promise<void> {
    const api = ['--custom', market.api, '--custom-version', 'v2', '--custom-type', 'custom', '--mnemonic'];
    const env = { ...process.env, WALLET_MNEMONIC: MNEMONIC, WALLET_VERSION: 'v4' };
    const output = await new Promise<string>((resolve, reject) => {
      const args = [blueprint, 'run', 'checkDevnet', ...api];
      execFile(process.execPath, args, { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout),
      );
    });
    assert.match(output, /transfer landed: .* holds \d+ nanoTON/);
    assert.ok(await client.isContractDeployed(deployer), "Blueprint's sender deployed its wallet");
  }

  async function byWorker(): Promise<void> {
    const { url } = await market.worker();
    const settings = await market.client(url);
    const created = await market.createJob(settings);
    const options = { settings, chain: market.chain, progress: () => undefined, rerun: false, report: false };
    const report = await finishJob({ ...options, ...created });
    assert.ok(report.tokens.length > 0);
  }

  // What was paused goes on with what it had, and is not the other chain.
  paused.child.kill('SIGCONT');
  assert.equal((await new ChainClient({ endpoint: pausedUrl }).getAccount(stranger)).balance, 5n);
});
