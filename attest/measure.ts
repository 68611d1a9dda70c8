/**
 * What a TDX guest image measures, computed from its files (docs/guest-image.md). The formats: Intel TDX Module Base Architecture
 * Specification, "Measurement and Attestation"; Intel TDX Virtual Firmware Design Guide, "TDVF Metadata"; the operands of
 * TDH.MEM.PAGE.ADD and TDH.MR.EXTEND in the TDX Module ABI Specification. Never tried on TDX hardware.
 */
import { createHash } from 'node:crypto';
import { refuse } from './errors';

/** Bytes of MRTD, RTMRs and the other registers: SHA-384. */
export const REGISTER_BYTES = 48;

export interface ImageMeasurements {
  mrTd: Uint8Array;
  /** zero unless stated, like the next two */
  mrConfigId?: Uint8Array;
  mrOwner?: Uint8Array;
  mrOwnerConfig?: Uint8Array;
  rtmr: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
}

const sha384 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha384');
  parts.forEach((part) => hash.update(part));
  return hash.digest();
};

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

const zero = (): Buffer => Buffer.alloc(REGISTER_BYTES);

function requireRegister(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== REGISTER_BYTES) {
    refuse('measure.length', `${name} has another length`, `${REGISTER_BYTES} bytes`, `${bytes.length} bytes`);
  }
  return bytes;
}

/** An RTMR after TDG.MR.RTMR.EXTEND. @throws AttestationError `attest.measure.length` */
export function extendRtmr(rtmr: Uint8Array, digest: Uint8Array): Buffer {
  return sha384(requireRegister(rtmr, 'the RTMR'), requireRegister(digest, 'the digest'));
}

/** An RTMR, zero at first, after the events of its log. @throws AttestationError `attest.measure.length` */
export function replayRtmr(digests: Iterable<Uint8Array>): Buffer {
  let rtmr = zero();
  for (const digest of digests) rtmr = extendRtmr(rtmr, digest);
  return rtmr;
}

/**
 * What the registry lists (contracts/attestation/quote.tact, `imageHash`): SHA-256 of the registers as the TD report has them.
 * @throws AttestationError `attest.measure.length`
 */
export function imageHash({ mrTd, mrConfigId, mrOwner, mrOwnerConfig, rtmr }: ImageMeasurements): Buffer {
  const hash = createHash('sha256').update(requireRegister(mrTd, 'MRTD'));
  hash.update(requireRegister(mrConfigId ?? zero(), 'MRCONFIGID'));
  hash.update(requireRegister(mrOwner ?? zero(), 'MROWNER'));
  hash.update(requireRegister(mrOwnerConfig ?? zero(), 'MROWNERCONFIG'));
  for (let i = 0; i < 4; i++) hash.update(requireRegister(rtmr[i], `RTMR${i}`));
  return hash.digest();
}

/** Digest of the first event of RTMR2: what firmware hands the kernel as LoadOptions, UTF-16 and its terminating zero. */
export const loadOptionsDigest = (loadOptions: string): Buffer => sha384(Buffer.from(`${loadOptions}\0`, 'utf16le'));

const PE32_PLUS = 0x20b;
const SECTION_HEADER_BYTES = 40;
const CERTIFICATE_DIRECTORY = 4;

/**
 * Digest of the first event of RTMR1: the kernel as a PE image (Windows Authenticode PE Signature Format, "Calculating the PE
 * Image Hash"), that is without its checksum, the entry of its certificates and these. As edk2 does it, without padding.
 * @throws AttestationError `attest.measure.image`
 */
