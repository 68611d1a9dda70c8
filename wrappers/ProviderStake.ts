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
import {
  type KeyRecord,
  loadTupleKeyRecord,
  ProviderStake as GeneratedProviderStake,
} from '../build/Suite/Suite_ProviderStake';
import { toBytes, toInteger } from './cells';
import { packChallengeReceipt, type ReceiptChallenge } from './challenges';
import { basechainHash } from './fields';
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

import { BURN_ADDRESS, type StakeParameters, type StakeStatus, type WorkerKeyRecord } from './stakeState';
import { readOptionalTuple } from './tuples';

export * from './stakeState';

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

async function stateInit({ networkId, registry, owner }: StakeParameters): Promise<{ code: Cell; data: Cell }> {
  for (const [name, address] of Object.entries({ registry, owner })) basechainHash(`${name} of a stake`, address);
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
    0n,
    null,
  );
  return stake.init!;
}

/**
 * The address of a provider's stake: recompute it, never take it from anybody (attacks 37).
 * @throws CocoonError ADDRESS_NOT_BASECHAIN
 */
export async function providerStakeAddress(parameters: StakeParameters): Promise<Address> {
  return contractAddress(0, await stateInit(parameters));
}

/** The code of every stake. */
export async function providerStakeCode(): Promise<Cell> {
  return (await stateInit({ networkId: 0, registry: BURN_ADDRESS, owner: BURN_ADDRESS })).code;
}

/** `value` is nanoTON; what a message does not use returns, with the `queryId` (uint64, 0 when absent). */
type Sent<T = object> = T & { value: bigint; queryId?: bigint };

