/**
 * The page's own look at a TDX quote, each fact checked alone: no code of attest/checks, no library, signatures by WebCrypto.
 * tests/miniapp/verify/quote.test.ts holds both against each other.
 */
import { concatBytes, equalBytes, toHex } from '../../../protocol/bytes';
import { sha256 } from '../../../protocol/sha256';
import { fromHex } from '../chain/encoding';
import { INTEL_ROOT } from '../chain/pinned';
import type { ClaimStatus } from '../types';
import { isSigned, isZero, littleEndian } from './bytes';
import { type CertificateFault, certificateOf, faultOf, hasPlatform, isPckIssuer } from './certificate';
import { parseQuote, type Quote } from './quoteForm';

/** Names and order of attest/checks, which says what each one means in docs/attestation.md. */
export const QUOTE_CHECKS = [
  'header', 'quote-signature', 'key-binding', 'quoting-enclave', 'qe-signature', 'pck-certificate', 'ca-certificate', 'debug', 'td-attributes', 'tdx-module', 'service-td',
  'report-data', 'image',
] as const;
export type QuoteCheckName = (typeof QUOTE_CHECKS)[number];

export interface QuoteCheck {
  name: QuoteCheckName;
  result: ClaimStatus;
  /** Why a certificate does not stand. */
  fault?: CertificateFault;
}

export interface WantedQuote {
  root: QuoteRoot;
  /** Unix seconds. */
  now: number;
  /** 64 bytes, of protocol's `reportDataOf`. */
  reportData?: Uint8Array;
  /** 32 bytes, as a registry knows it. */
  imageHash?: Uint8Array;
}

export type QuoteRoot = 'intel' | 'simulated';
/** Public keys, x and y, that end a chain of certificates; the simulated one is of attest/simulated, whose secret anybody can compute. */
const ROOTS: Readonly<Record<QuoteRoot, string>> = {
  intel: INTEL_ROOT,
  simulated: '89f6ec078fc96526380151ea8431696c22ceba654e8d9c233a11b41c1b279123b79c4799aef9be7c345468d1c079caa8732042cdaee321eadea27f892e1ab784',
};

/** Intel's quoting enclaves, as the header names their vendor; and of the one for trust domains, its signer and product. */
const VENDOR = '939a7233f79c4ca9940a0db3957f0607';
const QE_SIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5';
const QE_PRODUCT = 2;
/** Bit of the attributes of an SGX enclave, in their first byte. */
const QE_DEBUG = 2;
/** TD_ATTRIBUTES (Intel TDX Module ABI): DEBUG; SEPT_VE_DISABLE; and with it what may be set, PKS, KL and PERFMON. */
const DEBUG = 1n;
const SEPT_VE_DISABLE = 1n << 28n;
const HARMLESS = SEPT_VE_DISABLE | (1n << 30n) | (1n << 31n) | (1n << 63n);

/**
 * Every check, in the order of QUOTE_CHECKS; `unknown` is what was not given to check by. null for bytes that are no TDX quote.
 * Collateral is not looked at: what Intel says of the platform, contracts judged.
 */
export async function checkQuote(bytes: Uint8Array, wanted: WantedQuote): Promise<QuoteCheck[] | null> {
  const quote = parseQuote(bytes);
  if (quote === null || !Number.isSafeInteger(wanted.now)) return null;
  return [...(await chainChecks(quote, wanted)), ...bodyChecks(quote, wanted)];
}

async function chainChecks(quote: Quote, { root, now }: WantedQuote): Promise<QuoteCheck[]> {
  const { signed, signature, attestationKey, qeReport, qeSignature, qeAuthData, certificates } = quote;
  const bound = concatBytes(sha256(concatBytes(attestationKey, qeAuthData)), new Uint8Array(32));
  const isQe = toHex(qeReport.subarray(128, 160)) === QE_SIGNER && littleEndian(qeReport, 256, 2) === QE_PRODUCT && (qeReport[48] & QE_DEBUG) === 0;
  const [pck, ca] = certificates.map(certificateOf);
  const isIssued = pck !== null && ca !== null && isPckIssuer(pck.issuer) && pck.issuer === ca.subject;
  const pckFault = (await faultOf(pck, { by: ca?.key ?? null, now, isCa: false })) ?? (!isIssued ? 'issuer' : hasPlatform(pck) ? null : 'platform');
  const caFault = (await faultOf(ca, { by: fromHex(ROOTS[root], 64), now, isCa: true })) ?? (isPckIssuer(ca!.subject) ? null : 'issuer');
  return [
    holds('header', toHex(signed.subarray(12, 28)) === VENDOR),
    holds('quote-signature', await isSigned(signed, signature, attestationKey)),
    holds('key-binding', equalBytes(qeReport.subarray(320), bound)),
    holds('quoting-enclave', isQe),
    holds('qe-signature', await isSigned(qeReport, qeSignature, pck?.key ?? null)),
    faultless('pck-certificate', pckFault), faultless('ca-certificate', caFault),
  ];
}

function bodyChecks({ body }: Quote, { reportData, imageHash }: WantedQuote): QuoteCheck[] {
  const attributes = new DataView(Uint8Array.from(body.tdAttributes).buffer).getBigUint64(0, true);
  return [
    holds('debug', (attributes & DEBUG) === 0n),
    holds('td-attributes', (attributes & ~(HARMLESS | DEBUG)) === 0n && (attributes & SEPT_VE_DISABLE) !== 0n),
    holds('tdx-module', isZero(body.mrSignerSeam) && isZero(body.seamAttributes)),
    // A TD 1.0 body names none; its attributes say that it cannot migrate.
    holds('service-td', body.mrServiceTd === null || isZero(body.mrServiceTd)),
    against('report-data', body.reportData, reportData),
    against('image', sha256(body.measured), imageHash),
  ];
}

const holds = (name: QuoteCheckName, isSo: boolean): QuoteCheck => ({ name, result: isSo ? 'asserted' : 'refuted' });
const faultless = (name: QuoteCheckName, fault: CertificateFault | null): QuoteCheck => (fault === null ? holds(name, true) : { name, result: 'refuted', fault });
const against = (name: QuoteCheckName, found: Uint8Array, wanted: Uint8Array | undefined): QuoteCheck =>
  wanted === undefined ? { name, result: 'unknown' } : holds(name, equalBytes(found, wanted));
