import { Address } from '@ton/core';
import { SIMULATED_ROOT } from '../../attest/simulated/quote';
import { INTEL_ROOT, type RootKey } from '../../wrappers';
import { AttestationRegistry } from '../../wrappers/AttestationRegistry';
import type { ChainHistory } from '../../wrappers/discovery';
import type { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import type { Settings } from '../config/resolve';
import { ConfigurationError } from '../errors';
import { devnetInfo } from './devnetApi';

/**
 * The registry whose providers count: the setting, or the one that a devnet says it has. There is no built-in one for a
 * real network: whoever pays decides whom to trust with the list.
 * @throws ConfigurationError `config.registry`
 */
export async function registryOf(settings: Settings): Promise<Address> {
  if (settings.registry !== undefined) return basechainAddress('registry', settings.registry);
  if (settings.network === 'devnet') {
    const { registry } = await devnetInfo(settings.api);
    if (registry !== null) return Address.parse(registry);
  }
  throw new ConfigurationError('config.registry', `no registry is set for ${settings.network}`, {
    expected: 'the address of an AttestationRegistry',
    hint: 'give --registry ADDRESS, or set COCOON_REGISTRY',
  });
}

/** An address from a setting. @throws ConfigurationError `config.address` unless it is one of the basechain */
export function basechainAddress(name: string, text: string): Address {
  const address = Address.parse(text);
  if (address.workChain === 0) return address;
  throw new ConfigurationError('config.address', `the ${name} is not an account of the basechain`, {
    expected: 'workchain 0',
    received: text,
  });
}

/**
 * Before money goes to a stake: is there really a registry that would announce it?
 * @throws ChainStateError `chain.not-a-registry`
 */
export async function checkRegistry(chain: ChainClient, registry: Address): Promise<void> {
  const account = await chain.getAccount(registry);
  const none = { networkId: 0, governor: registry, guardian: registry, builders: [], threshold: 0 };
  const { init } = await AttestationRegistry.fromGovernance(none);
  if (account.code?.hash().equals(init!.code.hash())) return;
  throw new ChainStateError('chain.not-a-registry', 'there is no registry of this version at this address', {
    expected: `an active account with code ${init!.code.hash().toString('hex')}`,
    received: account.code === null ? `an ${account.state} account` : `code ${account.code.hash().toString('hex')}`,
    hint: 'check --registry and --network',
  });
}

/** The root that attestations of a registry end in, for ever: Intel's, or that of the SIMULATED platform. */
export async function attestationRoot(chain: ChainClient, registry: Address): Promise<RootKey> {
  const isSimulated = await chain.query((ton) => ton.open(AttestationRegistry.fromAddress(registry)).getIsSimulated());
  return isSimulated ? SIMULATED_ROOT : INTEL_ROOT;
}

/** The chain as discovery reads it, with the client's retries and typed errors. */
export function historyOf(chain: ChainClient): ChainHistory {
  return {
    getTransactions: (address, options) => chain.query((ton) => ton.getTransactions(address, options)),
    provider: (address) => {
      const provider = chain.ton.provider(address);
      return { ...provider, get: (name, args) => chain.query(() => provider.get(name, args)) };
    },
  };
}
