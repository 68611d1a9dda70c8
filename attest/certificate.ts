/** Certificates of a quote, cut where contracts/attestation/certificates.tact wants them cut. */
import { elementAt, elementsIn, hexOf, type Element } from './der';
import { refuse } from './errors';
import { numberOf, type P256Key, type P256Signature } from './p256';

const SGX_EXTENSION = '2a864886f84d010d01';
export const MAX_CELL_BYTES = 127;

export interface Certificate {
  /** what the issuer signed */
  tbs: Buffer;
  signature: P256Signature;
  key: P256Key;
  /** version, serial number, algorithm, issuer, validity, subject, key, extensions */
  fields: Element[];
}

/**
 * What certificates and revocation lists are: what was signed, an algorithm, an ECDSA signature.
 * @param refused throws for what has another form
 */
export function parseSigned(der: Uint8Array, refused: (expected: string) => never): { tbs: Buffer; signature: P256Signature } {
  const [tbsElement, , signatureElement] = elementsIn(der, elementAt(der, 0));
  if (!tbsElement || !signatureElement) refused('three parts');
  const bits = der.subarray(signatureElement.contents + 1, signatureElement.end);
  const [r, s] = elementsIn(bits, elementAt(bits, 0)).map(({ contents, end }) => numberOf(bits.subarray(contents, end)));
  if (s === undefined || r >> 256n !== 0n || s >> 256n !== 0n) refused('an ECDSA signature');
  return { tbs: Buffer.from(der.subarray(tbsElement.start, tbsElement.end)), signature: { r, s } };
}

/** @throws AttestationError `attest.certificate.<reason>` */
export function parseCertificate(der: Uint8Array): Certificate {
  const { tbs, signature } = parseSigned(der, shape);
  const fields = elementsIn(tbs, elementAt(tbs, 0));
  if (fields.length !== 8 || fields[7].tag !== 0xa3) shape('eight fields, the last with extensions');
  const keyBytes = tbs.subarray(fields[6].end - 64, fields[6].end);
  return {
    tbs, fields, signature,
    key: { x: numberOf(keyBytes.subarray(0, 32)), y: numberOf(keyBytes.subarray(32)) },
  };
}

/** The 14 pieces of a PCK certificate's TBS part. */
export function pckPieces({ tbs, fields }: Certificate): Buffer[] {
  const extensions = extensionsOf(tbs, fields[7]);
  const last = extensions[extensions.length - 1];
  const [oid, octets] = extensions.length < 4 ? [] : elementsIn(tbs, last);
  if (!oid || !octets || hexOf(tbs, oid) !== SGX_EXTENSION) shape('an SGX extension at its end');
  const elements = elementsIn(tbs, elementAt(tbs, octets.contents)); // PPID, TCB, PCE-ID, FMSPC, type, ...
  const tcbValue = elements[1] && elementsIn(tbs, elements[1])[1];
  const tcb = tcbValue && elementsIn(tbs, tcbValue);
  if (elements.length < 5 || tcb?.length !== 18) shape('an SGX extension of PPID, TCB, PCE-ID, FMSPC and type');
  return pieces(tbs, [
    fields[2].end, fields[3].end, fields[4].end, fields[5].end, fields[6].end, extensions[0].end, extensions[1].end, last.start,
    tcb[0].start, tcb[5].end, tcb[11].end, tcb[16].end, elements[4].end,
  ]);
}

/** The 8 pieces of an intermediate CA's TBS part. */
export function intermediatePieces({ tbs, fields }: Certificate): Buffer[] {
  const extensions = extensionsOf(tbs, fields[7]);
  const last = extensions[extensions.length - 1] ?? shape('extensions');
  const middle = fields[6].end + Math.ceil((last.start - fields[6].end) / 2);
  return pieces(tbs, [fields[2].end, fields[3].end, fields[4].end, fields[5].end, fields[6].end, middle, last.start]);
}

const extensionsOf = (tbs: Buffer, field: Element): Element[] => elementsIn(tbs, elementAt(tbs, field.contents));

function pieces(bytes: Buffer, cuts: number[]): Buffer[] {
  const all = [0, ...cuts, bytes.length];
  return cuts.concat(bytes.length).map((end, i) => {
    const piece = bytes.subarray(all[i], end);
    if (piece.length > MAX_CELL_BYTES) shape(`pieces of at most ${MAX_CELL_BYTES} bytes`, `${piece.length}`);
    return piece;
  });
}

function shape(expected: string, received?: string): never {
  refuse('certificate.shape', 'a certificate has another form than Intel gives it', expected, received);
}
