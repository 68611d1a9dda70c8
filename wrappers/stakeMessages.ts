import { beginCell, Cell } from '@ton/core';
import {
  storeAddWorkerKey,
  storeDepositStake,
  storePruneWorkerKey,
  storeRemoveWorkerKey,
  storeReportMislabelled,
  storeReportTwoReceipts,
  storeSetDescriptor,
  storeSignedAcceptance,
  storeSignedReceipt,
  storeThawStake,
  storeWithdrawStake,
} from '../build/Suite/Suite_ProviderStake';
import { CocoonError } from '../protocol';
import { toInteger } from './cells';
import { OP_KEY_QUERY } from './CheckedJobEscrow';

export const OP_DEPOSIT_STAKE = 0x0c10;
export const OP_THAW_STAKE = 0x0c11;
export const OP_WITHDRAW_STAKE = 0x0c12;
export const OP_ADD_WORKER_KEY = 0x0c13;
export const OP_REMOVE_WORKER_KEY = 0x0c14;
export const OP_PRUNE_WORKER_KEY = 0x0c15;
export const OP_SET_DESCRIPTOR = 0x0c16;
export const OP_REPORT_TWO_RECEIPTS = 0x0c17;
export const OP_REPORT_MISLABELLED = 0x0c18;
export const OP_PROVIDER_ACTIVE = 0x0c19;
export const OP_SLASH_SHARE = 0x0c1a;
export const OP_STAKE_WITHDRAWN = 0x0c1b;
export const OP_STAKE_BURNT = 0x0c1c;
export const OP_EXCESSES = 0xd53276db;

/** What fits one message beside the hash. A character can take up to 4 bytes. */
export const MAX_ENDPOINT_BYTES = 83;

/** A receipt as its worker signed it. */
export interface SignedReceipt {
  /** protocol/ encodeReceipt. */
  receipt: Cell;
  /** Ed25519, 64 bytes. */
  signature: Uint8Array;
}

// Bodies of a stake's messages, as ProviderStake sends them; a queryId is uint64, amounts are nanoTON.

export const packDepositStake = (amount: bigint, queryId = 0n): Cell =>
  beginCell().store(storeDepositStake({ $$type: 'DepositStake', queryId, amount })).endCell();

export const packThawStake = (amount: bigint, queryId = 0n): Cell =>
  beginCell().store(storeThawStake({ $$type: 'ThawStake', queryId, amount })).endCell();

export const packWithdrawStake = (queryId = 0n): Cell =>
  beginCell().store(storeWithdrawStake({ $$type: 'WithdrawStake', queryId })).endCell();

/** A key to be added. `proof` is the worker key's signature over keyClaimHash, 64 bytes. */
export interface NewWorkerKey {
  /** Ed25519 public key, 32 bytes. */
  workerKey: Uint8Array;
  /** X25519 public key, 32 bytes; a renewal cannot change it. */
  sealingKey: Uint8Array;
  /** Unix seconds; of a renewal no sooner than the removal would end the key. */
  endUnix: number;
  proof: Uint8Array;
}

export const packAddWorkerKey = (key: NewWorkerKey, queryId = 0n): Cell =>
  beginCell()
    .store(
      storeAddWorkerKey({
        $$type: 'AddWorkerKey',
        queryId,
        workerKey: toInteger(key.workerKey),
        sealingKey: toInteger(key.sealingKey),
        endUnix: BigInt(key.endUnix),
        proof: Buffer.from(key.proof),
      }),
    )
    .endCell();

export const packRemoveWorkerKey = (workerKey: Uint8Array, queryId = 0n): Cell =>
  beginCell()
    .store(storeRemoveWorkerKey({ $$type: 'RemoveWorkerKey', queryId, workerKey: toInteger(workerKey) }))
    .endCell();

export const packPruneWorkerKey = (workerKey: Uint8Array, queryId = 0n): Cell =>
  beginCell()
    .store(storePruneWorkerKey({ $$type: 'PruneWorkerKey', queryId, workerKey: toInteger(workerKey) }))
    .endCell();

