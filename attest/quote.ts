/**
 * TDX quotes as the quoting library writes them (Intel TDX DCAP Quoting Library API, appendix 3: versions 4 and 5). Parses and
 * checks the form; believes nothing.
 */
import { refuse } from './errors';

const HEADER_BYTES = 48;
const TD10_BYTES = 584;
const TD15_BYTES = 648;
const QE_REPORT_BYTES = 384;
const TDX = 0x81;
const P256_KEY = 2;
const QE_REPORT_CERTIFICATION = 6;
const PEM_CHAIN = 5;
const MAX_BYTES = 64 * 1024;

export interface Quote {
  version: 4 | 5;
  /** header, and with version 5 type and size of the body, in front of the body */
  headerBytes: number;
  /** header and body: what the attestation key signs */
  signed: Buffer;
  body: TdBody;
  /** r and s, 64 bytes */
  signature: Buffer;
  /** x and y of the attestation key, 64 bytes */
  attestationKey: Buffer;
  /** SGX report body of the quoting enclave, 384 bytes */
  qeReport: Buffer;
  qeSignature: Buffer;
  qeAuthData: Buffer;
  /** DER: PCK certificate, intermediate CA, root */
  certificates: [Buffer, Buffer, Buffer];
}

/** TD report body, TD 1.0 and 1.5; every field as its bytes. */
export interface TdBody {
  teeTcbSvn: Buffer;
  mrSeam: Buffer;
  mrSignerSeam: Buffer;
  seamAttributes: Buffer;
  tdAttributes: Buffer;
  xfam: Buffer;
  mrTd: Buffer;
  mrConfigId: Buffer;
  mrOwner: Buffer;
  mrOwnerConfig: Buffer;
  rtmr: [Buffer, Buffer, Buffer, Buffer];
  reportData: Buffer;
  /** TD 1.5 only */
  teeTcbSvn2?: Buffer;
  mrServiceTd?: Buffer;
}

/** @throws AttestationError `attest.quote.<reason>` */
export function parseQuote(bytes: Uint8Array): Quote {
  const raw = Buffer.from(bytes);
  if (raw.length < HEADER_BYTES + 4) refuse('quote.short', 'this is not a quote', 'at least 52 bytes', `${raw.length}`);
  if (raw.length > MAX_BYTES) refuse('quote.long', 'this is not a quote', `at most ${MAX_BYTES} bytes`, `${raw.length}`);
  const [version, keyType, tee] = [raw.readUInt16LE(0), raw.readUInt16LE(2), raw.readUInt32LE(4)];
  if (version === 3 || ((version === 4 || version === 5) && tee === 0)) {
    refuse('quote.not-tdx', 'this is an SGX quote', 'a TDX quote', `version ${version}`, 'only trust domains are attested here');
  }
  if (version !== 4 && version !== 5) refuse('quote.version', 'this is not a quote of a known version', '4 or 5', `${version}`);
  if (tee !== TDX) refuse('quote.not-tdx', 'this quote is of another kind of enclave', 'TEE type 0x81', `0x${tee.toString(16)}`);
  if (keyType !== P256_KEY) refuse('quote.key-type', 'the attestation key is of another kind', 'ECDSA on P-256 (2)', `${keyType}`);
  const cut = new Cutter(raw);
  cut.take(HEADER_BYTES, 'header');
  let bodyBytes = TD10_BYTES;
  if (version === 5) {
    const front = cut.take(6, 'body type');
    const [type, size] = [front.readUInt16LE(0), front.readUInt32LE(2)];
    bodyBytes = type === 2 ? TD10_BYTES : type === 3 ? TD15_BYTES : 0;
    if (bodyBytes === 0) refuse('quote.body', 'the quote is of another body', 'type 2 (TD 1.0) or 3 (TD 1.5)', `type ${type}`);
    if (size !== bodyBytes) refuse('quote.body', 'the body states a wrong size', `${bodyBytes}`, `${size}`);
  }
  const headerBytes = version === 5 ? HEADER_BYTES + 6 : HEADER_BYTES;
  const body = cut.take(bodyBytes, 'body');
  const signed = raw.subarray(0, headerBytes + bodyBytes);
  const data = new Cutter(cut.take(cut.take(4, 'signature data').readUInt32LE(0), 'signature data'));
  const [signature, attestationKey] = [data.take(64, 'signature'), data.take(64, 'attestation key')];
  const certification = certificationData(data, QE_REPORT_CERTIFICATION);
  const [qeReport, qeSignature] = [certification.take(QE_REPORT_BYTES, 'QE report'), certification.take(64, 'QE signature')];
  const qeAuthData = certification.take(certification.take(2, 'QE auth data').readUInt16LE(0), 'QE auth data');
  const chain = certificationData(certification, PEM_CHAIN);
  return {
    version, headerBytes, signed, body: parseBody(body), signature, attestationKey, qeReport, qeSignature, qeAuthData,
    certificates: pemChain(chain.rest().toString('latin1')),
  };
}

function parseBody(bytes: Buffer): TdBody {
  const cut = new Cutter(bytes);
  const take = (length: number) => cut.take(length, 'body');
  return {
    teeTcbSvn: take(16), mrSeam: take(48), mrSignerSeam: take(48), seamAttributes: take(8), tdAttributes: take(8), xfam: take(8),
    mrTd: take(48), mrConfigId: take(48), mrOwner: take(48), mrOwnerConfig: take(48),
    rtmr: [take(48), take(48), take(48), take(48)], reportData: take(64),
    ...(bytes.length === TD15_BYTES && { teeTcbSvn2: take(16), mrServiceTd: take(48) }),
  };
}

/** Certification data of the wanted type: u16 type, u32 length. */
function certificationData(from: Cutter, wanted: number): Cutter {
  const head = from.take(6, 'certification data');
  const type = head.readUInt16LE(0);
  if (type !== wanted) {
    refuse('quote.certification', 'the quote brings other certification data', `type ${wanted}`, `type ${type}`,
      'quotes must carry their certificates (PCK certificate chain)');
  }
  return new Cutter(from.take(head.readUInt32LE(2), 'certification data'));
}

function pemChain(text: string): [Buffer, Buffer, Buffer] {
  const found = pemCertificates(text);
  if (found.length !== 3) refuse('quote.certificates', 'the quote brings another chain', 'PCK certificate, intermediate, root', `${found.length} certificates`);
  return found as [Buffer, Buffer, Buffer];
}

/** DER of each certificate in a text (RFC 7468), in order. */
export const pemCertificates = (text: string): Buffer[] =>
  [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)].map(([, base64]) => Buffer.from(base64, 'base64'));

/** Takes fields one after the other; past the end is a typed error. */
class Cutter {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  take(length: number, what: string): Buffer {
    if (this.at + length > this.bytes.length) {
      refuse('quote.truncated', `the quote ends within its ${what}`, `${length} bytes`, `${this.bytes.length - this.at}`);
    }
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  rest(): Buffer {
    return this.bytes.subarray(this.at);
  }
}
