/** What became of a provider since it answered. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RegistryState, StakeState, WorkerKey } from '../../../miniapp/src/chain';
import type { Offer, Reading } from '../../../miniapp/src/types';
import { laterClaims, type LaterReading } from '../../../miniapp/src/verify';

const END = 1_800_000_000;
const KEY: WorkerKey = {
  workerKey: '05'.repeat(32), sealingKey: '06'.repeat(32), tier: 1, imageHash: '07'.repeat(32), claims: 1, tcbStatus: 1, revocationEpoch: 0, fromUnix: 0, endUnix: END, removedAt: 0,
};
const offer = { workerKey: KEY.workerKey, imageHash: KEY.imageHash, tier: 'attested' } as Offer;
const IN_FORCE = { claims: 1, proposedAt: 1, effectiveFrom: 2, revokedAt: 0 };
type Stake = StakeState & { asOf: number };
const stakeOf = (changes: Partial<Stake> = {}): Stake => ({ slashed: 5n, faults: 1, keys: [KEY], asOf: END - 100, ...changes } as Stake);
const registryOf = (image: Partial<typeof IN_FORCE> | null = {}): Pick<RegistryState, 'images'> =>
  ({ images: new Map(image === null ? [] : [[KEY.imageHash, { ...IN_FORCE, ...image }]]) });
const both = <T>(value: T): Reading<T> => ({ agreement: 'both', value });
const NONE = { agreement: 'none', says: [{ name: 'A', said: 'timeout' }, { name: 'B', said: 'timeout' }] } as const;

/** Status and reason of each claim. */
const later = (stake: LaterReading['stake'], registry: LaterReading['registry'] = both(registryOf()), of = offer): string[] =>
  laterClaims(of, { slashed: 5n, faults: 1, keyEnd: END }, { stake, registry }).map(({ id, status, source, reason }) => `${id} ${status} ${source} ${reason.key.slice(7)}`);
const id = 'provider-unslashed';
const FINE = `${id} asserted chain-agreed unslashed`;

describe('a provider, looked at later,', () => {
  test('is as it was, also with a renewed key, and with a key that left its slot after its time', () => {
    for (const stake of [stakeOf(), stakeOf({ keys: [{ ...KEY, endUnix: END + 9 }] }), stakeOf({ keys: [], asOf: END })]) assert.deepEqual(later(both(stake)), [FINE, FINE]);
    assert.deepEqual(later(both(stakeOf()), both(null), { ...offer, tier: 'bonded' }), [FINE], 'a bonded key has no image');
  });

  test('turns what it answered when it is slashed, breaks a promise, or its key or image is withdrawn', () => {
    const table: [Partial<Stake> | null, string][] = [
      [{ slashed: 6n }, 'slashedSince'], [{ faults: 2 }, 'faultsSince'], [{ keys: [] }, 'keyEndedEarly'], [{ keys: [{ ...KEY, endUnix: END - 1 }] }, 'keyEndedEarly'],
      [{ keys: [{ ...KEY, removedAt: END - 7_200 }] }, 'keyEndedEarly'], [null, 'stakeGone'],
    ];
    for (const [changes, why] of table) assert.deepEqual(later(both(changes && stakeOf(changes)))[0], `${id} refuted chain-agreed ${why}`);
    for (const [image, why] of [[{ revokedAt: 3 }, 'imageRevoked'], [{ effectiveFrom: 0 }, 'imageUnknown'], [null, 'imageUnknown']] as const) {
      assert.deepEqual(later(both(stakeOf()), both(registryOf(image))), [FINE, `${id} refuted chain-agreed ${why}`]);
    }
  });

  test('is unknown where the APIs contradict each other; one of them alone can turn a message, and cannot keep it green', () => {
    assert.deepEqual(later(NONE), [`${id} unknown chain-agreed apisSilent`, FINE]);
    assert.deepEqual(later(both(stakeOf()), NONE), [FINE, `${id} unknown chain-agreed apisSilent`]);
    const one = <T>(value: T): Reading<T> => ({ agreement: 'one', value, name: 'A', silent: 'B', problem: 'timeout' });
    assert.deepEqual(later(one(stakeOf())), [`${id} asserted one-api oneApi`, FINE]);
    assert.deepEqual(later(one(stakeOf({ slashed: 6n })))[0], `${id} refuted one-api slashedSince`);
  });
});
