import type { Address, Transaction } from '@ton/core';
import type { Cursor } from '../store/cursorStore';

/** Reads transactions of an account, newest first, from the one after (older than) `from` on. */
export type ReadPage = (address: Address, limit: number, from?: { lt: string; hash: string }) => Promise<Transaction[]>;

export interface News<T> {
  /** What was found in transactions, oldest first. */
  found: { value: T; lt: bigint }[];
  /** The newest transaction, when there is a new one and nothing before it was left out; else null. */
  cursor: Cursor | null;
  /** The API left out or changed something. */
  hasGap: boolean;
}

/** Most often there is nothing new, sometimes one transaction, after a downtime many. */
const FIRST_PAGE = 1;
const LARGEST_PAGE = 50;

/**
 * What a stake's transactions since `cursor`, or since `oldest` (Unix seconds), say. The transactions of an account are a chain:
 * each names the one before it by time and hash. So an API that leaves one out, changes one or mixes them up is found
 * out: what it shows is looked at, and the cursor stays until it shows all.
 */
export async function readNews<T>(
  read: ReadPage,
  stake: Address,
  cursor: Cursor | null,
  oldest: number,
  valueOf: (transaction: Transaction) => T | null,
): Promise<News<T>> {
  const found: News<T>['found'] = [];
  let newest: Cursor | null = null;
  let expected: { lt: bigint; hash: string } | null = null;
  let from: { lt: string; hash: string } | undefined;
  const end = (isWhole: boolean): News<T> => ({
    found: found.reverse(),
    cursor: isWhole ? newest : null,
    hasGap: !isWhole && newest !== null,
  });
  for (let size = FIRST_PAGE; ; size = Math.min(size * 4, LARGEST_PAGE)) {
    const page = await read(stake, size, from);
    for (const transaction of page) {
      const { lt, now } = transaction;
      const hash = transaction.hash().toString('hex');
      if (newest === null) {
        newest = { lt, hash, time: now };
        // Time never goes back on a chain; only a devnet that began anew has later transactions with lower numbers.
        if (cursor !== null && lt < cursor.lt && now > cursor.time) cursor = null;
        if (cursor !== null && lt <= cursor.lt) return { found: [], cursor: null, hasGap: false };
      } else if (lt !== expected!.lt || hash !== expected!.hash) {
        return end(false);
      }
      if (now < oldest) return end(true);
      const value = valueOf(transaction);
      if (value !== null) found.push({ value, lt });
      const { prevTransactionLt, prevTransactionHash } = transaction;
      expected = { lt: prevTransactionLt, hash: prevTransactionHash.toString(16).padStart(64, '0') };
      // The stake's account began here, or was ended and began anew.
      if (expected.lt === 0n) return end(true);
      if (cursor !== null && expected.lt <= cursor.lt) return end(expected.hash === cursor.hash);
      from = { lt: lt.toString(), hash: Buffer.from(hash, 'hex').toString('base64') };
    }
    if (page.length === 0) return end(false);
  }
}
