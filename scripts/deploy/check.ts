import type { Address } from '@ton/core';
import { VerificationError } from '../../cli/errors';
import { ChainStateError } from '../../worker/errors';
import type { AccountSnapshot } from '../../worker/chain/chainClient';
import { CODE_HASHES, type ContractName } from '../../wrappers';
import type { Deployment } from './deployment';

/** What is wrong with a deployed contract; a fault fails the script, a warning does not. */
export interface Findings {
  faults: string[];
  warnings: string[];
}

/** An account that runs. */
export type ActiveAccount = AccountSnapshot & { code: Cell; data: Cell };
type Cell = NonNullable<AccountSnapshot['code']>;

/** Prints where a contract is, and compares its code. @throws ChainStateError `chain.not-deployed` */
export async function checkAccount(
  { chain, settings, print }: Deployment,
  contract: ContractName,
  address: Address,
  findings: Findings,
): Promise<ActiveAccount> {
  const account = await chain.getAccount(address);
  if (account.state !== 'active' || account.code === null || account.data === null) {
    throw new ChainStateError('chain.not-deployed', `there is no ${contract} at this address`, {
      expected: 'an active account',
      received: `an ${account.state} account at ${address.toRawString()} on ${settings.network}`,
    });
  }
  const hash = account.code.hash().toString('hex');
  print('contract', contract);
  print('address', `${address.toRawString()}, ${address.toString({ testOnly: settings.network === 'testnet' })}`);
  print('code hash', hash);
  if (hash !== CODE_HASHES[contract]) {
    throw new VerificationError('verification.code-hash', `this is no ${contract} of this version`, {
      expected: CODE_HASHES[contract],
      received: hash,
      hint: 'docs/code-hashes.md, docs/upgrading.md',
    });
  }
  findings.warnings.push(...(account.balance < 50_000_000n ? ['the account has less than 0.05 TON'] : []));
  return account as ActiveAccount;
}

/** The address follows from code and parameters, so an equal one says that nothing else was deployed. */
export function compareAddress(shown: Address, computed: Address, findings: Findings): void {
  if (shown.equals(computed)) return;
  findings.faults.push(`its parameters belong to ${computed.toRawString()}`);
}

/** Prints warnings, and how a stranger checks again. @throws VerificationError `verification.deployment` */
export function conclude(deployment: Deployment, contract: ContractName, findings: Findings, variable: string): void {
  const { blueprint, print, settings } = deployment;
  const custom = `--custom ${settings.api} --custom-version v2 --custom-type custom`;
  const network = blueprint.network() === 'custom' ? custom : `--${settings.network}`;
  findings.warnings.forEach((warning) => print('warning', warning));
  if (findings.faults.length > 0) {
    throw new VerificationError('verification.deployment', `this ${contract} is not as it should be`, {
      received: findings.faults.join('; '),
    });
  }
  print('checked', 'code hash, parameters and get-methods');
  print('again', `${variable} npx blueprint run checkDeployment ${network} --deeplink`);
  print('source', `build/Suite/Suite_${contract}.pkg to verifier.ton.org by hand (docs/code-hashes.md)`);
}
