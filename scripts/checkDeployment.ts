import { ConfigurationError } from '../cli/errors';
import { checkBounty } from './deploy/bounty';
import { conclude } from './deploy/check';
import { script, type Deployment } from './deploy/deployment';
import { checkRegistry } from './deploy/registry';
import { checkStake } from './deploy/stake';

/**
 * Checks what is deployed, whoever did it: code hash, address, parameters, get-methods. Parameters: registry, stake,
 * bounty, at least one of them. Sends nothing and needs no wallet (--deeplink).
 */
export async function checkDeployment(deployment: Deployment): Promise<void> {
  const { registry, stake, bounty } = deployment.parameters;
  if (!registry && !stake && !bounty) {
    throw new ConfigurationError('config.parameter', 'nothing to check was named', {
      expected: 'COCOON_REGISTRY, COCOON_STAKE or COCOON_BOUNTY: an address',
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
}

export const run = script(checkDeployment);
