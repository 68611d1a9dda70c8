import { beginCell, type Cell, toNano } from '@ton/core';
import { PROVIDER_STAKE_ERRORS as ERRORS } from '../../wrappers';
import {
  libraryOf,
  withBit,
  withEmptyRef,
  withoutLastBit,
  withoutLastRef,
  withRef,
} from '../support/cellBits';
import { handled, inject, outcome, snapshotOf } from '../support/stakeActions';
import { STAKE_MESSAGES, type StakeMessage, stakeMessage } from '../support/stakeMatrix';
import { StakeWorld } from '../support/stakeWorld';

const CELL_UNDERFLOW = 9;
const value = toNano('1');

const opcodeOf = (body: Cell): Cell => beginCell().storeBits(body.bits.substring(0, 32)).endCell();

describe('a message that is not of its form', () => {
  let world: StakeWorld;
  const send = async (message: StakeMessage, change: (body: Cell) => Cell) => {
    world = await StakeWorld.create();
    world.chain.now = world.now + (message.later ?? 0);
    return inject(world, message.from(world), change(message.body(world)), value);
  };
  const expectUnchanged = async (name: string, result: Awaited<ReturnType<typeof send>>, code = CELL_UNDERFLOW) => {
    const after = await snapshotOf(world);
    const start = await snapshotOf(await StakeWorld.create());
    expect([name, outcome(result, world), after.data]).toEqual([name, code, start.data]);
    expect(handled(result, world).outMessagesCount).toBe(1);
  };

  it('one bit or one reference too short changes nothing, and returns', async () => {
    for (const message of STAKE_MESSAGES) {
      const { name } = message;
      // An endpoint is what is left of its message: shorter, it is another.
      if (name !== 'SetDescriptor') await expectUnchanged(name, await send(message, withoutLastBit));
      if (message.body(world).refs.length > 0) await expectUnchanged(name, await send(message, withoutLastRef));
      await expectUnchanged(name, await send(message, opcodeOf));
    }
  });

  it('with something behind it does what it says and no more; an endpoint is all that is left', async () => {
    for (const message of STAKE_MESSAGES) {
      for (const longer of [withBit, withEmptyRef]) {
        const result = await send(message, longer);
        const isEndpoint = message.name === 'SetDescriptor';
        expect([message.name, outcome(result, world)]).toEqual([message.name, isEndpoint ? ERRORS.endpointTooLong : 0]);
        const changed = await snapshotOf(world);
        await send(message, isEndpoint ? withoutLastBit : (body) => body);
        if (!isEndpoint) expect(await snapshotOf(world)).toEqual(changed);
      }
    }
  });

  /** Every way in which one cell of the message is not what it should be. */
  const spoiled = (cell: Cell): [string, Cell][] => [
    ['a bit more', withBit(cell)],
    ['a bit less', withoutLastBit(cell)],
    ['a reference more', withEmptyRef(cell)],
    ...(cell.refs.length > 0 ? [['a reference less', withoutLastRef(cell)] as [string, Cell]] : []),
    ['nothing', beginCell().endCell()],
    ['a library that is not there', libraryOf(cell)],
  ];

  it.each(['KeyQuery', 'Undelivered', 'ReportTwoReceipts', 'ReportMislabelled'])(
    'whose cells are longer, shorter or exotic: %s changes nothing',
    async (name) => {
      const message = stakeMessage(name);
      world = await StakeWorld.create();
      const cells = message.body(world).refs.length;
      for (let index = 0; index < cells; index++) {
        for (const [how, cell] of spoiled(message.body(world).refs[index])) {
          await expectUnchanged(`${name} ${index}: ${how}`, await send(message, (body) => withRef(body, index, cell)));
        }
      }
    },
  );

  it('a receipt, a promise and terms of that kind are no evidence and no promise, whoever signed them', async () => {
    const inner = (body: Cell, index: number) => spoiled(body.refs[index].refs[0]);
    for (const [name, index, code] of [
      ['ReportTwoReceipts', 1, ERRORS.notSignedByKey],
      ['ReportTwoReceipts', 2, ERRORS.notSignedByKey],
      ['ReportMislabelled', 1, ERRORS.notSignedByKey],
      ['KeyQuery', 0, CELL_UNDERFLOW],
      ['KeyQuery', 1, CELL_UNDERFLOW],
      ['Undelivered', 0, CELL_UNDERFLOW],
    ] as const) {
      world = await StakeWorld.create();
      for (const [how, cell] of inner(stakeMessage(name).body(world), index)) {
        const change = (body: Cell) => withRef(body, index, withRef(body.refs[index], 0, cell));
        await expectUnchanged(`${name} ${index}: ${how}`, await send(stakeMessage(name), change), code);
      }
    }
  });
});
