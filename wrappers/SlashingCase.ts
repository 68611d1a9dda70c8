import { Address, beginCell, Cell, type Contract, contractAddress, type ContractProvider, type Sender, SendMode } from '@ton/core';
import { loadCaseEnded, SlashingCase as GeneratedCase, storeCaseSubject, storeJudgedJob, storeOpenCase, storePositionStatement } from '../build/Suite/Suite_SlashingCase';
import {
  type CheckRun, type ContradictingLeaf, packChooseChild, packEndTurn, packProveAtOnce, packProveContradiction, packProveReceipt, packProveStep, packShowChildren, packShowLeaf,
  packShowPosition, packShowTrace, type ShownPosition, type ShownTrace, type StepAtOnce,
} from './caseMoves';
import { toInteger } from './cells';
import { type ModelRoots, packModelRoots } from './challenges';

export const OP_OPEN_CASE = 0x0d10;
export const OP_SHOW_TRACE = 0x0d11;
export const OP_CHOOSE_CHILD = 0x0d12;
export const OP_SHOW_CHILDREN = 0x0d13;
export const OP_SHOW_POSITION = 0x0d14;
export const OP_SHOW_LEAF = 0x0d15;
export const OP_PROVE_STEP = 0x0d16;
export const OP_PROVE_CONTRADICTION = 0x0d17;
export const OP_END_TURN = 0x0d18;
export const OP_CASE_ENDED = 0x0d19;
export const OP_PROVE_RECEIPT = 0x0d1a;
export const OP_PROVE_AT_ONCE = 0x0d1b;

/** Exit codes of SlashingCase. */
export const SLASHING_CASE_ERRORS = {
  notStake: 901,
  notChallenger: 902,
  notThisTurn: 903,
  tooLate: 904,
  tooEarly: 905,
  otherTrace: 906,
  otherChildren: 907,
  noSuchChild: 908,
  notSigned: 909,
  otherBytes: 910,
  noContradiction: 911,
  unknownCheck: 912,
  proofInvalid: 913,
} as const;

/** Exit codes of one-step checks: each means that the evidence proves nothing. */
export const STEP_ERRORS = {
  cellLength: 922,
  otherLeaf: 923,
  beyondTree: 924,
  otherSlot: 925,
  noSuchElement: 926,
  otherRow: 927,
  otherTable: 940,
} as const;

/** Exit codes of checks of receipts, beside those of leaves above: each means that the evidence proves nothing. */
export const RECEIPT_ERRORS = { otherOpening: 943, noSuchToken: 944, noSuchClaim: 945 } as const;

/** Seconds for each move. */
export const TURN_SECONDS = 28_800;
/** "OCP1" */
const TAG_POSITION = 0x4f435031n;
/** Levels of the tree of checks. */
export const CHECKS_DEPTH = 5;

/** What a case is about; hashes have 32 bytes. */
export interface CaseSubject extends ModelRoots {
  networkId: number;
  workerKey: Uint8Array;
  traceCommit: Uint8Array;
  promptTokens: number;
  outputTokens: number;
  /** Of disputes/step.ts. */
  job: Cell;
  judged: JudgedJob;
}

/** Whose answer it is, what the stake wants to know of a verdict; and the receipt itself. */
export interface JudgedJob {
  /** Basechain hashes, 32 bytes. */
  client: Uint8Array;
  escrow: Uint8Array;
  seq: number;
  /** nanoTON at most, by the terms. */
  price: bigint;
  receipt: Cell;
}

/** What came of a case. */
export const CASE_VERDICTS = { acquitted: 0, convicted: 1, moot: 2 } as const;
/** Rent and last fee of a case, nanoTON; beside the bond. */
export const CASE_RESERVE = 50_000_000n;

/** Whose turn it is; the worker's side has the first four. */
export const CASE_TURNS = { trace: 1, children: 2, position: 3, leaf: 4, choose: 5, prove: 6 } as const;

export function packCaseSubject(subject: CaseSubject): Cell {
  return beginCell().store(storeCaseSubject({
    $$type: 'CaseSubject', networkId: BigInt(subject.networkId), workerKey: toInteger(subject.workerKey),
    traceCommit: toInteger(subject.traceCommit), promptTokens: BigInt(subject.promptTokens), outputTokens: BigInt(subject.outputTokens), model: packModelRoots(subject), job: subject.job,
    judged: beginCell().store(storeJudgedJob({
      $$type: 'JudgedJob', client: toInteger(subject.judged.client), escrow: new Address(0, Buffer.from(subject.judged.escrow)), seq: BigInt(subject.judged.seq),
      price: subject.judged.price, receipt: subject.judged.receipt,
    })).endCell(),
  })).endCell();
}

