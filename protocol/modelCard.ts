import { sha256 } from '@noble/hashes/sha2';
import { asciiBytes, concatBytes } from './bytes';

/**
 * The model root that terms name for a model card: H("OCM1" || all bytes of its file). An exact model's root is a hash of 64
 * bytes, and no card is as short.
 */
export function cardRoot(file: Uint8Array): Uint8Array {
  return sha256(concatBytes(asciiBytes('OCM1'), file));
}
