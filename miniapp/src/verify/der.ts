/** Elements of DER (X.690), as strictly as it says: definite and shortest lengths, and nothing behind the last element. */

export interface Element {
  tag: number;
  /** With tag and length. */
  whole: Uint8Array;
  contents: Uint8Array;
}

/** What is read is not DER, or not of the form that Intel gives its certificates; it never leaves this folder. */
export class FormError extends Error {}

/** @throws FormError */
export function expectForm(holds: boolean): asserts holds {
  if (!holds) throw new FormError();
}

/** The elements that fill these bytes, at most 64. @throws FormError */
export function elementsIn(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = elementAt(bytes, at);
    found.push(element);
    expectForm(found.length <= 64);
    at += element.whole.length;
  }
  return found;
}

/** Tags of one byte; a length of at most 3 bytes in the shortest form. */
function elementAt(bytes: Uint8Array, start: number): Element {
  expectForm(start + 2 <= bytes.length && (bytes[start] & 31) !== 31);
  let at = start + 2;
  let length = bytes[start + 1];
  if (length >= 128) {
    const count = length - 128;
    expectForm(count >= 1 && count <= 3 && at + count <= bytes.length);
    length = 0;
    for (const end = at + count; at < end; at++) length = 256 * length + bytes[at];
    expectForm(length >= 128 && length >= 256 ** (count - 1));
  }
  expectForm(at + length <= bytes.length);
  return { tag: bytes[start], whole: bytes.subarray(start, at + length), contents: bytes.subarray(at, at + length) };
}

/** Contents of the one element that these bytes are. @throws FormError */
export function only(bytes: Uint8Array, tag: number): Uint8Array {
  const [element, ...rest] = elementsIn(bytes);
  expectForm(element !== undefined && rest.length === 0 && element.tag === tag);
  return element.contents;
}

/** Bytes of an INTEGER that is not negative, in the shortest form, without a leading zero. @throws FormError */
export function magnitude({ tag, contents }: Element): Uint8Array {
  const [first, second] = contents;
  expectForm(tag === 2 && contents.length > 0 && first < 128 && !(first === 0 && contents.length > 1 && second < 128));
  return first === 0 ? contents.subarray(1) : contents;
}

/** r and s in 64 bytes, of SEQUENCE {INTEGER, INTEGER}. @throws FormError */
export function rawSignature(der: Uint8Array): Uint8Array {
  const numbers = elementsIn(only(der, 0x30)).map(magnitude);
  expectForm(numbers.length === 2 && numbers.every(({ length }) => length <= 32));
  const raw = new Uint8Array(64);
  numbers.forEach((number, index) => raw.set(number, 32 * (index + 1) - number.length));
  return raw;
}
