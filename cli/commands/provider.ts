import { Address } from '@ton/core';
import { Command } from 'commander';
import { ProviderStake } from '../../wrappers';
import { discoverProviders } from '../../wrappers/discovery';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainApiError, ChainStateError } from '../../worker/errors';
import { rankProviders } from '../client/providers';
import { historyOf, registryOf } from '../client/registry';
import { contextOf, withSettings, type Context } from '../context';
import { UsageError } from '../errors';
import { parseTon } from '../numbers';
import { formatTon } from '../output';
import { notAStake, openStakeAccount, readStake, requireGenuine, requireStake } from '../provider/account';
import { parseEndpoint, readServed } from '../provider/descriptor';
import { describeEarnings, readEarnings } from '../provider/earnings';
import { describeInit, initProvider } from '../provider/init';
import { platformOf } from '../provider/quote';
import { deposit, thaw, withdraw } from '../provider/money';
import { stepStake } from '../provider/send';
import { describeProvider, reportProvider } from '../provider/status';
import { descriptorStep } from '../provider/steps';
import { keyDays, providerKeysCommand } from './providerKeys';

/** `cocoon provider`: the owner's side of a stake, and the list of all providers. */
export function providerCommand(): Command {
  return new Command('provider')
    .description('be found and trusted: stake, worker keys, endpoint; and list all providers')
    .addCommand(initCommand())
    .addCommand(providerKeysCommand())
    .addCommand(stakeCommand())
    .addCommand(thawCommand())
    .addCommand(withdrawCommand())
    .addCommand(statusCommand())
    .addCommand(earningsCommand())
    .addCommand(descriptorCommand())
    .addCommand(listCommand());
}

const ownerCommand = (name: string): Command => withSettings(new Command(name), ['registry']);
type Options = Record<string, unknown>;

function initCommand(): Command {
  return ownerCommand('init')
    .description('deposit the stake, add this worker key, publish the endpoint; can be run again at any time')
    .option('--amount <TON>', "active stake to reach (default: the network's minimum)")
    .option('--days <n>', 'days until the worker key ends, 1 to 3650', '365')
    .option(
      '--worker-folder <folder>',
      "data folder of the worker (default: --data-folder); only its keys' public halves go out",
    )
    .option('--claim <file>', 'claim made where the worker is (cocoon provider keys claim), instead of --worker-folder')
    .option('--platform <name>', 'make the key attested instead of bonded, by this platform here: tdx, or simulated on a devnet')
    .option('--quote <file>', 'make it attested by a quote from the worker\'s trust domain (cocoon provider keys quote)')
    .option('--endpoint <url>', 'where clients reach the running worker, e.g. https://gpu.example.org:8443')
    .action(async (options: Options) => {
      const context = contextOf(options);
      const report = await initProvider(context, {
        amount: options.amount === undefined ? undefined : parseTon('--amount', options.amount as string),
        days: keyDays(options),
        workerFolder: options.workerFolder as string | undefined,
        claimFile: options.claim as string | undefined,
        platform: options.platform === undefined ? undefined : platformOf(String(options.platform), context.settings.network),
        quoteFile: options.quote as string | undefined,
        endpoint: options.endpoint === undefined ? undefined : parseEndpoint(options.endpoint as string),
      });
      context.output.result(report, describeInit(report));
    });
}

function earningsCommand(): Command {
  return withSettings(new Command('earnings'))
    .description("what the payment channels of this data folder's worker brought in, and what is still to be claimed")
    .action((options: Options) => {
      const { output, settings } = contextOf(options);
      const report = readEarnings(settings.dataFolder);
      output.result(report, describeEarnings(report));
    });
}

function stakeCommand(): Command {
  return ownerCommand('stake')
    .description('add to the active stake')
    .requiredOption('--amount <TON>', 'how much')
    .action(async (options: Options) => {
      const amount = parseTon('--amount', options.amount as string);
      const context = contextOf(options);
      const { after, sentNano } = await deposit(await openStakeAccount(context), context.output, amount);
      const activeNano = after!.status.active;
      context.output.result({ amountNano: amount, sentNano, activeNano }, `${formatTon(activeNano)} active`);
    });
}

function thawCommand(): Command {
  return ownerCommand('thaw')
    .description('take from the active stake; it can be withdrawn after 15 days and is slashable until then')
    .requiredOption('--amount <TON>', 'how much, or all')
    .option('--end-keys', 'even below the minimum, where no key works any more')
    .action(async (options: Options) => {
      const amount = options.amount === 'all' ? 'all' : parseTon('--amount', options.amount as string);
      const context = contextOf(options);
      const account = await openStakeAccount(context);
      const { after } = await thaw(account, context.output, amount, options.endKeys === true);
      const { active, thawing, thawedAt } = after!.status;
      context.output.result(
        { activeNano: active, thawingNano: thawing, thawedAt },
        `${formatTon(active)} active, ${formatTon(thawing)} thaw until ${new Date(thawedAt * 1000).toISOString()}`,
      );
    });
}

function withdrawCommand(): Command {
  return ownerCommand('withdraw')
    .description("pay what has thawed to the owner's wallet; the last one ends the stake's account")
    .action(async (options: Options) => {
      const context = contextOf(options);
      const { amountNano, closed } = await withdraw(await openStakeAccount(context), context.output);
      const text = `${formatTon(amountNano)} withdrawn${closed ? "; the stake's account has ended" : ''}`;
      context.output.result({ amountNano, closed }, text);
    });
}

