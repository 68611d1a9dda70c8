import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { it } from 'node:test';
import { mnemonicToPrivateKey } from '@ton/crypto';
import { WalletContractV4 } from '@ton/ton';
import { fund, withDevnet } from './helpers';

const MNEMONIC =
  'unfold sugar water drift mango vessel pelican brick amount gather shield voyage ' +
  'lemon crystal orbit kidney fabric planet velvet anchor tunnel rescue spoon galaxy';
const root = path.join(__dirname, '../..');
const blueprint = path.join(root, 'node_modules/@ton/blueprint/dist/cli/cli.js');

it('a Blueprint script runs unchanged against the devnet with --custom', async () => {
  await withDevnet(async (devnet) => {
    const { publicKey } = await mnemonicToPrivateKey(MNEMONIC.split(' '));
    await fund(devnet, WalletContractV4.create({ workchain: 0, publicKey }).address);
    const args = [
      'run',
      'checkDevnet',
      '--custom',
      devnet.endpoint,
      '--custom-version',
      'v2',
      '--custom-type',
      'custom',
      '--mnemonic',
    ];
    const env = { ...process.env, WALLET_MNEMONIC: MNEMONIC, WALLET_VERSION: 'v4' };
    const output = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [blueprint, ...args], { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout),
      );
    });
    assert.match(output, /transfer landed: .* holds \d+ nanoTON/);
  }, 'real'); // Blueprint's wallets date their messages by the real clock
});
