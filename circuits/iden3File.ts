/** The container of iden3's binary files: four letters, a version, and numbered sections with their lengths. */
import { CircuitError } from './errors';

export interface Section { type: number; bytes: Uint8Array }

const HEADER_BYTES = 12;
const SECTION_HEADER_BYTES = 12;

export function writeSections(magic: string, version: number, sections: readonly Section[]): Uint8Array {
  const file = new Uint8Array(HEADER_BYTES + sections.reduce((sum, { bytes }) => sum + SECTION_HEADER_BYTES + bytes.length, 0));
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode(magic));
  view.setUint32(4, version, true);
  view.setUint32(8, sections.length, true);
  let at = HEADER_BYTES;
  for (const { type, bytes } of sections) {
    view.setUint32(at, type, true);
    view.setBigUint64(at + 4, BigInt(bytes.length), true);
    file.set(bytes, at + SECTION_HEADER_BYTES);
    at += SECTION_HEADER_BYTES + bytes.length;
  }
  return file;
}

/** Each section once. @throws CircuitError `circuit.file` */
export function readSections(file: Uint8Array, magic: string, version: number): Map<number, DataView> {
  const refuse = (received: string) => new CircuitError('circuit.file', 'the file cannot be read', { expected: `a whole .${magic.trim()} file of version ${version}`, received });
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < HEADER_BYTES || new TextDecoder().decode(file.subarray(0, 4)) !== magic) throw refuse('another kind of file');
  if (view.getUint32(4, true) !== version) throw refuse(`version ${view.getUint32(4, true)}`);
  const sections = new Map<number, DataView>();
  let at = HEADER_BYTES;
  for (let left = view.getUint32(8, true); left > 0; left--) {
    if (at + SECTION_HEADER_BYTES > file.length) throw refuse('a cut file');
    const type = view.getUint32(at, true);
    const bytes = Number(view.getBigUint64(at + 4, true));
    at += SECTION_HEADER_BYTES;
    if (at + bytes > file.length) throw refuse('a cut file');
    if (sections.has(type)) throw refuse(`section ${type} twice`);
    sections.set(type, new DataView(file.buffer, file.byteOffset + at, bytes));
    at += bytes;
  }
  if (at !== file.length) throw refuse('bytes after the last section');
  return sections;
}
