import { beginCell, Cell, Dictionary, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import {
  packAddWorkerKey,
  packDepositStake,
  packPruneWorkerKey,
  packReportMislabelled,
  packReportTwoReceipts,
  packSetDescriptor,
  packThawStake,
  packWithdrawStake,
} from '../../wrappers';
import { toInteger } from '../../wrappers/cells';
import { patternBytes } from '../support/jobWorld';
import {
  bondedRecord,
  DAY,
  emptyState,
  exitCode,
  gasUsed,
  signed,
  STAKE,
  StakeWorld,
  termsCell,
  WORKER,
} from '../support/stakeWorld';

const THIEF = keyPairFromSeed(Buffer.alloc(32, 9));

describe('what strangers send to a stake', () => {
  let world: StakeWorld;
  beforeEach(async () => void (world = await StakeWorld.create()));

  /** Everything that a stranger can say, true, false and malformed. */
  function messages(): [string, Cell][] {
    const terms = world.terms({ coverage: toNano('5') });
    const own = world.acceptance(terms, { escrow: world.watcher.address.hash }, THIEF);
    const copied = world.acceptance(terms);
    const receipt = world.receipt(terms);
    const claim = { workerKey: THIEF.publicKey, sealingKey: patternBytes(32), endUnix: world.now + DAY };
    const query = (acceptance: Cell | null) =>
      beginCell().storeUint(0x0c05, 32).storeRef(termsCell(terms)).storeMaybeRef(acceptance).endCell();
    const undelivered = (acceptance: Cell, price: bigint) =>
      beginCell()
        .storeUint(0x0c07, 32)
        .storeBuffer(world.watcher.address.hash)
        .storeCoins(price)
        .storeRef(acceptance)
        .endCell();
    const evidence = (key = THIEF) => ({
      terms: termsCell(world.terms({ workerKey: key.publicKey })),
      first: signed(receipt, key),
      second: signed({ ...receipt, dueNano: 1n }, key),
    });
    return [
      ['nothing', new Cell()],
      ['an unknown op', beginCell().storeUint(0x0cff, 32).endCell()],
      ['a deposit of nothing', packDepositStake(0n)],
      ['a deposit that it does not bring', packDepositStake((1n << 120n) - 1n)],
      ['a thaw', packThawStake(STAKE)],
      ['a withdrawal', packWithdrawStake()],
      ['a key', packAddWorkerKey({ ...claim, proof: sign(Buffer.alloc(32), THIEF.secretKey) })],
      ['a prune of a key in use', packPruneWorkerKey(WORKER.publicKey)],
      ['a descriptor', packSetDescriptor('https://thief.example', patternBytes(32))],
      ['a question', query(null)],
      ['a question with its own acceptance', query(own)],
      ['a question with a copied acceptance', query(copied)],
      ['a report of its own promise', undelivered(own, toNano('1'))],
      ['a report of a copied promise', undelivered(copied, (1n << 120n) - 1n)],
      ['its own evidence', packReportTwoReceipts(evidence())],
      ['one receipt twice', packReportTwoReceipts({ ...evidence(WORKER), second: evidence(WORKER).first })],
      ['a label that holds', packReportMislabelled(termsCell(terms), signed(receipt))],
    ];
  }

  it('none of it takes a nanoTON from the stake or changes its books, whatever it brings', async () => {
    const books = async () => {
      const { owner, registry, paidUntil, ...numbers } = await world.stake.getStatus();
      return { numbers, paidUntil, keys: (await world.stake.getWorkerKeys()).length };
    };
    const before = await books();
    for (const [what, body] of messages()) {
      for (const nano of ['0.002', '0.01', '0.2']) {
        const held = await world.balance();
        await world.watcher.send({ to: world.stake.address, value: toNano(nano), body, bounce: false, sendMode: 1 });
        expect([what, nano, (await world.balance()) >= held]).toEqual([what, nano, true]);
      }
    }
    const after = await books();
    expect({ ...after, paidUntil: before.paidUntil }).toEqual(before);
    expect(after.paidUntil).toBeGreaterThanOrEqual(before.paidUntil);
  });

  /** A dictionary in which the worker's key lies as deep as 32 keys allow: an owner can search for such keys. */
  function deepKeys() {
    const { keys } = emptyState();
    const target = toInteger(WORKER.publicKey);
    for (let index = 0; index < 32; index++) {
      keys.set(index === 0 ? target : target ^ (1n << BigInt(256 - index)), bondedRecord(BigInt(index), world.now));
    }
    return keys;
  }

  it('finding 21: no owner makes its state so large that the report of a broken promise runs out of gas', async () => {
    const convictions = Dictionary.empty(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool());
    for (let index = 0; index < 64; index++) {
      convictions.set(toInteger(beginCell().storeUint(index, 32).endCell().hash()), true);
    }
    const state = { ...emptyState(), active: STAKE, keys: deepKeys(), convictions: convictions as never };
    const today = Math.floor(world.now / DAY);
    for (let day = -8; day < 7; day++) state.coverage.days.set(today + day, 1n);
    await world.setState(state, STAKE + toNano('3'));
    const acceptance = world.acceptance(world.terms());
    const result: SendMessageResult = await world.undelivered(acceptance);
    expect(exitCode(result, world.stake.address)).toBe(0);
    // What the escrow sends along pays for 51,000: contracts/escrow/CheckedJobEscrow.tact, stakeFunds.
    expect(gasUsed(result, world.stake.address)).toBeLessThan(46_000n);
    expect((await world.stake.getStatus()).slashed).toBe(toNano('0.5'));
    expect(exitCode(await world.reportLie(), world.stake.address)).toBe(0);
  });

  it('finding 21: a promise counts for its price alone, however often its genuine escrow could say it', async () => {
    const acceptance = world.acceptance(world.terms());
    await world.undelivered(acceptance, (1n << 120n) - 1n);
    expect(await world.stake.getStatus()).toMatchObject({ slashed: toNano('1'), active: STAKE - toNano('1') });
    await world.undelivered(acceptance, 0n);
    expect((await world.stake.getStatus()).slashed).toBe(toNano('1'));
  });

  it('finding 21: a promise of a stake that has nothing left takes nothing and returns what came', async () => {
    await world.setState({ ...emptyState(), keys: deepKeys(), active: 3n, thawing: 2n }, 5n);
    const before = await world.balance(world.client.address);
    const result = await world.undelivered(world.acceptance(world.terms()));
    expect(exitCode(result, world.stake.address)).toBe(0);
    expect(await world.stake.getStatus()).toMatchObject({ active: 0n, thawing: 0n, slashed: 5n });
    expect((await world.balance(world.client.address)) - before).toBeGreaterThan(toNano('0.08'));
  });
});
