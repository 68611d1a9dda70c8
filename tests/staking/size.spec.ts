import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FULL_BALANCE, fullState } from '../support/fullStake';
import { inject, outcome } from '../support/stakeActions';
import { STAKE_MESSAGES } from '../support/stakeMatrix';
import { DAY, gasUsed, StakeWorld } from '../support/stakeWorld';
import { sizeOfCells } from '../support/sizeOfCells';

const source = readFileSync(join(__dirname, '../../contracts/staking/parameters.tact'), 'utf8');
const constant = (name: string): number => Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source)![1]);

/** What each message must bring the gas for. */
const BOUNDS: Record<string, string> = {
  DepositStake: 'GAS_STAKE_MESSAGE',
  ThawStake: 'GAS_STAKE_MESSAGE',
  WithdrawStake: 'GAS_STAKE_MESSAGE',
  AddWorkerKey: 'GAS_ADD_KEY',
  'AddWorkerKey, renewal': 'GAS_ADD_KEY',
  RemoveWorkerKey: 'GAS_STAKE_MESSAGE',
  PruneWorkerKey: 'GAS_STAKE_MESSAGE',
  SetDescriptor: 'GAS_STAKE_MESSAGE',
  KeyQuery: 'GAS_KEY_QUERY',
  Undelivered: 'GAS_KEY_QUERY',
  ReportTwoReceipts: 'GAS_EVIDENCE',
  ReportMislabelled: 'GAS_EVIDENCE',
};

/** Messages that look at the days of coverage: the more of them are over, the more there is to do. */
const COVERAGE = ['ThawStake', 'KeyQuery'];

describe('the largest stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));

  it('is what five years of rent are computed for', async () => {
    const { cells, bits } = sizeOfCells(world.stake.init!.code, await world.setState(fullState(world.now), FULL_BALANCE));
    expect(constant('STAKE_MAX_CELLS')).toBeGreaterThanOrEqual(cells);
    expect(constant('STAKE_MAX_CELLS')).toBeLessThanOrEqual(cells * 1.1);
    expect(constant('STAKE_MAX_BITS')).toBeGreaterThanOrEqual(bits);
    expect(constant('STAKE_MAX_BITS')).toBeLessThanOrEqual(bits * 1.1);
  });

  it('uses no more gas than each of its messages must bring, and not much less', async () => {
    const most = new Map<string, bigint>();
    for (const message of STAKE_MESSAGES) {
      const days = COVERAGE.includes(message.name) ? [0, 1, 2, 3, 4, 5, 6, 7, 8] : [0];
      for (const day of days) {
        world = await StakeWorld.create();
        await world.setState(fullState(world.now, message), FULL_BALANCE);
        world.chain.now = world.now + day * DAY + (message.later ?? 0);
        const result = await inject(world, message.from(world), message.body(world), 2_000_000_000n);
        expect([message.name, outcome(result, world)]).toEqual([message.name, 0]);
        const gas = gasUsed(result, world.stake.address);
        const bound = BOUNDS[message.name];
        if (gas > (most.get(bound) ?? 0n)) most.set(bound, gas);
      }
    }
    for (const [bound, gas] of most) {
      const allowed = constant(bound);
      const fits = { atLeast: allowed >= Number(gas), atMost: allowed <= Number(gas) * 1.25 };
      expect({ bound, gas, allowed, ...fits }).toEqual({ bound, gas, allowed, atLeast: true, atMost: true });
    }
  });
});
