import { beginCell, toNano } from '@ton/core';
import { toInteger } from '../../wrappers/cells';
import { patternBytes } from './jobWorld';
import { DAY, emptyState, type StakeState, WORKER } from './stakeWorld';

/** Bits that look random, so that dictionaries share no cells. */
const spread = (index: number, salt: number): bigint =>
  toInteger(beginCell().storeUint(index, 32).storeUint(salt, 32).endCell().hash());

const worker = toInteger(WORKER.publicKey);

/** A key that agrees with the worker's in its first `index` bits: so the worker's is the deepest that it can be. */
const beside = (index: number): bigint => {
  const free = 255n - BigInt(index);
  return (((worker >> free) ^ 1n) << free) | (spread(index, 5) & ((1n << free) - 1n));
};

/** More than all TON there will be is no stake, and a balance of 2^63 is more than a get-method can see. */
const MOST = toNano('4500000000');

/** Money of an account with the full state: its books, and more than five years of rent at ten times the price. */
export const FULL_BALANCE = 2n * MOST + toNano('100');

/** Every slot is taken but those said to be free, with amounts as large as they can be. */
export function fullState(
  now: number,
  { freeKeys = 0, freeCases = 0, isDeep = false }: { freeKeys?: number; freeCases?: number; isDeep?: boolean } = {},
): StakeState {
  const state = emptyState();
  for (let index = 0; index < 32 - freeKeys; index++) {
    state.keys.set(index === 0 ? worker : isDeep ? beside(index - 1) : spread(index, 1), {
      $$type: 'KeyRecord',
      sealingKey: index === 0 ? toInteger(patternBytes(32, 60)) : spread(index, 2),
      tier: 0n,
      imageHash: spread(index, 3),
      claims: 255n,
      tcbStatus: 255n,
      revocationEpoch: BigInt(index),
      fromUnix: BigInt(now - index),
      endUnix: BigInt(now + 30 * DAY + index),
      removedAt: 0n,
    });
  }
  for (let index = freeCases; index < 64; index++) state.convictions.set(spread(index, 4), true);
  const today = Math.floor(now / DAY);
  for (let day = 0; day < 8; day++) state.coverage.days.set(today + day, toNano('1000000') + BigInt(day));
  const endpoint = beginCell().storeBuffer(Buffer.alloc(83, 'a')).endCell();
  return { ...state, active: MOST, thawing: MOST - 1n, slashed: MOST - 2n, announced: false, endpoint };
}
