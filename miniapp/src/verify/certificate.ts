/** Certificates of Intel's platforms (SGX PCK Certificate and CRL Profile Specification, 1.5), and of nobody else. */
import { toHex } from '../../../protocol/bytes';
import { isSigned } from './bytes';
import { type Element, elementsIn, expectForm, FormError, magnitude, only, rawSignature } from './der';

/** Why a certificate does not stand. */
export type CertificateFault = 'unreadable' | 'constraints' | 'early' | 'late' | 'signature' | 'issuer' | 'platform';

export interface Certificate {
  tbs: Uint8Array;
  /** r and s, 64 bytes. */
  signature: Uint8Array;
  /** x and y, 64 bytes; null for a key that is not on P-256. */
  key: Uint8Array | null;
  /** DER in hex. */
  issuer: string;
  subject: string;
  /** Unix seconds. */
  notBefore: number;
  notAfter: number;
  /** By the OID in hex: the value. */
  extensions: ReadonlyMap<string, Uint8Array>;
}

const VERSION_3 = 'a003020102';
const ECDSA_SHA256 = '300a06082a8648ce3d040302';
const P256_POINT = '3059301306072a8648ce3d020106082a8648ce3d03010703420004';
const BASIC_CONSTRAINTS = '551d13';
const SGX = '2a864886f84d010d01';

/** O=Intel Corporation, L=Santa Clara, ST=CA, C=US, as Intel writes every name's end. */
const NAME_END = '311a3018060355040a0c11496e74656c20436f72706f726174696f6e3114301206035504070c0b53616e746120436c617261310b300906035504080c024341310b3009060355040613025553';
/** Intel SGX PCK Platform CA, Intel SGX PCK Processor CA. */
const PCK_ISSUERS = [
  `30703122302006035504030c19496e74656c205347582050434b20506c6174666f726d204341${NAME_END}`,
  `30713123302106035504030c1a496e74656c205347582050434b2050726f636573736f72204341${NAME_END}`,
];
export const isPckIssuer = (name: string): boolean => PCK_ISSUERS.includes(name);

/** null for bytes that are no certificate of Intel's form. */
export const certificateOf = (der: Uint8Array): Certificate | null => orNull(() => parse(der));

function parse(der: Uint8Array): Certificate {
  const [signed, algorithm, bits, ...more] = elementsIn(only(der, 0x30));
  expectForm(bits !== undefined && more.length === 0 && signed.tag === 0x30 && bits.tag === 3 && bits.contents[0] === 0);
  const fields = elementsIn(signed.contents);
  expectForm(fields.length === 8 && fields[1].tag === 2 && fields[7].tag === 0xa3 && fields.slice(2, 7).every(({ tag }) => tag === 0x30));
  const [version, , inner, issuer, validity, subject, key] = fields.map(({ whole }) => toHex(whole));
  expectForm(version === VERSION_3 && inner === ECDSA_SHA256 && toHex(algorithm.whole) === ECDSA_SHA256 && validity.length === 64);
  const [notBefore, notAfter] = elementsIn(fields[4].contents).map(utcTime);
  return {
    tbs: signed.whole, signature: rawSignature(bits.contents.subarray(1)), issuer, subject, notBefore, notAfter,
    key: key.startsWith(P256_POINT) ? fields[6].whole.slice(-64) : null, extensions: extensionsOf(only(fields[7].contents, 0x30)),
  };
}

/** YYMMDDhhmmssZ, RFC 5280: years 1950 to 2049. */
function utcTime({ tag, contents }: Element): number {
  const text = String.fromCharCode(...contents);
  expectForm(tag === 0x17 && /^\d{12}Z$/.test(text));
  const [year, month, day, hour, minute, second] = text.match(/\d\d/g)!.map(Number);
  const date = new Date(Date.UTC(year < 50 ? 2000 + year : 1900 + year, month - 1, day, hour, minute, second));
  expectForm(date.toISOString().slice(2, 19).replace(/\D/g, '') === text.slice(0, 12));
  return date.getTime() / 1000;
}

function extensionsOf(bytes: Uint8Array): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const extension of elementsIn(bytes)) {
    const parts = elementsIn(extension.contents);
    const value = parts[parts.length - 1];
    const isCritical = parts.length === 3;
    expectForm(extension.tag === 0x30 && (parts.length === 2 || isCritical) && parts[0].tag === 6 && value.tag === 4);
    expectForm(!isCritical || toHex(parts[1].whole) === '0101ff');
    const id = toHex(parts[0].contents);
    // No other spelling of an identifier: an arc does not begin with zeros.
    expectForm(!found.has(id) && parts[0].contents.every((byte, at, all) => byte !== 128 || (at > 0 && all[at - 1] > 127)));
    found.set(id, value.contents);
  }
  return found;
}

/** Who should have signed, and the time at which it is looked at, Unix seconds. */
export interface Under {
  /** x and y, 64 bytes. */
  by: Uint8Array | null;
  now: number;
}

/** Why it does not stand; null when it does. */
export async function faultOf(certificate: Certificate | null, { by, now, isCa }: Under & { isCa: boolean }): Promise<CertificateFault | null> {
  if (certificate === null) return 'unreadable';
  // A CA with none below it, or none at all; an empty sequence says that.
  const constraints = certificate.extensions.get(BASIC_CONSTRAINTS);
  if (constraints === undefined || toHex(constraints) !== (isCa ? '30060101ff020100' : '3000')) return 'constraints';
  if (now < certificate.notBefore) return 'early';
  if (now > certificate.notAfter) return 'late';
  return (await isSigned(certificate.tbs, certificate.signature, by)) ? null : 'signature';
}

/** Whether a PCK certificate says what its platform is: SVNs of 16 components and of the PCE, PCE-ID and FMSPC. */
export function hasPlatform({ extensions }: Certificate): boolean {
  const value = extensions.get(SGX);
  return value !== undefined && orNull(() => platformIn(value)) === true;
}

function platformIn(extension: Uint8Array): boolean {
  const members = membersOf(only(extension, 0x30));
  const [tcb, pceId, fmspc] = ['02', '03', '04'].map((last) => members.get(SGX + last));
  if (tcb?.tag !== 0x30 || pceId?.tag !== 4 || fmspc?.tag !== 4 || pceId.contents.length !== 2 || fmspc.contents.length !== 6) return false;
  const svns = membersOf(tcb.contents);
  for (let index = 1; index <= 17; index++) {
    const svn = svns.get(`${SGX}02${toHex(Uint8Array.of(index))}`);
    if (svn === undefined || magnitude(svn).length > (index === 17 ? 2 : 1)) return false;
  }
  return true;
}

/** Of SEQUENCEs {OID, value}: the values by OID. @throws FormError also where one comes twice */
function membersOf(bytes: Uint8Array): Map<string, Element> {
  const found = new Map<string, Element>();
  for (const { tag, contents } of elementsIn(bytes)) {
    const [id, value, ...more] = elementsIn(contents);
    expectForm(tag === 0x30 && value !== undefined && more.length === 0 && id.tag === 6);
    const name = toHex(id.contents);
    expectForm(!found.has(name));
    found.set(name, value);
  }
  return found;
}

function orNull<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof FormError) return null;
    throw error;
  }
}
