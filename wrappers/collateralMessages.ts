import { beginCell, type Cell, Dictionary } from '@ton/core';
import {
  storeCollateralQuery,
  storeHastenCollateral,
  storePostPckCrl,
  storePostQeIdentity,
  storePostRootCrl,
  storePostTcbInfo,
} from '../build/Suite/Suite_Collateral';
import type { CollateralCells } from '../attest/collateralCells';

export const OP_POST_TCB_INFO = 0x0c50;
export const OP_POST_QE_IDENTITY = 0x0c51;
export const OP_POST_ROOT_CRL = 0x0c52;
export const OP_POST_PCK_CRL = 0x0c53;
export const OP_HASTEN_COLLATERAL = 0x0c54;
export const OP_COLLATERAL_QUERY = 0x0c55;
export const OP_COLLATERAL_STATUS = 0x0c56;

export const packPostTcbInfo = ({ tcbInfo, tcbSigner }: CollateralCells, queryId = 0n): Cell => beginCell().store(storePostTcbInfo({
  $$type: 'PostTcbInfo', queryId, cells: BigInt(tcbInfo.count), signer: tcbSigner, text: tcbInfo.cell,
})).endCell();

export const packPostQeIdentity = ({ qeIdentity, tcbSigner }: CollateralCells, queryId = 0n): Cell => beginCell().store(storePostQeIdentity({
  $$type: 'PostQeIdentity', queryId, cells: BigInt(qeIdentity.count), signer: tcbSigner, text: qeIdentity.cell,
})).endCell();

export const packPostRootCrl = ({ rootCrl }: CollateralCells, queryId = 0n): Cell => beginCell().store(storePostRootCrl({
  $$type: 'PostRootCrl', queryId, cells: BigInt(rootCrl.count), list: rootCrl.cell, revoked: setOf(rootCrl.revoked),
})).endCell();

export const packPostPckCrl = ({ pckCrl, intermediate }: CollateralCells, queryId = 0n): Cell => beginCell().store(storePostPckCrl({
  $$type: 'PostPckCrl', queryId, cells: BigInt(pckCrl.count), list: pckCrl.cell, intermediate, revoked: setOf(pckCrl.revoked),
})).endCell();

/** What packs each part of collateral, in the order in which an account is filled. */
export const COLLATERAL_POSTS = {
  tcbInfo: packPostTcbInfo, qeIdentity: packPostQeIdentity, rootCrl: packPostRootCrl, pckCrl: packPostPckCrl,
} as const;
export type CollateralPart = keyof typeof COLLATERAL_POSTS;

export const packHastenCollateral = (isQeIdentity: boolean, number: number, effectiveFrom: number, queryId = 0n): Cell =>
  beginCell().store(storeHastenCollateral({
    $$type: 'HastenCollateral', queryId, isQeIdentity, number: BigInt(number), effectiveFrom: BigInt(effectiveFrom),
  })).endCell();

export const packCollateralQuery = (platform: Cell, context: Cell, queryId = 0n): Cell => beginCell().store(storeCollateralQuery({
  $$type: 'CollateralQuery', queryId, platform, context,
})).endCell();

function setOf(serials: bigint[]): Dictionary<bigint, boolean> {
  const set = Dictionary.empty<bigint, boolean>(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool());
  for (const serial of serials) set.set(serial, true);
  return set;
}
