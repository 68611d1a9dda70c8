/** Intel's certificates and revocation lists, read and verified by a library (RFC 5280), not as contracts do it. */
import { BasicConstraintsExtension, X509Certificate, X509Crl, type Extension } from '@peculiar/x509';
import { elementAt, elementsIn, hexOf } from '../der';
import { refuse } from '../errors';
import { bytesOf, type P256Key } from '../p256';

/** Intel SGX PCK Certificate and Certificate Revocation List Profile Specification, 1.5. */
const SGX_OID = '1.2.840.113741.1.13.1';
const SGX_PREFIX = '2a864886f84d010d01';
const nameOf = (commonName: string): string => `CN=${commonName}, O=Intel Corporation, L=Santa Clara, ST=CA, C=US`;
export const PCK_ISSUERS = [nameOf('Intel SGX PCK Platform CA'), nameOf('Intel SGX PCK Processor CA')];
export const COLLATERAL_SIGNER = nameOf('Intel SGX TCB Signing');

/** What a PCK certificate says of its platform. */
export interface CertifiedPlatform {
  /** 12 hexadecimal digits */
  fmspc: string;
  /** 4 hexadecimal digits */
  pceId: string;
  /** SVNs of the 16 components, each below 256 */
  components: number[];
  pceSvn: number;
}

/** CRL number and authority key identifier. */
const LIST_EXTENSIONS = ['2.5.29.20', '2.5.29.35'];
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** null for bytes that are no certificate, or have an extension twice. */
export const certificateOf = (der: Uint8Array): X509Certificate | null => orNull(() => withoutRepeats(new X509Certificate(wholeDer(der))));
/** null for bytes that are no revocation list, or have an extension twice. */
export const listOf = (der: Uint8Array): X509Crl | null => orNull(() => withoutRepeats(new X509Crl(wholeDer(der))));

/** The library would also read text, by patterns that take forever on some. @throws AttestationError for anything but one element */
function wholeDer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { tag, end } = elementAt(bytes, 0);
  if (tag !== 0x30 || end !== bytes.length) refuse('certificate.der', 'this is not DER', 'one SEQUENCE and nothing behind it');
  return Uint8Array.from(bytes);
}

function withoutRepeats<T extends { extensions: Extension[] }>(of: T): T {
  const types = of.extensions.map(({ type }) => type);
  if (new Set(types).size !== types.length) refuse('certificate.shape', 'an extension comes twice');
  return of;
}

/** null where there is no key, or none on P-256; no signature is of such a key. */
export type MaybeKey = CryptoKey | null;
export async function keyIn(certificate: X509Certificate | null): Promise<MaybeKey> {
  try {
    return certificate && (await certificate.publicKey.export(P256, ['verify']));
  } catch {
    return null;
  }
}
export const keyOf = ({ x, y }: P256Key): Promise<MaybeKey> => keyAt(Buffer.concat([bytesOf(x), bytesOf(y)]));
/** @param point x and y, 64 bytes */
export const keyAt = (point: Uint8Array): Promise<MaybeKey> =>
  crypto.subtle.importKey('raw', Buffer.concat([Buffer.from([4]), point]), P256, true, ['verify']).catch(() => null);

/** ECDSA with SHA-256; r and s in 64 bytes. */
export const isSigned = async (bytes: Uint8Array, signature: Uint8Array, by: MaybeKey): Promise<boolean> =>
  by !== null && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, by, Uint8Array.from(signature), Uint8Array.from(bytes));

/** Who should have signed, and the time at which it is looked at, Unix seconds. */
export interface Under {
  by: MaybeKey;
  now: number;
}

