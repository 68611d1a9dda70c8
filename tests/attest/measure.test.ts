import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AttestationError } from '../../attest/errors';
import { extendRtmr, imageHash, loadOptionsDigest, mrTd, peImageDigest, replayRtmr } from '../../attest/measure';
import { parseQuote } from '../../attest/quote';
import log from './measurements/dstack-event-log.json';
import manifest from './quotes/manifest.json';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const sha384 = (...parts: Uint8Array[]): Buffer => createHash('sha384').update(Buffer.concat(parts)).digest();
const quoteOf = (file: string): Buffer => readFileSync(join(__dirname, 'quotes', file));
const refuses = (code: string) => (error: unknown): boolean => error instanceof AttestationError && error.code === `attest.${code}`;

// ---- RTMRs

test('real: the event log of a TDX guest gives the four RTMRs of its quote', () => {
  const { rtmr } = parseQuote(quoteOf(log.quote)).body;
  for (let register = 0; register < 4; register++) {
    const digests = log.events.filter((event) => event.register === register).map((event) => hex(event.digest));
    assert.ok(digests.length > 1);
    assert.deepEqual(replayRtmr(digests), rtmr[register]);
    assert.notDeepEqual(replayRtmr([...digests].reverse()), rtmr[register]);
    assert.notDeepEqual(replayRtmr(digests.slice(1)), rtmr[register]);
  }
});

test('real: digests of events that the log holds in full are SHA-384 of their data, of boot variables of the value alone', () => {
  const whole = ['0x80000001', '0x4', '0x80000007']; // variables of secure boot, separators, actions
  let checked = 0;
  for (const { type, digest, data } of log.events) {
    const bytes = hex(data ?? '');
    const isVariable = type === '0x80000002';
    if (!isVariable && !whole.includes(type)) continue;
    const value = isVariable ? bytes.subarray(32 + 2 * Number(bytes.readBigUInt64LE(16))) : bytes;
    assert.deepEqual(sha384(value), hex(digest));
    checked++;
  }
  assert.equal(checked, 12);
});

test('real: command line and initrd of a TDX guest give its RTMR2', () => {
  // aleph-im/aleph-vm rust/crates/aleph-tee/src/tdx/measure.rs (MIT), 6c84eb860b: read there as measured with QEMU 10.2.4 and edk2 202602
  const options = loadOptionsDigest('initrd=initrd root=LABEL=cloudimg-rootfs ro console=ttyS0');
  const initrd = hex('88de90bedcc560064688c74ccd6609a25ed9d48b0a0e13d8b2a558212724d8755b2c8114dcf04b8d51ea4cf7782e3091');
  const rtmr2 = hex('972547466cb6bcb8a23cd479e9258c3affbbc4f0ba2805d732477200d0dff8432447c7a775e70453cdb51f018a306ece');
  assert.deepEqual(replayRtmr([options, initrd]), rtmr2);
});

test('an RTMR is SHA-384 of itself and the digest, zero before its first event', () => {
  const [zero, digest] = [Buffer.alloc(48), sha384(Buffer.from('event'))];
  assert.deepEqual(replayRtmr([]), zero);
  assert.deepEqual(replayRtmr([digest]), sha384(zero, digest));
  assert.deepEqual(extendRtmr(digest, zero), sha384(digest, zero));
  assert.throws(() => extendRtmr(zero, digest.subarray(1)), refuses('measure.length'));
  assert.throws(() => extendRtmr(Buffer.alloc(49), digest), refuses('measure.length'));
  assert.throws(() => replayRtmr([digest, Buffer.alloc(32)]), refuses('measure.length'));
});

// ---- Image hash

test('real: the image hash is SHA-256 of bytes 136 to 520 of the TD report body, of every quote with a chain', () => {
  const files = manifest.filter(({ version, chainOk }) => version >= 4 && chainOk).map(({ file }) => file);
  assert.ok(files.length > 20);
  for (const file of files) {
    const { body, headerBytes, signed } = parseQuote(quoteOf(file));
    const registers = signed.subarray(headerBytes + 136, headerBytes + 520);
    assert.deepEqual(imageHash(body), createHash('sha256').update(registers).digest(), file);
  }
});

