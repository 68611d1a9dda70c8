/** Bytes as the page's verifier handles them. */

/** Little-endian unsigned integer of 2 or 4 bytes. */
export const littleEndian = (bytes: Uint8Array, at: number, length: 2 | 4): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return length === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
};

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** ECDSA on P-256 with SHA-256. @param key x and y, 64 bytes @param signature r and s, 64 bytes */
export async function isSigned(bytes: Uint8Array, signature: Uint8Array, key: Uint8Array | null): Promise<boolean> {
  if (key === null) return false;
  const point = new Uint8Array(65);
  point[0] = 4;
  point.set(key, 1);
  try {
    const imported = await crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, imported, Uint8Array.from(signature), Uint8Array.from(bytes));
  } catch {
    return false; // a point that is not on the curve
  }
}
