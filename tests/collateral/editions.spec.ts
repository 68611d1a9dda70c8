/** Evaluation numbers and dates of collateral (attacks 51). */
import fc from 'fast-check';
import { COLLATERAL_ERRORS, EARLY_SECONDS, packPostPckCrl, packPostQeIdentity, packPostRootCrl, packPostTcbInfo, type CollateralState } from '../../wrappers';
import { AttestWorld, DAY, exitCodeAt, judged, NOW, VALUE, WORKER } from '../attest/attestWorld';
import type { Cell } from '@ton/core';
import type { CollateralCells } from '../../attest/collateralCells';
import { SIMULATED_SIGNER_SERIAL, type SimulatedCollateral } from '../../attest/simulated/collateral';
import { SIMULATED_FMSPC } from '../../attest/simulated/quote';

let world: AttestWorld;
beforeEach(async () => {
  world = await AttestWorld.create();
});

const OLD = 17; // posted at NOW by AttestWorld
const post = async (number: number, issuedAt = world.chain.now! - 1, kind: 'tcb' | 'qe' = 'tcb') => {
  const cells = world.collateralCells({ number, qeNumber: number, issuedAt });
  return exitCodeAt((await world.postPart(kind === 'tcb' ? packPostTcbInfo(cells) : packPostQeIdentity(cells))).transactions, world.collateral);
};
const numbers = async (kind: 'tcb' | 'qe' = 'tcb') => {
  const state: CollateralState = await world.collateral.getStatus();
  return kind === 'tcb' ? [state.tcbInfo?.number, state.nextTcbInfo?.number] : [state.qeIdentity?.number, state.nextQeIdentity?.number];
};
const hasten = (number: number, effectiveFrom: number, by = world.governor, isQeIdentity = false) => world.registry.sendHastenEvaluation(by.getSender(), {
  value: VALUE, fmspc: BigInt(`0x${SIMULATED_FMSPC.toString('hex')}`), isProcessorCa: false, isQeIdentity, number, effectiveFrom,
});

describe.each(['tcb', 'qe'] as const)('evaluation numbers (%s)', (kind) => {
  it('finding 51: a higher number waits thirty days after it was first posted; the one before stays in force and can be renewed', async () => {
    expect(await post(18, undefined, kind)).toBe(0);
    expect(await numbers(kind)).toEqual([OLD, 18]);
    world.later(20 * DAY);
    expect(await post(OLD, undefined, kind)).toBe(0);
    expect(await post(18, undefined, kind)).toBe(0); // a newer issue does not start the clock again
    world.chain.now = NOW + EARLY_SECONDS - 1;
    expect(await numbers(kind)).toEqual([OLD, 18]);
    world.later(1);
    expect(await numbers(kind)).toEqual([18, undefined]);
  });

  it('finding 51: never go back: neither to a number that another replaced, nor to an older issue of one', async () => {
    await post(18, NOW - 100, kind);
    expect(await post(18, NOW - 100, kind)).toBe(COLLATERAL_ERRORS.rolledBack); // the same again
    expect(await post(18, NOW - 101, kind)).toBe(COLLATERAL_ERRORS.rolledBack);
    expect(await post(OLD, NOW - 2 * DAY, kind)).toBe(COLLATERAL_ERRORS.rolledBack);
    world.chain.now = NOW + EARLY_SECONDS;
    for (const number of [OLD, 16]) expect(await post(number, undefined, kind)).toBe(COLLATERAL_ERRORS.rolledBack);
    expect(await post(18, undefined, kind)).toBe(0);
    expect(await numbers(kind)).toEqual([18, undefined]);
  });

  it('finding 51: whoever posts the first does not shut out a lower one: it is taken for thirty days, and the first then counts', async () => {
    expect(await post(16, undefined, kind)).toBe(0);
    expect(await numbers(kind)).toEqual([16, OLD]);
    expect(await post(15, undefined, kind)).toBe(COLLATERAL_ERRORS.rolledBack); // two at a time
    world.chain.now = NOW + EARLY_SECONDS;
    expect(await numbers(kind)).toEqual([OLD, undefined]);
  });

  it('finding 51: the same issue is taken again under a later certificate of its signer, and not under the same or an earlier one', async () => {
    const again = async (notAfter: number) => {
      const cells = world.collateralCells({ number: 18, qeNumber: 18, issuedAt: NOW - 5, signer: { notAfter } });
      return exitCodeAt((await world.postPart(kind === 'tcb' ? packPostTcbInfo(cells) : packPostQeIdentity(cells))).transactions, world.collateral);
    };
    expect(await again(NOW + DAY)).toBe(0);
    for (const notAfter of [NOW + DAY, NOW + DAY - 1]) expect(await again(notAfter)).toBe(COLLATERAL_ERRORS.rolledBack);
    expect(await again(NOW + 2 * DAY)).toBe(0);
  });

  it('a third number waits until the second is in force', async () => {
    await post(18, undefined, kind);
    expect(await post(19, undefined, kind)).toBe(COLLATERAL_ERRORS.rolledBack);
    world.chain.now = NOW + EARLY_SECONDS;
    expect(await post(19, undefined, kind)).toBe(0);
    expect(await numbers(kind)).toEqual([18, 19]);
  });

  it('finding 51: the governor starts a number sooner, never later, and nobody else does', async () => {
    await post(18, undefined, kind);
    const isQe = kind === 'qe';
    await hasten(18, NOW + 5 * DAY, world.stranger, isQe);
    await hasten(18, NOW + 40 * DAY, world.governor, isQe);
    await hasten(19, NOW, world.governor, isQe);
    expect(await numbers(kind)).toEqual([OLD, 18]);
    await hasten(18, NOW + 5 * DAY, world.governor, isQe);
    await hasten(18, NOW + 6 * DAY, world.governor, isQe);
    world.chain.now = NOW + 5 * DAY;
    expect(await numbers(kind)).toEqual([18, undefined]);
    await hasten(18, NOW, world.governor, isQe);
    expect(await post(16, undefined, kind)).toBe(COLLATERAL_ERRORS.rolledBack);
  });
});

