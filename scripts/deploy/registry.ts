import type { Address } from '@ton/core';
import { SIMULATED_ROOT } from '../../attest/simulated/quote';
import { AttestationRegistry, INTEL_ROOT, type Governance } from '../../wrappers';
import { dateOf, hex } from '../../cli/provider/account';
import { checkAccount, compareAddress, type Findings } from './check';
import type { Deployment } from './deployment';

const RENT_WARNING_SECONDS = 180 * 86_400;

/**
 * Prints a registry and compares it with what it should be.
 * @param first the governing set that it was made with; without it, the one that governs now is taken
 */
export async function checkRegistry(
  deployment: Deployment,
  address: Address,
  first?: Governance,
): Promise<Findings> {
  const { history, settings, print } = deployment;
  const findings: Findings = { faults: [], warnings: [] };
  const { apiTime } = await checkAccount(deployment, 'AttestationRegistry', address, findings);
  const provider = history.provider(address);
  const registry = AttestationRegistry.fromAddress(address);
  const governance = await registry.getGovernance(provider);
  const { governor, guardian, builders, threshold } = governance;
  print('governor', governor.toRawString());
  print('guardian', guardian.toRawString());
  print('builders', builders.length === 0 ? 'none' : `${threshold} of ${builders.map(hex).join(', ')}`);
  const isSimulated = await registry.getIsSimulated(provider);
  print('attestation', isSimulated ? 'SIMULATED: its root is not Intel\'s' : 'up to Intel SGX Root CA');
  if (isSimulated && settings.network !== 'devnet') findings.faults.push('its attestations end in a SIMULATED root and prove nothing');
  const images = await registry.getImages(provider);
  print('images', `${images.length}, revocation epoch ${await registry.getEpoch(provider)}`);
  const paidUntil = await registry.getPaidUntil(provider);
  print('rent', `paid until ${dateOf(paidUntil)}`);

  const root = isSimulated ? SIMULATED_ROOT : INTEL_ROOT;
  const made = await AttestationRegistry.fromGovernance({ networkId: settings.networkId, root, ...(first ?? governance) });
  if (first !== undefined) compareAddress(address, made.address, findings);
  else if (!address.equals(made.address)) {
    findings.warnings.push('its first governing set was another one, or it is of another network');
  }
  const proposal = await registry.getProposedGovernance(provider);
  if (proposal !== null) {
    findings.warnings.push(`${proposal.next.governor.toRawString()} is proposed as governor`);
  }
  if (governor.equals(guardian)) findings.warnings.push('governor and guardian are one account');
  if (paidUntil < apiTime + RENT_WARNING_SECONDS) findings.warnings.push('its rent ends soon: send it TON');
  return findings;
}
