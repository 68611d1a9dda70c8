/**
 * Intel's collateral for one kind of platform: TCB info, identity of the TD quoting enclave, revocation lists, and the
 * certificates that signed them (Intel SGX and TDX Provisioning Certification Service API, version 4).
 */
import { parseCertificate, parseSigned } from './certificate';
import { elementAt, elementsIn } from './der';
import { refuse } from './errors';
import { pemCertificates } from './quote';
import { signatureOf, type P256Signature } from './p256';

export interface CollateralDocuments {
  /** the text that Intel signed, and r and s */
  tcbInfo: SignedText;
  qeIdentity: SignedText;
  /** DER of the certificate that signs both */
  tcbSigner: Buffer;
  /** DER of the root's list */
  rootCrl: Buffer;
  /** DER of the list of the CA that signed the platform's certificate */
  pckCrl: Buffer;
  /** DER of that CA's certificate */
  intermediate: Buffer;
}

export interface SignedText {
  text: string;
  signature: P256Signature;
}

/** What a collateral says of itself; believed by nobody before the signatures hold. */
export interface CollateralSummary {
  /** 12 hexadecimal digits */
  fmspc: string;
  isProcessorCa: boolean;
  /** Unix seconds: the earliest next update of the four */
  validUntil: number;
}

/** The members in which dcap-qvl and others keep collateral. */
const TEXT_MEMBERS = [
  'tcb_info', 'tcb_info_signature', 'tcb_info_issuer_chain', 'qe_identity', 'qe_identity_signature', 'root_ca_crl', 'pck_crl',
  'pck_crl_issuer_chain',
] as const;

/**
 * From a JSON document with the members tcb_info, tcb_info_signature (hex), tcb_info_issuer_chain (PEM), qe_identity,
 * qe_identity_signature, root_ca_crl, pck_crl (hex of DER) and pck_crl_issuer_chain.
 * @throws AttestationError `attest.collateral.<reason>`
 */
export function parseCollateral(document: unknown): CollateralDocuments {
  const members = document as Record<string, unknown>;
  for (const name of TEXT_MEMBERS) {
    if (typeof document !== 'object' || document === null || typeof members[name] !== 'string') {
      refuse('collateral.member', 'this is not collateral', `a text ${name}`, typeof members?.[name]);
    }
  }
  const of = (name: (typeof TEXT_MEMBERS)[number]): string => members[name] as string;
  const signed = (name: 'tcb_info' | 'qe_identity'): SignedText => {
    const signature = hexBytes(of(`${name}_signature`), `${name}_signature`);
    if (signature.length !== 64) refuse('collateral.signature', 'a signature has another length', '64 bytes', `${signature.length}`);
    return { text: of(name), signature: signatureOf(signature) };
  };
  const firstOf = (name: 'tcb_info_issuer_chain' | 'pck_crl_issuer_chain'): Buffer =>
    pemCertificates(of(name))[0] ?? refuse('collateral.chain', `${name} has no certificate`, 'PEM');
  return {
    tcbInfo: signed('tcb_info'), qeIdentity: signed('qe_identity'),
    tcbSigner: firstOf('tcb_info_issuer_chain'), intermediate: firstOf('pck_crl_issuer_chain'),
    rootCrl: hexBytes(of('root_ca_crl'), 'root_ca_crl'), pckCrl: hexBytes(of('pck_crl'), 'pck_crl'),
  };
}

/** @throws AttestationError `attest.collateral.<reason>` for texts that are not collateral */
export function summaryOf({ tcbInfo, qeIdentity, rootCrl, pckCrl, intermediate }: CollateralDocuments): CollateralSummary {
  const info = jsonOf(tcbInfo.text);
  const identity = jsonOf(qeIdentity.text);
  const { tbs, fields } = parseCertificate(intermediate);
  const ends = [info.nextUpdate, identity.nextUpdate].map((text) => Math.floor(Date.parse(typeof text === 'string' ? text : '') / 1000));
  return {
    fmspc: fmspcIn(info),
    isProcessorCa: tbs.subarray(fields[5].start, fields[5].end).includes('Processor'),
    validUntil: Math.min(...ends, crlDates(rootCrl).nextUpdate, crlDates(pckCrl).nextUpdate),
  };
}

/** A revocation list. @throws AttestationError `attest.collateral.crl` */
export const parseCrl = (der: Uint8Array): { tbs: Buffer; signature: P256Signature } =>
  parseSigned(der, (expected) => refuse('collateral.crl', 'this is not a revocation list', expected));

/** Unix seconds. */
export function crlDates(der: Uint8Array): { thisUpdate: number; nextUpdate: number } {
  const { tbs } = parseCrl(der);
  const [thisUpdate, nextUpdate] = elementsIn(tbs, elementAt(tbs, 0)).slice(3, 5).map(({ tag, contents, end }) => {
    const text = tbs.subarray(contents, end).toString('latin1');
    const parts = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
    if (tag !== 0x17 || !parts) refuse('collateral.crl', 'a revocation list has another date', 'a UTCTime', text);
    const [, year, month, day, hour, minute, second] = parts.map(Number);
    return Date.UTC(2000 + year, month - 1, day, hour, minute, second) / 1000;
  });
  return { thisUpdate, nextUpdate };
}

export function jsonOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // refused below
  }
  return refuse('collateral.text', 'this is not collateral', 'a JSON object', text.slice(0, 40));
}

function fmspcIn({ fmspc }: Record<string, unknown>): string {
  if (typeof fmspc === 'string' && /^[0-9a-fA-F]{12}$/.test(fmspc)) return fmspc.toLowerCase();
  return refuse('collateral.fmspc', 'the TCB info names no FMSPC', '12 hexadecimal digits', typeof fmspc);
}

function hexBytes(hex: string, what: string): Buffer {
  if (hex.length === 0 || hex.length % 2 !== 0 || /[^0-9a-fA-F]/.test(hex)) refuse('collateral.hex', `${what} is not hexadecimal`);
  return Buffer.from(hex, 'hex');
}