export function peImageDigest(image: Uint8Array): Buffer {
  const pe = bufferOf(image);
  const bad = (received: string): never => refuse('measure.image', 'this is not a whole PE image', 'a kernel with EFI stub', received);
  const u16 = (at: number): number => (at + 2 <= pe.length ? pe.readUInt16LE(at) : bad(`${pe.length} bytes`));
  const u32 = (at: number): number => (at + 4 <= pe.length ? pe.readUInt32LE(at) : bad(`${pe.length} bytes`));
  const head = u32(0x3c) + 4;
  if (pe.toString('latin1', head - 4, head) !== 'PE\0\0') bad('no PE signature');
  const optional = head + 20;
  const directories = optional + (u16(optional) === PE32_PLUS ? 112 : 96);
  const hasCertificates = u32(directories - 4) > CERTIFICATE_DIRECTORY;
  const [checksum, certificates, headEnd] = [optional + 64, directories + 8 * CERTIFICATE_DIRECTORY, u32(optional + 60)];
  const ranges = hasCertificates
    ? [[0, checksum], [checksum + 4, certificates], [certificates + 8, headEnd]]
    : [[0, checksum], [checksum + 4, headEnd]];
  const table = optional + u16(head + 16);
  const sections = Array.from({ length: u16(head + 2) }, (_, i) => {
    const [size, from] = [u32(table + SECTION_HEADER_BYTES * i + 16), u32(table + SECTION_HEADER_BYTES * i + 20)];
    return [from, from + size];
  });
  ranges.push(...sections.filter(([from, to]) => to > from).sort(([a], [b]) => a - b));
  const hashed = ranges.slice(hasCertificates ? 3 : 2).reduce((sum, [from, to]) => sum + to - from, headEnd);
  if (hashed < pe.length) ranges.push([hashed, pe.length - (hasCertificates ? u32(certificates + 4) : 0)]);
  for (const [from, to] of ranges) if (from > to || to > pe.length) bad(`a part from ${from} to ${to} of ${pe.length} bytes`);
  return sha384(...ranges.map(([from, to]) => pe.subarray(from, to)));
}

// ---- MRTD

const PAGE_BYTES = 4096;
const CHUNK_BYTES = 256;
const OPERATION_BYTES = 128;
/** 4 GiB: all that firmware can fill. */
const MAX_PAGES = 1 << 20;

/** OVMF's table of GUIDs ends 32 bytes before the end of the file; 96b582de-1fb2-45f7-baea-a366c55a082d. */
const TABLE_GUID = Buffer.from('de82b596b21ff745baeaa366c55a082d', 'hex');
const BYTES_AFTER_TABLE = 32;
const GUID_BYTES = 16;
/** Length and GUID: how every entry ends. */
const ENTRY_END_BYTES = 18;
/** e47a6535-984a-4798-865e-4685a7bf8ec2: distance of the metadata from the end of the file. */
const METADATA_OFFSET_GUID = Buffer.from('35657ae44a989847865e4685a7bf8ec2', 'hex');
const METADATA_SIGNATURE = 'TDVF';
const METADATA_HEAD_BYTES = 16;
const SECTION_BYTES = 32;

const BOOT_FIRMWARE_VOLUME = 0;
const CONFIGURATION_FIRMWARE_VOLUME = 1;
const TD_HOB = 2;
const TEMPORARY_MEMORY = 3;
const MR_EXTEND = 1;
/** The memory comes later, by TDH.MEM.PAGE.AUG, which is not measured. No build of edk2 sets it; QEMU 10 does not look at it. */
const PAGE_AUG = 2;

interface Section {
  offset: number;
  address: bigint;
  pages: number;
  isAdded: boolean;
  isExtended: boolean;
}

/**
 * MRTD of a TD that is started with this firmware file (`-bios`). Sections in the order of the metadata, as QEMU adds them
 * (target/i386/kvm/tdx.c, tdx_init_fw_mem_region, 10.1); of each page first TDH.MEM.PAGE.ADD, then its sixteen TDH.MR.EXTEND, as Linux
 * does it (arch/x86/kvm/vmx/tdx.c, tdx_gmem_post_populate, 6.16). A host that adds a whole section before it extends, like
 * QEMU 8.2 of Canonical's TDX stack, gives another MRTD for the same file.
 * @throws AttestationError `attest.measure.<reason>`
 */
export function mrTd(tdvf: Uint8Array): Buffer {
  const file = bufferOf(tdvf);
  const hash = createHash('sha384');
  for (const section of readSections(file)) {
    for (let page = 0; page < section.pages; page++) {
      const start = page * PAGE_BYTES;
      const address = section.address + BigInt(start);
      if (section.isAdded) hash.update(operation('MEM.PAGE.ADD', address));
      for (let i = 0; section.isExtended && i < PAGE_BYTES; i += CHUNK_BYTES) {
        const from = section.offset + start + i;
        hash.update(operation('MR.EXTEND', address + BigInt(i))).update(file.subarray(from, from + CHUNK_BYTES));
      }
    }
  }
  return hash.digest();
}

/** What TDX hashes of an operation: its name, at 16 the guest physical address, zeros. */
function operation(name: string, address: bigint): Buffer {
  const block = Buffer.alloc(OPERATION_BYTES);
  block.write(name, 'latin1');
  block.writeBigUInt64LE(address, 16);
  return block;
}