test('registers that are not stated are zero, and each one counts', () => {
  const register = (fill: number): Buffer => Buffer.alloc(48, fill);
  const rtmr = [register(5), register(6), register(7), register(8)] as const;
  const [mrConfigId, mrOwner, mrOwnerConfig] = [register(0), register(0), register(0)];
  const hash = imageHash({ mrTd: register(1), rtmr });
  assert.deepEqual(imageHash({ mrTd: register(1), mrConfigId, mrOwner, mrOwnerConfig, rtmr }), hash);
  const others = [
    { mrTd: register(2), rtmr },
    ...['mrConfigId', 'mrOwner', 'mrOwnerConfig'].map((name) => ({ mrTd: register(1), rtmr, [name]: register(1) })),
    ...[0, 1, 2, 3].map((i) => ({ mrTd: register(1), rtmr: rtmr.map((r, at) => (at === i ? register(9) : r)) as never })),
  ].map((measurements) => imageHash(measurements).toString('hex'));
  assert.equal(new Set([hash.toString('hex'), ...others]).size, 9);
  assert.throws(() => imageHash({ mrTd: Buffer.alloc(32), rtmr }), refuses('measure.length'));
  assert.throws(() => imageHash({ mrTd: register(1), mrOwner: Buffer.alloc(0), rtmr }), refuses('measure.length'));
});

// ---- MRTD

/** Offset and bytes in the file, address, memory, type, attributes. */
type Section = [number, number, number, number, number, number];

const le = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
const METADATA = 0x2000;
const SECTION = (index: number): number => METADATA + 16 + 32 * index;
const FOOTER = 'de82b596b21ff745baeaa366c55a082d';
const OFFSET = '35657ae44a989847865e4685a7bf8ec2';

/** Three pages of a pattern, TDX metadata at the third one, and a table of GUIDs of three entries as OVMF ends with. */
function firmware(sections: Section[]): Buffer {
  const file = Buffer.from(Array.from({ length: 0x3000 }, (_, i) => (i * 13 + 5) & 255));
  const rows = sections.map(([at, bytes, address, memory, type, attributes]) => le(at, bytes, address, 0, memory, 0, type, attributes));
  Buffer.concat([Buffer.from('TDVF'), le(16 + 32 * rows.length, 1, rows.length), ...rows]).copy(file, METADATA);
  const entry = (guid: Buffer, data: Buffer, bytes = data.length + 18): Buffer =>
    Buffer.concat([data, Buffer.from([bytes & 255, bytes >> 8]), guid]);
  const entries = Buffer.concat([
    entry(Buffer.alloc(16, 0x11), Buffer.from('unrelated')),
    entry(hex(OFFSET), le(file.length - METADATA)),
    entry(Buffer.alloc(16, 0x22), Buffer.alloc(4, 0xab)),
  ]);
  const end = Buffer.concat([entries, entry(hex(FOOTER), Buffer.alloc(0), entries.length + 18), Buffer.alloc(32)]);
  end.copy(file, file.length - end.length);
  return file;
}

const SECTIONS: Section[] = [
  [0x0000, 0x1000, 0xfffff000, 0x1000, 0, 1],
  [0x1000, 0x1000, 0xffffe000, 0x1000, 1, 1],
  [0, 0, 0x809000, 0x2000, 2, 0],
  [0, 0, 0x80b000, 0x1000, 3, 2],
];

const changed = (change: (file: Buffer) => void, sections = SECTIONS): Buffer => {
  const file = firmware(sections);
  change(file);
  return file;
};