/** Why a certificate does not stand; null when it does. */
export async function faultOf(certificate: X509Certificate | null, { by, now, isCa }: Under & { isCa: boolean }): Promise<string | null> {
  if (certificate === null) return 'the certificate cannot be read';
  const constraints = orNull(() => certificate.getExtension(BasicConstraintsExtension));
  if (constraints?.ca !== isCa) return isCa ? 'it is no CA' : 'it may be a CA';
  if (isCa && constraints.pathLength !== 0) return 'it may have CAs below it';
  const { notBefore, notAfter } = certificate;
  if (now < notBefore.getTime() / 1000) return `it is not valid before ${notBefore.toISOString()}`;
  if (now > notAfter.getTime() / 1000) return `it was valid until ${notAfter.toISOString()}`;
  if (!isEcdsaSha256(certificate)) return 'it is not signed with ECDSA and SHA-256';
  const isOf = by !== null && (await certificate.verify({ publicKey: by, signatureOnly: true }).catch(() => false));
  return isOf ? null : 'it is not signed by the key that should have signed it';
}

/** Why a revocation list does not stand; null when it does. */
export async function listFaultOf(list: X509Crl | null, { by, now, issuer }: Under & { issuer: string | undefined }): Promise<string | null> {
  if (list === null) return 'the list cannot be read';
  if (list.issuer !== issuer) return `it is of ${list.issuer}`;
  // Neither a delta nor a list of some certificates only.
  const other = list.extensions.find(({ type }) => !LIST_EXTENSIONS.includes(type));
  if (list.version !== 1 || other) return `it is not a whole list of version 2${other ? `: extension ${other.type}` : ''}`;
  if (!isEcdsaSha256(list)) return 'it is not signed with ECDSA and SHA-256';
  const { thisUpdate, nextUpdate } = list;
  if (now < thisUpdate.getTime() / 1000) return 'it is from the future';
  if (nextUpdate === undefined || now >= nextUpdate.getTime() / 1000) return `it is past its next update, ${nextUpdate?.toISOString()}`;
  const isOf = by !== null && (await list.verify({ publicKey: by }).catch(() => false));
  return isOf ? null : 'it is not signed by the key that should have signed it';
}

const isEcdsaSha256 = ({ signatureAlgorithm: { name, hash } }: X509Certificate | X509Crl): boolean => name === 'ECDSA' && hash?.name === 'SHA-256';

/** The SGX extension of a PCK certificate; null when it has none or another form. */
export const platformOf = (certificate: X509Certificate | null): CertifiedPlatform | null =>
  orNull(() => {
    const extension = certificate?.getExtension<Extension>(SGX_OID);
    return extension ? platformIn(extension) : null;
  });

/** @throws AttestationError for bytes that are no DER */
function platformIn(extension: Extension): CertifiedPlatform | null {
  const bytes = Buffer.from(extension.value);
  const members = membersOf(bytes, 0);
  const [tcb, pceId, fmspc] = ['02', '03', '04'].map((last) => members.get(SGX_PREFIX + last));
  if (!tcb || !pceId || !fmspc || pceId.length !== 2 || fmspc.length !== 6) return null;
  const svns = membersOf(tcb, undefined);
  const svn = (n: number): number => Number(`0x${svns.get(`${SGX_PREFIX}02${n.toString(16).padStart(2, '0')}`)?.toString('hex')}`);
  const components = Array.from({ length: 16 }, (_, i) => svn(i + 1));
  const pceSvn = svn(17);
  if (!components.every((value) => value < 256) || !(pceSvn < 65_536)) return null;
  return { fmspc: fmspc.toString('hex'), pceId: pceId.toString('hex'), components, pceSvn };
}

/** Contents of each value of a SEQUENCE of {OID, value}, by the OID's bytes. @param at of the sequence; undefined: `bytes` are its contents */
function membersOf(bytes: Buffer, at: number | undefined): Map<string, Buffer> {
  const whole = at === undefined ? { tag: 0x30, start: 0, contents: 0, end: bytes.length } : elementAt(bytes, at);
  return new Map(elementsIn(bytes, whole).map((member) => {
    const [oid, value] = elementsIn(bytes, member);
    return [hexOf(bytes, oid), bytes.subarray(value.contents, value.end)];
  }));
}

function orNull<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}
