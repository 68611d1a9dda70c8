import type { Address } from '@ton/core';
import { parseDescriptor, type WorkerDescriptor } from '../../cli/client/workerApi';
import { hex } from '../../cli/provider/account';
import { describeProvider, reportProvider } from '../../cli/provider/status';
import { CocoonError } from '../../protocol/errors';
import { isKeyUsable, providerStakeAddress } from '../../wrappers';
import { fetchDescriptor, readProvider, type Provider } from '../../wrappers/discovery';
import { checkAccount, compareAddress, type Findings } from './check';
import type { Deployment } from './deployment';

/** Prints a stake and compares it with what it should be: its place, its keys, the descriptor that it publishes. */
export async function checkStake(deployment: Deployment, address: Address): Promise<Findings> {
  const { history, settings, blueprint, parameters } = deployment;
  const findings: Findings = { faults: [], warnings: [] };
  const { apiTime } = await checkAccount(deployment, 'ProviderStake', address, findings);
  const provider = await readProvider(history, address);
  const { networkId } = settings;
  const { owner, status } = provider;
  compareAddress(address, await providerStakeAddress({ networkId, registry: status.registry, owner }), findings);
  if (parameters.registry !== undefined && !status.registry.equals(parameters.registry)) {
    findings.faults.push(`its registry is ${status.registry.toRawString()}`);
  }
  const report = reportProvider(provider, apiTime);
  blueprint.ui().write(describeProvider(report));
  if (!provider.keys.some((record) => isKeyUsable(record, status, apiTime))) {
    findings.faults.push('no worker key works');
  }
  // That none is published is among the report's warnings.
  const fault = provider.endpoint === null ? null : (await readDescriptor(provider)).fault;
  if (fault !== null) findings.warnings.push(fault);
  return findings;
}

/** What the provider's worker serves, if it is what the stake names. */
export async function readDescriptor(
  provider: Provider,
): Promise<{ descriptor: WorkerDescriptor; fault: null } | { descriptor: null; fault: string }> {
  const { endpoint, descriptorHash, stake } = provider;
  if (endpoint === null) return { descriptor: null, fault: 'no endpoint is published' };
  try {
    const descriptor = parseDescriptor(await fetchDescriptor(endpoint, descriptorHash), endpoint);
    if (descriptor.stake === hex(stake.hash)) return { descriptor, fault: null };
    return { descriptor: null, fault: `the descriptor names stake 0:${descriptor.stake}` };
  } catch (error) {
    if (!(error instanceof CocoonError)) throw error;
    return { descriptor: null, fault: `${error.code}: ${error.message}` };
  }
}
