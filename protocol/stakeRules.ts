import { MAINNET_ID } from './constants';

/** A removed key works this much longer, seconds. */
export const KEY_REMOVAL_DELAY_SECONDS = 3_600;

/** Least active stake of a working provider, nanoTON. */
export const minimumStake = (networkId: number): bigint => (networkId === MAINNET_ID ? 50n : 1n) * 1_000_000_000n;

/** Unix second from which a key signs nothing valid any more. @param removedAt 0 when it was not removed */
export const keyEnd = ({ endUnix, removedAt }: { endUnix: number; removedAt: number }): number =>
  removedAt === 0 ? endUnix : Math.min(endUnix, removedAt + KEY_REMOVAL_DELAY_SECONDS);