/** What the worker's key signs for a position that a dispute has found: hash of the statement. */
export function positionHash(networkId: number, receiptHash: Uint8Array, t: number, positionRoot: Uint8Array): Buffer {
  return beginCell().store(storePositionStatement({
    $$type: 'PositionStatement', tag: TAG_POSITION, networkId: BigInt(networkId), receiptHash: toInteger(receiptHash), t: BigInt(t), positionRoot: toInteger(positionRoot),
  })).endCell().hash();
}

/** A dispute about one receipt (contracts/slashing/SlashingCase.tact). */
export class SlashingCase implements Contract {
  private constructor(readonly address: Address, readonly init?: { code: Cell; data: Cell }) {}

  static async fromSubject(stake: Address, challenger: Address, subject: CaseSubject): Promise<SlashingCase> {
    const { init } = await GeneratedCase.fromInit(stake, challenger, packCaseSubject(subject), 0n, 0n, 0n, 0n, 0n, 0n, null);
    return new SlashingCase(contractAddress(0, init!), init!);
  }

  static createFromAddress(address: Address): SlashingCase {
    return new SlashingCase(address);
  }

  /** Sent by the stake alone. */
  static openBody(bond: bigint): Cell {
    return beginCell().store(storeOpenCase({ $$type: 'OpenCase', bond })).endCell();
  }

  /** `value` of each move is CASE_MOVE_VALUE; what a move does not use returns to whoever made it. */
  sendShowTrace(provider: ContractProvider, via: Sender, value: bigint, trace: ShownTrace): Promise<void> {
    return send(provider, via, value, packShowTrace(trace));
  }

  /** @param child from the left, 0..31 */
  sendChooseChild(provider: ContractProvider, via: Sender, value: bigint, child: number): Promise<void> {
    return send(provider, via, value, packChooseChild(child));
  }

  sendShowChildren(provider: ContractProvider, via: Sender, value: bigint, children: readonly Uint8Array[]): Promise<void> {
    return send(provider, via, value, packShowChildren(children));
  }

  sendShowPosition(provider: ContractProvider, via: Sender, value: bigint, position: ShownPosition): Promise<void> {
    return send(provider, via, value, packShowPosition(position));
  }

  /** @param leaf chain of disputes/evidenceCells.ts */
  sendShowLeaf(provider: ContractProvider, via: Sender, value: bigint, leaf: Cell): Promise<void> {
    return send(provider, via, value, packShowLeaf(leaf));
  }

  /** Its `value` is CASE_PROOF_VALUE. */
  sendProveStep(provider: ContractProvider, via: Sender, value: bigint, step: CheckRun): Promise<void> {
    return send(provider, via, value, packProveStep(step));
  }

  /** Its `value` is CASE_PROOF_VALUE. */
  sendProveReceipt(provider: ContractProvider, via: Sender, value: bigint, lie: CheckRun): Promise<void> {
    return send(provider, via, value, packProveReceipt(lie));
  }

  /** Its `value` is CASE_PROOF_VALUE. */
  sendProveContradiction(provider: ContractProvider, via: Sender, value: bigint, leaf: ContradictingLeaf): Promise<void> {
    return send(provider, via, value, packProveContradiction(leaf));
  }

  /** Its `value` is CASE_PROOF_VALUE. */
  sendProveAtOnce(provider: ContractProvider, via: Sender, value: bigint, step: StepAtOnce): Promise<void> {
    return send(provider, via, value, packProveAtOnce(step));
  }

  sendEndTurn(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    return send(provider, via, value, packEndTurn());
  }
}

const send = (provider: ContractProvider, via: Sender, value: bigint, body: Cell): Promise<void> =>
  provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });

export interface CaseVerdict {
  challenger: Address;
  bond: bigint;
  /** Of CASE_VERDICTS. */
  verdict: number;
}

/** What a case told its stake; null for another message. */
export function readVerdict(body: Cell): CaseVerdict | null {
  const slice = body.beginParse();
  if (slice.remainingBits < 32 || slice.preloadUint(32) !== OP_CASE_ENDED) return null;
  const { challenger, bond, verdict } = loadCaseEnded(slice);
  return { challenger, bond, verdict: Number(verdict) };
}
