import { readFileSync } from 'node:fs';
import type { Address } from '@ton/core';
import { dateOf, hex } from '../../cli/provider/account';
import { ConfigurationError } from '../../cli/errors';
import { readKeyRecord, type KeySetup, type VerificationKey } from '../../protocol/zk';
import { Groth16Verifier, packVerificationKey, parseVerifierData, type VerifierIdentity } from '../../wrappers/zk';
import { checkAccount, compareAddress, type Findings } from './check';
import type { Deployment } from './deployment';

const RENT_WARNING_SECONDS = 180 * 86_400;

/**
 * Reads the record of a key. Its points are checked, and that nobody can forge under it.
 * @throws ConfigurationError `config.parameter`; ProtocolError BAD_KEY_RECORD, BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT
 */
export function readKeyFile(path: string): { key: VerificationKey; setup: KeySetup } {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigurationError('config.parameter', 'cannot read the verification key', {
      expected: 'a JSON file that COCOON_VERIFICATION_KEY names',
      received: path,
      cause,
    });
  }
  return readKeyRecord(json);
}

/** Whoever made a development key can forge its proofs: no value stands behind it. @throws ConfigurationError `config.development-key` */
export function refuseOnMainnet(isDevelopment: boolean, { settings }: Pick<Deployment, 'settings'>): void {
  if (!isDevelopment || settings.network !== 'mainnet') return;
  throw new ConfigurationError('config.development-key', 'a development key is not deployed to mainnet', {
    expected: 'a key of a ceremony: several contributions and a beacon (docs/zk.md)',
    received: 'kind "development"',
  });
}

/** A ceremony that is none: the name alone proves nothing. @throws ConfigurationError `config.development-key` */
export function checkSetup({ kind, contributions, beacon }: KeySetup): void {
  if (kind === 'development' || (contributions > 0 && beacon !== null)) return;
  throw new ConfigurationError('config.development-key', 'the record says ceremony and shows none', {
    expected: 'at least one contribution, and a beacon',
    received: `${contributions} contributions, ${beacon === null ? 'no' : 'a'} beacon`,
  });
}

/** Prints a verifier and compares it with what it should be. @param expected without it, whatever key is there is described */
export async function checkVerifier(deployment: Deployment, address: Address, expected?: VerifierIdentity): Promise<Findings> {
  const { history, settings, print } = deployment;
  const findings: Findings = { faults: [], warnings: [] };
  const { apiTime, data } = await checkAccount(deployment, 'Groth16Verifier', address, findings);
  const held = parseVerifierData(data);
  print('key', `${hex(packVerificationKey(held.key).hash())}, ${held.key.ic.length - 1} public inputs, shard ${held.shard}`);
  print('setup', held.isDevelopment ? 'DEVELOPMENT: whoever made the key can forge' : 'ceremony: check its transcript');
  compareAddress(address, (await Groth16Verifier.fromIdentity(expected ?? held)).address, findings);
  if (!held.isChecked) findings.faults.push('its key was not checked: it refuses every proof');
  if (held.isDevelopment && settings.network === 'mainnet') findings.faults.push('a development key on mainnet');
  const paidUntil = await Groth16Verifier.fromAddress(address).getPaidUntil(history.provider(address));
  print('rent', `paid until ${dateOf(paidUntil)}`);
  if (paidUntil < apiTime + RENT_WARNING_SECONDS) findings.warnings.push('its rent ends soon: send it TON');
  return findings;
}
