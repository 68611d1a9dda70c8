import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginCell, type Cell, Dictionary, toNano } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import { type Governance as Packed, storeProposeGovernance } from '../../build/Suite/Suite_AttestationRegistry';
import { type Governance, NOTICE_SECONDS, OP_PROVIDER_ACTIVE, REGISTRY_ERRORS } from '../../wrappers';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { exitCode, gasUsed } from '../support/stakeWorld';
import { hashOf, type RegistryState, setState } from './registryState';
import { BUILDERS, DAY, RegistryWorld, VALUE } from './registryWorld';

const source = (file: string): string => readFileSync(join(__dirname, '../../contracts', file), 'utf8');
const constant = (name: string): number => {
  const text = source('attestation/AttestationRegistry.tact') + source('staking/parameters.tact');
  return Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(text)![1]);
};

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

const sixteen = BUILDERS.slice(0, 16);
const keysOf = (keys: { publicKey: Buffer }[]) => keys.map(({ publicKey }) => publicKey);
/** Others, so that the proposal shares no cells with the set in force. */
const others = Array.from({ length: 16 }, (_, index) => keyPairFromSeed(Buffer.alloc(32, 60 + index)));

describe('the largest registry', () => {
  let world: RegistryWorld;
  let full: { governance: Governance; pending: Governance };
  beforeEach(async () => {
    world = await RegistryWorld.create(sixteen, 16);
    const next = { guardian: world.stranger.address, governor: world.next.address };
    full = { governance: world.first, pending: { ...next, builders: keysOf(others), threshold: 16 } };
  });

  it('is what the rent is computed for', async () => {
    const { cells, bits } = measure(world.registry.init!.code, await setState(world, full));
    console.log(`largest registry: ${cells} cells, ${bits} bits`);
    expect(constant('REGISTRY_MAX_CELLS')).toBeGreaterThanOrEqual(cells);
    expect(constant('REGISTRY_MAX_CELLS')).toBeLessThanOrEqual(cells * 1.1);
    expect(constant('REGISTRY_MAX_BITS')).toBeGreaterThanOrEqual(bits);
    expect(constant('REGISTRY_MAX_BITS')).toBeLessThanOrEqual(bits * 1.1);
  });
  it('gas', async () => {
    const value = VALUE;
    const last = hashOf(63, 'deep');
    const by = (party: { getSender: RegistryWorld['stranger']['getSender'] }) => party.getSender();
    const cases: [string, string, Partial<RegistryState>, () => Promise<SendMessageResult>, number?][] = [
      ['ProposeImage', 'GAS_REGISTRY_MESSAGE', { images: 63 }, () =>
        world.registry.sendProposeImage(by(world.governor), { value, imageHash: last, claims: 1 })],
      ['ProposeBuiltImage', 'GAS_BUILT_IMAGE', { images: 63 }, () =>
        world.registry.sendProposeBuiltImage(by(world.stranger), { value, ...world.built(last, sixteen) })],
      ['ActivateImage', 'GAS_REGISTRY_MESSAGE', {}, () =>
        world.registry.sendActivateImage(by(world.stranger), { value, imageHash: last }), NOTICE_SECONDS],
      ['RevokeImage', 'GAS_REGISTRY_MESSAGE', { policy: { effectiveFrom: 5n } }, () =>
        world.registry.sendRevokeImage(by(world.governor), { value, imageHash: last })],
      ['PruneImage', 'GAS_REGISTRY_MESSAGE', { policy: { revokedAt: 5n } }, () =>
        world.registry.sendPruneImage(by(world.stranger), { value, imageHash: last })],
      ['ProposeGovernance', 'GAS_REGISTRY_MESSAGE', {}, () =>
        world.registry.sendProposeGovernance(by(world.governor), { value, next: full.pending })],
      ['AcceptGovernance', 'GAS_REGISTRY_MESSAGE', {}, () => world.accept(), NOTICE_SECONDS],
      ['CancelGovernance', 'GAS_REGISTRY_MESSAGE', {}, () => world.cancel()],
    ];
    for (const [name, , state, send, later = 0] of cases) {
      world = await RegistryWorld.create(sixteen, 16);
      await setState(world, { ...full, shape: 'deep', ...state });
      world.later(later);
      const r = await send();
      console.log(name, exitCode(r, world.address), gasUsed(r, world.address));
    }
    world = await RegistryWorld.create(sixteen, 16);
    await setState(world, full);
    const stake = await world.registry.getStakeOf(world.stranger.address);
    const r = await world.send(stake, beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(world.stranger.address).endCell());
    console.log('active', exitCode(r, world.address), gasUsed(r, world.address));
  });
});
