/** What a case keeps of what its worker shows: the bytes, and nothing that they could bring along. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, Cell } from '@ton/core';
import { createShardAccount } from '@ton/sandbox';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import { CASE_RESERVE, CASE_VERDICTS, OP_SHOW_CHILDREN, packHashes, parseCase, readVerdict, SLASHING_CASE_ERRORS as E, STEP_ERRORS, TURN_SECONDS } from '../../wrappers';
import { multiplyPrices } from '../support/config';
import { librariesOf, standIn } from '../support/libraries';
import { BOND, brokenModel, exitOf, Game, gasOf, MOVE } from './game';

/** The most bytes that a leaf has, and the most moves of a dispute. */
const MOST_BYTES = 4096;
const MOST_MOVES = 26;

const open = () => Game.open('grouped', brokenModel('grouped', 0, 'gate'));

/** The cells of a chain, each without what stands below it. */
function cellsOf(chain: Cell): Cell[] {
  const cells: Cell[] = [];
  for (let at: Cell | undefined = chain; at !== undefined; at = at.refs[0]) cells.push(new Cell({ bits: at.bits }));
  return cells;
}

/** A chain of these. @param extra what also stands below the cell with a number */
const chained = (cells: readonly Cell[], extra: Record<number, Cell> = {}): Cell =>
  cells.reduceRight<Cell | null>((next, { bits }, i) => {
    const cell = beginCell().storeBits(bits);
    if (next !== null) cell.storeRef(next);
    return (extra[i] === undefined ? cell : cell.storeRef(extra[i])).endCell();
  }, null)!;

const garbage = beginCell().storeUint(7, 32).endCell();

/** The same chain, of which a library has everything from a cell on; with as many levels as before below the cell in front of it. */
function borrowed(chain: Cell, from: number): { chain: Cell; library: Cell } {
  const cells = cellsOf(chain);
  const library = chained(cells.slice(from));
  const rest = cells.slice(0, from).reduceRight((next, { bits }) => beginCell().storeBits(bits).storeRef(next).endCell(), standIn(library));
  return { chain: rest, library };
}

async function dataOf({ blockchain, contract }: Game): Promise<Cell> {
  const { accountState } = await blockchain.getContract(contract.address);
  if (accountState?.type !== 'active') throw new Error('the case is not there');
  return accountState.state.data!;
}

describe('a case', () => {
  it('keeps of a leaf its bytes alone, cut as they must be, and gives them to the check', async () => {
    const game = await open();
    await game.descend();
    const { bytes } = await game.liar.leaf('inner', game.address);
    const leaf = chainOf(leafCells(bytes!));
    const cells = cellsOf(leaf);
    expect(cells.length).toBeGreaterThan(3);
    const last = cells.length - 2;
    const cut = (at: number): Cell => chainOf([bytes!.subarray(0, at), ...leafCells(bytes!.subarray(at))]);
    const { chain, library } = borrowed(leaf, 1);
    const [tail, whole] = [borrowed(leaf, cells.length - 1), standIn(leaf)];
    game.blockchain.libs = librariesOf(library, tail.library, leaf);
    const bent: Record<string, Cell> = {
      'a cell more below the first': chained(cells, { 0: garbage }),
      'a cell more below the last': chained(cells, { [last]: garbage }),
      'bits behind the last': chained([...cells.slice(0, -1), garbage]),
      'cells behind the last': chained([...cells, garbage]),
      'nothing behind the last': chained(cells.slice(0, -1)),
      'a byte less': chainOf(leafCells(bytes!.subarray(0, -1))),
      'a byte more': chainOf(leafCells(Buffer.concat([bytes!, Buffer.alloc(1)]))),
      'another cut': cut(119),
      'a library\'s cells from the second on': chain,
      'the same with as much depth beside them': beginCell().storeBits(cells[0].bits).storeRef(standIn(library)).storeRef(library).endCell(),
      'a library\'s cell behind the last': tail.chain,
      'a library\'s leaf': whole,
    };
    const before = await dataOf(game);
    for (const [label, shown] of Object.entries(bent)) {
      const exit = exitOf((await game.contract.sendShowLeaf(game.worker.getSender(), MOVE, shown)) as never);
      expect([label, [STEP_ERRORS.cellLength, E.otherBytes, 8, 9].includes(exit)]).toEqual([label, true]);
    }
    expect((await dataOf(game)).equals(before)).toBe(true);
    gasOf(await game.showLeaf());
    expect(parseCase(await dataOf(game)).step!.refs[1].equals(leaf)).toBe(true);
  });

  it('keeps of children their hashes alone: no cell stands below them, and none is a library\'s, which could be gone when one is chosen', async () => {
    const game = await open();
    await game.showTrace();
    await game.choose();
    const children = packHashes(await game.liarChildren());
    const cells = cellsOf(children);
    const { chain, library } = borrowed(children, 1);
    game.blockchain.libs = librariesOf(library, children);
    const bent: Record<string, Cell> = {
      'a cell more below the first': chained(cells, { 0: garbage }),
      'a cell more below the last': chained(cells, { [cells.length - 1]: garbage }),
      'a library\'s cells from the second on': chain,
      'the same with as much depth beside them': beginCell().storeBits(cells[0].bits).storeRef(standIn(library)).storeRef(library).endCell(),
      'a library\'s children': standIn(children),
    };
    const show = (shown: Cell) => {
      const body = beginCell().storeUint(OP_SHOW_CHILDREN, 32).storeRef(shown).endCell();
      return game.worker.send({ to: game.contract.address, value: MOVE, body });
    };
    for (const [label, shown] of Object.entries(bent)) expect([label, [E.otherChildren, 9].includes(exitOf((await show(shown)) as never))]).toEqual([label, true]);
    gasOf((await show(children)) as never);
  });

  it('pays rent and verdict from its reserve, however long the dispute and large the leaf, at ten times the prices', async () => {
    const game = await open();
    await game.descend();
    gasOf(await game.showLeaf());
    const { address, init } = game.contract;
    const data = await dataOf(game);
    const step = data.refs[1];
    const largest = chainOf(leafCells(Buffer.from(Array.from({ length: MOST_BYTES }, (_, i) => i % 251))));
    const full = beginCell().storeBits(step.bits).storeRef(step.refs[0]).storeRef(largest).endCell();
    const filled = beginCell().storeBits(data.bits).storeRef(data.refs[0]).storeRef(full).endCell();
    await game.blockchain.setShardAccount(address, createShardAccount({ address, code: init!.code, data: filled, balance: BOND + CASE_RESERVE }));
    game.blockchain.setConfig(multiplyPrices(game.blockchain.config, 10n));
    game.blockchain.now! += MOST_MOVES * TURN_SECONDS;
    const { transactions } = (await game.contract.sendEndTurn(game.worker.getSender(), 4n * MOVE)) as never as Awaited<ReturnType<Game['showTrace']>>;
    const told = transactions.flatMap(({ inMessage }) => (inMessage?.info.type === 'internal' && readVerdict(inMessage.body) ? [{ ...readVerdict(inMessage.body)!, value: inMessage.info.value.coins }] : []));
    expect(told).toMatchObject([{ bond: BOND, verdict: CASE_VERDICTS.acquitted }]);
    expect(told[0].value).toBeGreaterThanOrEqual(BOND);
  });
});
