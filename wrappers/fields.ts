import type { Address } from '@ton/core';
import { CocoonError } from '../protocol';

/** Bytes that a contract holds in a field of so many. @throws CocoonError WRONG_LENGTH */
export function fixedBytes(name: string, bytes: Uint8Array, length: number): Buffer {
  if (bytes.length === length) return Buffer.from(bytes);
  throw new CocoonError('WRONG_LENGTH', `${name} has the wrong length`, {
    expected: `${length} bytes`,
    received: `${bytes.length} bytes`,
  });
}

/**
 * Hash part of an account that a contract knows by it alone. @throws CocoonError ADDRESS_NOT_BASECHAIN
 * @param name whose account, as in "client of a job"
 */
export function basechainHash(name: string, address: Address): Buffer {
  if (address.workChain === 0) return address.hash;
  throw new CocoonError('ADDRESS_NOT_BASECHAIN', `The ${name} must be an account of the basechain`, {
    expected: 'workchain 0',
    received: `workchain ${address.workChain}`,
  });
}
