import { Address } from '@ton/core';
import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { ChainClient } from '../../worker/chain/chainClient';
import { TCB_STATUS } from '../../wrappers';
import { registryOf } from '../client/registry';
import { chainTime, hex, openStakeAccount, parseKey, requireStake } from '../provider/account';
import { attestKey, describeAttested } from '../provider/attest';
import { makeClaim, readClaim } from '../provider/claim';
import { makeQuote, platformOf, readQuoteFor } from '../provider/quote';
import { addKey, describeKey, pruneKeys, removeKey, showKeys } from '../provider/keys';

type Options = Record<string, unknown>;
const ownerCommand = (name: string): Command => withSettings(new Command(name), ['registry']);

/** `cocoon provider keys list | claim | add | remove | prune`. */
export function providerKeysCommand(): Command {
  return new Command('keys')
    .description('worker keys of the stake')
    .addCommand(listCommand())
    .addCommand(claimCommand())
    .addCommand(addCommand())
    .addCommand(quoteCommand())
    .addCommand(attestCommand())
    .addCommand(removeCommand())
    .addCommand(pruneCommand());
}

/** How long a key shall last. */
export const keyDays = (options: Options): number => parseNumber('--days', options.days as string, 1, 3650, true);

function listCommand(): Command {
  return ownerCommand('list')
    .description('keys, what they are good for, and until when')
    .action(async (options: Options) => {
      const context = contextOf(options);
      const account = await openStakeAccount(context);
      const { keys } = await requireStake(account);
      const { apiTime } = await account.chain.getAccount(account.stake.address);
      const shown = showKeys(keys, apiTime);
      context.output.result(shown, shown.map(describeKey).join('\n') || 'no keys');
    });
}

function claimCommand(): Command {
  return withSettings(new Command('claim'))
    .description('where the worker is: sign that its key belongs to a stake; the output is for keys add --claim')
    .requiredOption('--stake <address>', 'address of the stake')
    .option('--days <n>', 'days until the worker key ends, 1 to 3650', '365')
    .action((options: Options) => {
      const { output, settings, passphrase } = contextOf(options);
      const stake = parseBasechain(options.stake as string, 'a stake');
      const endUnix = Math.floor(Date.now() / 1000) + keyDays(options) * 86_400;
      const place = { networkId: settings.networkId, stake, endUnix };
      const claim = makeClaim(settings.dataFolder, passphrase(), place);
      output.result(claim, JSON.stringify(claim));
    });
}

function addCommand(): Command {
  return ownerCommand('add')
    .description('add a worker key to the stake, or renew it')
    .option('--days <n>', 'days until the worker key ends, 1 to 3650', '365')
    .option('--worker-folder <folder>', 'data folder of the worker (default: --data-folder)')
    .option('--claim <file>', 'claim made where the worker is, instead of --worker-folder')
    .action(async (options: Options) => {
      const context = contextOf(options);
      const account = await openStakeAccount(context);
      const place = { networkId: account.networkId, stake: account.stake.address };
      const folder = (options.workerFolder as string | undefined) ?? context.settings.dataFolder;
      const endUnix = (await chainTime(account)) + keyDays(options) * 86_400;
      const claim =
        options.claim === undefined
          ? makeClaim(folder, context.passphrase(), { ...place, endUnix })
          : readClaim(options.claim as string, place);
      const { done } = await addKey(account, context.output, claim);
      context.output.result(
        { workerKey: claim.workerKey, changed: done },
        `${claim.workerKey} ${done ? 'is on chain' : 'was on chain already'}`,
      );
    });
}

function quoteCommand(): Command {
  return withSettings(new Command('quote'), ['registry'])
    .description('in the worker\'s trust domain: a fresh quote about its keys; the output is for keys attest --quote')
    .requiredOption('--owner <address>', 'wallet of the provider')
    .option('--platform <name>', 'tdx (Linux configfs-tsm), or simulated on a devnet', 'tdx')
    .action(async (options: Options) => {
      const { output, settings, passphrase } = contextOf(options);
      const platform = platformOf(String(options.platform), settings.network);
      const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
      const place = { networkId: settings.networkId, registry: await registryOf(settings), owner: parseBasechain(options.owner as string, 'a wallet') };
      const file = await makeQuote({ folder: settings.dataFolder, passphrase: passphrase() }, place, platform, chain);
      output.result(file, JSON.stringify(file));
    });
}

function attestCommand(): Command {
  return ownerCommand('attest')
    .description('register a quote: the worker key becomes attested, or its attestation is renewed, for up to 7 days')
    .option('--quote <file>', 'quote made in the worker\'s trust domain')
    .option('--worker-folder <folder>', 'data folder of the worker, instead of --quote (default: --data-folder)')
    .option('--platform <name>', 'with --worker-folder: tdx, or simulated on a devnet', 'tdx')
    .action(async (options: Options) => {
      const context = contextOf(options);
      const { settings, output, passphrase } = context;
      const platform = platformOf(String(options.platform), settings.network);
      const account = await openStakeAccount(context);
      const place = { networkId: account.networkId, registry: account.registry, owner: account.wallet.address };
      const folder = (options.workerFolder as string | undefined) ?? settings.dataFolder;
      const file = options.quote === undefined
        ? await makeQuote({ folder, passphrase: passphrase() }, place, platform, account.chain)
        : readQuoteFor(settings.network, options.quote as string);
      const record = await attestKey(account, output, file);
      const isSimulated = file.platform === 'simulated';
      const report = { workerKey: file.workerKey, imageHash: hex(record.imageHash), endUnix: record.endUnix, tcbStatus: TCB_STATUS[record.tcbStatus], simulated: isSimulated };
      output.result(report, describeAttested(record, isSimulated));
    });
}

function removeCommand(): Command {
  return ownerCommand('remove')
    .description('end a worker key: it works one more hour and stays accountable for 10 days')
    .argument('<key>', 'worker key, 64 hex digits')
    .action(async (text: string, options: Options) => {
      const key = parseKey(text);
      const context = contextOf(options);
      const { done } = await removeKey(await openStakeAccount(context), context.output, key);
      context.output.result(
        { workerKey: key.toString('hex'), changed: done },
        `${key.toString('hex')} ${done ? 'ends in an hour' : 'was removed already'}`,
      );
    });
}

function pruneCommand(): Command {
  return ownerCommand('prune')
    .description('free the slots of keys that nobody can be held to any more')
    .argument('[key]', 'worker key, 64 hex digits (default: all that can be)')
    .action(async (text: string | undefined, options: Options) => {
      const key = text === undefined ? undefined : parseKey(text);
      const context = contextOf(options);
      const pruned = await pruneKeys(await openStakeAccount(context), context.output, key);
      context.output.result({ pruned }, pruned.map((name) => `${name} is gone`).join('\n') || 'no key can be pruned');
    });
}

export function parseBasechain(text: string, what: string): Address {
  try {
    const address = Address.parse(text);
    if (address.workChain === 0) return address;
  } catch {
    // Said below.
  }
  throw new UsageError('usage.address', `this is not the address of ${what}`, {
    expected: 'an address of the basechain',
    received: text.slice(0, 80),
  });
}
