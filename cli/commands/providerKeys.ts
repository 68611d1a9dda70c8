import { Address } from '@ton/core';
import { Command } from 'commander';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { parseNumber } from '../numbers';
import { chainTime, openStakeAccount, parseKey, requireStake } from '../provider/account';
import { makeClaim, readClaim } from '../provider/claim';
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
      const stake = parseStake(options.stake as string);
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

function parseStake(text: string): Address {
  try {
    const address = Address.parse(text);
    if (address.workChain === 0) return address;
  } catch {
    // Said below.
  }
  throw new UsageError('usage.address', 'this is not the address of a stake', {
    expected: 'an address of the basechain',
    received: text.slice(0, 80),
  });
}
