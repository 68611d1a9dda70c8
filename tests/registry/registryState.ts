import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginCell, type Cell, Dictionary } from '@ton/core';
import {
  dictValueParserImagePolicy,
  type GovernanceProposal,
  type ImagePolicy,
  storeGovernance,
  storeGovernanceProposal,
} from '../../build/Suite/Suite_AttestationRegistry';
import { type Governance, INTEL_ROOT, MAX_IMAGES } from '../../wrappers';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { toBytes, toInteger } from '../../wrappers/cells';
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

type Policy = { claims: number; proposedAt: number; effectiveFrom: number; revokedAt: number };

/** Data of a registry that remembers this and nothing else. */
export function dataOf(state: {
  governance: Governance;
  epoch: number;
  images: (readonly [hash: Uint8Array, policy: Policy])[];
  pending: { next: Governance; proposedAt: number } | null;
}): Cell {
  const known = Dictionary.empty<bigint, ImagePolicy>();
  for (const [hash, policy] of state.images) {
    known.set(toInteger(hash), {
      $$type: 'ImagePolicy',
      claims: BigInt(policy.claims),
      proposedAt: BigInt(policy.proposedAt),
      effectiveFrom: BigInt(policy.effectiveFrom),
      revokedAt: BigInt(policy.revokedAt),
    });
  }
  const proposal: GovernanceProposal | null = state.pending && {
    $$type: 'GovernanceProposal',
    next: packedGovernance(state.pending.next),
    proposedAt: BigInt(state.pending.proposedAt),
  };
  // As the generated initialiser does, which reads the whole code each time.
  const rest = beginCell().storeBit(proposal !== null);
  if (proposal) rest.store(storeGovernanceProposal(proposal));
  const head = beginCell().storeInt(NETWORK_ID, 32).storeUint(INTEL_ROOT.x, 256).storeUint(INTEL_ROOT.y, 256);
  const set = beginCell().store(storeGovernance(packedGovernance(state.governance)));
  set.storeUint(state.epoch, 32).storeUint(state.images.length, 8);
  set.storeDict(known, Dictionary.Keys.BigUint(256), dictValueParserImagePolicy()).storeRef(rest);
  return head.storeRef(set).endCell();
}

/** What a registry remembers; what a test does not name is the longest there can be. */
export interface RegistryState {
  images: number;
  shape: Shape;
  governance: Governance;
  pending: Governance | null;
  policy: Partial<Policy>;
}

/** Gives the registry's account a state that would take many messages and weeks to reach; its data. */
export async function setState(world: RegistryWorld, state: Partial<RegistryState> = {}): Promise<Cell> {
  const { images = MAX_IMAGES, shape = 'flat', governance = world.first, pending = null } = state;
  const policy = { claims: 62, proposedAt: world.now, effectiveFrom: 0, revokedAt: 0, ...state.policy };
  const data = dataOf({
    governance,
    epoch: 7,
    images: Array.from({ length: images }, (_, index) => [hashOf(index, shape), policy] as const),
    pending: pending && { next: pending, proposedAt: world.now },
  });
  await world.setData(data);
  return data;
}
