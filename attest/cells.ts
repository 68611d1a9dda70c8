/** A quote as the four chains of cells that contracts/attestation/quote.tact verifies (docs/attestation.md). */
import { beginCell, type Builder, type Cell } from '@ton/core';
import { intermediatePieces, parseCertificate, pckPieces, type Certificate } from './certificate';
import { bytesOf, numberOf, proveP256, sha256, signatureOf, type P256Key, type P256Signature } from './p256';
import type { Quote } from './quote';

/** Where header and body are cut, from the end of the header on. */
const BODY_CUTS = [64, 184, 280, 376, 472];
const TD15_CUT = 584;
const QE_PIECE_BYTES = 96;

/**
 * References: quote, QE report, PCK certificate, intermediate CA.
 * @param root that signed the intermediate
 * @throws AttestationError `attest.signature.<reason>` when a signature does not hold, `attest.certificate.<reason>`
 */
export function quoteCell(quote: Quote, root: P256Key): Cell {
  const [, intermediate] = quote.certificates.map(parseCertificate);
  const { tbs, signature } = intermediate;
  return platformChains(quote).storeRef(signedChain(tbs, intermediatePieces(intermediate), signature, root)).endCell();
}

/**
 * The same for a registration, which asks the collateral about the intermediate CA: instead of its certificate the last
 * reference holds the coordinates of its key, 64 bytes.
 */
export function registrationCell(quote: Quote): Cell {
  const { x, y } = parseCertificate(quote.certificates[1]).key;
  return platformChains(quote).storeRef(beginCell().storeBuffer(bytesOf(x)).storeBuffer(bytesOf(y))).endCell();
}

/** Quote, QE report and PCK certificate. */
function platformChains(quote: Quote): Builder {
  const { signed, headerBytes, body, signature, attestationKey, qeReport, qeSignature, qeAuthData, certificates } = quote;
  const [pck, intermediate] = certificates.slice(0, 2).map(parseCertificate) as [Certificate, Certificate];
  const cuts = [...BODY_CUTS, ...(body.teeTcbSvn2 ? [TD15_CUT] : [])].map((cut) => headerBytes + cut);
  const keyCell = beginCell().storeBuffer(Buffer.concat([attestationKey, qeAuthData])).endCell();
  return beginCell()
    .storeRef(signedChain(signed, cutAt(signed, cuts), signatureOf(signature), point(attestationKey), keyCell))
    .storeRef(signedChain(qeReport, cutAt(qeReport, [1, 2, 3].map((i) => i * QE_PIECE_BYTES)), signatureOf(qeSignature), pck.key))
    .storeRef(signedChain(pck.tbs, pckPieces(pck), pck.signature, intermediate.key));
}

/** A chain whose first cell carries the proof that its bytes were signed, and perhaps more. */
export function signedChain(bytes: Uint8Array, pieces: readonly Uint8Array[], signature: P256Signature, by: P256Key, ...carried: Cell[]): Cell {
  return chainOf(pieces, proveP256(numberOf(sha256(bytes)), signature, by), ...carried);
}

/** Cells one after the other by their first reference; the first one carries more. */
export function chainOf(pieces: readonly Uint8Array[], ...carried: Cell[]): Cell {
  let next: Cell | undefined;
  for (let i = pieces.length - 1; i >= 0; i--) {
    const cell = beginCell().storeBuffer(Buffer.from(pieces[i]));
    if (next) cell.storeRef(next);
    if (i === 0) carried.forEach((extra) => cell.storeRef(extra));
    next = cell.endCell();
  }
  return next!;
}

export const cutAt = (bytes: Buffer, cuts: readonly number[]): Buffer[] =>
  [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));

const point = (bytes: Buffer): P256Key => ({ x: numberOf(bytes.subarray(0, 32)), y: numberOf(bytes.subarray(32)) });
