/** The checks that this version knows, of steps and of receipts, and the tree over their codes in which a case looks for them. */
import { Cell } from '@ton/core';
import codes from '../build/Checks/codes.json';
import { PADDING_LEAF, treePath, treeRoot } from '../exact/merkle';
import { CHECKS_DEPTH } from '../wrappers';

/** What runs on a receipt; all others run on a step. */
const RECEIPT_CHECKS = ['DeliveredTokenCheck', 'FinishReasonCheck', 'MisSealedCheck'] as const;

type AnyCheckName = keyof typeof codes;
export type ReceiptCheckName = (typeof RECEIPT_CHECKS)[number];
export type CheckName = Exclude<AnyCheckName, ReceiptCheckName>;

export const RECEIPT_CHECK_NAMES: readonly ReceiptCheckName[] = RECEIPT_CHECKS;
const isOfReceipts = (name: AnyCheckName): name is ReceiptCheckName => (RECEIPT_CHECKS as readonly string[]).includes(name);

/** In the order of the tree. */
const NAMES = Object.keys(codes).sort() as AnyCheckName[];
export const CHECK_NAMES = NAMES.filter((name): name is CheckName => !isOfReceipts(name));

export const checkCode = (name: AnyCheckName): Cell => Cell.fromHex(codes[name]);

let known: Uint8Array[] | undefined;

function leaves(): Uint8Array[] {
  return (known ??= Array.from({ length: 2 ** CHECKS_DEPTH }, (_, i) => (i < NAMES.length ? checkCode(NAMES[i]).hash() : PADDING_LEAF)));
}

/** The root that the case has. */
export const checksRoot = (): Uint8Array => treeRoot(leaves(), CHECKS_DEPTH);

/** A check as a case wants it: code, place and siblings. */
export function checkProof(name: AnyCheckName): { check: Cell; index: number; path: Uint8Array[] } {
  const index = NAMES.indexOf(name);
  return { check: checkCode(name), index, path: treePath(leaves(), CHECKS_DEPTH, index) };
}
