import { Address } from '@ton/core';
import { keyEnd } from '../protocol/stakeRules';

export { KEY_REMOVAL_DELAY_SECONDS, keyEnd, minimumStake } from '../protocol/stakeRules';

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
  notAttestedKey: 729,
  otherTier: 730,
  casesOpen: 781,
  notChallengeable: 782,
  windowOver: 783,
  notGranted: 784,
  otherModel: 785,
  otherRequest: 786,
  otherCaseCode: 787,
  notCase: 788,
  challengerNotBasechain: 789,
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

/** A key can be held to its receipts this long after its end, seconds. */
export const KEY_ACCOUNTABLE_SECONDS = 864_000;
/** Stake that thaws can be withdrawn after this, seconds. */
export const THAW_SECONDS = 1_296_000;
/** Slots for worker keys; when all are taken a new key is refused. */
export const MAX_KEYS = 32;
/** Where the burnt part of a slash goes. */
export const BURN_ADDRESS = new Address(0, Buffer.alloc(32));

/** What makes a stake's address. */
export interface StakeParameters {
  /** Global id of the network, parameter 19 of its configuration: -239 mainnet, -3 testnet. */
  networkId: number;
  /** The network's AttestationRegistry; basechain. */
  registry: Address;
  /** Who alone takes stake out; basechain. */
  owner: Address;
}

/**
 * Amounts in nanoTON, times in Unix seconds. Stake that rent has used up is not in it; rent since the account's last
 * message is not charged yet and not seen.
 */
export interface StakeStatus extends StakeParameters {
  /** Stands behind every job. */
  active: bigint;
  /** Least active stake of a working provider on this network. */
  minimum: bigint;
  /** Part of the active stake that covers accepted jobs. */
  reserved: bigint;
  /** On its way out; slashable until it is withdrawn. */
  thawing: bigint;
  /** From when on it can be withdrawn; 0 when nothing ever thawed. */
  thawedAt: number;
  /** Ever taken. */
  slashed: bigint;
  /** Convictions and promises that were not kept. */
  faults: number;
  /** Disputes that have no verdict yet; until then nothing is withdrawn. */
  openCases: number;
  /** Slots taken, by ended and removed keys too until they are pruned. */
  keyCount: number;
  /** 32 bytes, SHA-256 of the descriptor served at the endpoint; zero when none was set. */
  descriptorHash: Uint8Array;
  /** UTF-8, at most MAX_ENDPOINT_BYTES; what the owner wrote, so check it before use. null when none was set. */
  endpoint: string | null;
  /**
   * Until when the account's own money pays the rent of the largest state, counted from the account's last message;
   * later the stake does.
   */
  paidUntil: number;
}

/** What the chain knows of a worker key. Times in Unix seconds. */
export interface WorkerKeyRecord {
  /** Ed25519 public key, 32 bytes. */
  workerKey: Uint8Array;
  /** X25519 public key, 32 bytes: clients seal to this one and no other. */
  sealingKey: Uint8Array;
  /** For life: 0 bonded, 1 attested, 2 zk. */
  tier: number;
  /** 32 bytes; this and the next three are of attested keys, and zero for bonded ones. */
  imageHash: Uint8Array;
  claims: number;
  tcbStatus: number;
  revocationEpoch: number;
  /** When the key was added. */
  fromUnix: number;
  /** As its newest claim says; `keyEnd` also counts a removal. */
  endUnix: number;
  /** 0 when it was not removed. */
  removedAt: number;
}

/** Whether a job with this deadline, Unix seconds, may be given to the key: enough stake, and it outlives the job. */
export function isKeyUsable(record: WorkerKeyRecord, status: StakeStatus, deadline: number): boolean {
  return status.active >= status.minimum && keyEnd(record) > deadline;
}
