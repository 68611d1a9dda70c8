import {
  Address,
  Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  Dictionary,
  type Sender,
  SendMode,
} from '@ton/core';
import { type KeyRecord, ProviderStake as GeneratedProviderStake } from '../build/Suite/Suite_ProviderStake';
import { CocoonError, MAINNET_ID } from '../protocol';
import { toBytes, toInteger } from './cells';
import {
  type NewWorkerKey,
  packAddWorkerKey,
  packDepositStake,
  packPruneWorkerKey,
  packRemoveWorkerKey,
  packReportMislabelled,
  packReportTwoReceipts,
  packSetDescriptor,
  packThawStake,
  packWithdrawStake,
  type SignedReceipt,
  type TwoReceipts,
} from './stakeMessages';

/** Exit codes of ProviderStake, as in contracts/staking/ProviderStake.tact. */
export const PROVIDER_STAKE_ERRORS = {
  notOwner: 711,
  valueBelowFees: 712,
  amountAboveFreeStake: 713,
  stillThawing: 714,
  stakeBelowMinimum: 715,
  keysFull: 716,
  keyUnknown: 717,
  keyAccountable: 718,
  keyEndPassed: 719,
  keyNotClaimed: 720,
  sealingKeyPinned: 721,
  endpointTooLong: 722,
  otherTerms: 723,
  otherStake: 724,
  notSignedByKey: 725,
  noConflict: 726,
  labelHolds: 727,
  alreadyConvicted: 728,
} as const;

/** What a stake answers to a key query; contracts/staking/keys.tact. */
export const KEY_STATUS = {
  fine: 0,
  otherStake: 1,
  unknown: 2,
  ended: 3,
  otherTier: 4,
  otherImage: 5,
  otherSemantics: 6,
  badDeadline: 7,
  stakeTooLow: 8,
  notAccepted: 9,
  noCoverage: 10,
} as const;

/** A removed key works this much longer, seconds. */
export const KEY_REMOVAL_DELAY_SECONDS = 3_600;
/** A key can be held to its receipts this long after its end, seconds. */
export const KEY_ACCOUNTABLE_SECONDS = 864_000;
/** Stake that thaws can be withdrawn after this, seconds. */
export const THAW_SECONDS = 1_296_000;
export const MAX_KEYS = 32;
/** Where the burnt part of a slash goes. */
export const BURN_ADDRESS = new Address(0, Buffer.alloc(32));

/** Least active stake of a working provider, nanoTON. */
export const minimumStake = (networkId: number): bigint => (networkId === MAINNET_ID ? 50n : 1n) * 1_000_000_000n;

/** What makes a stake's address. */
export interface StakeParameters {
  networkId: number;
  registry: Address;
  owner: Address;
}

/** Amounts in nanoTON, times in Unix seconds. */
export interface StakeStatus extends StakeParameters {
  /** Stands behind every job. */
  active: bigint;
  /** Least active stake of a working provider on this network. */
  minimum: bigint;
  /** Part of the active stake that covers accepted jobs. */
  reserved: bigint;
  thawing: bigint;
  thawedAt: number;
  slashed: bigint;
  faults: number;
  keyCount: number;
  /** 32 bytes, SHA-256 of the descriptor served at the endpoint; zero when none was set. */
  descriptorHash: Uint8Array;
  /** null when none was set. */
  endpoint: string | null;
  /** Until when the account's own money pays its rent; later the stake does. */
  paidUntil: number;
}

export interface WorkerKeyRecord {
  /** Ed25519 public key, 32 bytes. */
  workerKey: Uint8Array;
  /** X25519 public key, 32 bytes: clients seal to this one and no other. */
  sealingKey: Uint8Array;
  tier: number;
  imageHash: Uint8Array;
  claims: number;
  tcbStatus: number;
  revocationEpoch: number;
  fromUnix: number;
  endUnix: number;
  /** 0 when it was not removed. */
  removedAt: number;
}


const recordOf = (workerKey: bigint, record: KeyRecord): WorkerKeyRecord => ({
  workerKey: toBytes(workerKey),
  sealingKey: toBytes(record.sealingKey),
  tier: Number(record.tier),
  imageHash: toBytes(record.imageHash),
  claims: Number(record.claims),
  tcbStatus: Number(record.tcbStatus),
  revocationEpoch: Number(record.revocationEpoch),
  fromUnix: Number(record.fromUnix),
  endUnix: Number(record.endUnix),
  removedAt: Number(record.removedAt),
});

/** Second from which a key signs nothing valid any more. */
export function keyEnd(record: WorkerKeyRecord): number {
  return record.removedAt === 0
    ? record.endUnix
    : Math.min(record.endUnix, record.removedAt + KEY_REMOVAL_DELAY_SECONDS);
}

/** Whether a job with this deadline may be given to the key: the stake is enough and the key outlives the job. */
export function isKeyUsable(record: WorkerKeyRecord, status: StakeStatus, deadline: number): boolean {
  return status.active >= status.minimum && keyEnd(record) > deadline;
}

async function stateInit({ networkId, registry, owner }: StakeParameters): Promise<{ code: Cell; data: Cell }> {
  for (const [name, address] of Object.entries({ registry, owner })) {
    if (address.workChain !== 0) {
      throw new CocoonError('ADDRESS_NOT_BASECHAIN', `The ${name} of a stake must be an account of the basechain`, {
        expected: 'workchain 0',
        received: `workchain ${address.workChain}`,
      });
    }
  }
  const none = Dictionary.empty<bigint, never>();
  const stake = await GeneratedProviderStake.fromInit(
    BigInt(networkId),
    registry,
    owner,
    0n,
    0n,
    0n,
    0n,
    0n,
    false,
    0n,
    none,
    { $$type: 'Coverage', days: Dictionary.empty() },
    0n,
    Dictionary.empty(),
    0n,
    null,
  );
  return stake.init!;
}

