/** The checks that this version knows, of steps and of receipts, and the tree over their codes in which a case looks for them. */
import type { Cell } from '@ton/core';
import { DeliveredTokenCheck } from '../build/Suite/Suite_DeliveredTokenCheck';
import { DrawCheck } from '../build/Suite/Suite_DrawCheck';
import { FinishReasonCheck } from '../build/Suite/Suite_FinishReasonCheck';
import { HeadMaxCheck } from '../build/Suite/Suite_HeadMaxCheck';
import { HeadNormCheck } from '../build/Suite/Suite_HeadNormCheck';
import { HeadRowCheck } from '../build/Suite/Suite_HeadRowCheck';
import { InputCheck } from '../build/Suite/Suite_InputCheck';
import { LinearCheck } from '../build/Suite/Suite_LinearCheck';
import { MaxCheck } from '../build/Suite/Suite_MaxCheck';
import { MisSealedCheck } from '../build/Suite/Suite_MisSealedCheck';
import { NormCheck } from '../build/Suite/Suite_NormCheck';
import { RunningSumsCheck } from '../build/Suite/Suite_RunningSumsCheck';
import { ScoreCheck } from '../build/Suite/Suite_ScoreCheck';
import { SumsCheck } from '../build/Suite/Suite_SumsCheck';
import { SwiGluCheck } from '../build/Suite/Suite_SwiGluCheck';
import { TopCheck } from '../build/Suite/Suite_TopCheck';
import { WeightedCheck } from '../build/Suite/Suite_WeightedCheck';
import { PADDING_LEAF, treePath, treeRoot } from '../exact/merkle';
import { CHECKS_DEPTH } from '../wrappers';

/** By name: what runs on a step, and what runs on a receipt. */
const STEP_CHECKS = {
  DrawCheck, HeadMaxCheck, HeadNormCheck, HeadRowCheck, InputCheck, LinearCheck, MaxCheck, NormCheck, RunningSumsCheck, ScoreCheck, SumsCheck, SwiGluCheck, TopCheck, WeightedCheck,
};
const RECEIPT_CHECKS = { DeliveredTokenCheck, FinishReasonCheck, MisSealedCheck };
const CHECKS = { ...STEP_CHECKS, ...RECEIPT_CHECKS };

export type CheckName = keyof typeof STEP_CHECKS;
export type ReceiptCheckName = keyof typeof RECEIPT_CHECKS;
export const CHECK_NAMES = Object.keys(STEP_CHECKS).sort() as CheckName[];
export const RECEIPT_CHECK_NAMES = Object.keys(RECEIPT_CHECKS).sort() as ReceiptCheckName[];

/** In the order of the tree. */
const NAMES = Object.keys(CHECKS).sort() as (CheckName | ReceiptCheckName)[];

export async function checkCode(name: CheckName | ReceiptCheckName): Promise<Cell> {
  return (await CHECKS[name].fromInit()).init!.code;
}

async function leaves(): Promise<Uint8Array[]> {
  const hashes = await Promise.all(NAMES.map(async (name) => (await checkCode(name)).hash()));
  return [...hashes, ...Array.from({ length: 2 ** CHECKS_DEPTH - hashes.length }, () => PADDING_LEAF)];
}

/** The root that the case has. */
export const checksRoot = async (): Promise<Uint8Array> => treeRoot(await leaves(), CHECKS_DEPTH);

/** A check as a case wants it: code, place and siblings. */
export async function checkProof(name: CheckName | ReceiptCheckName): Promise<{ check: Cell; index: number; path: Uint8Array[] }> {
  const index = NAMES.indexOf(name);
  return { check: await checkCode(name), index, path: treePath(await leaves(), CHECKS_DEPTH, index) };
}