test('MRTD of a small firmware is what two other public implementations give; no real firmware, no hardware', () => {
  // aleph-im/aleph-vm, measure.rs as above and its Python twin: SYNTHETIC_MRTD of these bytes
  const expected = '168f5582b72265ed01aad1edd402f5d096c12d95385b5f38959b5cc8c128e6efe6e13e854e211a1ee4e4a4eeafa36fa6';
  assert.equal(mrTd(firmware(SECTIONS)).toString('hex'), expected);
  assert.equal(mrTd(new Uint8Array(firmware(SECTIONS))).toString('hex'), expected);
});

test('MRTD by hand: each page is added and then extended, sections follow the metadata; no hardware', () => {
  const file = firmware([
    [0, 0x2000, 0xffffe000, 0x2000, 0, 1],
    [0x1000, 0x1000, 0xffffd000, 0x1000, 1, 0],
    [0, 0, 0x809000, 0x1000, 2, 0],
  ]);
  const block = (name: string, address: number): Buffer => {
    const bytes = Buffer.alloc(128);
    bytes.write(name);
    bytes.writeUInt32LE(address, 16);
    return bytes;
  };
  const hashed: Buffer[] = [];
  for (const page of [0, 0x1000]) {
    hashed.push(block('MEM.PAGE.ADD', 0xffffe000 + page));
    for (let at = page; at < page + 4096; at += 256) hashed.push(block('MR.EXTEND', 0xffffe000 + at), file.subarray(at, at + 256));
  }
  hashed.push(block('MEM.PAGE.ADD', 0xffffd000), block('MEM.PAGE.ADD', 0x809000));
  assert.deepEqual(mrTd(file), sha384(...hashed));
});

test('MRTD covers contents where the metadata says so, elsewhere addresses alone', () => {
  const plain = mrTd(firmware(SECTIONS));
  const flip = (at: number): Buffer => mrTd(changed((file) => (file[at] ^= 0x10)));
  for (const at of [0, 0x123, 0xfff, 0x1000, 0x1fff, SECTION(2) + 9]) assert.notDeepEqual(flip(at), plain, `${at}`);
  for (const at of [0x2800, 0x2fff, SECTION(3) + 9]) assert.deepEqual(flip(at), plain, `${at}`);
  const unmeasured = SECTIONS.map((section, i) => (i === 1 ? [...section.slice(0, 5), 0] : section)) as Section[];
  assert.deepEqual(mrTd(firmware(unmeasured)), mrTd(changed((file) => (file[0x1234] ^= 1), unmeasured)));
});

test('a file that is no whole firmware with TDX is refused', () => {
  const end = 0x3000 - 50;
  const uint32 = (at: number, value: number) => changed((file) => file.writeUInt32LE(value, at));
  const cases: [string, Buffer][] = [
    ['measure.table', Buffer.alloc(0)],
    ['measure.table', Buffer.alloc(49)],
    ['measure.table', Buffer.alloc(0x3000)],
    ['measure.table', firmware(SECTIONS).subarray(0, -1)],
    ['measure.table', changed((file) => file.writeUInt16LE(18, end))], // no entries
    ['measure.table', changed((file) => file.writeUInt16LE(0, end - 18))], // an entry that ends nowhere
    ['measure.table', changed((file) => file.writeUInt16LE(0xffff, end - 18))],
    ['measure.table', changed((file) => (file[end - 22 - 1] ^= 1))], // another GUID
    ['measure.table', uint32(end - 44, 0x3001)], // the metadata in front of the file
    ['measure.table', uint32(end - 44, 15)],
    ['measure.metadata', uint32(end - 44, 0x2000)],
    ['measure.metadata', uint32(METADATA + 4, 16 + 32 * 3)],
    ['measure.metadata', uint32(METADATA + 8, 2)],
    ['measure.metadata', uint32(METADATA + 12, 5)],
    ['measure.metadata', changed((file) => file.fill(le(16 + 32 * 0x100, 1, 0x100), METADATA + 4, METADATA + 16))],
    ['measure.section', uint32(SECTION(0) + 0, 0x2001)], // data beyond the end
    ['measure.section', uint32(SECTION(0) + 4, 0)],
    ['measure.section', uint32(SECTION(0) + 4, 0x800)], // measured, but only half of it in the file
    ['measure.section', uint32(SECTION(0) + 4, 0x1001)],
    ['measure.section', changed((file) => file.fill(0, SECTION(1) + 28, SECTION(1) + 32).writeUInt32LE(0x1800, SECTION(1) + 4))],
    ['measure.section', uint32(SECTION(0) + 8, 0xfffff001)],
    ['measure.section', uint32(SECTION(0) + 12, 0x100000)],
    ['measure.section', uint32(SECTION(3) + 24, 4)],
    ['measure.section', uint32(SECTION(0) + 28, 4)],
    ['measure.section', uint32(SECTION(2) + 4, 1)],
    ['measure.section', uint32(SECTION(2) + 16, 0x1800)],
    ['measure.section', uint32(SECTION(2) + 20, 1)], // 4 GiB and 8 KiB
  ];
  for (const [i, [code, file]] of cases.entries()) assert.throws(() => mrTd(file), refuses(code), `case ${i}`);
});

