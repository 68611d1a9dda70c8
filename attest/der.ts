/** Elements of DER (X.690) with definite lengths: enough to cut a certificate where its fields begin and end. */
import { refuse } from './errors';

export interface Element {
  tag: number;
  /** of the tag byte */
  start: number;
  /** of the contents */
  contents: number;
  end: number;
}

/** The element that begins at `at`. @throws AttestationError `attest.certificate.der` */
export function elementAt(bytes: Uint8Array, at: number): Element {
  const bad = (): never => refuse('certificate.der', 'a certificate is not DER', 'an element within its bytes', `offset ${at}`);
  if (at + 2 > bytes.length) bad();
  let length = bytes[at + 1];
  let contents = at + 2;
  if (length & 0x80) {
    const count = length & 0x7f;
    if (count < 1 || count > 3 || contents + count > bytes.length) bad();
    length = 0;
    for (let i = 0; i < count; i++) length = 256 * length + bytes[contents++];
  }
  if (contents + length > bytes.length) bad();
  return { tag: bytes[at], start: at, contents, end: contents + length };
}

/** The elements in an element, which they fill. */
export function elementsIn(bytes: Uint8Array, { contents, end }: Element): Element[] {
  const found: Element[] = [];
  for (let at = contents; at < end; at = found[found.length - 1].end) found.push(elementAt(bytes.subarray(0, end), at));
  return found;
}

export const hexOf = (bytes: Uint8Array, { contents, end }: Element): string => Buffer.from(bytes.subarray(contents, end)).toString('hex');
