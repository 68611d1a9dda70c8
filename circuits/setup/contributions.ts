/** Who contributed to a proving key, as the key itself says (section 10 of a .zkey file). That it is true, `snarkjs zkey verify` sees. */
import { ProvingKeyError } from '../groth16/errors';
import { bytesOf, FILE_G1_BYTES, FILE_G2_BYTES } from '../groth16/zkey';

export interface Contribution {
  name: string;
  /** Of the one that ends the phase: public randomness, in hex, hashed 2^iterationsLog times. */
  beacon: { hex: string; iterationsLog: number } | null;
}

const TRANSCRIPT_BYTES = 64;
/** delta, two points of G1 and one of G2 that prove knowledge of the change, and the hash of what came before. */
const FIXED_BYTES = 3 * FILE_G1_BYTES + FILE_G2_BYTES + TRANSCRIPT_BYTES;
const BEACON = 1;
const PARAMETER = { name: 1, iterationsLog: 2, beacon: 3 } as const;

/** @throws ProvingKeyError `zkey.contribution` */
export function readContributions(section: DataView): Contribution[] {
  const bytes = bytesOf(section);
  let at = TRANSCRIPT_BYTES;
  const take = (length: number): number => {
    at += length;
    if (at > bytes.length) throw new ProvingKeyError('zkey.contribution', 'the contributions of the proving key cannot be read', { expected: `${at} bytes`, received: `${bytes.length} bytes` });
    return at - length;
  };
  const word = (): number => section.getUint32(take(4), true);
  const count = word();
  const found: Contribution[] = [];
  // Each takes bytes, so that no count makes this long.
  for (let i = 0; i < count; i++) {
    take(FIXED_BYTES);
    const isBeacon = word() === BEACON;
    const length = word();
    const end = take(length) + length;
    found.push(readParameters(bytes.subarray(end - length, end), isBeacon));
  }
  if (at !== bytes.length) throw new ProvingKeyError('zkey.contribution', 'the contributions of the proving key cannot be read', { expected: `${at} bytes`, received: `${bytes.length} bytes` });
  return found;
}

function readParameters(bytes: Uint8Array, isBeacon: boolean): Contribution {
  let [name, hex, iterationsLog] = ['', '', 0];
  for (let at = 0; at < bytes.length;) {
    const kind = bytes[at++];
    if (kind === PARAMETER.iterationsLog) {
      iterationsLog = bytes[at++] ?? 0;
      continue;
    }
    if (kind !== PARAMETER.name && kind !== PARAMETER.beacon) throw new ProvingKeyError('zkey.contribution', 'a contribution of the proving key says what is not known', { expected: 'a name, iterations or a beacon', received: `parameter ${kind}` });
    const length = bytes[at++] ?? 0;
    const value = Buffer.from(bytes.subarray(at, at + length));
    at += length;
    if (kind === PARAMETER.name) name = value.toString('utf8');
    else hex = value.toString('hex');
  }
  return { name, beacon: isBeacon ? { hex, iterationsLog } : null };
}