// ---- Kernel

/** aleph-im/aleph-vm, measure.rs: a PE32+ image of two sections out of order, 32 bytes after them, 32 bytes of certificates. */
function peImage(certificates = 0x20): Buffer {
  const pe = Buffer.from(Array.from({ length: 0x440 }, (_, i) => (i * 7 + 3) & 255));
  pe.fill(0, 0, 0x40).fill(0, 0x44, 0x58 + 240 + 80);
  pe.write('MZ', 0);
  pe.write('PE\0\0', 0x40);
  const fields: [number, number][] = [
    [0x3c, 0x40], [0x58 + 60, 0x200], [0x58 + 64, 0x12345678], [0x58 + 108, 16], [0x58 + 144, 0x420], [0x58 + 148, certificates],
    [0x148 + 16, 0x100], [0x148 + 20, 0x300], [0x170 + 16, 0x100], [0x170 + 20, 0x200],
  ];
  for (const [at, value] of fields) pe.writeUInt32LE(value, at);
  for (const [at, value] of [[0x44, 0x8664], [0x46, 2], [0x54, 240], [0x58, 0x20b]]) pe.writeUInt16LE(value, at);
  pe.write('.text', 0x148);
  pe.write('.data', 0x170);
  return pe;
}

test('digest of a PE image is what two other public implementations give', () => {
  const expected = '27ca0b497c08dcf49e302a2dd4bbe74889b19d0d1af84364c8cad3472d5ba1bfda1e7cfe7fb94848d491cdfd2a163410';
  assert.equal(peImageDigest(peImage()).toString('hex'), expected);
  const pe = peImage();
  pe[0x234] ^= 1;
  const parts = [pe.subarray(0, 0x98), pe.subarray(0x9c, 0xe8), pe.subarray(0xf0, 0x400)];
  assert.deepEqual(peImageDigest(pe), sha384(...parts, pe.subarray(0x400, 0x420)));
  assert.deepEqual(peImageDigest(pe.subarray(0, 0x400)), sha384(...parts));
  pe[0x58 + 108] = 4; // no entry for certificates: whatever follows counts
  assert.deepEqual(peImageDigest(pe), sha384(parts[0], pe.subarray(0x9c)));
});

test('what is no whole PE image is refused: firmware would not measure it', () => {
  const pe = peImage();
  const cases = [Buffer.alloc(0), Buffer.from('MZ'), pe.subarray(0, 0x80), pe.subarray(0, 0x380), peImage(0x41)];
  for (const at of [0x40, 0x3f]) cases.push(Buffer.from(pe.map((byte, i) => (i === at ? byte ^ 0x80 : byte))));
  for (const [i, image] of cases.entries()) assert.throws(() => peImageDigest(image), refuses('measure.image'), `case ${i}`);
});