describe('what a higher number revokes', () => {
  it('finding 51: is revoked at once, whatever else it says waits', async () => {
    await world.attest();
    const recheck = () => world.key.sendRecheck(world.stranger.getSender(), { value: VALUE });
    await world.postPart(packPostTcbInfo(world.collateralCells({ number: 18, issuedAt: NOW - 1, levels: [{ status: 'OutOfDate' }] })));
    await recheck();
    expect((await world.stake.getWorkerKey(WORKER.publicKey))!.endUnix).toBeGreaterThan(NOW);
    await world.postPart(packPostTcbInfo(world.collateralCells({ number: 18, issuedAt: NOW, levels: [{ status: 'Revoked' }] })));
    await recheck();
    expect((await world.stake.getWorkerKey(WORKER.publicKey))!.endUnix).toBe(NOW);
  });
});

describe('lists of revoked certificates', () => {
  it.each([packPostRootCrl, packPostPckCrl])('never go back to an older one, nor to the same', async (pack) => {
    for (const [issuedAt, code] of [[NOW - DAY, 836], [NOW - 2 * DAY, 836], [NOW - DAY + 1, 0], [NOW + 1, 842], [NOW - 31 * DAY, 842]] as const) {
      const { transactions } = await world.postPart(pack(world.collateralCells({ issuedAt })));
      expect([issuedAt, exitCodeAt(transactions, world.collateral)]).toEqual([issuedAt, code]);
    }
  });
});

describe('in any order of postings', () => {
  it('finding 51: the number in force never falls once its clock has run out, and never rises within thirty days of its first posting', async () => {
    const step = fc.record({ number: fc.integer({ min: 15, max: 20 }), days: fc.integer({ min: 0, max: 12 }) });
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 9 }), async (steps) => {
      world = await AttestWorld.create();
      const firstPosted = new Map([[OLD, NOW]]);
      let settled = 0;
      for (const { number, days } of steps) {
        world.later(days * DAY + 1);
        const now = world.chain.now!;
        if ((await post(number, now - 1)) === 0 && !firstPosted.has(number)) firstPosted.set(number, now);
        const [inForce, next] = await numbers();
        expect(inForce).toBeGreaterThanOrEqual(settled);
        if (now >= firstPosted.get(inForce!)! + EARLY_SECONDS) settled = Math.max(settled, inForce!);
        const isFirst = inForce === Math.min(...firstPosted.keys()) || now >= firstPosted.get(inForce!)! + EARLY_SECONDS;
        expect(isFirst).toBe(true);
        if (next !== undefined) expect(next).toBeGreaterThan(inForce!);
      }
    }), { numRuns: Number(process.env.COCOON_PROPERTY_RUNS ?? 6), seed: 52 });
  });
});

