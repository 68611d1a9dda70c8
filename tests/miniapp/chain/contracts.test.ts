import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Address, beginCell, Cell, Dictionary } from '@ton/core';
import fc from 'fast-check';
import { AttestationRegistry as GeneratedRegistry } from '../../../build/Suite/Suite_AttestationRegistry';
import { type KeyRecord, ProviderStake as GeneratedStake } from '../../../build/Suite/Suite_ProviderStake';
import { keyEnd as pageKeyEnd } from '../../../miniapp/src/chain';
import { parseRegistry, parseStake } from '../../../miniapp/src/chain/contracts';
import { readDictionary } from '../../../miniapp/src/chain/dictionary';
import { CellReader, decodeBoc, ProtocolError } from '../../../protocol';
import { INTEL_ROOT, KEY_REMOVAL_DELAY_SECONDS, keyEnd, MAX_IMAGES, MAX_KEYS, minimumStake } from '../../../wrappers';
import { coins } from '../../support/objects';

const SEED = 2026;
const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const hash = uint(256);
const address = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Address(0, Buffer.from(bytes)));
const hex = (value: bigint): string => value.toString(16).padStart(64, '0');
const plain = (cell: Cell) => decodeBoc(cell.toBoc());
const NOW = 1_800_000_000;
const TODAY = Math.floor(NOW / 86_400);

const keyRecord: fc.Arbitrary<KeyRecord> = fc.record({
  $$type: fc.constant('KeyRecord' as const), sealingKey: hash, tier: uint(3), imageHash: hash, claims: uint(8), tcbStatus: uint(8), revocationEpoch: uint(32),
  fromUnix: uint(32), endUnix: uint(32), removedAt: fc.oneof(fc.constant(0n), uint(32)),
});
/** Keys that share long beginnings too, as a stranger may choose them. */
const keys = fc.uniqueArray(fc.tuple(fc.oneof(hash, uint(8), uint(8).map((low) => (1n << 256n) - 1n - low)), keyRecord), { maxLength: MAX_KEYS, selector: ([key]) => key });

const dictionaryOf = <K extends bigint | number, V>(entries: [K, V][]): Dictionary<K, V> => {
  const dictionary = Dictionary.empty<K, V>();
  for (const [key, value] of entries) dictionary.set(key, value);
  return dictionary;
};

describe('data of contracts', () => {
  it('of a stake with any keys, reservations, convictions and descriptor is read as it was written', async () => {
    const state = fc.record({
      networkId: fc.constantFrom(-239n, -3n, 2026n), registry: address, owner: address, active: coins, thawing: coins, thawedAt: uint(32), slashed: coins, faults: uint(32),
      announced: fc.boolean(), keyCount: uint(8), keys, days: fc.uniqueArray(fc.tuple(fc.integer({ min: TODAY - 3, max: TODAY + 5 }), coins), { maxLength: 8, selector: ([day]) => day }),
      convictions: fc.uniqueArray(hash, { maxLength: 64 }), openCases: uint(16), descriptorHash: hash, endpoint: fc.option(fc.string({ unit: 'binary', maxLength: 30 })),
    });
    await fc.assert(
      fc.asyncProperty(state, async (s) => {
        const { init } = await GeneratedStake.fromInit(
          s.networkId, s.registry, s.owner, s.active, s.thawing, s.thawedAt, s.slashed, s.faults, s.announced, s.keyCount, dictionaryOf(s.keys),
          { $$type: 'Coverage', days: dictionaryOf(s.days) }, BigInt(s.convictions.length), dictionaryOf(s.convictions.map((key): [bigint, boolean] => [key, true])), s.openCases, s.descriptorHash,
          s.endpoint === null ? null : beginCell().storeBuffer(Buffer.from(s.endpoint)).endCell(),
        );
        const read = parseStake(plain(init!.data), s.active + s.thawing, NOW);
        assert.deepEqual(read, {
          networkId: Number(s.networkId), registry: s.registry.hash.toString('hex'), owner: s.owner.hash.toString('hex'), active: s.active, thawing: s.thawing,
          minimum: minimumStake(Number(s.networkId)), reserved: s.days.reduce((sum, [day, amount]) => (day >= TODAY ? sum + amount : sum), 0n),
          thawedAt: Number(s.thawedAt), slashed: s.slashed, faults: Number(s.faults), openCases: Number(s.openCases), keyCount: Number(s.keyCount),
          descriptorHash: hex(s.descriptorHash), endpoint: s.endpoint === null ? null : Buffer.from(s.endpoint).toString(),
          keys: [...s.keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, record]) => ({
            workerKey: hex(key), sealingKey: hex(record.sealingKey), imageHash: hex(record.imageHash), tier: Number(record.tier), claims: Number(record.claims), tcbStatus: Number(record.tcbStatus),
            revocationEpoch: Number(record.revocationEpoch), fromUnix: Number(record.fromUnix), endUnix: Number(record.endUnix), removedAt: Number(record.removedAt),
          })),
        });
      }),
      { seed: SEED, numRuns: 12 },
    );
  });

  it('of a stake whose money rent has used up: the stake pays, active first', async () => {
    const nobody = new Address(0, Buffer.alloc(32));
    const none = Dictionary.empty<bigint, never>();
    const { init } = await GeneratedStake.fromInit(1n, nobody, nobody, 100n, 50n, 0n, 0n, 0n, false, 0n, none, { $$type: 'Coverage', days: Dictionary.empty() }, 0n, none, 0n, 0n, null);
    const at = (balance: bigint): bigint[] => {
      const { active, thawing } = parseStake(plain(init!.data), balance, NOW);
      return [active, thawing];
    };
    assert.deepEqual([at(151n), at(150n), at(120n), at(50n), at(20n), at(0n)], [[100n, 50n], [100n, 50n], [70n, 50n], [0n, 50n], [0n, 20n], [0n, 0n]]);
  });

  it('of a registry with any governing set and images is read as it was written', async () => {
    const policy = fc.record({ $$type: fc.constant('ImagePolicy' as const), claims: uint(8), proposedAt: uint(32), effectiveFrom: uint(32), revokedAt: uint(32) });
    const governance = fc.record({
      $$type: fc.constant('Governance' as const), governor: address.map(({ hash: account }) => new Address(-1, account)), guardian: address,
      builders: fc.uniqueArray(hash, { maxLength: 16 }).map((all) => dictionaryOf(all.map((key): [bigint, boolean] => [key, true]))),
      builderCount: uint(8), threshold: uint(8), tcbStatuses: uint(8), leastEvaluation: uint(32),
    });
    const state = fc.record({
      networkId: fc.constantFrom(-239n, -3n, 2026n), root: fc.option(fc.tuple(hash, hash)), governance, epoch: uint(32), count: uint(8),
      images: fc.uniqueArray(fc.tuple(hash, policy), { maxLength: MAX_IMAGES, selector: ([key]) => key }), next: fc.option(governance), proposedAt: uint(32),
    });
    await fc.assert(
      fc.asyncProperty(state, async (s) => {
        const [x, y] = s.root ?? [INTEL_ROOT.x, INTEL_ROOT.y];
        const pending = s.next && { $$type: 'GovernanceProposal' as const, next: s.next, proposedAt: s.proposedAt };
        const { init } = await GeneratedRegistry.fromInit(s.networkId, x, y, s.governance, s.epoch, s.count, dictionaryOf(s.images), pending);
        const { images, ...rest } = parseRegistry(plain(init!.data));
        assert.deepEqual(rest, { networkId: Number(s.networkId), isSimulated: s.root !== null, epoch: Number(s.epoch) });
        assert.equal(images.size, s.images.length);
        for (const [key, { claims, proposedAt, effectiveFrom, revokedAt }] of s.images) {
          assert.deepEqual(images.get(hex(key)), { claims: Number(claims), proposedAt: Number(proposedAt), effectiveFrom: Number(effectiveFrom), revokedAt: Number(revokedAt) });
        }
      }),
      { seed: SEED, numRuns: 12 },
    );
  });

  it('that was changed anywhere is refused with a typed error, or read as something else', async () => {
    const nobody = new Address(0, Buffer.alloc(32, 9));
    const record = { $$type: 'KeyRecord' as const, sealingKey: 1n, tier: 1n, imageHash: 2n, claims: 3n, tcbStatus: 0n, revocationEpoch: 0n, fromUnix: 4n, endUnix: 5n, removedAt: 0n };
    const { init } = await GeneratedStake.fromInit(
      1n, nobody, nobody, 100n, 50n, 0n, 0n, 0n, false, 2n, dictionaryOf([[5n, record], [77n, record]]), { $$type: 'Coverage', days: dictionaryOf([[TODAY, 7n]]) }, 0n, Dictionary.empty(), 0n, 0n,
      beginCell().storeBuffer(Buffer.from('http://x')).endCell(),
    );
    const bytes = init!.data.toBoc({ crc32: false });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = Buffer.from(bytes);
      other[bit >> 3] ^= 1 << (bit & 7);
      try {
        parseStake(decodeBoc(other), 150n, NOW);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, `bit ${bit}: ${String(error)}`);
      }
    }
  });
});

