/** Bytes as text, without Buffer. */
import { CocoonError } from '../../../protocol/errors';

/** Of hex digits of either case. @throws CocoonError BAD_HEX */
export function fromHex(text: string, length = text.length / 2): Uint8Array {
  if (text.length !== length * 2 || !/^([0-9a-f]{2})*$/i.test(text)) {
    throw new CocoonError('BAD_HEX', 'This is not bytes in hex', { expected: `${length * 2} hex digits`, received: JSON.stringify(text).slice(0, 90) });
  }
  return Uint8Array.from({ length }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16));
}

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Of either alphabet. @throws CocoonError BAD_BASE64 */
export function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (character) => character.charCodeAt(0));
  } catch {
    throw new CocoonError('BAD_BASE64', 'This is not bytes in base64', { received: JSON.stringify(text.slice(0, 40)) });
  }
}
