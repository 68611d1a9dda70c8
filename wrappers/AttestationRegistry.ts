import {
  type Address,
  Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  Dictionary,
  type Sender,
  SendMode,
} from '@ton/core';
import {
  AttestationRegistry as GeneratedRegistry,
  type Governance as GeneratedGovernance,
  type ImagePolicy as GeneratedPolicy,
  loadTupleGovernance,
  loadTupleImagePolicy,
} from '../build/Suite/Suite_AttestationRegistry';
import { CocoonError } from '../protocol';
import { toBytes, toInteger } from './cells';
import {
  type BuiltImage,
  type HastenedEvaluation,
  packAcceptGovernance,
  packActivateImage,
  packCancelGovernance,
  packHastenEvaluation,
  packProposeBuiltImage,
  packProposeGovernance,
  packProposeImage,
  packPruneImage,
  packRaiseEvaluation,
  packRevokeImage,
} from './registryMessages';
import { forwardFee, gasFee, type NetworkPrices } from './requiredValue';
import { TCB_STATUS, type TcbStatus } from './Collateral';
import { INTEL_ROOT, type RootKey } from './QuoteChecker';
import { readOptionalTuple } from './tuples';

/** Exit codes of AttestationRegistry, as in contracts/attestation/AttestationRegistry.tact. */
export const REGISTRY_ERRORS = {
  notGovernor: 741,
  notGuardian: 742,
  valueTooLow: 743,
  imageKnown: 744,
  imageUnknown: 745,
  imagesFull: 746,
  badClaims: 747,
  notActionable: 748,
  notPrunable: 749,
  buildExpired: 750,
  notABuilder: 751,
  buildersNotAscending: 752,
  badBuildSignature: 753,
  tooFewBuilders: 754,
  badGovernance: 755,
  noProposal: 756,
  notNextGovernor: 757,
  notAStake: 758,
  notRaised: 759,
} as const;

/** Everybody has this long to read a change before it can be made, seconds. */
export const NOTICE_SECONDS = 604_800;
/** A proposal that nobody activated this long after its notice is void, seconds. */
export const LAPSE_SECONDS = 1_209_600;
/** A revoked image stays listed this long, seconds. */
export const REVOKED_SECONDS = 2_592_000;
export const MAX_BUILDERS = 16;
export const MAX_IMAGES = 64;

/** Bits of an image's claims. */
export const Claim = {
  cpuOnly: 1,
  gpuConfidential: 2,
  upstreamInside: 4,
  weightsChecked: 8,
  noEgress: 16,
  noPromptLogs: 32,
} as const;

/** Who may add trust, slowly, and who may remove it, at once. */
export interface Governance {
  governor: Address;
  /** May only revoke images and raise the least evaluation number. */
  guardian: Address;
  /** Ed25519 public keys, 32 bytes each; any `threshold` of them propose an image without the governor. */
  builders: Uint8Array[];
  threshold: number;
  /** That a platform may have to be attested: UpToDate, and of the optional ones those named. Only UpToDate when unset. */
  tcbStatuses?: readonly TcbStatus[];
  /** Collateral below this evaluation number of Intel's attests nothing; 0 when unset. */
  leastEvaluation?: number;
}

/** Times in Unix seconds; 0 while it has not happened. */
export interface ImagePolicy {
  claims: number;
  proposedAt: number;
  effectiveFrom: number;
  revokedAt: number;
}

const policyOf = (policy: GeneratedPolicy): ImagePolicy => ({
  claims: Number(policy.claims),
  proposedAt: Number(policy.proposedAt),
  effectiveFrom: Number(policy.effectiveFrom),
  revokedAt: Number(policy.revokedAt),
});

const governanceOf = (set: GeneratedGovernance): Governance => ({
  governor: set.governor,
  guardian: set.guardian,
  builders: set.builders.keys().map(toBytes),
  threshold: Number(set.threshold),
  tcbStatuses: TCB_STATUS.filter((_, code) => ((set.tcbStatuses >> BigInt(code)) & 1n) === 1n),
  leastEvaluation: Number(set.leastEvaluation),
});

/** As the contract holds it. */
export function packedGovernance(set: Governance): GeneratedGovernance {
  const builders = Dictionary.empty<bigint, boolean>(Dictionary.Keys.BigUint(256), Dictionary.Values.Bool());
  for (const key of set.builders) builders.set(toInteger(key), true);
  return {
    $$type: 'Governance',
    governor: set.governor,
    guardian: set.guardian,
    builders,
    builderCount: BigInt(builders.size),
    threshold: BigInt(set.threshold),
    tcbStatuses: (set.tcbStatuses ?? ['UpToDate']).reduce((bits, name) => bits | (1n << BigInt(TCB_STATUS.indexOf(name))), 0n),
    leastEvaluation: BigInt(set.leastEvaluation ?? 0),
  };
}