describe('an issuer that the root revoked', () => {
  const SIGNER = SIMULATED_SIGNER_SERIAL;
  const send = async (pack: (cells: CollateralCells) => Cell, options: Partial<SimulatedCollateral>) =>
    exitCodeAt((await world.postPart(pack(world.collateralCells({ issuedAt: world.chain.now! - 1, ...options })))).transactions, world.collateral);

  it('finding 51: posts nothing more, and what it posted gives way: no number that it made up stays', async () => {
    const stolen = { number: 999_999_999, qeNumber: 999_999_999, levels: [{ status: 'Revoked' }] };
    for (const pack of [packPostTcbInfo, packPostQeIdentity]) expect(await send(pack, stolen)).toBe(0);
    expect(await send(packPostRootCrl, { revokedByRoot: [SIGNER] })).toBe(0);
    for (const pack of [packPostTcbInfo, packPostQeIdentity]) {
      expect(await send(pack, { number: 18, qeNumber: 18 })).toBe(COLLATERAL_ERRORS.revokedIssuer);
      expect(await send(pack, { signer: { serial: 5n } })).toBe(0);
    }
    expect([await numbers(), await numbers('qe')]).toEqual([[OLD, undefined], [OLD, undefined]]);
    await world.attest();
    expect((await world.stake.getWorkerKey(WORKER.publicKey))?.tier).toBe(1);
  });

  it('finding 51: revokes no platform by a number that it announced', async () => {
    expect(await send(packPostTcbInfo, { number: 18, levels: [{ status: 'Revoked' }], signer: { serial: 5n } })).toBe(0);
    expect(await send(packPostRootCrl, { revokedByRoot: [5n] })).toBe(0);
    await world.attest();
    expect((await world.stake.getWorkerKey(WORKER.publicKey))?.tier).toBe(1);
  });

  it('a CA posts no list either, and the list of its successor is taken whatever date the last one had', async () => {
    expect(await send(packPostPckCrl, {})).toBe(0);
    expect(await send(packPostRootCrl, { revokedByRoot: [0xca02n] })).toBe(0);
    world.later(5);
    expect(await send(packPostPckCrl, {})).toBe(COLLATERAL_ERRORS.revokedIssuer);
    const successor = { intermediate: { serial: 7n, keyName: 'another platform CA' } };
    expect(await send(packPostPckCrl, { ...successor, issuedAt: NOW - DAY })).toBe(0);
    expect(await send(packPostPckCrl, { ...successor, issuedAt: NOW - DAY })).toBe(COLLATERAL_ERRORS.rolledBack);
  });
});

describe('the least evaluation number', () => {
  const judgedOf = ({ transactions }: { transactions: Parameters<typeof judged>[0] }) => judged(transactions);
  const raise = (number: number, by = world.governor) => world.registry.sendRaiseEvaluation(by.getSender(), { value: VALUE, number });

  it('finding 51: shuts out collateral that somebody posts of an old number while no other is settled, for new keys and old ones', async () => {
    const rolledBack = world.collateralCells({ number: 12, qeNumber: 12, issuedAt: NOW - 1 });
    for (const pack of [packPostTcbInfo, packPostQeIdentity]) expect(exitCodeAt((await world.postPart(pack(rolledBack))).transactions, world.collateral)).toBe(0);
    await world.attest();
    expect((await world.stake.getWorkerKey(WORKER.publicKey))?.tier).toBe(1);
    await raise(OLD);
    expect(judgedOf(await world.attest())).toBe('old-evaluation');
    world.later(5);
    await world.key.sendRecheck(world.stranger.getSender(), { value: VALUE });
    expect((await world.stake.getWorkerKey(WORKER.publicKey))?.endUnix).toBe(NOW + 5);
  });

  it('takes the number itself, and asks for both TCB info and QE identity', async () => {
    await raise(OLD);
    expect(judgedOf(await world.attest())).toBeNull();
    world.chain.now = NOW + 1;
    expect(await post(16, undefined, 'qe')).toBe(0);
    expect(judgedOf(await world.attest())).toBe('old-evaluation');
  });
});
