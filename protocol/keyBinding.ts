import { sha256 } from './sha256';
import { ByteWriter } from './byteCodec';
import { TAG_KEY_BINDING } from './constants';

/** What a TDX quote says of a worker key (attacks 53): whose it is, and that it is no older than a block. */
export interface KeyBinding {
  networkId: number;
  /** Basechain hash of the AttestationRegistry. */
  registry: Uint8Array;
  /** Basechain hash of the provider's wallet. */
  owner: Uint8Array;
  /** Ed25519, 32 bytes; its secret was made in the trust domain. */
  workerKey: Uint8Array;
  /** X25519, 32 bytes; its secret too. */
  sealingKey: Uint8Array;
  /** A recent masterchain block whose number is a multiple of 100, and its root hash, 32 bytes. */
  blockSeqno: number;
  blockHash: Uint8Array;
}

/** The 64 bytes of report data: SHA-256 of the fields (docs/protocol.md), then 32 zero bytes. */
export function reportDataOf(binding: KeyBinding): Uint8Array {
  const bytes = new ByteWriter()
    .uint('tag', TAG_KEY_BINDING, 4)
    .uint('networkId', binding.networkId >>> 0, 4)
    .fixed('registry', binding.registry, 32)
    .fixed('owner', binding.owner, 32)
    .fixed('workerKey', binding.workerKey, 32)
    .fixed('sealingKey', binding.sealingKey, 32)
    .uint('blockSeqno', binding.blockSeqno, 4)
    .fixed('blockHash', binding.blockHash, 32)
    .bytes();
  const data = new Uint8Array(64);
  data.set(sha256(bytes));
  return data;
}
