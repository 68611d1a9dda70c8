import { type Address, beginCell, type Cell, type Contract, contractAddress, type ContractProvider, type Sender, SendMode } from '@ton/core';
import {
  AttestedKey as GeneratedKey,
  loadCandidate,
  loadKeyJudged,
  loadTupleAttestedKeyStatus,
  storeAttestKey,
  storeRecheckKey,
} from '../build/Suite/Suite_AttestedKey';
import { ATTEST_REASONS, type AttestReason, TCB_STATUS, type TcbStatus } from './Collateral';
import { toBytes, toInteger } from './cells';
import type { RootKey } from './QuoteChecker';
import { forwardFee, gasFee, type NetworkPrices } from './requiredValue';

/** Exit codes of AttestedKey beside QUOTE_ERRORS, as in contracts/attestation/AttestedKey.tact. */
export const ATTESTED_KEY_ERRORS = {
  notOwner: 851,
  valueTooLow: 852,
  serviceTd: 853,
  reportData: 854,
  stale: 855,
  neverAttested: 856,
  notFromStar: 857,
} as const;

export const OP_ATTEST_KEY = 0x0c60;
export const OP_RECHECK_KEY = 0x0c61;
export const OP_ADD_ATTESTED_KEY = 0x0c64;
export const OP_END_ATTESTED_KEY = 0x0c65;
export const OP_KEY_JUDGED = 0x0c66;

/** A key is attested for at most this long, seconds. */
export const ATTESTED_SECONDS = 604_800;

export interface AttestedKeyScope {
  networkId: number;
  registry: Address;
  owner: Address;
  stake: Address;
  /** Ed25519, 32 bytes */
  workerKey: Uint8Array;
  /** Ends every chain of certificates; another one than Intel's makes it a simulation. */
  root: RootKey;
}

/** A masterchain block whose number is a multiple of 100. */
export interface RecentBlock {
  seqno: number;
  /** 32 bytes */
  rootHash: Uint8Array;
}

export interface Attestation {
  /** X25519, 32 bytes */
  sealingKey: Uint8Array;
  /** 32 bytes */
  imageHash: Uint8Array;
  /** Unix seconds */
  endUnix: number;
  tcbStatus: TcbStatus;
  /** 48 bits */
  fmspc: bigint;
  isProcessorCa: boolean;
  /** What Collateral judges: its `getJudged` says what the platform is worth now. */
  platform: Cell;
}

const STAR_LEGS = 7n;
const STAR_CELLS = 5n;
const STAR_BITS = 4_000n;
/** Gas of the whole star, as in contracts/attestation/AttestedKey.tact; a test compares. */
const GAS = { attest: 185_000n, recheck: 82_000n } as const;

/** Least value, nanoTON, of AttestKey or RecheckKey beside the rent of a new account (ATTESTED_RENT); the rest returns. */
export const requiredAttestValue = (kind: keyof typeof GAS, prices: NetworkPrices): bigint =>
  gasFee(prices, GAS[kind]) + STAR_LEGS * forwardFee(prices, STAR_CELLS, STAR_BITS);

/** @param quote of `registrationCell` */
export function packAttestKey(sealingKey: Uint8Array, block: RecentBlock, quote: Cell, queryId = 0n): Cell {
  return beginCell()
    .store(storeAttestKey({
      $$type: 'AttestKey', queryId, sealingKey: toInteger(sealingKey), blockSeqno: BigInt(block.seqno),
      blockHash: toInteger(block.rootHash), quote: quote.beginParse(),
    }))
    .endCell();
}

export const packRecheckKey = (queryId = 0n): Cell =>
  beginCell().store(storeRecheckKey({ $$type: 'RecheckKey', queryId })).endCell();

/** The end of a star, as who paid for it reads it; null for another message. */
export function parseKeyJudged(body: Cell): { queryId: bigint; reason: AttestReason; tcbStatus: TcbStatus } | null {
  const slice = body.beginParse();
  if (slice.remainingBits < 32 || slice.preloadUint(32) !== OP_KEY_JUDGED) return null;
  const { queryId, reason, tcbStatus } = loadKeyJudged(slice);
  return { queryId, reason: ATTEST_REASONS[Number(reason)], tcbStatus: TCB_STATUS[Number(tcbStatus)] };
}

/** The account that makes one worker key of a provider attested; contracts/attestation/AttestedKey.tact. */
export class AttestedKey implements Contract {
  private constructor(readonly address: Address, readonly init?: { code: Cell; data: Cell }) {}

  static async fromScope({ networkId, registry, owner, stake, workerKey, root }: AttestedKeyScope): Promise<AttestedKey> {
    const { init } = await GeneratedKey.fromInit(BigInt(networkId), registry, owner, stake, toInteger(workerKey), root.x, root.y, null);
    return new AttestedKey(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): AttestedKey {
    return new AttestedKey(address);
  }

  /** Owner: a quote about this key. Refused: notOwner, valueTooLow, serviceTd, reportData, stale, QUOTE_ERRORS. */
  async sendAttest(
    provider: ContractProvider, via: Sender, options: { value: bigint; sealingKey: Uint8Array; block: RecentBlock; quote: Cell },
  ): Promise<void> {
    const body = packAttestKey(options.sealingKey, options.block, options.quote);
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Anybody: ends the key when what attested it is revoked. Refused: valueTooLow, neverAttested. */
  async sendRecheck(provider: ContractProvider, via: Sender, options: { value: bigint }): Promise<void> {
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body: packRecheckKey() });
  }

  async getStatus(provider: ContractProvider): Promise<AttestedKeyScope & { attested: Attestation | null; paidUntil: number }> {
    const status = loadTupleAttestedKeyStatus((await provider.get('status', [])).stack);
    return {
      networkId: Number(status.networkId), registry: status.registry, owner: status.owner, stake: status.stake,
      workerKey: toBytes(status.workerKey), root: { x: status.rootX, y: status.rootY },
      attested: status.attested && attestationOf(status.attested), paidUntil: Number(status.paidUntil),
    };
  }

  async getIsSimulated(provider: ContractProvider): Promise<boolean> {
    return (await provider.get('isSimulated', [])).stack.readBoolean();
  }
}

function attestationOf(cell: Cell): Attestation {
  const { sealingKey, imageHash, endUnix, tcbStatus, fmspc, isProcessorCa, platform } = loadCandidate(cell.beginParse());
  return {
    sealingKey: toBytes(sealingKey), imageHash: toBytes(imageHash), endUnix: Number(endUnix), tcbStatus: TCB_STATUS[Number(tcbStatus)],
    fmspc, isProcessorCa, platform,
  };
}