/**
 * One GPU owner's stake, its worker keys, and where to find it; contracts/staking/ProviderStake.tact.
 *
 * A send resolves when its message is on its way. What the contract refuses bounces, with an exit code of
 * PROVIDER_STAKE_ERRORS in the stake's transaction; a value below `requiredStakeValue` is valueBelowFees. Get-methods
 * throw the provider's error when no stake is deployed at the address.
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

  /** The stake of this owner: its address follows. @throws CocoonError ADDRESS_NOT_BASECHAIN */
  static async fromOwner(parameters: StakeParameters): Promise<ProviderStake> {
    const init = await stateInit(parameters);
    return new ProviderStake(contractAddress(0, init), init);
  }

  /** The stake at this address, which may be anybody's: compare with `providerStakeAddress`. Cannot deploy. */
  static fromAddress(address: Address): ProviderStake {
    return new ProviderStake(address);
  }

  private async send(provider: ContractProvider, via: Sender, value: bigint, body: Cell): Promise<void> {
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Anybody: pays rent, all of the value; no stake. */
  sendTopUp(provider: ContractProvider, via: Sender, options: Sent) {
    return this.send(provider, via, options.value, new Cell());
  }

  /**
   * Anybody: `amount` nanoTON of the value become stake. The value is `amount`, `depositFees` and what the account
   * lacks of five years of rent, at most RENT_MARGIN. Deploys the account.
   */
  sendDeposit(provider: ContractProvider, via: Sender, options: Sent<{ amount: bigint }>) {
    return this.send(provider, via, options.value, packDepositStake(options.amount, options.queryId));
  }

  /**
   * Owner: `amount` nanoTON stand behind no new job and can be withdrawn THAW_SECONDS later. The clock of all that
   * thaws starts again. Refused: notOwner, amountAboveFreeStake.
   */
  sendThaw(provider: ContractProvider, via: Sender, options: Sent<{ amount: bigint }>) {
    return this.send(provider, via, options.value, packThawStake(options.amount, options.queryId));
  }

  /**
   * Owner: pays what has thawed; without keys and with less than the minimum of stake everything, and the account ends.
   * Refused: notOwner, stillThawing.
   */
  sendWithdraw(provider: ContractProvider, via: Sender, options: Sent) {
    return this.send(provider, via, options.value, packWithdrawStake(options.queryId));
  }

  /**
   * Owner: adds a bonded key, or gives a known one, removed or not, another end. The value is
   * `requiredStakeValue('addKey', ...)`. Refused: notOwner, stakeBelowMinimum, keyEndPassed, keyNotClaimed, keysFull,
   * sealingKeyPinned.
   */
  sendAddWorkerKey(provider: ContractProvider, via: Sender, options: Sent<NewWorkerKey>) {
    return this.send(provider, via, options.value, packAddWorkerKey(options, options.queryId));
  }

  /** Owner: a key (32 bytes) ends KEY_REMOVAL_DELAY_SECONDS later. Refused: notOwner, keyUnknown. */
  sendRemoveWorkerKey(provider: ContractProvider, via: Sender, options: Sent<{ workerKey: Uint8Array }>) {
    return this.send(provider, via, options.value, packRemoveWorkerKey(options.workerKey, options.queryId));
  }

  /**
   * Anybody: frees the slot of a key (32 bytes) KEY_ACCOUNTABLE_SECONDS after its end. The value pays the gas. Refused:
   * keyUnknown, keyAccountable.
   */
  sendPruneWorkerKey(provider: ContractProvider, via: Sender, options: Sent<{ workerKey: Uint8Array }>) {
    return this.send(provider, via, options.value, packPruneWorkerKey(options.workerKey, options.queryId));
  }

  /**
   * Owner: where the workers are, at most MAX_ENDPOINT_BYTES of UTF-8, and the SHA-256 (32 bytes) of the descriptor
   * that is served there. Refused: notOwner.
   * @throws CocoonError ENDPOINT_TOO_LONG
   */
  sendSetDescriptor(
    provider: ContractProvider,
    via: Sender,
    options: Sent<{ endpoint: string; descriptorHash: Uint8Array }>,
  ) {
    const body = packSetDescriptor(options.endpoint, options.descriptorHash, options.queryId);
    return this.send(provider, via, options.value, body);
  }

  /**
   * Anybody: two receipts of one key that cannot both be honest; the sender gets the challenger's share. The value is
   * `requiredStakeValue('evidence', ...)`. Refused: keyUnknown, notSignedByKey, otherStake, otherTerms, noConflict,
   * alreadyConvicted.
   */
  sendReportTwoReceipts(provider: ContractProvider, via: Sender, options: Sent<TwoReceipts>) {
    return this.send(provider, via, options.value, packReportTwoReceipts(options, options.queryId));
  }

  /** Anybody: a receipt whose terms promise another tier than its key has. As above; labelHolds, not noConflict. */
  sendReportMislabelled(
    provider: ContractProvider,
    via: Sender,
    options: Sent<{ terms: Cell; receipt: SignedReceipt }>,
  ) {
    const body = packReportMislabelled(options.terms, options.receipt, options.queryId);
    return this.send(provider, via, options.value, body);
  }

  /**
   * Opens a case about a receipt: by anybody on a public job, on a sealed one by its client or whoever has its grant. The value is
   * `requiredChallengeValue(...)`; what the opening does not use returns to the challenger. Refused: keyUnknown, notSignedByKey, otherStake,
   * otherTerms, notChallengeable, windowOver, alreadyConvicted, challengerNotBasechain, notGranted, otherModel, otherRequest.
   */
  async sendChallenge(provider: ContractProvider, via: Sender, options: Sent<ReceiptChallenge>): Promise<void> {
    await this.send(provider, via, options.value, await packChallengeReceipt(options, options.queryId));
  }

  /** Everything about the stake but its keys. */
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
      openCases: Number(status.openCases),
      keyCount: Number(status.keyCount),
      descriptorHash: toBytes(status.descriptorHash),
      endpoint: status.endpoint === null ? null : textOf(status.endpoint),
      paidUntil: Number(status.paidUntil),
    };
  }

  /** All keys that have a slot, ended and removed ones too; at most MAX_KEYS, in the order of their bytes. */
  async getWorkerKeys(provider: ContractProvider): Promise<WorkerKeyRecord[]> {
    const keys = await GeneratedProviderStake.fromAddress(this.address).getWorkerKeys(provider);
    return [...keys].map(([key, record]) => recordOf(key, record));
  }

  /** What is known of this key (32 bytes); null when it has no slot. */
  async getWorkerKey(provider: ContractProvider, workerKey: Uint8Array): Promise<WorkerKeyRecord | null> {
    const key = toInteger(workerKey);
    const record = readOptionalTuple((await provider.get('workerKey', [{ type: 'int', value: key }])).stack);
    return record === null ? null : recordOf(key, loadTupleKeyRecord(record));
  }

  /** Whether a receipt of this job was punished and is remembered: the first 64 are. */
  isConvicted(provider: ContractProvider, escrow: Address, seq = 0): Promise<boolean> {
    return GeneratedProviderStake.fromAddress(this.address).getIsConvicted(provider, escrow, BigInt(seq));
  }
}

function textOf(cell: Cell): string {
  const slice = cell.beginParse();
  return slice.loadBuffer(slice.remainingBits >> 3).toString('utf8');
}
