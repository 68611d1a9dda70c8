/** Accounts of the basechain: their hashes, what a user sees of them, and the ones that follow from what they hold. */
import { concatBytes, equalBytes, toHex, uintBytes } from '../../../protocol/bytes';
import { cellDepth, cellHash, CellWriter, type PlainCell } from '../../../protocol/cells';
import { CocoonError } from '../../../protocol/errors';
import { sha256Of } from '../../../protocol/sha256';
import { fromBase64, fromHex, toBase64 } from './encoding';
import { STAKE_CODE } from './pinned';

const BOUNCEABLE = 0x11;
const NOT_BOUNCEABLE = 0x51;
const TEST_ONLY = 0x80;

/** The 48 characters that wallets and explorers show (TEP-2), URL-safe. `account` in hex. */
export function friendlyAddress(account: string, { bounceable = true, testOnly = false } = {}): string {
  const body = concatBytes(Uint8Array.of((bounceable ? BOUNCEABLE : NOT_BOUNCEABLE) | (testOnly ? TEST_ONLY : 0), 0), fromHex(account, 32));
  return toBase64(concatBytes(body, crc16(body))).replace(/\+/g, '-').replace(/\//g, '_');
}

/** As TON Connect and APIs name it. `account` in hex. */
export const rawAddress = (account: string): string => `0:${account}`;

/** Hash in hex of an account of the basechain, friendly in either alphabet or raw. @throws CocoonError BAD_ADDRESS */
export function accountOf(address: string): string {
  if (/^0:[0-9a-f]{64}$/i.test(address)) return address.slice(2).toLowerCase();
  if (/^[\w+/-]{48}$/.test(address)) {
    const bytes = fromBase64(address);
    const kind = bytes[0] & ~TEST_ONLY;
    const isWhole = equalBytes(crc16(bytes.subarray(0, 34)), bytes.subarray(34));
    if (isWhole && bytes[1] === 0 && (kind === BOUNCEABLE || kind === NOT_BOUNCEABLE)) return toHex(bytes.subarray(2, 34));
  }
  throw new CocoonError('BAD_ADDRESS', 'This is not an account of the basechain', {
    expected: '0: and 64 hex digits, or 48 characters with their checksum',
    received: JSON.stringify(address.slice(0, 70)),
  });
}

/** Account of a contract with this code and data: hash of its StateInit, hex, without making its cell. */
export function contractAccount(code: { hash: Uint8Array; depth: number }, data: PlainCell): string {
  // Two references and 5 bits: code and data, nothing else.
  const head = Uint8Array.of(2, 1, STATE_INIT << 3 | 4);
  return toHex(sha256Of(head, uintBytes(code.depth, 2), uintBytes(cellDepth(data), 2), code.hash, cellHash(data)));
}

/** split_depth and special:none, code and data: there, library: empty. */
export const STATE_INIT = 0b00110;

/** A provider's stake. Compute it, never take it from anybody (attacks 37). Hashes in hex. */
export function stakeAddress({ networkId, registry, owner }: { networkId: number; registry: string; owner: string }): string {
  const empty = 0n;
  const data = new CellWriter()
    .int32('networkId', networkId)
    .basechainAddress('registry', fromHex(registry, 32))
    .basechainAddress('owner', fromHex(owner, 32))
    // Amounts, times, counts and keys: a stake begins with nothing.
    .uint('amounts', empty, 86)
    .ref(new CellWriter().uint('coverage, convictions, descriptor', empty, 283))
    .cell();
  return contractAccount({ hash: fromHex(STAKE_CODE.hash), depth: STAKE_CODE.depth }, data);
}

/** CRC-16/XMODEM, big-endian. */
function crc16(bytes: Uint8Array): Uint8Array {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? 0x11021 : 0);
  }
  return uintBytes(crc, 2);
}
