import { CellReader, CellWriter, cellHash, type PlainCell } from './cells';
import { TAG_KEY_CLAIM } from './constants';

/**
 * What a worker key signs to be added to a stake (proof of possession, attacks 14): nobody lists a key that is not his.
 * The stake's address pins network, registry and owner.
 */
export interface KeyClaim {
  networkId: number;
  /** Basechain hash of the ProviderStake. */
  stake: Uint8Array;
  /** X25519 public key to which clients seal, 32 bytes. */
  sealingKey: Uint8Array;
  /** Unix seconds at which the key ends. */
  endUnix: number;
}

export function encodeKeyClaim(claim: KeyClaim): PlainCell {
  return new CellWriter()
    .uint('tag', TAG_KEY_CLAIM, 32)
    .int32('networkId', claim.networkId)
    .fixedBytes('stake', claim.stake, 32)
    .fixedBytes('sealingKey', claim.sealingKey, 32)
    .uint('endUnix', claim.endUnix, 32)
    .cell();
}

/** @throws ProtocolError WRONG_TAG, MALFORMED_CELL */
export function decodeKeyClaim(cell: PlainCell): KeyClaim {
  const root = new CellReader('KeyClaim', cell);
  root.tag(TAG_KEY_CLAIM);
  const claim = {
    networkId: root.int32(),
    stake: root.fixedBytes(32),
    sealingKey: root.fixedBytes(32),
    endUnix: root.number(32),
  };
  root.end();
  return claim;
}

/** The hash that the worker key signs. 32 bytes. */
export const keyClaimHash = (claim: KeyClaim): Uint8Array => cellHash(encodeKeyClaim(claim));
