/** What opens a case at a stake; contracts/staking/messages.tact. */
import { type Address, beginCell, Cell } from '@ton/core';
import { storeChallengeOpening, storeChallengeReceipt, storeModelRoots, storeRequestOpening, storeSignedGrant } from '../build/Suite/Suite_ProviderStake';
import { SlashingCase as GeneratedCase } from '../build/Suite/Suite_SlashingCase';
import { type ChallengeGrant, encodeChallengeGrant } from '../protocol';
import { toCell, toInteger } from './cells';
import { BURN_ADDRESS } from './stakeState';
import { packSignedReceipt, type SignedReceipt } from './stakeMessages';

export const OP_CHALLENGE_RECEIPT = 0x0c1d;

/** A receipt can be challenged this long after its date, seconds. */
export const DISPUTE_WINDOW_SECONDS = 432_000;

/** What modelRoot is made of (docs/exact-arithmetic.md section 3); 32 bytes each. */
export interface ModelRoots {
  config: Uint8Array;
  rowsRoot: Uint8Array;
  tablesRoot: Uint8Array;
  /** SHA-256 of the tokenizer section. */
  tokenizer: Uint8Array;
}

/** nanoTON that a challenger of an answer of this price brings as a bond. */
export function bondFor(price: bigint): bigint {
  const tenth = price / 10n;
  const [least, most] = [1_000_000_000n, 25_000_000_000n];
  return tenth < least ? least : tenth > most ? most : tenth;
}

/** A client's permission to challenge, signed by its channel's key over the grant's hash. */
export interface SignedGrant {
  grant: ChallengeGrant;
  /** Ed25519, 64 bytes. */
  signature: Uint8Array;
  /** packChannel of the terms of the channel. */
  channel: Cell;
}

export interface ReceiptChallenge {
  /** Who makes the moves and gets what is left. */
  challenger: Address;
  terms: Cell;
  receipt: SignedReceipt;
  /** disputes/opening.ts. */
  request: RequestOpening;
  model: ModelRoots;
  /** On a sealed job, of anybody but its client. */
  grant?: SignedGrant;
}

/** Opens a request's commitment: the header of its tree with its way up. */
export interface RequestOpening {
  /** SHA-256(commitSalt || "request"), 32 bytes. */
  labelSalt: Uint8Array;
  header: Cell;
}

export const packModelRoots = ({ config, rowsRoot, tablesRoot, tokenizer }: ModelRoots): Cell =>
  beginCell().store(storeModelRoots({
    $$type: 'ModelRoots', config: toInteger(config), rowsRoot: toInteger(rowsRoot), tablesRoot: toInteger(tablesRoot),
    tokenizer: beginCell().storeBuffer(Buffer.from(tokenizer)).endCell(),
  })).endCell();

/** The code of every case. */
export async function slashingCaseCode(): Promise<Cell> {
  return (await GeneratedCase.fromInit(BURN_ADDRESS, BURN_ADDRESS, Cell.EMPTY, 0n, 0n, 0n, 0n, 0n, 0n, null)).init!.code;
}

const packGrant = ({ grant, signature, channel }: SignedGrant): Cell =>
  beginCell().store(storeSignedGrant({ $$type: 'SignedGrant', signature: Buffer.from(signature), grant: toCell(encodeChallengeGrant(grant)), channel })).endCell();

export async function packChallengeReceipt({ challenger, terms, receipt, request, model, grant }: ReceiptChallenge, queryId = 0n): Promise<Cell> {
  const opening = beginCell().store(storeChallengeOpening({
    $$type: 'ChallengeOpening',
    request: beginCell().store(storeRequestOpening({ $$type: 'RequestOpening', labelSalt: toInteger(request.labelSalt), header: request.header })).endCell(),
    model: packModelRoots(model), code: await slashingCaseCode(), grant: grant === undefined ? null : packGrant(grant),
  })).endCell();
  return beginCell().store(storeChallengeReceipt({ $$type: 'ChallengeReceipt', queryId, challenger, terms, receipt: packSignedReceipt(receipt), opening })).endCell();
}