/** @throws CocoonError ENDPOINT_TOO_LONG */
export function packSetDescriptor(endpoint: string, descriptorHash: Uint8Array, queryId = 0n): Cell {
  const bytes = Buffer.from(endpoint);
  if (bytes.length > MAX_ENDPOINT_BYTES) {
    throw new CocoonError('ENDPOINT_TOO_LONG', 'The endpoint is too long', {
      expected: `at most ${MAX_ENDPOINT_BYTES} bytes of UTF-8`,
      received: `${bytes.length} bytes`,
    });
  }
  const message = {
    $$type: 'SetDescriptor' as const,
    queryId,
    descriptorHash: toInteger(descriptorHash),
    endpoint: beginCell().storeBuffer(bytes).asSlice(),
  };
  return beginCell().store(storeSetDescriptor(message)).endCell();
}

export const packSignedReceipt = ({ receipt, signature }: SignedReceipt): Cell =>
  beginCell()
    .store(storeSignedReceipt({ $$type: 'SignedReceipt', signature: Buffer.from(signature), receipt }))
    .endCell();

/** What proves that a key signed two receipts of which one is a lie; `terms` are those of the first. */
export interface TwoReceipts {
  terms: Cell;
  first: SignedReceipt;
  second: SignedReceipt;
}

export const packReportTwoReceipts = ({ terms, first, second }: TwoReceipts, queryId = 0n): Cell =>
  beginCell()
    .store(
      storeReportTwoReceipts({
        $$type: 'ReportTwoReceipts',
        queryId,
        terms,
        first: packSignedReceipt(first),
        second: packSignedReceipt(second),
      }),
    )
    .endCell();

export const packReportMislabelled = (terms: Cell, receipt: SignedReceipt, queryId = 0n): Cell =>
  beginCell()
    .store(
      storeReportMislabelled({
        $$type: 'ReportMislabelled',
        queryId,
        terms,
        receipt: packSignedReceipt(receipt),
      }),
    )
    .endCell();

/** A promise with its signature, as it rides in CreateCheckedJob. */
export const packSignedAcceptance = (signed: {
  workerKey: Uint8Array;
  signature: Uint8Array;
  acceptance: Cell;
}): Cell =>
  beginCell()
    .store(
      storeSignedAcceptance({
        $$type: 'SignedAcceptance',
        workerKey: toInteger(signed.workerKey),
        signature: Buffer.from(signed.signature),
        acceptance: signed.acceptance,
      }),
    )
    .endCell();

/** Reads it back. @throws CocoonError NOT_A_SIGNED_ACCEPTANCE */
export function parseSignedAcceptance(cell: Cell): {
  workerKey: Uint8Array;
  signature: Uint8Array;
  acceptance: Cell;
} {
  const slice = cell.beginParse();
  if (slice.remainingBits !== 256 + 512 || slice.remainingRefs !== 1) {
    throw new CocoonError('NOT_A_SIGNED_ACCEPTANCE', 'This is not a signed acceptance', {
      expected: 'workerKey:bits256 signature:bits512 ^acceptance',
      received: `${slice.remainingBits} bits and ${slice.remainingRefs} references`,
    });
  }
  return {
    workerKey: new Uint8Array(slice.loadBuffer(32)),
    signature: new Uint8Array(slice.loadBuffer(64)),
    acceptance: slice.loadRef(),
  };
}

/** What an escrow asks a stake, as a worker sees it that watches its stake; null when the body is something else. */
export function parseKeyQuery(body: Cell): { terms: Cell; acceptance: Cell | null } | null {
  const slice = body.beginParse();
  if (slice.remainingBits < 33 || slice.remainingRefs < 1 || slice.loadUint(32) !== OP_KEY_QUERY) return null;
  const terms = slice.loadRef();
  const hasAcceptance = slice.loadBit();
  if (hasAcceptance && slice.remainingRefs < 1) return null;
  return { terms, acceptance: hasAcceptance ? slice.loadRef() : null };
}
