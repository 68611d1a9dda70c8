/** A case at each of its turns. */
import { beginCell, type Cell, toNano } from '@ton/core';
import { createShardAccount } from '@ton/sandbox';
import type { CASE_TURNS } from '../../wrappers';
import type { Game } from './game';

/** nanoTON. */
export const GAS_PRICE = 400n;

/** An account that could not be deleted at the end of its case: its turn is 0, and the time of the last one has not passed. */
export async function keepEnded(game: Game): Promise<void> {
  const data = (await dataOf(game)).beginParse();
  const ended = beginCell().storeBits(data.loadBits(2 * 267)).storeUint(0 * data.loadUint(8), 8).storeSlice(data).endCell();
  const { address, init } = game.contract;
  await game.blockchain.setShardAccount(address, createShardAccount({ address, code: init!.code, data: ended, balance: toNano(1) }));
}

/** A game at each of its turns. */
export const TURNS: [keyof typeof CASE_TURNS, (game: Game) => Promise<unknown>][] = [
  ['trace', async () => undefined],
  ['choose', (game) => game.showTrace()],
  ['children', async (game) => { await game.showTrace(); await game.choose(); }],
  ['position', (game) => game.descendTrace()],
  ['leaf', (game) => game.descend()],
  ['prove', async (game) => { await game.descend(); await game.showLeaf(); }],
];

export async function dataOf(game: Game): Promise<Cell> {
  const { accountState } = await game.blockchain.getContract(game.contract.address);
  return (accountState as { state: { data: Cell } }).state.data;
}

/** Behind the addresses of stake and challenger. */
export const turnOf = async (game: Game): Promise<number> => (await dataOf(game)).beginParse().skip(2 * 267).loadUint(8);
