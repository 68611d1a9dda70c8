import { CellReader, CellWriter, cellHash, type PlainCell } from './cells';
import { TAG_BUILD } from './constants';

/** What a builder signs: it built this image from public sources and found these claims true. */
export interface Build {
  networkId: number;
  /** Basechain hash of the AttestationRegistry. */
  registry: Uint8Array;
  imageHash: Uint8Array;
  /** uint8; bits in contracts/attestation/images.tact. */
  claims: number;
  /** Unix seconds until which the registry takes the signature. */
  validUntil: number;
}

export function encodeBuild(build: Build): PlainCell {
  return new CellWriter()
    .uint('tag', TAG_BUILD, 32)
    .int32('networkId', build.networkId)
    .fixedBytes('registry', build.registry, 32)
    .fixedBytes('imageHash', build.imageHash, 32)
    .uint('claims', build.claims, 8)
    .uint('validUntil', build.validUntil, 32)
    .cell();
}

/** @throws ProtocolError WRONG_TAG, MALFORMED_CELL */
export function decodeBuild(cell: PlainCell): Build {
  const root = new CellReader('Build', cell);
  root.tag(TAG_BUILD);
  const build = {
    networkId: root.int32(),
    registry: root.fixedBytes(32),
    imageHash: root.fixedBytes(32),
    claims: root.number(8),
    validUntil: root.number(32),
  };
  root.end();
  return build;
}

/** The hash that a builder signs. 32 bytes. */
export const buildHash = (build: Build): Uint8Array => cellHash(encodeBuild(build));
