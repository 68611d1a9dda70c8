/** Collateral as the chains of cells that contracts/attestation/Collateral.tact reads (docs/attestation.md). */
import type { Cell } from '@ton/core';
import { cutAt, signedChain } from './cells';
import { intermediatePieces, MAX_CELL_BYTES, parseCertificate } from './certificate';
import { parseCrl, type CollateralDocuments, type SignedText } from './collateral';
import { elementAt, elementsIn, type Element } from './der';
import { refuse } from './errors';
import { numberOf, type P256Key, type P256Signature } from './p256';

export interface Chain {
  cell: Cell;
  /** cells of the chain */
  count: number;
}

/** What the contract's messages carry. */
export interface CollateralCells {
  tcbInfo: Chain;
  qeIdentity: Chain;
  tcbSigner: Cell;
  rootCrl: Chain & { revoked: bigint[] };
  pckCrl: Chain & { revoked: bigint[] };
  intermediate: Cell;
}

/** Tokens of the contract's reader begin here; a cell may end before them and nowhere else. */
const TCB_INFO_CUTS = /(?=","(?:nextUpdate|fmspc|pceId|tcbType)")|(?=,"(?:tdxModule|tdxModuleIdentities|tcbLevels|pcesvn|tdxtcbcomponents|tcbDate|tcbStatus|advisoryIDs|attributes)")|(?="mrsigner")|(?=\{"(?:id|tcb|svn)")|(?="INTEL)/g;
const QE_IDENTITY_CUTS = /(?=","(?:nextUpdate|tcbEvaluationDataNumber|miscselectMask|attributes|attributesMask|mrsigner)")|(?=,"(?:miscselect|isvprodid|tcbDate|tcbStatus|advisoryIDs)")|(?=\{"tcb")|(?="INTEL)/g;

/**
 * @param root that signed the two CAs and the first list
 * @throws AttestationError `attest.signature.<reason>` when a signature does not hold, `attest.collateral.<reason>`
 */
export function collateralCells(collateral: CollateralDocuments, root: P256Key): CollateralCells {
  const signer = parseCertificate(collateral.tcbSigner);
  const ca = parseCertificate(collateral.intermediate);
  const issued = (certificate: typeof ca) =>
    signedChain(certificate.tbs, intermediatePieces(certificate), certificate.signature, root);
  const json = ({ text, signature }: SignedText, cuts: RegExp) =>
    counted(Buffer.from(text), textPieces(text, cuts), signature, signer.key);
  const list = (der: Buffer, by: P256Key) => {
    const { tbs, signature } = parseCrl(der);
    return { ...counted(tbs, crlPieces(tbs), signature, by), revoked: entriesOf(tbs).map((entry) => serialOf(tbs, entry)) };
  };
  return {
    tcbInfo: json(collateral.tcbInfo, TCB_INFO_CUTS), qeIdentity: json(collateral.qeIdentity, QE_IDENTITY_CUTS),
    tcbSigner: issued(signer), intermediate: issued(ca), rootCrl: list(collateral.rootCrl, root), pckCrl: list(collateral.pckCrl, ca.key),
  };
}

function counted(bytes: Buffer, pieces: Buffer[], signature: P256Signature, by: P256Key): Chain {
  if (pieces.length > 255) refuse('collateral.long', 'a list or text is longer than a contract reads', '255 cells', `${pieces.length}`);
  return { cell: signedChain(bytes, pieces, signature, by), count: pieces.length };
}

/** As few pieces as the cuts allow. */
function textPieces(text: string, cuts: RegExp): Buffer[] {
  const pieces: Buffer[] = [];
  for (const token of text.split(cuts).map((part) => Buffer.from(part))) {
    const last = pieces[pieces.length - 1];
    if (last && last.length + token.length <= MAX_CELL_BYTES) pieces[pieces.length - 1] = Buffer.concat([last, token]);
    else pieces.push(token);
  }
  const longest = Math.max(...pieces.map((piece) => piece.length));
  if (longest > MAX_CELL_BYTES) refuse('collateral.text', 'collateral has another form than Intel gives it', `tokens of at most ${MAX_CELL_BYTES} bytes`, `${longest}`);
  return pieces;
}

/** head | issuer | dates and the head of the entries | entries, two to a cell | extensions */
function crlPieces(tbs: Buffer): Buffer[] {
  const fields = elementsIn(tbs, elementAt(tbs, 0)); // version, algorithm, issuer, thisUpdate, nextUpdate, [entries], extensions
  if (fields.length !== 6 && fields.length !== 7) refuse('collateral.crl', 'a revocation list has another form than Intel gives it');
  const entries = entriesOf(tbs);
  const last = fields[fields.length - 1];
  const pairs = entries.filter((_, i) => i % 2 === 0).map(({ start }) => start);
  return cutAt(tbs, [...new Set([fields[1].end, fields[2].end, ...pairs, last.start])]);
}

function entriesOf(tbs: Buffer): Element[] {
  const fields = elementsIn(tbs, elementAt(tbs, 0));
  return fields.length === 7 ? elementsIn(tbs, fields[5]) : [];
}

/** Serial number with its length in front, as contracts compare it. */
function serialOf(tbs: Buffer, entry: Element): bigint {
  const { contents, end } = elementAt(tbs, entry.contents);
  return (BigInt(end - contents) << 168n) | numberOf(tbs.subarray(contents, end));
}
