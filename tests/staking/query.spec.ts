import { beginCell, type Cell, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { SEMANTICS, type Acceptance, type Terms } from '../../protocol';
import { forwardFee, KEY_STATUS, packThawStake, requiredStakeValue } from '../../wrappers';
import { pricesOf } from '../support/config';
import { patternBytes, START } from '../support/jobWorld';
import { gasFeeOf, inject, outcome, sent, shareFee, snapshotOf } from '../support/stakeActions';
import { addKeyBody, keyQueryBody, NEW_KEY } from '../support/stakeMatrix';
import { DAY, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';

const value = toNano('1');
const stranger = keyPairFromSeed(Buffer.alloc(32, 9));

/** What is wrong with a question, in the order in which a stake looks. */
const FAULTS: { status: number; terms?: Partial<Terms>; acceptance?: Partial<Acceptance>; poor?: true }[] = [
  { status: KEY_STATUS.otherStake, terms: { networkId: -3 } },
  { status: KEY_STATUS.unknown, terms: { workerKey: stranger.publicKey } },
  { status: KEY_STATUS.badDeadline, terms: { expiresAt: START } },
  { status: KEY_STATUS.ended, terms: { expiresAt: START + 600 } },
  { status: KEY_STATUS.otherTier, terms: { tier: 1 } },
  { status: KEY_STATUS.otherImage, terms: { imageHash: patternBytes(32, 1) } },
  { status: KEY_STATUS.otherSemantics, terms: { semantics: SEMANTICS + 1 } },
  { status: KEY_STATUS.stakeTooLow, poor: true },
  { status: KEY_STATUS.notAccepted, acceptance: { acceptBy: START - 1 } },
  { status: KEY_STATUS.noCoverage, acceptance: { coverage: STAKE + 1n } },
];

describe('KeyQuery', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));
  const reserved = async () => (await world.stake.getStatus()).reserved;

  it('names the first of its reasons, in the order of the table, whatever else is wrong', async () => {
    await world.stake.sendThaw(world.owner.getSender(), { value, amount: STAKE - toNano('50') });
    // The key ends before a job of 10 minutes does; a good job is shorter.
    await inject(world, world.owner.address, addKeyBody(world, NEW_KEY, { endUnix: START + 300 }), value);
    const good = { workerKey: NEW_KEY.publicKey, expiresAt: START + 200 };
    const ask = async (faults: typeof FAULTS): Promise<number | null> => {
      const all = [...faults].reverse();
      const terms = world.terms(Object.assign({}, good, ...all.map((fault) => fault.terms)));
      const acceptance = Object.assign({}, ...all.map((fault) => fault.acceptance));
      return world.query(terms, world.acceptance(terms, acceptance, NEW_KEY));
    };
    for (const [index, fault] of FAULTS.entries()) {
      if (fault.poor) await inject(world, world.owner.address, packThawStake(1n), value);
      const later = FAULTS.slice(index + 1).filter(({ poor }) => !poor);
      expect([fault.status, await ask([fault])]).toEqual([fault.status, fault.status]);
      for (const other of later) {
        const both = { fault: fault.status, other: other.status };
        expect({ ...both, status: await ask([fault, other]) }).toEqual({ ...both, status: fault.status });
      }
      expect(await ask([fault, ...later])).toBe(fault.status);
      if (fault.poor) await world.stake.sendDeposit(world.owner.getSender(), { value: toNano('2'), amount: 1n });
    }
    expect(await reserved()).toBe(0n);
    expect(await ask([{ status: 0 }])).toBe(KEY_STATUS.fine);
  });

  it('takes deadlines from the next second to one day on', async () => {
    const until = (expiresAt: number) => world.query(world.terms({ expiresAt }));
    expect(await until(world.now)).toBe(KEY_STATUS.badDeadline);
    expect(await until(world.now + 1)).toBe(KEY_STATUS.fine);
    expect(await until(world.now + DAY)).toBe(KEY_STATUS.fine);
    expect(await until(world.now + DAY + 1)).toBe(KEY_STATUS.badDeadline);
  });

  it('answers anybody who asks without a promise, and then reserves nothing', async () => {
    const before = await snapshotOf(world);
    expect(await world.query(world.terms(), null, world.watcher)).toBe(KEY_STATUS.fine);
    expect(await world.query(world.terms({ coverage: 1n }), null, world.watcher)).toBe(KEY_STATUS.notAccepted);
    expect(await snapshotOf(world)).toEqual(before);
  });

  it('finding 21: a promise is taken in its last second, and covers at least what the terms ask for', async () => {
    const terms = world.terms({ coverage: 5n });
    const ask = (promise: Partial<Acceptance>) => world.query(terms, world.acceptance(terms, promise));
    expect(await ask({ acceptBy: world.now - 1 })).toBe(KEY_STATUS.notAccepted);
    expect(await ask({ coverage: 4n })).toBe(KEY_STATUS.notAccepted);
    expect(await ask({ acceptBy: world.now, coverage: 6n })).toBe(KEY_STATUS.fine);
    expect(await reserved()).toBe(6n);
  });

  it('finding 21: a promise that any one field makes another is none', async () => {
    const terms = world.terms({ coverage: 5n });
    const other: Partial<Acceptance>[] = [
      { networkId: -3 },
      { escrow: world.watcher.address.hash },
      { stake: world.client.address.hash },
      { termsHash: patternBytes(32, 1) },
      { acceptBy: world.now - 1 },
      { coverage: 4n },
    ];
    for (const change of other) {
      expect(await world.query(terms, world.acceptance(terms, change))).toBe(KEY_STATUS.notAccepted);
    }
    await inject(world, world.owner.address, addKeyBody(world, NEW_KEY), value);
    for (const key of [stranger, NEW_KEY]) {
      expect(await world.query(terms, world.acceptance(terms, {}, key))).toBe(KEY_STATUS.notAccepted);
    }
    expect(await world.query(terms, flip(world.acceptance(terms), 300))).toBe(KEY_STATUS.notAccepted);
    expect(await world.query(terms, world.acceptance(terms), world.watcher)).toBe(KEY_STATUS.notAccepted);
    expect(await reserved()).toBe(0n);
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.fine);
  });

  it('finding 19: a job that was punished before it began is not stood for', async () => {
    const terms = world.terms();
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.fine);
    await world.reportLie();
    await world.stake.sendDeposit(world.owner.getSender(), { value: STAKE + toNano('1'), amount: STAKE });
    expect(await world.query(terms, world.acceptance(terms))).toBe(KEY_STATUS.notAccepted);
    expect(await world.query(terms)).toBe(KEY_STATUS.notAccepted);
    expect(await world.query(terms, null, world.watcher)).toBe(KEY_STATUS.fine);
  });

  it('returns what it did not use with one answer, which cannot bounce, to the nanoTON', async () => {
    const prices = pricesOf(world.chain);
    const least = requiredStakeValue('keyQuery', prices);
    // An opcode and a status: 40 bits instead of the 96 of a share.
    const shorter = forwardFee(prices, 1n, 96n) - forwardFee(prices, 1n, 40n);
    for (const nano of [least, value]) {
      const before = await world.balance();
      const result = await inject(world, world.escrow.address, keyQueryBody(termsCell(world.terms()), null), nano);
      expect(outcome(result, world)).toBe(0);
      const [reply, ...others] = sent(result, world);
      expect(others).toEqual([]);
      expect(reply.bounce).toBe(false);
      expect(reply.to.equals(world.escrow.address)).toBe(true);
      expect(reply.body.equals(beginCell().storeUint(0x0c06, 32).storeUint(0, 8).endCell())).toBe(true);
      expect(reply.value - (nano - gasFeeOf(result, world) - shareFee(world))).toBe(shorter);
      expect(await world.balance()).toBe(before);
    }
  });
});

/** The same cell with one bit of its root the other way. */
function flip(cell: Cell, at: number): Cell {
  const slice = cell.beginParse();
  const head = beginCell().storeBits(slice.loadBits(at)).storeBit(!slice.loadBit());
  return head.storeSlice(slice).endCell();
}
