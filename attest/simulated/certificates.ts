/**
 * SIMULATED certificates in the shape of Intel's (SGX PCK Certificate and CRL Profile Specification, 1.5), under a root whose
 * private key anybody can compute. Nothing that they say is true.
 */
import { createECDH } from 'node:crypto';
import { p256 } from '@noble/curves/nist';
import { bytesOf, numberOf, sha256, type P256Key } from '../p256';
import { bits, element, flag, integer, octets, oid, printable, sequence, set, utcTime, utf8 } from './derWriter';

const SGX = '2a864886f84d010d01';
export const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

export interface KeyPair {
  secret: bigint;
  key: P256Key;
}

/** The key pair of a name; no secret at all. */
export function simulatedKey(name: string): KeyPair {
  const secret = (numberOf(sha256(Buffer.from(`open cocoon simulated ${name}`))) % (p256.CURVE.n - 1n)) + 1n;
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(bytesOf(secret));
  const point = curve.getPublicKey();
  return { secret, key: { x: numberOf(point.subarray(1, 33)), y: numberOf(point.subarray(33)) } };
}

/** (r, s) of SHA-256 of some bytes, RFC 6979. */
export function sign(bytes: Uint8Array, { secret }: KeyPair): { r: bigint; s: bigint } {
  return p256.sign(bytesOf(numberOf(sha256(bytes))), bytesOf(secret), { lowS: false, prehash: false });
}

/** Names of Intel's CAs differ in this alone. */
export const caName = (commonName: string): Buffer => sequence(
  set(sequence(oid('550403'), utf8(commonName))), set(sequence(oid('55040a'), utf8('Intel Corporation'))),
  set(sequence(oid('550407'), utf8('Santa Clara'))), set(sequence(oid('550408'), utf8('CA'))), set(sequence(oid('550406'), printable('US'))),
);

export interface CertificateFields {
  serial: bigint;
  issuer: Buffer;
  subject: Buffer;
  notBefore: number;
  notAfter: number;
  key: P256Key;
  extensions: Buffer[];
}

export function certificate(fields: CertificateFields, by: KeyPair): Buffer {
  const { serial, issuer, subject, notBefore, notAfter, key, extensions } = fields;
  const point = Buffer.concat([Buffer.from([4]), bytesOf(key.x), bytesOf(key.y)]);
  const tbs = sequence(
    element(0xa0, integer(2n)), integer(serial), ECDSA_SHA256, issuer, sequence(utcTime(notBefore), utcTime(notAfter)), subject,
    sequence(sequence(oid('2a8648ce3d0201'), oid('2a8648ce3d030107')), bits(point)), element(0xa3, sequence(...extensions)),
  );
  const { r, s } = sign(tbs, by);
  return sequence(tbs, ECDSA_SHA256, bits(sequence(integer(r), integer(s))));
}

/** Authority key, distribution point, subject key, key usage: as Intel orders them. */
export function usualExtensions(authority: P256Key, own: P256Key, isCa: boolean): Buffer[] {
  const identifier = ({ x, y }: P256Key) => sha256(Buffer.concat([bytesOf(x), bytesOf(y)])).subarray(0, 20);
  const url = element(0x86, Buffer.from('https://simulated.invalid/no-such-list.der'.padEnd(69, '#')));
  return [
    sequence(oid('551d23'), octets(sequence(element(0x80, identifier(authority))))),
    sequence(oid('551d1f'), octets(sequence(sequence(element(0xa0, element(0xa0, url)))))),
    sequence(oid('551d0e'), octets(octets(identifier(own)))),
    sequence(oid('551d0f'), flag(true), octets(element(0x03, Buffer.from(isCa ? [1, 0x06] : [6, 0xc0])))),
  ];
}

/** @param pathLength CAs that may follow below a CA */
export const basicConstraints = (isCa: boolean, pathLength = 0n): Buffer =>
  sequence(oid('551d13'), flag(true), octets(isCa ? sequence(flag(true), integer(pathLength)) : sequence()));

export interface PlatformFields {
  /** 6 bytes */
  fmspc: Buffer;
  components: number[];
  pceSvn: number;
}

/** The SGX extension of a PCK certificate. */
export function sgxExtension({ fmspc, components, pceSvn }: PlatformFields): Buffer {
  const item = (arc: string, value: Buffer) => sequence(oid(`${SGX}${arc}`), value);
  const svn = (index: number, value: number) => item(`02${index.toString(16).padStart(2, '0')}`, integer(BigInt(value)));
  const tcb = sequence(
    ...components.map((value, i) => svn(i + 1, value)), svn(17, pceSvn), item('0212', octets(Buffer.from(components))),
  );
  const on = (index: string) => sequence(oid(`${SGX}07${index}`), flag(true));
  return sequence(oid(SGX), octets(sequence(
    item('01', octets(sha256(Buffer.from('simulated PPID')).subarray(0, 16))), item('02', tcb), item('03', octets(Buffer.alloc(2))),
    item('04', octets(fmspc)), item('05', element(0x0a, Buffer.from([1]))), item('06', octets(Buffer.alloc(16))),
    item('07', sequence(on('01'), on('02'), on('03'))),
  )));
}