function readSections(file: Buffer): Section[] {
  const start = metadataStart(file);
  if (file.toString('latin1', start, start + 4) !== METADATA_SIGNATURE) {
    refuse('measure.metadata', 'the TDX metadata does not begin as it must', METADATA_SIGNATURE, `nothing such at ${start}`);
  }
  const [length, version, count] = [4, 8, 12].map((at) => file.readUInt32LE(start + at));
  if (version !== 1) refuse('measure.metadata', 'the TDX metadata has another version', '1', `${version}`);
  if (length !== METADATA_HEAD_BYTES + SECTION_BYTES * count || start + length > file.length) {
    refuse('measure.metadata', 'the TDX metadata states a wrong length', `that of ${count} sections, inside the file`, `${length}`);
  }
  const sections = Array.from({ length: count }, (_, i) => readSection(file, start + METADATA_HEAD_BYTES + SECTION_BYTES * i));
  const pages = sections.reduce((sum, section) => sum + section.pages, 0);
  if (pages > MAX_PAGES) refuse('measure.section', 'the sections need too much memory', '4 GiB at most', `${pages} pages`);
  return sections;
}

/** What QEMU checks of a section (hw/i386/tdvf.c), and that all that is measured is in the file. */
function readSection(file: Buffer, at: number): Section {
  const [offset, bytes] = [file.readUInt32LE(at), file.readUInt32LE(at + 4)];
  const [address, memory] = [file.readBigUInt64LE(at + 8), file.readBigUInt64LE(at + 16)];
  const [type, attributes] = [file.readUInt32LE(at + 24), file.readUInt32LE(at + 28)];
  const bad = (expected: string, received: string): never =>
    refuse('measure.section', `a section of type ${type} of the TDX metadata is not as it must be`, expected, received);
  const isInFile = type === BOOT_FIRMWARE_VOLUME || type === CONFIGURATION_FIRMWARE_VOLUME;
  if (!isInFile && type !== TD_HOB && type !== TEMPORARY_MEMORY) bad('type 0 to 3', `${type}`);
  if (attributes > (MR_EXTEND | PAGE_AUG)) bad('attributes 0 to 3', `${attributes}`);
  if (address % BigInt(PAGE_BYTES) !== 0n || memory % BigInt(PAGE_BYTES) !== 0n) bad('whole pages', `${memory} bytes at ${address}`);
  if (address + memory > 1n << 52n) bad('memory that exists', `${memory} bytes at ${address}`);
  if (isInFile !== bytes > 0) bad(isInFile ? 'data in the file' : 'no data in the file', `${bytes} bytes`);
  if (BigInt(bytes) > memory) bad(`at most ${memory} bytes`, `${bytes}`);
  if (offset + bytes > file.length) bad(`data inside the ${file.length} bytes of the file`, `${bytes} bytes at ${offset}`);
  const isExtended = (attributes & MR_EXTEND) !== 0;
  if (isExtended && BigInt(bytes) !== memory) bad(`all ${memory} measured bytes in the file`, `${bytes}`);
  return { offset, address, pages: Number(memory) / PAGE_BYTES, isAdded: (attributes & PAGE_AUG) === 0, isExtended };
}

/** Walks OVMF's table of GUIDs, whose entries end with their length and their GUID, from its end. */
function metadataStart(file: Buffer): number {
  const end = file.length - BYTES_AFTER_TABLE - ENTRY_END_BYTES;
  if (end < 0 || !file.subarray(end + 2, end + ENTRY_END_BYTES).equals(TABLE_GUID)) {
    refuse('measure.table', 'this is no firmware with a table of GUIDs', 'an OVMF.fd', `${file.length} bytes`);
  }
  const first = Math.max(end + ENTRY_END_BYTES - file.readUInt16LE(end), 0);
  for (let at = end; at - ENTRY_END_BYTES >= first; ) {
    const length = file.readUInt16LE(at - ENTRY_END_BYTES);
    if (length < ENTRY_END_BYTES || at - length < first) {
      refuse('measure.table', 'an entry of the table of GUIDs has no possible length', `${ENTRY_END_BYTES} to ${at - first}`, `${length}`);
    }
    if (file.subarray(at - GUID_BYTES, at).equals(METADATA_OFFSET_GUID)) {
      const fromEnd = length === ENTRY_END_BYTES + 4 ? file.readUInt32LE(at - length) : 0;
      if (fromEnd < METADATA_HEAD_BYTES || fromEnd > file.length) {
        refuse('measure.table', 'the TDX metadata is not in the file', `at most ${file.length} bytes before its end`, `${fromEnd}`);
      }
      return file.length - fromEnd;
    }
    at -= length;
  }
  return refuse('measure.table', 'this firmware has no TDX metadata', 'a build with TDX (TDVF)', 'none', 'docs/guest-image.md');
}
