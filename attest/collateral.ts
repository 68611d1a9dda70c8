/**
 * Intel's collateral for one kind of platform: TCB info, identity of the TD quoting enclave, revocation lists, and the
 * certificates that signed them (Intel SGX and TDX Provisioning Certification Service API, version 4).
 */
import { parseCertificate } from './certificate';
import { elementAt, elementsIn } from './der';
import { refuse } from './errors';
import { pemCertificates } from './quote';
import type { P256Signature } from './p256';
import { numberOf } from './p256';

export interface Collateral {
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
  tcbNumber: number;
  qeNumber: number;
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
export function parseCollateral(document: unknown): Collateral {
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
    return { text: of(name), signature: { r: numberOf(signature.subarray(0, 32)), s: numberOf(signature.subarray(32)) } };
  };
  return {
    tcbInfo: signed('tcb_info'), qeIdentity: signed('qe_identity'),
    tcbSigner: pemCertificates(of('tcb_info_issuer_chain'))[0], intermediate: pemCertificates(of('pck_crl_issuer_chain'))[0],
    rootCrl: hexBytes(of('root_ca_crl'), 'root_ca_crl'), pckCrl: hexBytes(of('pck_crl'), 'pck_crl'),
  };
}

/** @throws AttestationError `attest.collateral.<reason>` for texts that are not collateral */
export function summaryOf({ tcbInfo, qeIdentity, rootCrl, pckCrl, intermediate }: Collateral): CollateralSummary {
  const info = jsonOf(tcbInfo.text);
  const identity = jsonOf(qeIdentity.text);
  const { tbs, fields } = parseCertificate(intermediate);
  const ends = [info.nextUpdate, identity.nextUpdate].map((text) => Math.floor(Date.parse(String(text)) / 1000));
  const number = (value: unknown): number => (typeof value === 'number' ? value : refuse('collateral.text', 'this is not collateral'));
  return {
    fmspc: String(info.fmspc).toLowerCase(),
    isProcessorCa: tbs.subarray(fields[5].start, fields[5].end).includes('Processor'),
    tcbNumber: number(info.tcbEvaluationDataNumber), qeNumber: number(identity.tcbEvaluationDataNumber),
    validUntil: Math.min(...ends, crlDates(rootCrl).nextUpdate, crlDates(pckCrl).nextUpdate),
  };
}

/** A revocation list: what was signed, by whom it verifies, and the elements of what was signed. */
export function parseCrl(der: Uint8Array): { tbs: Buffer; signature: P256Signature } {
  const [tbsElement, , signatureElement] = elementsIn(der, elementAt(der, 0));
  if (!tbsElement || !signatureElement) refuse('collateral.crl', 'this is not a revocation list', 'three parts of DER');
  const bits = der.subarray(signatureElement.contents + 1, signatureElement.end);
  const [r, s] = elementsIn(bits, elementAt(bits, 0)).map(({ contents, end }) => numberOf(bits.subarray(contents, end)));
  if (s === undefined || r >> 256n !== 0n || s >> 256n !== 0n) refuse('collateral.crl', 'this is not a revocation list', 'an ECDSA signature');
  return { tbs: Buffer.from(der.subarray(tbsElement.start, tbsElement.end)), signature: { r, s } };
}

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

function hexBytes(hex: string, what: string): Buffer {
  if (!/^([0-9a-fA-F]{2})+$/.test(hex)) refuse('collateral.hex', `${what} is not hexadecimal`);
  return Buffer.from(hex, 'hex');
}
