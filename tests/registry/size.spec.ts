import { type Address, beginCell, Cell, Dictionary, type DictionaryValue, ExternalAddress } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import {
  type Governance,
  NOTICE_SECONDS,
  OP_PROPOSE_GOVERNANCE,
  OP_PROVIDER_ACTIVE,
  REGISTRY_ERRORS,
  packProposeGovernance,
} from '../../wrappers';
import { libraryOf, published, replaced } from '../support/cellBits';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { storeImageQuery } from '../../build/Suite/Suite_AttestationRegistry';
import { toBytes, toInteger } from '../../wrappers/cells';
import { exitCode, gasUsed } from '../support/stakeWorld';
import { constant, hashOf, type RegistryState, setState } from './registryState';
import { BUILDERS, RegistryWorld, VALUE } from './registryWorld';
import { sizeOfCells } from '../support/sizeOfCells';

const keysOf = (keys: { publicKey: Buffer }[]) => keys.map(({ publicKey }) => publicKey);
const sixteen = BUILDERS.slice(0, 16);
/** Others, so that the proposal shares no cells with the set in force. */
const others = Array.from({ length: 16 }, (_, index) => keyPairFromSeed(Buffer.alloc(32, 60 + index)));
/** Seeds whose public keys begin with 0, 1, ... 15 zero bits: a dictionary as deep as keys can make it. */
const DEEP_SEEDS = [3, 1, 7, 12, 43, 120, 20, 54, 487, 844, 7627, 218, 3106, 24717, 40071, 36];
const deep = DEEP_SEEDS.map((seed) => keyPairFromSeed(toBytes(BigInt(seed)) as Buffer)).sort((a, b) =>
  Buffer.compare(a.publicKey, b.publicKey),
);

