/** What is published of a key: its verification key and where it comes from. */
import { createHash } from 'node:crypto';
import type { KeySetup } from '../../protocol/zk';
import { writeKeyRecord, type VerificationKeyRecord } from '../../protocol/zk';
import { readProvingKey } from '../groth16/zkey';
import { readContributions } from './contributions';
import { SetupError } from './errors';

/** Fewer than these, apart from the beacon, make no ceremony: one of them must be honest, and nobody knows which. */
export const CEREMONY_CONTRIBUTIONS = 3;

export interface SetupFiles { zkey: Uint8Array; r1cs: Uint8Array; phase1: Uint8Array }

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * @throws SetupError `verification.setup.contributions`, `verification.setup.beacon`
 * @throws ProvingKeyError, ProtocolError as the reader of proving keys
 */
export function keyRecord(kind: KeySetup['kind'], { zkey, r1cs, phase1 }: SetupFiles): VerificationKeyRecord {
  const key = readProvingKey(zkey);
  const all = readContributions(key.contributions);
  const contributions = all.filter(({ beacon }) => beacon === null).length;
  const beacon = all.at(-1)?.beacon?.hex ?? null;
  const least = kind === 'ceremony' ? CEREMONY_CONTRIBUTIONS : 1;
  if (contributions < least) {
    throw new SetupError('verification.setup.contributions', 'too few contributed to phase 2 of this key', { expected: `at least ${least}`, received: String(contributions), hint: 'npm run zk:setup -- contribute' });
  }
  if (kind === 'ceremony' && beacon === null) {
    throw new SetupError('verification.setup.beacon', 'no beacon ended phase 2 of this key', { expected: 'a beacon that nobody could foresee', hint: 'npm run zk:setup -- beacon' });
  }
  return writeKeyRecord(key.verification, { kind, phase1Hash: hashOf(phase1), r1csHash: hashOf(r1cs), zkeyHash: hashOf(zkey), contributions, beacon });
}
