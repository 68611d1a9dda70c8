import { amountOf, bytesOf } from './amounts';
import type { Row } from './statements';

/** The client's signed word on what may be paid from a channel so far. */
export interface KeptVoucher {
  /** Cumulative. */
  amountNano: bigint;
  final: boolean;
  /** 64 bytes. */
  signature: Uint8Array;
}

/** What is known of one channel. Times are Unix seconds. */
export interface ChannelRecord {
  /** Basechain hash, 32 bytes. */
  address: Buffer;
  /** Opaque here: what the caller needs to recognise and claim from the channel. */
  terms: Buffer;
  addedAt: number;
  /** The last sequence number that was begun; 0 when none was. */
  lastSeq: number;
  /** What all receipts of the channel together ask for. */
  dueNano: bigint;
  /** The newest voucher, or null when there was none. */
  voucher: KeptVoucher | null;
  /** What the chain has paid out of the channel (the contract's `claimed`). */
  settledNano: bigint;
}

/** What a caller makes for one chunk. */
export interface MadeReceipt {
  /** Exactly what goes to the client: the signed receipt and its sealed chunk. */
  bytes: Uint8Array;
  /** Due for this request so far, as the receipt says. */
  dueNano: bigint;
  final: boolean;
}

declare const durable: unique symbol;

/**
 * A chunk that is on disk. Only the store makes one, so whoever sends nothing but a `StoredReceipt` sends no signature that
 * a crash could make the worker forget.
 */
export interface StoredReceipt {
  readonly [durable]: true;
  readonly seq: number;
  readonly index: number;
  readonly final: boolean;
  readonly dueNano: bigint;
  readonly bytes: Buffer;
}

/** A chunk that is on disk, and what all receipts of its channel come to with it. */
export interface SignedReceipt extends StoredReceipt {
  readonly channelDueNano: bigint;
}

/** A request that was begun, with everything that was signed for it. */
export interface RequestRecord {
  seq: number;
  termsHash: Buffer;
  /** As the caller kept it, sealed; null when it did not. */
  request: Buffer | null;
  begunAt: number;
  /** When the final receipt was stored or the request given up; nothing is signed for it any more. */
  endedAt: number | null;
  dueNano: bigint;
  /** By index, from 0 on. */
  receipts: StoredReceipt[];
}

/**
 * A message that claims a voucher. `pending`: sent, and to be sent again after a restart; `settled`: the chain has paid it;
 * `dropped`: it can pay nothing any more.
 */
export interface ClaimRecord {
  /** Of the channel. */
  address: Buffer;
  messageHash: Buffer;
  /** The voucher's, cumulative. */
  amountNano: bigint;
  /** The bytes to send. */
  message: Buffer;
  state: 'pending' | 'settled' | 'dropped';
  madeAt: number;
  endedAt: number | null;
}

export function toChannel(row: Row): ChannelRecord {
  return {
    address: bytesOf(row.address),
    terms: bytesOf(row.terms),
    addedAt: row.addedAt as number,
    lastSeq: row.lastSeq as number,
    dueNano: amountOf(row.dueNano),
    voucher: toVoucher(row),
    settledNano: amountOf(row.settledNano),
  };
}

function toVoucher(row: Row): KeptVoucher | null {
  if (row.voucherNano === null) return null;
  return {
    amountNano: amountOf(row.voucherNano),
    final: row.voucherFinal === 1,
    signature: bytesOf(row.voucherSignature),
  };
}

export function toReceipt(row: Row): StoredReceipt {
  return {
    seq: row.seq as number,
    index: row.chunk as number,
    final: row.final === 1,
    dueNano: amountOf(row.dueNano),
    bytes: bytesOf(row.bytes),
  } as StoredReceipt;
}

export function toRequest(row: Row, receipts: Row[]): RequestRecord {
  return {
    seq: row.seq as number,
    termsHash: bytesOf(row.termsHash),
    request: row.request === null ? null : bytesOf(row.request),
    begunAt: row.begunAt as number,
    endedAt: row.endedAt as number | null,
    dueNano: amountOf(row.dueNano),
    receipts: receipts.map(toReceipt),
  };
}

/** @param row of a claim, joined with its channel */
export function toClaim(row: Row): ClaimRecord {
  return {
    address: bytesOf(row.address),
    messageHash: bytesOf(row.messageHash),
    amountNano: amountOf(row.amountNano),
    message: bytesOf(row.message),
    state: row.state as ClaimRecord['state'],
    madeAt: row.madeAt as number,
    endedAt: row.endedAt as number | null,
  };
}