/** The address of a provider's stake: recompute it, never take it from anybody (attacks 37). */
export async function providerStakeAddress(parameters: StakeParameters): Promise<Address> {
  return contractAddress(0, await stateInit(parameters));
}

export async function providerStakeCode(): Promise<Cell> {
  return (await stateInit({ networkId: 0, registry: BURN_ADDRESS, owner: BURN_ADDRESS })).code;
}

type Sent<T = object> = T & { value: bigint };

/**
 * One GPU owner's stake, its worker keys, and where to find it; contracts/staking/ProviderStake.tact.
 *
 * @example
 * const stake = provider.open(await ProviderStake.fromOwner({ networkId, registry, owner }));
 * const { active, minimum } = await stake.getStatus();
 */
export class ProviderStake implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  static async fromOwner(parameters: StakeParameters): Promise<ProviderStake> {
    const init = await stateInit(parameters);
    return new ProviderStake(contractAddress(0, init), init);
  }

  static fromAddress(address: Address): ProviderStake {
    return new ProviderStake(address);
  }

  private async send(provider: ContractProvider, via: Sender, value: bigint, body: Cell): Promise<void> {
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Adds `amount` to the stake; `value` is at least `requiredStakeValue('deposit', ...)`. Deploys the account. */
  sendDeposit(provider: ContractProvider, via: Sender, options: Sent<{ amount: bigint; queryId?: bigint }>) {
    return this.send(provider, via, options.value, packDepositStake(options.amount, options.queryId));
  }

  sendThaw(provider: ContractProvider, via: Sender, options: Sent<{ amount: bigint; queryId?: bigint }>) {
    return this.send(provider, via, options.value, packThawStake(options.amount, options.queryId));
  }

  sendWithdraw(provider: ContractProvider, via: Sender, options: Sent<{ queryId?: bigint }>) {
    return this.send(provider, via, options.value, packWithdrawStake(options.queryId));
  }

  sendAddWorkerKey(provider: ContractProvider, via: Sender, options: Sent<NewWorkerKey & { queryId?: bigint }>) {
    return this.send(provider, via, options.value, packAddWorkerKey(options, options.queryId));
  }

  sendRemoveWorkerKey(provider: ContractProvider, via: Sender, options: Sent<{ workerKey: Uint8Array }>) {
    return this.send(provider, via, options.value, packRemoveWorkerKey(options.workerKey));
  }

  sendPruneWorkerKey(provider: ContractProvider, via: Sender, options: Sent<{ workerKey: Uint8Array }>) {
    return this.send(provider, via, options.value, packPruneWorkerKey(options.workerKey));
  }

  sendSetDescriptor(
    provider: ContractProvider,
    via: Sender,
    options: Sent<{ endpoint: string; descriptorHash: Uint8Array }>,
  ) {
    return this.send(provider, via, options.value, packSetDescriptor(options.endpoint, options.descriptorHash));
  }

  sendReportTwoReceipts(provider: ContractProvider, via: Sender, options: Sent<TwoReceipts & { queryId?: bigint }>) {
    return this.send(provider, via, options.value, packReportTwoReceipts(options, options.queryId));
  }

  sendReportMislabelled(
    provider: ContractProvider,
    via: Sender,
    options: Sent<{ terms: Cell; receipt: SignedReceipt; queryId?: bigint }>,
  ) {
    return this.send(
      provider,
      via,
      options.value,
      packReportMislabelled(options.terms, options.receipt, options.queryId),
    );
  }

  async getStatus(provider: ContractProvider): Promise<StakeStatus> {
    const status = await GeneratedProviderStake.fromAddress(this.address).getStatus(provider);
    return {
      networkId: Number(status.networkId),
      registry: status.registry,
      owner: status.owner,
      active: status.active,
      minimum: status.minimum,
      reserved: status.reserved,
      thawing: status.thawing,
      thawedAt: Number(status.thawedAt),
      slashed: status.slashed,
      faults: Number(status.faults),
      keyCount: Number(status.keyCount),
      descriptorHash: toBytes(status.descriptorHash),
      endpoint: status.endpoint === null ? null : textOf(status.endpoint),
      paidUntil: Number(status.paidUntil),
    };
  }

  async getWorkerKeys(provider: ContractProvider): Promise<WorkerKeyRecord[]> {
    const keys = await GeneratedProviderStake.fromAddress(this.address).getWorkerKeys(provider);
    return [...keys].map(([key, record]) => recordOf(key, record));
  }

  async getWorkerKey(provider: ContractProvider, workerKey: Uint8Array): Promise<WorkerKeyRecord | null> {
    const key = toInteger(workerKey);
    const record = await GeneratedProviderStake.fromAddress(this.address).getWorkerKey(provider, key);
    return record === null ? null : recordOf(key, record);
  }

  /** Whether a receipt of this job was punished. */
  isConvicted(provider: ContractProvider, escrow: Address, seq = 0): Promise<boolean> {
    return GeneratedProviderStake.fromAddress(this.address).getIsConvicted(provider, escrow, BigInt(seq));
  }
}

function textOf(cell: Cell): string {
  const slice = cell.beginParse();
  return slice.loadBuffer(slice.remainingBits >> 3).toString('utf8');
}