function statusCommand(): Command {
  return ownerCommand('status')
    .description('stake, keys, rent and warnings of this owner, or of any stake')
    .argument('[address]', 'address of a stake')
    .option('--daily-income <TON>', 'what you earn per day, to compare with the stake')
    .action(async (text: string | undefined, options: Options) => {
      const context = contextOf(options);
      const income = options.dailyIncome as string | undefined;
      if (text === undefined && (await showAbsent(context))) return;
      const { chain, address } = await statusTarget(context, text);
      const provider = await readStake({ chain, history: historyOf(chain) }, address).catch((cause: unknown) => {
        // Code that has no such get-methods.
        if (cause instanceof ChainApiError && cause.code === 'network.answer') throw notAStake(address, cause);
        throw cause;
      });
      if (provider === null) {
        throw new ChainStateError('chain.no-stake', 'there is no stake at this address', {
          received: address.toRawString(),
        });
      }
      await requireGenuine(context.settings.networkId, provider);
      const { apiTime } = await chain.getAccount(address);
      const incomeNano = income === undefined ? undefined : parseTon('--daily-income', income);
      const report = reportProvider(provider, apiTime, incomeNano);
      context.output.result(report, describeProvider(report));
    });
}

/** Where an owner's stake will be while there is none. @returns false when there is one */
async function showAbsent(context: Context): Promise<boolean> {
  const account = await openStakeAccount(context);
  const stake = account.stake.address;
  if ((await readStake(account, stake)) !== null) return false;
  const { balance } = await account.chain.getAccount(account.wallet.address);
  context.output.result(
    {
      exists: false,
      owner: account.wallet.address.toRawString(),
      ownerNano: balance,
      stake: stake.toRawString(),
      registry: account.registry.toRawString(),
    },
    [
      `stake      ${stake.toRawString()} (not there yet: cocoon provider init)`,
      `owner      ${account.wallet.address.toString({ bounceable: false })}, ${formatTon(balance)}`,
      `registry   ${account.registry.toRawString()}`,
    ].join('\n'),
  );
  return true;
}

async function statusTarget(
  context: Context,
  text: string | undefined,
): Promise<{ chain: ChainClient; address: Address }> {
  if (text === undefined) {
    const { chain, stake } = await openStakeAccount(context);
    return { chain, address: stake.address };
  }
  const { settings } = context;
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  try {
    return { chain, address: ProviderStake.fromAddress(Address.parse(text)).address };
  } catch {
    throw new UsageError('usage.address', 'this is not an address', {
      expected: 'a TON address',
      received: text.slice(0, 80),
    });
  }
}

function descriptorCommand(): Command {
  return ownerCommand('descriptor')
    .description('publish where clients reach the worker, and the hash of the descriptor that it serves there now')
    .option('--endpoint <url>', 'where clients reach the running worker (default: the one on chain)')
    .action(async (options: Options) => {
      const context = contextOf(options);
      const account = await openStakeAccount(context);
      const provider = await requireStake(account);
      const wanted = options.endpoint as string | undefined;
      if (wanted === undefined && provider.endpoint === null) {
        throw new UsageError('usage.endpoint', 'no endpoint is published yet', { expected: '--endpoint URL' });
      }
      const endpoint = parseEndpoint(wanted ?? provider.endpoint!);
      const served = await readServed(account, provider, endpoint);
      const prices = await account.chain.networkPrices();
      const { done } = await stepStake(account, context.output, (current) =>
        descriptorStep(current!, served.endpoint, served.hash, prices),
      );
      const descriptorHash = Buffer.from(served.hash).toString('hex');
      context.output.result(
        { endpoint, descriptorHash, changed: done },
        `${endpoint}, descriptor ${descriptorHash}${done ? '' : ' (was on chain already)'}`,
      );
    });
}

function listCommand(): Command {
  return ownerCommand('list')
    .description('all providers of the registry, from chain history: cheapest first, then by free stake')
    .action(async (options: Options) => {
      const { output, settings } = contextOf(options);
      const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
      await chain.checkNetwork(settings.networkId);
      const registry = await registryOf(settings);
      const found = await discoverProviders(historyOf(chain), { networkId: settings.networkId, registry });
      const ranked = await rankProviders(found.providers);
      const { apiTime } = await chain.getAccount(registry);
      const providers = ranked.map(({ provider, price, descriptor, fault }) => ({
        ...reportProvider(provider, apiTime),
        priceNano: price,
        models: descriptor?.models ?? [],
        fault,
      }));
      const unreadable = found.unreadable.map((stake) => stake.toRawString());
      const lines = providers.map(
        ({ stake, priceNano, freeNano, faults, endpoint, fault }) =>
          `${stake}  ${priceNano === null ? 'no price' : formatTon(priceNano)}  free ${formatTon(freeNano)}  ` +
          `faults ${faults}  ${endpoint ?? 'no endpoint'}${fault === null ? '' : `  (${fault})`}`,
      );
      output.result(
        { registry: registry.toRawString(), providers, unreadable, complete: found.complete },
        [
          ...(lines.length === 0 ? ['no providers'] : lines),
          ...unreadable.map((stake) => `${stake}  cannot be read now`),
          ...(found.complete ? [] : ['not all of the history was read: there may be more']),
        ].join('\n'),
      );
    });
}
