import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginCell, type Cell, Dictionary, toNano } from '@ton/core';
import { createShardAccount } from '@ton/sandbox';
import {
  AttestationRegistry as Generated,
  type GovernanceProposal,
  type ImagePolicy,
} from '../../build/Suite/Suite_AttestationRegistry';
import { type Governance, MAX_IMAGES } from '../../wrappers';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { toBytes } from '../../wrappers/cells';
import { NETWORK_ID } from '../support/jobWorld';
import type { RegistryWorld } from './registryWorld';

const source = ['attestation/AttestationRegistry.tact', 'staking/parameters.tact']
  .map((file) => readFileSync(join(__dirname, '../../contracts', file), 'utf8'))
  .join('');

/** A number in the contracts' source. */
export const constant = (name: string): number => Number(new RegExp(`const ${name}: Int = (\\d+);`).exec(source)![1]);

/** Hashes whose dictionary is as flat as can be, or as deep: each shares with the next one bit more. */
export type Shape = 'flat' | 'deep';

export const hashOf = (index: number, shape: Shape): Uint8Array =>
  shape === 'deep'
    ? toBytes(1n << BigInt(255 - index))
    : beginCell().storeUint(index, 32).storeUint(77, 32).endCell().hash();

/** What a registry remembers; what a test does not name is as few or as empty as can be. */
export interface RegistryState {
  images: number;
  shape: Shape;
  governance: Governance;
  pending: Governance | null;
  policy: Partial<ImagePolicy>;
}

/** Gives the registry's account a state that would take many messages and weeks to reach; its data. */
export async function setState(world: RegistryWorld, state: Partial<RegistryState> = {}): Promise<Cell> {
  const { images = MAX_IMAGES, shape = 'flat', governance = world.first, pending = null, policy = {} } = state;
  const known = Dictionary.empty<bigint, ImagePolicy>();
  const entry: ImagePolicy = {
    $$type: 'ImagePolicy',
    claims: 62n,
    proposedAt: BigInt(world.now),
    effectiveFrom: 0n,
    revokedAt: 0n,
    ...policy,
  };
  for (let index = 0; index < images; index++) {
    known.set(BigInt(`0x${Buffer.from(hashOf(index, shape)).toString('hex')}`), entry);
  }
  const proposal: GovernanceProposal | null = pending && {
    $$type: 'GovernanceProposal',
    next: packedGovernance(pending),
    proposedAt: BigInt(world.now),
  };
  const { init } = await Generated.fromInit(
    BigInt(NETWORK_ID),
    packedGovernance(governance),
    7n,
    BigInt(images),
    known,
    proposal,
  );
  const account = createShardAccount({ address: world.address, ...init!, balance: toNano('5'), workchain: 0 });
  await world.chain.setShardAccount(world.address, account);
  return init!.data;
}
