/** The circuit that jobs are about: its model, its verification key and, for whoever proves, its proving key. */
import { join } from 'node:path';
import { modelHash, parseModelText, type CircuitModel } from '../../circuits';
import { toHex } from '../../protocol/bytes';
import { readKeyRecord } from '../../protocol/zk/key';
import type { KeySetup } from '../../protocol/zk';
import { Groth16Verifier, type VerifierIdentity } from '../../wrappers/zk';
import { NETWORKS } from '../config/settings';
import { VerificationError } from '../errors';
import { parseNumber } from '../numbers';
import { readBytes } from './files';

const SHIPPED_MODEL = join(__dirname, '../../models/digits-8x8.json');
const SHIPPED_KEY = join(__dirname, '../../circuits/keys/digits-8x8.DEVELOPMENT');

/** Files of the circuit; the shipped one's unless they are given. */
export interface CircuitOptions {
  circuit?: string;
  key?: string;
  shard?: string;
}

export interface KnownCircuit {
  model: CircuitModel;
  /** SHA-256 of the canonical model, hex. */
  modelHash: string;
  identity: VerifierIdentity;
  setup: KeySetup;
  verifier: Groth16Verifier;
}

/** The proving key of the shipped circuit. */
export const SHIPPED_ZKEY = `${SHIPPED_KEY}.zkey`;

/**
 * @throws StorageError; CircuitModelError; ProtocolError for a key that nobody should trust;
 * VerificationError `verification.zk.development-key` for a development key on mainnet
 */
export async function openCircuit({ circuit = SHIPPED_MODEL, key = `${SHIPPED_KEY}.json`, shard = '0' }: CircuitOptions, networkId: number): Promise<KnownCircuit> {
  const model = parseModelText(readBytes(circuit).toString('utf8'));
  const record = readKeyRecord(jsonOf(readBytes(key).toString('utf8')));
  const isDevelopment = record.setup.kind === 'development';
  if (isDevelopment && networkId === NETWORKS.mainnet) {
    throw new VerificationError('verification.zk.development-key', 'whoever made a development key can forge its proofs', {
      expected: 'the key of a ceremony on mainnet', received: key, hint: 'docs/zk-setup.md',
    });
  }
  const identity: VerifierIdentity = { key: record.key, isDevelopment, shard: parseNumber('--shard', shard, 0, 255, true) };
  return { model, modelHash: toHex(modelHash(model)), identity, setup: record.setup, verifier: await Groth16Verifier.fromIdentity(identity) };
}

/** What is no JSON is no record of a key either, and is told so. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
