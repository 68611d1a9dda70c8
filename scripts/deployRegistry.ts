import { Cell } from '@ton/core';
import { dateOf } from '../cli/provider/account';
import { sendAndWait } from '../cli/provider/send';
import { AttestationRegistry, REGISTRY_ERRORS } from '../wrappers';
import { conclude } from './deploy/check';
import { requirePublished, script, type Deployment } from './deploy/deployment';
import { payerOf } from './deploy/payer';
import { checkRegistry } from './deploy/registry';

/** Stays in the registry: about five years of rent. */
const RENT_NANO = 700_000_000n;

/**
 * Deploys an AttestationRegistry, unless it is there, and checks it. Parameters, all optional: governor, guardian (the
 * deployer's wallet), builders, threshold (none), rent. They make the address; docs/deploy-to-testnet.md.
 */
export async function deployRegistry(deployment: Deployment): Promise<void> {
  const { chain, parameters, pollMillis, print, settings } = deployment;
  const wallet = payerOf(deployment);
  const { governor = wallet.address, guardian = wallet.address, builders = [], threshold = 0 } = parameters;
  const governance = { governor, guardian, builders, threshold };
  const registry = await AttestationRegistry.fromGovernance({ networkId: settings.networkId, ...governance });
  requirePublished('AttestationRegistry', registry.init!.code);
  const seqno = await wallet.seqno();
  if ((await chain.getAccount(registry.address)).state === 'active') {
    print('deployed', 'before: nothing is sent');
  } else {
    const { now } = await sendAndWait(
      { chain, wallet, pollMillis },
      {
        what: 'deployment of the registry',
        to: registry.address,
        value: parameters.rent ?? RENT_NANO,
        body: () => new Cell(),
        init: registry.init,
        seqno,
        receiver: { name: 'registry', errors: REGISTRY_ERRORS, hint: 'give it more rent: COCOON_RENT' },
      },
    );
    print('deployed', `now, ${dateOf(now)}`);
  }
  const findings = await checkRegistry(deployment, registry.address, governance);
  conclude(deployment, 'AttestationRegistry', findings, `COCOON_REGISTRY=${registry.address.toRawString()}`);
}

export const run = script(deployRegistry);
