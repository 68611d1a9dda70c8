/** What a quote says of itself, each fact checked alone: its signatures, its certificates, and what its trust domain is. */
import type { X509Certificate } from '@peculiar/x509';
import { sha256 } from '@noble/hashes/sha2';
import type { P256Key } from '../p256';
import type { Quote } from '../quote';
import { certificateOf, faultOf, isSigned, keyAt, keyIn, keyOf, PCK_ISSUERS, platformOf, type CertifiedPlatform } from './certificates';
import { asserted, type Check, faultless, holds, unknown } from './result';
import type { Enclave, Module } from './tcb';

/** Intel's quoting enclaves, as the header names their vendor; and of the one for trust domains, its signer and product. */
const VENDOR = '939a7233f79c4ca9940a0db3957f0607';
const QE_SIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5';
const QE_PRODUCT = 2;
/** Bit of the attributes of an SGX enclave, in their first byte. */
const QE_DEBUG = 2;

/** TD_ATTRIBUTES (Intel TDX Module ABI), numbers of bits. */
const DEBUG = 0;
const SEPT_VE_DISABLE = 28;
const HARMLESS = [SEPT_VE_DISABLE, 30, 31, 63]; // PKS, KL, PERFMON

export interface Facts {
  pck: X509Certificate;
  ca: X509Certificate;
  platform: CertifiedPlatform;
  module: Module;
  enclave: Enclave;
}

export interface Wanted {
  /** ends the chain of certificates */
  root: P256Key;
  /** Unix seconds */
  now: number;
  /** 64 bytes, of protocol's `reportDataOf` */
  reportData?: Uint8Array;
  /** 32 bytes, as a registry knows it */
  imageHash?: Uint8Array;
}

/** @returns the checks, and what checks of collateral need; null when the certificates do not say it */
export async function checkOwnChain(quote: Quote, wanted: Wanted): Promise<{ checks: Check[]; facts: Facts | null }> {
  const { signed, signature, attestationKey, qeReport, qeSignature, qeAuthData, body } = quote;
  const checks: Check[] = [];
  const vendor = signed.subarray(12, 28).toString('hex');
  checks.push(holds('header', vendor === VENDOR, `version ${quote.version}, of Intel's quoting enclaves`, `of the vendor ${vendor}`));
  checks.push(holds('quote-signature', await isSigned(signed, signature, await keyAt(attestationKey)), 'header and body are signed by the attestation key', 'header and body are not signed by the attestation key'));
  const reported = qeReport.subarray(320);
  const bound = Buffer.concat([Buffer.from(sha256(Buffer.concat([attestationKey, qeAuthData]))), Buffer.alloc(32)]);
  checks.push(holds('key-binding', reported.equals(bound), 'the QE report is about the attestation key', 'the QE report is about another key'));
  const enclave: Enclave = {
    miscSelect: qeReport.subarray(16, 20), attributes: qeReport.subarray(48, 64), mrSigner: qeReport.subarray(128, 160),
    productId: qeReport.readUInt16LE(256), svn: qeReport.readUInt16LE(258),
  };
  const isQe = enclave.mrSigner.toString('hex') === QE_SIGNER && enclave.productId === QE_PRODUCT && (enclave.attributes[0] & QE_DEBUG) === 0;
  checks.push(holds('quoting-enclave', isQe, 'the report is of Intel\'s TD quoting enclave', `signer ${enclave.mrSigner.toString('hex')}, product ${enclave.productId}, attributes ${enclave.attributes.toString('hex')}`));

  const [pck, ca] = quote.certificates.map(certificateOf);
  const platform = platformOf(pck);
  const [pckKey, caKey, root] = await Promise.all([keyIn(pck), keyIn(ca), keyOf(wanted.root)]);
  checks.push(holds('qe-signature', await isSigned(qeReport, qeSignature, pckKey), 'the QE report is signed by the platform\'s key', 'the QE report is not signed by the platform\'s key'));
  const isIssued = pck !== null && PCK_ISSUERS.includes(pck.issuer) && pck.issuer === ca?.subject;
  const pckFault = (await faultOf(pck, { by: caKey, now: wanted.now, isCa: false })) ?? (isIssued ? null : `it is of ${pck?.issuer}`);
  checks.push(faultless('pck-certificate', pckFault ?? (platform ? null : 'it has no SGX extension of Intel\'s form'), `${pck?.subject}, of ${pck?.issuer}`));
  const isIntels = ca !== null && PCK_ISSUERS.includes(ca.subject);
  const caFault = (await faultOf(ca, { by: root, now: wanted.now, isCa: true })) ?? (isIntels ? null : `it is ${ca?.subject}`);
  checks.push(faultless('ca-certificate', caFault, `${ca?.subject}, signed by the given root`));
  checks.push(...bodyChecks(quote, wanted));
  const module = { teeTcbSvn: body.teeTcbSvn, mrSignerSeam: body.mrSignerSeam, seamAttributes: body.seamAttributes };
  return { checks, facts: pck && ca && platform && { pck, ca, platform, module, enclave } };
}

function bodyChecks({ body }: Quote, { reportData, imageHash }: Wanted): Check[] {
  const { tdAttributes, mrSignerSeam, seamAttributes, mrServiceTd } = body;
  const bits = Array.from({ length: 64 }, (_, i) => i).filter((i) => (tdAttributes[i >> 3] >> (i & 7)) & 1);
  const others = bits.filter((bit) => bit !== DEBUG && !HARMLESS.includes(bit));
  const attributes = others.length > 0 ? `bits ${others.join(', ')} are set` : bits.includes(SEPT_VE_DISABLE) ? null : 'SEPT_VE_DISABLE is not set';
  const image = imageHashOf(body);
  return [
    holds('debug', !bits.includes(DEBUG), 'the host cannot debug the TD', 'the host can debug the TD'),
    faultless('td-attributes', attributes, 'SEPT_VE_DISABLE is set, nothing reserved, and the TD cannot migrate'),
    holds('tdx-module', isZero(mrSignerSeam) && isZero(seamAttributes), 'the TDX module is Intel\'s own', 'the TDX module is of another signer'),
    mrServiceTd === undefined
      ? asserted('service-td', 'a TD 1.0 body names none')
      : holds('service-td', isZero(mrServiceTd), 'there is no service TD', 'MRSERVICETD is not zero: a service TD could migrate the TD'),
    reportData === undefined
      ? unknown('report-data', 'the keys that it should be about were not given')
      : holds('report-data', body.reportData.equals(reportData), 'it is about the given keys, owner, registry and block', 'it is about something else'),
    imageHash === undefined
      ? unknown('image', `${image.toString('hex')}; the image that it should be was not given`)
      : holds('image', image.equals(imageHash), image.toString('hex'), `it is ${image.toString('hex')}`),
  ];
}

/** SHA-256 of what configures and measures the guest, as a registry knows images. */
export function imageHashOf({ mrTd, mrConfigId, mrOwner, mrOwnerConfig, rtmr }: Quote['body']): Buffer {
  return Buffer.from(sha256(Buffer.concat([mrTd, mrConfigId, mrOwner, mrOwnerConfig, ...rtmr])));
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
