import { CellReader, CellWriter, cellHash, type PlainCell } from './cells';
import { TAG_ACCEPTANCE, TAG_CHALLENGE_GRANT, TAG_VOUCHER } from './constants';

/** The client's word on what may be paid from a channel so far. No sequence number: the amount is the order. */
export interface Voucher {
  networkId: number;
  channel: Uint8Array;
  final: boolean;
  /** nanoTON, cumulative. */
  amount: bigint;
}

/** The worker's promise to deliver a job, and the coverage that its stake reserves for it. */
export interface Acceptance {
  networkId: number;
  escrow: Uint8Array;
  stake: Uint8Array;
  termsHash: Uint8Array;
  /** Unix seconds until which the escrow may take this promise. */
  acceptBy: number;
  coverage: bigint;
}

/** The client lets somebody else challenge a sealed answer. */
export interface ChallengeGrant {
  networkId: number;
  stake: Uint8Array;
  receiptHash: Uint8Array;
  challenger: Uint8Array;
  /** Unix seconds. */
  expires: number;
}

function voucherWriter(voucher: Voucher): CellWriter {
  return new CellWriter()
    .uint('tag', TAG_VOUCHER, 32)
    .int32('networkId', voucher.networkId)
    .basechainAddress('channel', voucher.channel)
    .uint('final', voucher.final ? 1 : 0, 1)
    .coins('amount', voucher.amount);
}

export const encodeVoucher = (voucher: Voucher): PlainCell => voucherWriter(voucher).cell();

export function decodeVoucher(cell: PlainCell): Voucher {
  const root = new CellReader('Voucher', cell);
  root.tag(TAG_VOUCHER);
  const voucher = {
    networkId: root.int32(),
    channel: root.basechainAddress(),
    final: root.number(1) === 1,
    amount: root.coins(),
  };
  root.end();
  return voucher;
}

export function encodeAcceptance(acceptance: Acceptance): PlainCell {
  return new CellWriter()
    .uint('tag', TAG_ACCEPTANCE, 32)
    .int32('networkId', acceptance.networkId)
    .fixedBytes('escrow', acceptance.escrow, 32)
    .fixedBytes('stake', acceptance.stake, 32)
    .fixedBytes('termsHash', acceptance.termsHash, 32)
    .uint('acceptBy', acceptance.acceptBy, 32)
    .coins('coverage', acceptance.coverage)
    .cell();
}

export function decodeAcceptance(cell: PlainCell): Acceptance {
  const root = new CellReader('Acceptance', cell);
  root.tag(TAG_ACCEPTANCE);
  const acceptance = {
    networkId: root.int32(),
    escrow: root.fixedBytes(32),
    stake: root.fixedBytes(32),
    termsHash: root.fixedBytes(32),
    acceptBy: root.number(32),
    coverage: root.coins(),
  };
  root.end();
  return acceptance;
}

export function encodeChallengeGrant(grant: ChallengeGrant): PlainCell {
  return new CellWriter()
    .uint('tag', TAG_CHALLENGE_GRANT, 32)
    .int32('networkId', grant.networkId)
    .fixedBytes('stake', grant.stake, 32)
    .fixedBytes('receiptHash', grant.receiptHash, 32)
    .fixedBytes('challenger', grant.challenger, 32)
    .uint('expires', grant.expires, 32)
    .cell();
}

export function decodeChallengeGrant(cell: PlainCell): ChallengeGrant {
  const root = new CellReader('ChallengeGrant', cell);
  root.tag(TAG_CHALLENGE_GRANT);
  const grant = {
    networkId: root.int32(),
    stake: root.fixedBytes(32),
    receiptHash: root.fixedBytes(32),
    challenger: root.fixedBytes(32),
    expires: root.number(32),
  };
  root.end();
  return grant;
}

export const voucherHash = (voucher: Voucher): Uint8Array => voucherWriter(voucher).hash();
export const acceptanceHash = (acceptance: Acceptance): Uint8Array => cellHash(encodeAcceptance(acceptance));
export const challengeGrantHash = (grant: ChallengeGrant): Uint8Array => cellHash(encodeChallengeGrant(grant));
