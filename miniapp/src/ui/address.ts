/** Accounts of the basechain as wallets show them. */

/** 48 characters of base64url: flags, workchain 0, hash, CRC-16/XMODEM; bounceable. */
export function friendlyAddress(hash: string, isTest: boolean): string {
  const bytes = new Uint8Array(36);
  bytes[0] = isTest ? 0x91 : 0x11;
  for (let i = 0; i < 32; i++) bytes[2 + i] = parseInt(hash.slice(2 * i, 2 * i + 2), 16);
  let crc = 0;
  for (let i = 0; i < 34; i++) {
    crc ^= bytes[i] << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  bytes[34] = crc >> 8;
  bytes[35] = crc & 0xff;
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_');
}

/** The beginning and the end of it, which tell accounts apart. */
export const shortAddress = (address: string): string => `${address.slice(0, 6)}…${address.slice(-4)}`;