async function stateInit(networkId: number, root: RootKey, set: Governance): Promise<{ code: Cell; data: Cell }> {
  const count = new Set(set.builders.map(toInteger)).size;
  const isReachable = set.threshold <= count && set.threshold > 0 === count > 0;
  if (count !== set.builders.length || count > MAX_BUILDERS || !isReachable) {
    throw new CocoonError('BAD_GOVERNANCE', 'The builders and their threshold do not fit', {
      expected: `at most ${MAX_BUILDERS} different builders, a threshold from 1 to their number, or neither`,
      received: `${set.builders.length} builders, threshold ${set.threshold}`,
    });
  }
  const registry = await GeneratedRegistry.fromInit(
    BigInt(networkId),
    root.x,
    root.y,
    packedGovernance(set),
    0n,
    0n,
    Dictionary.empty(),
    null,
  );
  return registry.init!;
}

/** Gas that the messages have to bring, as in contracts/attestation/AttestationRegistry.tact; a test compares. */
const GAS = { registryMessage: 55_000n, builtImage: 120_000n } as const;

/**
 * Least value, in nanoTON, of a message to an AttestationRegistry at live prices: `builtImage` for ProposeBuiltImage,
 * `registryMessage` for all others. What is not used returns.
 */
export const requiredRegistryValue = (kind: keyof typeof GAS, prices: NetworkPrices): bigint =>
  gasFee(prices, GAS[kind]) + forwardFee(prices, 1n, 1023n);

/** `value` is nanoTON, at least `requiredRegistryValue`; what a message does not use returns. */
type Sent<T = object> = T & { value: bigint };

/**
 * Which images may call themselves attested, and the log of active providers;
 * contracts/attestation/AttestationRegistry.tact.
 *
 * A send resolves when its message is on its way. What the contract refuses bounces, with an exit code of
 * REGISTRY_ERRORS in the registry's transaction. Get-methods throw the provider's error when none is at the address.
 *
 * @example
 * const registry = provider.open(AttestationRegistry.fromAddress(address));
 * const stake = await registry.getStakeOf(owner);
 */
