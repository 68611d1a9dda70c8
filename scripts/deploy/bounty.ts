import type { Address, Cell } from '@ton/core';
import { loadJudgedBounty$Data } from '../../build/Suite/Suite_JudgedBounty';
import { priceOf } from '../../cli/client/providers';
import { hex, sameBytes } from '../../cli/provider/account';
import { formatTon } from '../../cli/output';
import { type BountyConfig, JudgedBounty } from '../../examples/bounty/JudgedBounty';
import { isKeyUsable, providerStakeAddress } from '../../wrappers';
import { readProvider, type Provider } from '../../wrappers/discovery';
import { checkAccount, compareAddress, type Findings } from './check';
import type { Deployment } from './deployment';
import { readDescriptor } from './stake';

/** What a bounty's account was made with. */
export function readBountyConfig(data: Cell): BountyConfig {
  const held = loadJudgedBounty$Data(data.beginParse());
  const bytes = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
  return {
    networkId: Number(held.networkId),
    registry: held.registry,
    sponsor: held.sponsor,
    provider: held.offer.owner,
    payout: held.offer.payout,
    workerKey: bytes(held.offer.workerKey),
    price: held.offer.price,
    modelRoot: bytes(held.modelRoot),
    stopToken: Number(held.stopToken),
    maxTokens: Number(held.maxTokens),
    winningToken: Number(held.winningToken),
  };
}

/** Prints a bounty and compares it with what it should be, its provider included. */
export async function checkBounty(deployment: Deployment, address: Address): Promise<Findings> {
  const { history, settings, print } = deployment;
  const findings: Findings = { faults: [], warnings: [] };
  const { data } = await checkAccount(deployment, 'JudgedBounty', address, findings);
  const config = readBountyConfig(data);
  const { networkId } = settings;
  compareAddress(address, (await JudgedBounty.fromConfig({ ...config, networkId })).address, findings);
  const bounty = JudgedBounty.fromAddress(address);
  const provider = history.provider(address);
  const prize = await bounty.getBounty(provider);
  print('registry', config.registry.toRawString());
  print('sponsor', config.sponsor.toRawString());
  print('asks', `worker key ${hex(config.workerKey)}, ${formatTon(config.price)} to ${config.payout.toRawString()}`);
  print('model', `${hex(config.modelRoot)}, ${config.maxTokens} tokens, stop ${config.stopToken}`);
  print('bounty', `${formatTon(prize)} for an answer that begins with token ${config.winningToken}`);
  print('try', `brings ${formatTon(await bounty.getTryValue(provider))}; what it does not cost returns`);
  if (prize === 0n) findings.warnings.push('there is no money for a winner: not funded, won, or closed');
  const { registry } = deployment.parameters;
  if (registry !== undefined && !config.registry.equals(registry)) {
    findings.faults.push(`its registry is ${config.registry.toRawString()}`);
  }
  const offer = await judgeOffer(deployment, config);
  findings.warnings.push(...offer.faults, ...offer.warnings);
  return findings;
}

/** Whether the provider that a bounty asks can answer now; faults are on chain, warnings are what its worker says. */
export async function judgeOffer({ history, chain }: Deployment, config: BountyConfig): Promise<Findings> {
  const stake = await providerStakeAddress({ ...config, owner: config.provider });
  const { apiTime, state } = await chain.getAccount(stake);
  if (state !== 'active') return { faults: [`the provider has no stake at ${stake.toRawString()}`], warnings: [] };
  const provider = await readProvider(history, stake);
  const record = provider.keys.find(({ workerKey }) => sameBytes(workerKey, config.workerKey));
  const isUsable = record !== undefined && isKeyUsable(record, provider.status, apiTime);
  const faults = isUsable ? [] : [`worker key ${hex(config.workerKey)} does not work at stake ${stake.toRawString()}`];
  return { faults, warnings: await compareWithDescriptor(provider, config) };
}

async function compareWithDescriptor(provider: Provider, config: BountyConfig): Promise<string[]> {
  const { descriptor, fault } = await readDescriptor(provider);
  if (descriptor === null) return [`whether the worker takes these jobs is not known (${fault})`];
  const model = hex(config.modelRoot);
  const price = priceOf(descriptor, model);
  const differences: [boolean, string][] = [
    [descriptor.workerKey !== hex(config.workerKey), `the worker's key is ${descriptor.workerKey}`],
    [descriptor.payout !== hex(config.payout.hash), `the worker is paid at 0:${descriptor.payout}`],
    [!descriptor.models.some(({ root }) => root === model), 'the worker does not have this model'],
    [config.price < price, `the worker asks for ${formatTon(price)}`],
    [config.maxTokens > descriptor.limits.maxTokens, `the worker gives ${descriptor.limits.maxTokens} tokens`],
  ];
  return differences.filter(([differs]) => differs).map(([, text]) => text);
}
