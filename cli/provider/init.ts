import type { Address } from '@ton/core';
import { minimumStake } from '../../wrappers';
import type { Context } from '../context';
import { formatTon, type Output } from '../output';
import { chainTime, openStakeAccount, readStake, requireStake, type StakeAccount } from './account';
import { checkClaim, makeClaim, readClaim, type ClaimFile } from './claim';
import { readServed } from './descriptor';
import { attestKey, attestValue, describeAttested } from './attest';
import { makeQuote, readQuoteFor, type PlatformName, type QuoteFile } from './quote';
import { stepStake, type Decide } from './send';
import { addKeyStep, checkStakeAmount, depositStep, depositValue, descriptorStep, messageValue } from './steps';
import { requireMoney } from './money';

export interface InitOptions {
  /** Active stake that is wanted, nanoTON; the network's minimum when undefined. */
  amount?: bigint;
  /** How long the worker key lasts. */
  days: number;
  /** Data folder of the worker whose key is added; the context's when undefined. */
  workerFolder?: string;
  /** File with a claim, made where the worker is; instead of `workerFolder`. */
  claimFile?: string;
  /** The worker key shall be attested by a quote of this platform, instead of bonded. */
  platform?: PlatformName;
  /** Quote made in the worker's trust domain; instead of `workerFolder`. */
  quoteFile?: string;
  /** URL of the running worker; without it endpoint and descriptor stay as they are. */
  endpoint?: string;
}

export interface InitReport {
  owner: string;
  stake: string;
  registry: string;
  workerKey: string;
  /** The key is attested by a SIMULATED platform, which proves nothing. */
  simulated?: true;
  steps: { step: 'deposit' | 'key' | 'descriptor'; state: 'done' | 'already'; sentNano: bigint }[];
  activeNano: bigint;
  endpoint: string | null;
}

/**
 * Makes a provider: stake, this worker's key with its proof of possession, endpoint and descriptor. Each step looks at
 * the chain first and does nothing when it is done already, so it can be broken off anywhere and run again.
 */
export async function initProvider(context: Context, options: InitOptions): Promise<InitReport> {
  const { output, settings, passphrase } = context;
  const account = await openStakeAccount(context);
  output.progress("the owner's key is not the worker's: keep it offline");
  const { platform, quoteFile } = options;
  const folder = options.workerFolder ?? settings.dataFolder;
  if (quoteFile !== undefined || platform !== undefined) {
    const place = { networkId: account.networkId, registry: account.registry, owner: account.wallet.address };
    const quoteFor = async (): Promise<QuoteFile> => (quoteFile === undefined
      ? makeQuote({ folder, passphrase: passphrase() }, place, platform!, account.chain) : readQuoteFor(settings.network, quoteFile));
    return initStake(account, output, options, { quoteFor });
  }
  return initStake(account, output, options, { claimFor: (place) => {
    if (options.claimFile !== undefined) return readClaim(options.claimFile, place);
    return makeClaim(folder, passphrase(), place);
  } });
}

/**
 * The same for an owner whose wallet is anywhere.
 * @param key where a bonded worker key's claim for this stake comes from, or a quote that attests it
 */
export async function initStake(
  account: StakeAccount,
  output: Output,
  options: Pick<InitOptions, 'amount' | 'days' | 'endpoint'>,
  key: { claimFor(place: { networkId: number; stake: Address; endUnix: number }): ClaimFile } | { quoteFor(): Promise<QuoteFile> },
): Promise<InitReport> {
  const { networkId, chain, wallet, stake } = account;
  const wanted = options.amount ?? minimumStake(networkId);
  checkStakeAmount(networkId, wanted);
  output.progress(`owner ${wallet.address.toString({ bounceable: false })}`);
  output.progress(`stake ${stake.address.toRawString()}, follows from registry and owner`);
  const now = await chainTime(account);
  const place = { networkId, stake: stake.address, endUnix: now + options.days * 86_400 };
  const claim = 'claimFor' in key ? key.claimFor(place) : undefined;
  if (claim) checkClaim(claim, place);
  const prices = await chain.networkPrices();
  const before = await readStake(account, stake.address);
  const messages = 2n * messageValue('addKey', prices);
  const missing = wanted - (before?.status.active ?? 0n);
  const star = claim ? 0n : attestValue(prices);
  await requireMoney(account, missing > 0n ? depositValue(missing, prices) + messages + star : star);

  const steps: InitReport['steps'] = [];
  const run = async (step: InitReport['steps'][number]['step'], decide: Decide): Promise<void> => {
    const { done, sentNano } = await stepStake(account, output, decide);
    steps.push({ step, state: done ? 'done' : 'already', sentNano });
    output.progress(`${step}: ${done ? 'on chain' : 'was on chain already'}`);
  };
  await run('deposit', (current) => depositStep(current, wanted, prices));
  let workerKey = claim?.workerKey;
  let isSimulated = false;
  if (claim) {
    await run('key', (current) => addKeyStep(current!, claim, now, prices));
  } else if ('quoteFor' in key) {
    const quote = await key.quoteFor();
    workerKey = quote.workerKey;
    isSimulated = quote.platform === 'simulated';
    output.progress(describeAttested(await attestKey(account, output, quote), isSimulated));
    steps.push({ step: 'key', state: 'done', sentNano: star });
  }
  if (options.endpoint !== undefined) {
    const served = await readServed(account, await requireStake(account), options.endpoint);
    await run('descriptor', (current) => descriptorStep(current!, served.endpoint, served.hash, prices));
  }
  const after = await requireStake(account);
  return {
    owner: wallet.address.toRawString(),
    stake: stake.address.toRawString(),
    registry: account.registry.toRawString(),
    workerKey: workerKey!,
    ...(isSimulated && { simulated: true as const }),
    steps,
    activeNano: after.status.active,
    endpoint: after.endpoint,
  };
}

export function describeInit(report: InitReport): string {
  return [
    `stake     ${report.stake}`,
    `active    ${formatTon(report.activeNano)}`,
    `owner     ${report.owner}`,
    `key       ${report.workerKey}${report.simulated ? ', attested by a SIMULATED platform, which proves nothing' : ''}`,
    `endpoint  ${report.endpoint ?? 'none yet: cocoon provider descriptor --endpoint URL'}`,
    '',
    `run the worker with --stake ${report.stake}`,
  ].join('\n');
}