export class AttestationRegistry implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  /**
   * The registry that begins with this governing set: its address follows from it.
   * @param options.root ends every attestation; another one than Intel's makes them simulations
   */
  static async fromGovernance(
    options: Governance & { networkId: number; root?: RootKey },
  ): Promise<AttestationRegistry> {
    const init = await stateInit(options.networkId, options.root ?? INTEL_ROOT, options);
    return new AttestationRegistry(contractAddress(0, init), init);
  }

  /** The registry at this address: pin it, nothing on chain says which one is yours. Cannot deploy. */
  static fromAddress(address: Address): AttestationRegistry {
    return new AttestationRegistry(address);
  }

  private async send(provider: ContractProvider, via: Sender, value: bigint, body: Cell): Promise<void> {
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Pays rent; the first one deploys. */
  sendTopUp(provider: ContractProvider, via: Sender, options: Sent) {
    return this.send(provider, via, options.value, new Cell());
  }

  /**
   * Governor: starts the notice of an image, 32 bytes; `claims` are bits of Claim. Refused: notGovernor, imageKnown,
   * imagesFull, badClaims.
   */
  sendProposeImage(provider: ContractProvider, via: Sender, options: Sent<{ imageHash: Uint8Array; claims: number }>) {
    return this.send(provider, via, options.value, packProposeImage(options.imageHash, options.claims));
  }

  /** Anybody: the same with builders' signatures, and their refusals. */
  sendProposeBuiltImage(provider: ContractProvider, via: Sender, options: Sent<BuiltImage>) {
    return this.send(provider, via, options.value, packProposeBuiltImage(options));
  }

  /** Anybody, NOTICE_SECONDS after the proposal and for LAPSE_SECONDS. Refused: imageUnknown, notActionable. */
  sendActivateImage(provider: ContractProvider, via: Sender, options: Sent<{ imageHash: Uint8Array }>) {
    return this.send(provider, via, options.value, packActivateImage(options.imageHash));
  }

  /** Governor or guardian: at once and for good. Refused: notGuardian, imageUnknown. */
  sendRevokeImage(provider: ContractProvider, via: Sender, options: Sent<{ imageHash: Uint8Array }>) {
    return this.send(provider, via, options.value, packRevokeImage(options.imageHash));
  }

  /** Anybody: frees the slot of what was revoked long ago, or lapsed. Refused: imageUnknown, notPrunable. */
  sendPruneImage(provider: ContractProvider, via: Sender, options: Sent<{ imageHash: Uint8Array }>) {
    return this.send(provider, via, options.value, packPruneImage(options.imageHash));
  }

  /** Governor: the whole governing set as it shall be. Refused: notGovernor, badGovernance. */
  sendProposeGovernance(provider: ContractProvider, via: Sender, options: Sent<{ next: Governance }>) {
    return this.send(provider, via, options.value, packProposeGovernance(packedGovernance(options.next)));
  }

  /** Next governor, in the same time as an image. Refused: noProposal, notNextGovernor, notActionable. */
  sendAcceptGovernance(provider: ContractProvider, via: Sender, options: Sent) {
    return this.send(provider, via, options.value, packAcceptGovernance());
  }

  /** Governor: takes the proposed change back. Refused: notGovernor, noProposal. */
  sendCancelGovernance(provider: ContractProvider, via: Sender, options: Sent) {
    return this.send(provider, via, options.value, packCancelGovernance());
  }

  /** Governor: an evaluation number of collateral counts from an earlier second on. Refused: notGovernor. */
  sendHastenEvaluation(provider: ContractProvider, via: Sender, options: Sent<HastenedEvaluation>) {
    return this.send(provider, via, options.value, packHastenEvaluation(options));
  }

  /** Guardian or governor: collateral below this evaluation number attests nothing, at once. Refused: notGuardian, notRaised. */
  sendRaiseEvaluation(provider: ContractProvider, via: Sender, options: Sent<{ number: number }>) {
    return this.send(provider, via, options.value, packRaiseEvaluation(options.number));
  }

  /** Who governs now. */
  async getGovernance(provider: ContractProvider): Promise<Governance> {
    return governanceOf(await this.generated.getGoverningSet(provider));
  }

  /** The change that waits, and since when, Unix seconds; null when there is none. */
  async getProposedGovernance(
    provider: ContractProvider,
  ): Promise<{ next: Governance; proposedAt: number } | null> {
    const proposal = readOptionalTuple((await provider.get('proposedGovernance', [])).stack);
    if (proposal === null) return null;
    // The generated reader does not expect the set in a tuple of its own.
    const next = governanceOf(loadTupleGovernance(proposal.readTuple()));
    return { next, proposedAt: proposal.readNumber() };
  }

  /** What is known of this image, 32 bytes; null when it has no slot. */
  async getImage(provider: ContractProvider, imageHash: Uint8Array): Promise<ImagePolicy | null> {
    const { stack } = await provider.get('image', [{ type: 'int', value: toInteger(imageHash) }]);
    const policy = readOptionalTuple(stack);
    return policy && policyOf(loadTupleImagePolicy(policy));
  }

  /** Whether a key may be attested with this image now. */
  isEffective(provider: ContractProvider, imageHash: Uint8Array): Promise<boolean> {
    return this.generated.getIsEffective(provider, toInteger(imageHash));
  }

  /** All images that have a slot, proposed and revoked ones too; at most MAX_IMAGES. */
  async getImages(provider: ContractProvider): Promise<(ImagePolicy & { imageHash: Uint8Array })[]> {
    const images = await this.generated.getAllImages(provider);
    return [...images].map(([hash, policy]) => ({ imageHash: toBytes(hash), ...policyOf(policy) }));
  }

  /** Rises with every revocation of an image that was in force. */
  async getEpoch(provider: ContractProvider): Promise<number> {
    return Number(await this.generated.getEpoch(provider));
  }

  getStakeOf(provider: ContractProvider, owner: Address): Promise<Address> {
    return this.generated.getStakeOf(provider, owner);
  }

  /** Whether its attestations end in another root than Intel's, and so prove nothing. */
  getIsSimulated(provider: ContractProvider): Promise<boolean> {
    return this.generated.getIsSimulated(provider);
  }

  /** Unix seconds until which the account's money pays its rent at today's prices. */
  async getPaidUntil(provider: ContractProvider): Promise<number> {
    return Number(await this.generated.getPaidUntil(provider));
  }

  private get generated(): GeneratedRegistry {
    return GeneratedRegistry.fromAddress(this.address);
  }
}
