import { type Cell, Dictionary } from '@ton/core';
import { DAY } from '../support/stakeWorld';

/** What a stake's account says of itself. */
export interface Books {
  active: bigint;
  thawing: bigint;
  slashed: bigint;
  faults: number;
  keys: number;
  reserved: bigint;
}

/**
 * Reads a ProviderStake's data: a get-method takes 10 ms, most of it for the configuration. Written by hand since the
 * bindings' loader for it reads the fields behind `keys` from the wrong cell.
 */
export function readBooks(data: Cell, now: number): Books {
  const slice = data.beginParse();
  slice.skip(32);
  slice.loadAddress();
  slice.loadAddress();
  const [active, thawing] = [slice.loadCoins(), slice.loadCoins()];
  slice.skip(32);
  const slashed = slice.loadCoins();
  const faults = slice.loadUint(32);
  slice.skip(1);
  const keys = slice.loadUint(8);
  slice.loadMaybeRef();
  const days = Dictionary.load(Dictionary.Keys.Uint(16), Dictionary.Values.BigVarUint(4), slice.loadRef().beginParse());
  const live = [...days].filter(([day]) => day >= Math.floor(now / DAY));
  return { active, thawing, slashed, faults, keys, reserved: live.reduce((sum, [, amount]) => sum + amount, 0n) };
}
