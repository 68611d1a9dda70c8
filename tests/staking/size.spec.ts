import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginCell, Cell, Dictionary, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import { toInteger } from '../../wrappers/cells';
import { patternBytes } from '../support/jobWorld';
import {
  DAY,
  emptyState,
  exitCode,
  gasUsed,
  signed,
  StakeWorld,
  type StakeState,
  termsCell,
  WORKER,
} from '../support/stakeWorld';

const source = readFileSync(join(__dirname, '../../contracts/staking/parameters.tact'), 'utf8');
const constant = (name: string): number => Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source)![1]);

/** Bits that look random, so that dictionaries share no cells. */
const spread = (index: number, salt: number): bigint =>
  toInteger(beginCell().storeUint(index, 32).storeUint(salt, 32).endCell().hash());

const key = keyPairFromSeed(Buffer.alloc(32, 77));

/** Every slot is taken: `keys` of them and 64 - `freeCases` convictions, with amounts as large as they can be. */
function fullState(now: number, keys = 32, freeCases = 0): StakeState {
  const state = emptyState();
  for (let index = 0; index < keys; index++) {
    state.keys.set(index === 0 ? toInteger(WORKER.publicKey) : spread(index, 1), {
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
  const supply = toNano('5000000000');
  return { ...state, active: supply, thawing: supply - 1n, slashed: supply - 2n, announced: false, endpoint };
}

/** Different cells and their bits, as storage is billed. */
function measure(...roots: Cell[]): { cells: number; bits: number } {
  const seen = new Map<string, number>();
  const visit = (cell: Cell): void => {
    const hash = cell.hash().toString('hex');
    if (seen.has(hash)) return;
    seen.set(hash, cell.bits.length);
    cell.refs.forEach(visit);
  };
  roots.forEach(visit);
  return { cells: seen.size, bits: [...seen.values()].reduce((sum, bits) => sum + bits, 0) };
}

describe('the largest stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const fill = (keys?: number, freeCases?: number) =>
    world.setState(fullState(world.now, keys, freeCases), toNano('10000000100'));

  it('is what five years of rent are computed for', async () => {
    const { cells, bits } = measure(world.stake.init!.code, await fill());
    expect(constant('STAKE_MAX_CELLS')).toBeGreaterThanOrEqual(cells);
    expect(constant('STAKE_MAX_CELLS')).toBeLessThanOrEqual(cells * 1.1);
    expect(constant('STAKE_MAX_BITS')).toBeGreaterThanOrEqual(bits);
    expect(constant('STAKE_MAX_BITS')).toBeLessThanOrEqual(bits * 1.1);
  });

  it('uses no more gas than each of its messages must bring', async () => {
    const owner = world.owner.getSender();
    const watcher = world.watcher.getSender();
    const value = toNano('2');
    const sealed = { value, workerKey: WORKER.publicKey };
    const descriptor = { endpoint: 'b'.repeat(83), descriptorHash: patternBytes(32, 5) };
    const terms = () => world.terms({ coverage: toNano('1') });
    const mislabelled = () => world.terms({ tier: 1 });
    const query = (): Promise<SendMessageResult> => {
      const asked = terms();
      const body = beginCell().storeUint(0x0c05, 32).storeRef(termsCell(asked));
      const full = body.storeMaybeRef(world.acceptance(asked)).endCell();
      return world.escrow.send({ to: world.stake.address, value, body: full });
    };
    const messages: [string, string, () => Promise<SendMessageResult>, number?, number?, number?][] = [
      ['DepositStake', 'GAS_STAKE_MESSAGE', () => world.stake.sendDeposit(owner, { value: toNano('5'), amount: 1n })],
      ['ThawStake', 'GAS_STAKE_MESSAGE', () => world.stake.sendThaw(owner, { value, amount: 1n })],
      ['ThawStake, old days', 'GAS_STAKE_MESSAGE', () => world.stake.sendThaw(owner, { value, amount: 1n }), 32, 0, 20],
      ['WithdrawStake', 'GAS_STAKE_MESSAGE', () => world.stake.sendWithdraw(owner, { value })],
      ['AddWorkerKey', 'GAS_ADD_KEY', () => world.addKey(key), 31],
      ['AddWorkerKey, renewal', 'GAS_ADD_KEY', () => world.addKey()],
      ['RemoveWorkerKey', 'GAS_STAKE_MESSAGE', () => world.stake.sendRemoveWorkerKey(owner, sealed)],
      ['PruneWorkerKey', 'GAS_STAKE_MESSAGE', () => world.stake.sendPruneWorkerKey(watcher, sealed), 32, 0, 50],
      ['SetDescriptor', 'GAS_STAKE_MESSAGE', () => world.stake.sendSetDescriptor(owner, { value, ...descriptor })],
      ['KeyQuery', 'GAS_KEY_QUERY', query],
      ['KeyQuery, old days', 'GAS_KEY_QUERY', query, 32, 0, 20],
      ['Undelivered', 'GAS_KEY_QUERY', () => world.undelivered(world.acceptance(terms()))],
      ['ReportTwoReceipts', 'GAS_EVIDENCE', () => world.reportLie(), 32, 1],
      [
        'ReportMislabelled',
        'GAS_EVIDENCE',
        () => {
          const receipt = signed(world.receipt(mislabelled()));
          return world.stake.sendReportMislabelled(watcher, { value, terms: termsCell(mislabelled()), receipt });
        },
        32,
        1,
      ],
    ];
    const most = new Map<string, bigint>();
    for (const [name, bound, send, keys = 32, freeCases = 0, daysLater = 0] of messages) {
      world = await StakeWorld.create();
      await fill(keys, freeCases);
      world.chain.now = world.now + daysLater * DAY;
      const result = await send();
      const gas = gasUsed(result, world.stake.address);
      expect([name, exitCode(result, world.stake.address)]).toEqual([name, 0]);
      if (gas > (most.get(bound) ?? 0n)) most.set(bound, gas);
    }
    for (const [bound, gas] of most) {
      const allowed = constant(bound);
      expect([bound, allowed >= Number(gas), allowed <= Number(gas) * 1.25]).toEqual([bound, true, true]);
    }
  });
});