describe('the largest registry', () => {
  const nextSet = (world: RegistryWorld, keys: { publicKey: Buffer }[]): Governance => ({
    guardian: world.stranger.address,
    governor: world.next.address,
    builders: keysOf(keys),
    threshold: 16,
  });

  it('finding 47: is what the rent is computed for', async () => {
    const world = await RegistryWorld.create(sixteen, 16);
    // A guardian that is no account: the longest address that a message can name.
    const longest = new ExternalAddress((1n << 511n) - 5n, 511) as unknown as Address;
    const governance = { ...world.first, guardian: longest };
    const pending = { ...nextSet(world, others), guardian: longest };
    const { cells, bits } = sizeOfCells(world.registry.init!.code, await setState(world, { governance, pending }));
    for (const [name, used] of Object.entries({ REGISTRY_MAX_CELLS: cells, REGISTRY_MAX_BITS: bits })) {
      const allowed = constant(name);
      expect({ name, used, enough: allowed >= used }).toEqual({ name, used, enough: true });
      expect({ name, used, tooMuch: allowed > used * 1.1 }).toEqual({ name, used, tooMuch: false });
    }
  });

  it('uses no more gas than each of its messages must bring', async () => {
    const value = VALUE;
    const last = { value, imageHash: hashOf(63, 'deep') };
    let world: RegistryWorld;
    const { registry, governor, stranger } = (world = await RegistryWorld.create(deep, 16));
    const full = { shape: 'deep', governance: world.first, pending: nextSet(world, others) } as const;
    const next = nextSet(world, deep);
    const imageQuery = (hash: Uint8Array): Cell => beginCell().store(storeImageQuery({
      $$type: 'ImageQuery', queryId: 0n, imageHash: toInteger(hash), tcbStatus: 1n, evaluation: 17n, rootX: 0n, rootY: 0n, context: Cell.EMPTY,
    })).endCell();
    const announce = async () => {
      const body = beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(stranger.address).endCell();
      return world.send(await registry.getStakeOf(stranger.address), body);
    };
    type Row = [name: string, bound: string, state: Partial<RegistryState>, () => Promise<SendMessageResult>, number?];
    const messages: Row[] = [
      [
        'ProposeImage',
        'GAS_REGISTRY_MESSAGE',
        { images: 63 },
        () => registry.sendProposeImage(governor.getSender(), { ...last, claims: 1 }),
      ],
      [
        'ProposeBuiltImage',
        'GAS_BUILT_IMAGE',
        { images: 63 },
        () => registry.sendProposeBuiltImage(stranger.getSender(), { value, ...world.built(last.imageHash, deep) }),
      ],
      [
        'ActivateImage',
        'GAS_REGISTRY_MESSAGE',
        {},
        () => registry.sendActivateImage(stranger.getSender(), last),
        NOTICE_SECONDS,
      ],
      [
        'RevokeImage',
        'GAS_REGISTRY_MESSAGE',
        { policy: { effectiveFrom: 5 } },
        () => registry.sendRevokeImage(governor.getSender(), last),
      ],
      [
        'PruneImage',
        'GAS_REGISTRY_MESSAGE',
        { policy: { revokedAt: 5 } },
        () => registry.sendPruneImage(stranger.getSender(), last),
      ],
      [
        'ProposeGovernance',
        'GAS_REGISTRY_MESSAGE',
        {},
        () => registry.sendProposeGovernance(governor.getSender(), { value, next }),
      ],
      ['AcceptGovernance', 'GAS_REGISTRY_MESSAGE', {}, () => world.accept(), NOTICE_SECONDS],
      ['CancelGovernance', 'GAS_REGISTRY_MESSAGE', {}, () => world.cancel()],
      ['ProviderActive', 'GAS_ANNOUNCE', {}, announce],
      ['ImageQuery', 'GAS_IMAGE_QUERY', {}, () => world.send(stranger.address, imageQuery(last.imageHash))],
      ['RaiseEvaluation', 'GAS_REGISTRY_MESSAGE', {}, () => registry.sendRaiseEvaluation(governor.getSender(), { value, number: 1 })],
      ['HastenEvaluation', 'GAS_REGISTRY_MESSAGE', {}, () => registry.sendHastenEvaluation(governor.getSender(), {
        value, fmspc: 0n, isProcessorCa: false, isQeIdentity: false, number: 1, effectiveFrom: 1,
      })],
    ];
    const most = new Map<string, bigint>();
    for (const [name, bound, state, send, later = 0] of messages) {
      world = await RegistryWorld.create(deep, 16);
      await setState(world, { ...full, ...state });
      world.later(later);
      const result = await send();
      const gas = gasUsed(result, world.address);
      expect([name, exitCode(result, world.address)]).toEqual([name, 0]);
      if (gas > (most.get(bound) ?? 0n)) most.set(bound, gas);
    }
    for (const [bound, gas] of most) {
      const allowed = constant(bound);
      const fits = [allowed >= Number(gas), allowed <= Number(gas) * 1.25];
      expect({ bound, gas, fits }).toEqual({ bound, gas, fits: [true, true] });
    }
  });

  it('finding 47: a dictionary of builders with anything but keys in it is refused', async () => {
    const world = await RegistryWorld.create(sixteen, 16);
    const before = await world.state();
    const governor = world.governor.address;
    const heavy = [beginCell().storeUint(1, 700), beginCell().storeRef(new Cell())];
    for (const hidden of heavy) {
      const loaded: DictionaryValue<true> = {
        serialize: (_, builder) => void builder.storeBit(true).storeBuilder(hidden),
        parse: () => true,
      };
      const builders = Dictionary.empty(Dictionary.Keys.BigUint(256), loaded);
      for (const key of packedGovernance(world.first).builders.keys()) builders.set(key, true);
      // By hand: the packer would store plain keys again.
      const body = beginCell().storeUint(OP_PROPOSE_GOVERNANCE, 32).storeUint(0, 64);
      body.storeAddress(governor).storeAddress(governor).storeDict(builders).storeUint(16, 8).storeUint(16, 8).storeUint(2, 8).storeUint(0, 32);
      const result = await world.send(governor, body.endCell());
      expect(exitCode(result, world.address)).toBe(REGISTRY_ERRORS.badGovernance);
      expect(await world.state()).toBe(before);
    }
  });

  it('finding 47: a dictionary of builders that names a library instead of a cell is refused', async () => {
    const world = await RegistryWorld.create(sixteen, 16);
    const genuine = packProposeGovernance(packedGovernance({ ...world.first, governor: world.governor.address }));
    const path = [0, 0, 1];
    const part = path.reduce((cell, i) => cell.refs[i], genuine);
    world.chain.libs = published(part);
    const send = async (body: Cell) => exitCode(await world.send(world.governor.address, body), world.address);
    expect(await send(replaced(genuine, path, libraryOf))).toBe(REGISTRY_ERRORS.badGovernance);
    expect(await send(genuine)).toBe(0);
  });
});