it('the end of a key counts its removal as the SDK does', () => {
  for (const removedAt of [0, 500, 4_000]) {
    const key = { endUnix: 5_000, removedAt };
    assert.equal(pageKeyEnd(key as never), keyEnd(key as never));
  }
  assert.equal(pageKeyEnd({ endUnix: 5_000, removedAt: 500 } as never), 500 + KEY_REMOVAL_DELAY_SECONDS);
});

describe('dictionaries', () => {
  it('of keys of every size are read as @ton/core writes them, ascending', () => {
    const plan = fc.integer({ min: 1, max: 256 }).chain((bits) => fc.tuple(fc.constant(bits), fc.uniqueArray(uint(bits), { maxLength: 64 })));
    fc.assert(
      fc.property(plan, ([bits, all]) => {
        const dictionary = Dictionary.empty(Dictionary.Keys.BigUint(bits), Dictionary.Values.Uint(16));
        all.forEach((key, index) => dictionary.set(key, index));
        const cell = plain(beginCell().storeDict(dictionary).endCell());
        const expected = all.map((key, index): [bigint, number] => [key, index]).sort(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual(readDictionary(new CellReader('test', cell), bits, (reader) => reader.number(16)), expected);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('of more entries than ours can have, of a few cells that unfold to 2^256, or with a label that is too long are refused at once', () => {
    const read = (cell: Cell) => readDictionary(new CellReader('test', plain(cell)), 256, () => 0);
    const refused = (cell: Cell) => assert.throws(() => read(beginCell().storeBit(1).storeRef(cell).endCell()), { code: 'MALFORMED_CELL' });
    let bomb = beginCell().storeUint(0, 2).endCell();
    for (let bits = 0; bits < 256; bits++) bomb = beginCell().storeUint(0, 2).storeRef(bomb).storeRef(bomb).endCell();
    refused(bomb);
    refused(beginCell().storeUint(0b11, 2).storeBit(1).storeUint(257, 9).endCell());
    refused(beginCell().storeUint(0b10, 2).storeUint(300, 9).storeUint(0, 300).endCell());
    assert.deepEqual(read(beginCell().storeBit(1).storeRef(beginCell().storeUint(0b111, 3).storeUint(256, 9).endCell()).endCell()), [[(1n << 256n) - 1n, 0]]);
  });
});

