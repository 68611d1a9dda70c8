import { type Address, beginCell, type Cell, type Contract, contractAddress, type ContractProvider, type Sender, SendMode } from '@ton/core';
import {
  Collateral as GeneratedCollateral,
  type CollateralAnswer as GeneratedAnswer,
  type Edition as GeneratedEdition,
  loadEdition,
  loadRevocationList,
  loadTupleCollateralAnswer,
  loadTupleCollateralState,
  type PlatformFacts,
  storePlatformFacts,
} from '../build/Suite/Suite_Collateral';
import type { QuoteFacts, RootKey } from './QuoteChecker';

export type { PlatformFacts };

/** Exit codes of Collateral beside QUOTE_ERRORS, as in contracts/attestation. */
export const COLLATERAL_ERRORS = {
  date: 816,
  json: 831,
  otherPlatform: 832,
  tooManyLevels: 833,
  crl: 834,
  crlFull: 835,
  rolledBack: 836,
  valueTooLow: 841,
  outOfTime: 842,
  notRegistry: 843,
  revokedIssuer: 844,
} as const;

/** TCB statuses, as in contracts/attestation/json.tact; 0 when nothing fits. */
export const TCB_STATUS = [
  'none', 'UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate',
  'OutOfDateConfigurationNeeded', 'Revoked',
] as const;
export type TcbStatus = (typeof TCB_STATUS)[number];

/** Reasons of CollateralStatus, ImageStatus and KeyJudged, as in contracts/attestation/attestationMessages.tact. */
export const ATTEST_REASONS = [
  'fine', 'collateral-missing', 'collateral-expired', 'certificate-revoked', 'other-pce', 'no-level', 'image', 'tcb-status',
  'other-root', 'stake-refused', 'no-answer', 'other-ca', 'old-evaluation',
] as const;
export type AttestReason = (typeof ATTEST_REASONS)[number];

/** A higher evaluation number takes effect this long after it was first posted, seconds. */
export const EARLY_SECONDS = 2_592_000;

/** Which platforms a Collateral account is about, and who vouches for it. */
export interface CollateralScope {
  registry: Address;
  /** Ends every chain; another one than Intel's makes it a simulation. */
  root: RootKey;
  /** 48 bits. */
  fmspc: bigint;
  isProcessorCa: boolean;
}

/** TCB info or QE identity of one evaluation number; times are Unix seconds. */
export interface Edition {
  number: number;
  issuedAt: number;
  validUntil: number;
  effectiveFrom: number;
}

export interface CollateralState extends CollateralScope {
  tcbInfo: Edition | null;
  /** Of a higher evaluation number, which waits for its time. */
  nextTcbInfo: Edition | null;
  qeIdentity: Edition | null;
  nextQeIdentity: Edition | null;
  rootCrl: RevocationList | null;
  pckCrl: RevocationList | null;
  paidUntil: number;
}

export interface RevocationList {
  thisUpdate: number;
  validUntil: number;
  /** How many certificates it revokes. */
  size: number;
}

export interface CollateralAnswer {
  reason: AttestReason;
  tcbStatus: TcbStatus;
  /** Unix seconds; 0 when something is missing. */
  validUntil: number;
  /** The lower of Intel's evaluation numbers in force; 0 without a status. */
  evaluation: number;
}

/** What Collateral judges of a quote whose chain holds. */
export const platformFacts = ({ platform, qe, teeTcbSvn, caKeyHash }: QuoteFacts): Cell => beginCell().store(storePlatformFacts({
  $$type: 'PlatformFacts', components: platform.components, pceSvn: platform.pceSvn, pceId: platform.pceId, teeTcbSvn,
  qeSvn: qe.svn, qeMiscSelect: qe.miscSelect, qeAttributes: qe.attributes, serial: platform.serial, caKeyHash,
})).endCell();

/** Intel's collateral for the platforms of one FMSPC, posted by anyone. */
export class Collateral implements Contract {
  private constructor(readonly address: Address, readonly init?: { code: Cell; data: Cell }) {}

  static async fromScope({ registry, root, fmspc, isProcessorCa }: CollateralScope): Promise<Collateral> {
    const { init } = await GeneratedCollateral.fromInit(registry, root.x, root.y, fmspc, isProcessorCa, null, null, null);
    return new Collateral(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): Collateral {
    return new Collateral(address);
  }

  /** Anybody. @param body of collateralMessages.ts @throws `valueTooLow`, `outOfTime`, `rolledBack`, or what the collateral lacks */
  async sendPost(provider: ContractProvider, via: Sender, body: Cell, value: bigint): Promise<void> {
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  async getStatus(provider: ContractProvider): Promise<CollateralState> {
    const { stack } = await provider.get('status', []);
    const state = loadTupleCollateralState(stack);
    return {
      registry: state.registry, root: { x: state.rootX, y: state.rootY }, fmspc: state.fmspc, isProcessorCa: state.isProcessorCa,
      tcbInfo: editionOf(state.tcbInfo), nextTcbInfo: editionOf(state.nextTcbInfo), qeIdentity: editionOf(state.qeIdentity),
      nextQeIdentity: editionOf(state.nextQeIdentity), rootCrl: listOf(state.rootCrl), pckCrl: listOf(state.pckCrl),
      paidUntil: Number(state.paidUntil),
    };
  }

  /** @param platform of `platformFacts` */
  async getJudged(provider: ContractProvider, platform: Cell): Promise<CollateralAnswer> {
    const { stack } = await provider.get('judged', [{ type: 'cell', cell: platform }]);
    return answerOf(loadTupleCollateralAnswer(stack));
  }

  async getIsSimulated(provider: ContractProvider): Promise<boolean> {
    return (await provider.get('isSimulated', [])).stack.readBoolean();
  }
}

export const answerOf = ({ reason, tcbStatus, validUntil, evaluation }: Pick<GeneratedAnswer, 'reason' | 'tcbStatus' | 'validUntil' | 'evaluation'>): CollateralAnswer => ({
  reason: ATTEST_REASONS[Number(reason)], tcbStatus: TCB_STATUS[Number(tcbStatus)], validUntil: Number(validUntil), evaluation: Number(evaluation),
});

function editionOf(cell: Cell | null): Edition | null {
  if (cell === null) return null;
  const { number, issuedAt, validUntil, effectiveFrom }: GeneratedEdition = loadEdition(cell.beginParse());
  return { number: Number(number), issuedAt: Number(issuedAt), validUntil: Number(validUntil), effectiveFrom: Number(effectiveFrom) };
}

function listOf(cell: Cell | null): RevocationList | null {
  if (cell === null) return null;
  const { thisUpdate, validUntil, revoked } = loadRevocationList(cell.beginParse());
  return { thisUpdate: Number(thisUpdate), validUntil: Number(validUntil), size: revoked.size };
}
