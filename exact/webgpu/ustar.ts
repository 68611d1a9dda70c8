/** A regular file of a tar archive. */
export interface TarFile {
  name: string;
  bytes: Uint8Array;
}

const BLOCK_BYTES = 512;

/**
 * Regular files of an uncompressed ustar archive (POSIX.1-1988). Links, folders and extended headers are skipped;
 * a truncated archive or a header with a wrong checksum is an error.
 */
export function readTar(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  let at = 0;
  while (at + BLOCK_BYTES <= archive.length && archive[at] !== 0) {
    const header = archive.subarray(at, at + BLOCK_BYTES);
    const size = octal(header, 124, 12);
    let checksum = 0;
    for (let i = 0; i < BLOCK_BYTES; i++) checksum += i >= 148 && i < 156 ? 0x20 : header[i];
    if (checksum !== octal(header, 148, 8)) throw new Error(`tar header at ${at} has a wrong checksum`);
    const start = at + BLOCK_BYTES;
    if (start + size > archive.length) throw new Error(`tar archive ends inside a file of ${size} bytes`);
    const type = header[156];
    if (type === 0 || type === 0x30) {
      const prefix = text(header, 345, 155);
      const name = text(header, 0, 100);
      files.push({ name: prefix ? `${prefix}/${name}` : name, bytes: archive.subarray(start, start + size) });
    }
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

function text(bytes: Uint8Array, start: number, length: number): string {
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return Buffer.from(bytes.subarray(start, end)).toString('utf8');
}

function octal(bytes: Uint8Array, start: number, length: number): number {
  const digits = text(bytes, start, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new Error(`tar header field at ${start} is not octal`);
  return parseInt(digits, 8);
}
