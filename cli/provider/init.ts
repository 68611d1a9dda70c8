import type { Address } from '@ton/core';
import { minimumStake } from '../../wrappers';
import type { Context } from '../context';
import { formatTon, type Output } from '../output';
import { chainTime, openStakeAccount, readStake, requireStake, type StakeAccount } from './account';
import { checkClaim, makeClaim, readClaim, type ClaimFile } from './claim';
import { readServed } from './descriptor';
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
  /** URL of the running worker; without it endpoint and descriptor stay as they are. */
  endpoint?: string;
}

export interface InitReport {
  owner: string;
  stake: string;
  registry: string;
  workerKey: string;
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
  return initStake(account, output, options, (place) => {
    if (options.claimFile !== undefined) return readClaim(options.claimFile, place);
    return makeClaim(options.workerFolder ?? settings.dataFolder, passphrase(), place);
  });
}

/**
 * The same for an owner whose wallet is anywhere.
 * @param claimFor where the worker key's claim for this stake comes from
 */
export async function initStake(
  account: StakeAccount,
  output: Output,
  options: Pick<InitOptions, 'amount' | 'days' | 'endpoint'>,
  claimFor: (place: { networkId: number; stake: Address; endUnix: number }) => ClaimFile,
): Promise<InitReport> {
  const { networkId, chain, wallet, stake } = account;
  const wanted = options.amount ?? minimumStake(networkId);
  checkStakeAmount(networkId, wanted);
  output.progress(`owner ${wallet.address.toString({ bounceable: false })}`);
  output.progress(`stake ${stake.address.toRawString()}, follows from registry and owner`);
  const now = await chainTime(account);
  const place = { networkId, stake: stake.address, endUnix: now + options.days * 86_400 };
  const claim = claimFor(place);
  checkClaim(claim, place);
  const prices = await chain.networkPrices();
  const before = await readStake(account, stake.address);
  const messages = 2n * messageValue('addKey', prices);
  const missing = wanted - (before?.status.active ?? 0n);
  await requireMoney(account, missing > 0n ? depositValue(missing, prices) + messages : 0n);

  const steps: InitReport['steps'] = [];
  const run = async (step: InitReport['steps'][number]['step'], decide: Decide): Promise<void> => {
    const { done, sentNano } = await stepStake(account, output, decide);
    steps.push({ step, state: done ? 'done' : 'already', sentNano });
    output.progress(`${step}: ${done ? 'on chain' : 'was on chain already'}`);
  };
  await run('deposit', (current) => depositStep(current, wanted, prices));
  await run('key', (current) => addKeyStep(current!, claim, now, prices));
  if (options.endpoint !== undefined) {
    const served = await readServed(account, await requireStake(account), options.endpoint);
    await run('descriptor', (current) => descriptorStep(current!, served.endpoint, served.hash, prices));
  }
  const after = await requireStake(account);
  return {
    owner: wallet.address.toRawString(),
    stake: stake.address.toRawString(),
    registry: account.registry.toRawString(),
    workerKey: claim.workerKey,
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
    `key       ${report.workerKey}`,
    `endpoint  ${report.endpoint ?? 'none yet: cocoon provider descriptor --endpoint URL'}`,
    '',
    `run the worker with --stake ${report.stake}`,
  ].join('\n');
}
