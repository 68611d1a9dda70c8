/** TDX quotes of versions 4 and 5 (Intel TDX DCAP Quoting Library API, appendix 3), cut into their parts; believes nothing. */
import { concatBytes } from '../../../protocol/bytes';
import { littleEndian } from './bytes';
import { expectForm, FormError } from './der';

export interface Quote {
  /** Header and body: what the attestation key signs. */
  signed: Uint8Array;
  body: {
    mrSignerSeam: Uint8Array;
    seamAttributes: Uint8Array;
    tdAttributes: Uint8Array;
    /** MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG and RTMR0 to RTMR3. */
    measured: Uint8Array;
    reportData: Uint8Array;
    /** TD 1.5 only. */
    mrServiceTd: Uint8Array | null;
  };
  signature: Uint8Array;
  /** x and y. */
  attestationKey: Uint8Array;
  qeReport: Uint8Array;
  qeSignature: Uint8Array;
  qeAuthData: Uint8Array;
  /** DER: PCK certificate, CA, root. */
  certificates: readonly Uint8Array[];
}

/** Longer than any quote that comes with its certificates. */
export const MAX_QUOTE_BYTES = 64 * 1024;
const HEADER_BYTES = 48;
/** By the type of a body in version 5: TD 1.0, TD 1.5. */
const BODY_BYTES: Readonly<Record<number, number>> = { 2: 584, 3: 648 };

/** null for anything that is no TDX quote with its chain of certificates. */
export function parseQuote(bytes: Uint8Array): Quote | null {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof FormError) return null;
    throw error;
  }
}

function parse(bytes: Uint8Array): Quote {
  expectForm(bytes.length >= HEADER_BYTES + 6 && bytes.length <= MAX_QUOTE_BYTES);
  const [version, keyType, tee] = [littleEndian(bytes, 0, 2), littleEndian(bytes, 2, 2), littleEndian(bytes, 4, 4)];
  expectForm((version === 4 || version === 5) && keyType === 2 && tee === 0x81);
  const at = version === 5 ? HEADER_BYTES + 6 : HEADER_BYTES;
  const bodyBytes = BODY_BYTES[version === 5 ? littleEndian(bytes, HEADER_BYTES, 2) : 2];
  expectForm(bodyBytes !== undefined && (version === 4 || littleEndian(bytes, HEADER_BYTES + 2, 4) === bodyBytes));
  const whole = cutter(bytes);
  const signed = whole(at + bodyBytes);
  const body = signed.subarray(at);
  const data = cutter(whole(littleEndian(whole(4), 0, 4)));
  const [signature, attestationKey] = [data(64), data(64)];
  const certification = cutter(certificationData(data, 6));
  const [qeReport, qeSignature] = [certification(384), certification(64)];
  const qeAuthData = certification(littleEndian(certification(2), 0, 2));
  const field = (from: number, to: number): Uint8Array => body.subarray(from, to);
  return {
    signed, signature, attestationKey, qeReport, qeSignature, qeAuthData, certificates: pemChain(certificationData(certification, 5)),
    body: {
      mrSignerSeam: field(64, 112), seamAttributes: field(112, 120), tdAttributes: field(120, 128), measured: concatBytes(field(136, 520)),
      reportData: field(520, 584), mrServiceTd: bodyBytes === 648 ? field(600, 648) : null,
    },
  };
}

type Cut = (length: number) => Uint8Array;

/** Takes fields one after the other. @throws FormError past the end */
function cutter(bytes: Uint8Array): Cut {
  let at = 0;
  return (length) => {
    expectForm(at + length <= bytes.length);
    return bytes.subarray(at, (at += length));
  };
}

/** u16 type, u32 length. */
function certificationData(cut: Cut, type: number): Uint8Array {
  const head = cut(6);
  expectForm(littleEndian(head, 0, 2) === type);
  return cut(littleEndian(head, 2, 4));
}

function pemChain(bytes: Uint8Array): Uint8Array[] {
  const text = new TextDecoder('latin1').decode(bytes);
  const found = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  expectForm(found.length === 3);
  return found.map(([, base64]) => {
    try {
      return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    } catch {
      throw new FormError();
    }
  });
}
