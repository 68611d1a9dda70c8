import { ConfigurationError } from '../cli/errors';
import { checkBounty } from './deploy/bounty';
import { conclude } from './deploy/check';
import { script, type Deployment } from './deploy/deployment';
import { checkRegistry } from './deploy/registry';
import { checkStake } from './deploy/stake';
import { checkVerifier } from './deploy/verifier';

/**
 * Checks what is deployed, whoever did it: code hash, address, parameters, get-methods. Parameters: registry, stake,
 * bounty, verifier, at least one of them. Sends nothing and needs no wallet (--deeplink).
 */
export async function checkDeployment(deployment: Deployment): Promise<void> {
  const { registry, stake, bounty, verifier } = deployment.parameters;
  if (!registry && !stake && !bounty && !verifier) {
    throw new ConfigurationError('config.parameter', 'nothing to check was named', {
      expected: 'COCOON_REGISTRY, COCOON_STAKE, COCOON_BOUNTY or COCOON_VERIFIER: an address',
    });
  }
  if (registry) {
    const findings = await checkRegistry(deployment, registry);
    conclude(deployment, 'AttestationRegistry', findings, `COCOON_REGISTRY=${registry.toRawString()}`);
  }
  if (stake) {
    const findings = await checkStake(deployment, stake);
    conclude(deployment, 'ProviderStake', findings, `COCOON_STAKE=${stake.toRawString()}`);
  }
  if (bounty) {
    const findings = await checkBounty(deployment, bounty);
    conclude(deployment, 'JudgedBounty', findings, `COCOON_BOUNTY=${bounty.toRawString()}`);
  }
  if (verifier) {
    const findings = await checkVerifier(deployment, verifier);
    conclude(deployment, 'Groth16Verifier', findings, `COCOON_VERIFIER=${verifier.toRawString()}`);
  }
}

export const run = script(checkDeployment);
