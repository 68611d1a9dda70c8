import {
  Address,
  beginCell,
  Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  type Sender,
  SendMode,
} from '@ton/core';
import { CheckedJobEscrow as GeneratedCheckedJobEscrow } from '../build/Suite/Suite_CheckedJobEscrow';
import { CocoonError, REQUEST_INLINE_BYTES } from '../protocol';
import { byteChain, readByteChain, toInteger } from './cells';
import { basechainHash } from './fields';
import {
  JOB_ESCROW_ERRORS,
  type JobDelivery,
  type JobEscrowTerms,
  packDecline,
  packDelivery,
  packJobEscrowTerms,
  parseJobEscrowTerms,
} from './JobEscrow';
import { forwardFee, gasFee, type NetworkPrices, requiredJobValue } from './requiredValue';

export const OP_CREATE_CHECKED_JOB = 0x0c04;
export const OP_KEY_QUERY = 0x0c05;
export const OP_KEY_STATUS = 0x0c06;
export const OP_UNDELIVERED = 0x0c07;

/** Exit codes of CheckedJobEscrow: those of JobEscrow, and its own. */
export const CHECKED_JOB_ERRORS = {
  ...JOB_ESCROW_ERRORS,
  alreadyCreated: 731,
  termsNotPinned: 732,
  notAsked: 733,
  notOpen: 734,
  accepted: 735,
  queryTooLarge: 736,
} as const;

/** JobFailed's reason when the key check fails: this plus the stake's answer (KEY_STATUS). */
export const REASON_KEY_CHECK = 128;
/** What stands for the stake's answer when none came: there is no stake, or it could not read the question. */
export const KEY_NO_ANSWER = 15;

export type CheckedJobState = 'fresh' | 'checking' | 'open';
const STATES: readonly CheckedJobState[] = ['fresh', 'checking', 'open'];

/** What a CheckedJobEscrow holds. */
export interface CheckedJobData {
  terms: JobEscrowTerms;
  /** The ProviderStake that is asked about the worker key. */
  stake: Address;
  state: CheckedJobState;
  /** The worker's SignedAcceptance, when the job was created with one. */
  acceptance: Cell | null;
}

/** What the client posts. */
export interface CheckedJobRequest {
  /** The Terms cell whose hash the address pins (protocol/ encodeTerms). */
  terms: Cell;
  /** A SignedAcceptance (packSignedAcceptance): the worker promises to deliver, its stake reserves coverage. */
  acceptance: Cell | null;
  request: Uint8Array;
}

async function stateInit(terms: JobEscrowTerms, stake: Address): Promise<{ code: Cell; data: Cell }> {
  const hash = toInteger(basechainHash('stake of a job', stake));
  const { init } = await GeneratedCheckedJobEscrow.fromInit(packJobEscrowTerms(terms), hash, 0n, null);
  return init!;
}

/** The code of CheckedJobEscrow as compiled from contracts/. */
export async function checkedJobEscrowCode(): Promise<Cell> {
  const { init } = await GeneratedCheckedJobEscrow.fromInit(beginCell().endCell(), 0n, 0n, null);
  return init!.code;
}

/** Reads a data cell; throws NOT_A_CHECKED_JOB when it is not exactly that of a CheckedJobEscrow. */
export function parseCheckedJobData(data: Cell): CheckedJobData {
  try {
    const slice = data.beginParse();
    const terms = parseJobEscrowTerms(slice.loadRef());
    const stake = new Address(0, slice.loadBuffer(32));
    const state = STATES[slice.loadUint(2)];
    if (state === undefined) throw new Error('unknown state');
    const acceptance = slice.loadMaybeRef();
    slice.endParse();
    return { terms, stake, state, acceptance };
  } catch (cause) {
    throw new CocoonError('NOT_A_CHECKED_JOB', 'This is not the data of a CheckedJobEscrow', {
      expected: 'job:^[data of a JobEscrow] stake:bits256 state:uint2 acceptance:(Maybe ^Cell)',
      cause,
    });
  }
}

/** Body of the create message. */
export function packCreateCheckedJob(job: CheckedJobRequest): Cell {
  return beginCell()
    .storeUint(OP_CREATE_CHECKED_JOB, 32)
    .storeRef(job.terms)
    .storeMaybeRef(job.acceptance)
    .storeSlice(byteChain(job.request, REQUEST_INLINE_BYTES))
    .endCell();
}

/** Reads a create message as a worker does; throws NOT_A_CREATE_CHECKED_JOB or, for the request, NOT_A_BYTE_CHAIN. */
export function parseCreateCheckedJob(body: Cell): CheckedJobRequest {
  const slice = body.beginParse();
  if (slice.remainingBits < 33 || slice.loadUint(32) !== OP_CREATE_CHECKED_JOB || slice.remainingRefs < 1) {
    throw new CocoonError('NOT_A_CREATE_CHECKED_JOB', 'This is not a create message of a CheckedJobEscrow', {
      expected: `opcode 0x${OP_CREATE_CHECKED_JOB.toString(16)} and the terms`,
    });
  }
  const terms = slice.loadRef();
  const hasAcceptance = slice.loadBit();
  if (hasAcceptance && slice.remainingRefs < 1) {
    throw new CocoonError('NOT_A_CREATE_CHECKED_JOB', 'The create message lacks the acceptance that it announces', {
      expected: 'a reference to a SignedAcceptance',
    });
  }
  const acceptance = hasAcceptance ? slice.loadRef() : null;
  return { terms, acceptance, request: readByteChain(slice, REQUEST_INLINE_BYTES) };
}

/** The stake's gas for a question (contracts/staking/parameters.tact) and the escrow's own. */
const GAS_KEY_QUERY = 46_000n;
const GAS_KEY_STATUS = 5_000n;
const GAS_KEY_CHECK = 12_000n;

/**
 * Least value, in nanoTON, of CreateCheckedJob: that of CreateJob, the question to the stake and, when the worker
 * accepted and does not deliver, the report. What the job does not use returns to the client.
 */
export function requiredCheckedJobValue(job: { price: bigint; outputCells: number }, prices: NetworkPrices): bigint {
  const stakeFunds = gasFee(prices, GAS_KEY_QUERY + GAS_KEY_STATUS) + 2n * forwardFee(prices, 1n, 1023n);
  const check = gasFee(prices, GAS_KEY_CHECK) + 2n * (stakeFunds + forwardFee(prices, 5n, 5n * 1023n));
  return requiredJobValue(job, prices) + check;
}

/**
 * A job whose worker key the stake stands for before it opens; contracts/escrow/CheckedJobEscrow.tact.
 *
 * @example
 * const job = provider.open(await CheckedJobEscrow.fromTerms(jobTerms, stake));
 * await job.sendCreate(sender, { value: requiredCheckedJobValue(jobTerms, prices), terms, request });
 */
export class CheckedJobEscrow implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  /** The job with exactly these terms and this stake: its address follows from them. */
  static async fromTerms(terms: JobEscrowTerms, stake: Address): Promise<CheckedJobEscrow> {
    const init = await stateInit(terms, stake);
    return new CheckedJobEscrow(contractAddress(0, init), init);
  }

  static fromAddress(address: Address): CheckedJobEscrow {
    return new CheckedJobEscrow(address);
  }

  /** Locks the money, posts the request and has the stake asked. Only once: a second create is refused. */
  async sendCreate(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; terms: Cell; acceptance?: Cell; request: Uint8Array },
  ): Promise<void> {
    await provider.internal(via, {
      value: options.value,
      bounce: true,
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      body: packCreateCheckedJob({ ...options, acceptance: options.acceptance ?? null }),
    });
  }

  /** Delivers an answer; paid from the escrow. */
  async sendDeliver(provider: ContractProvider, delivery: JobDelivery): Promise<void> {
    await provider.external(packDelivery(delivery));
  }

  /** Gives the job back with a reason; refused when the worker accepted it. Paid from the escrow. */
  async sendDecline(provider: ContractProvider, signature: Uint8Array, reason: number): Promise<void> {
    await provider.external(packDecline(signature, reason));
  }

  /** From the deadline on anyone may return everything to the client; paid from the escrow. */
  async sendExpire(provider: ContractProvider): Promise<void> {
    await provider.external(beginCell().endCell());
  }

  /** The job as it stands, or null when no account is there (not yet created, or already ended). */
  async getData(provider: ContractProvider): Promise<CheckedJobData | null> {
    const { state } = await provider.getState();
    if (state.type !== 'active' || !state.data) return null;
    return parseCheckedJobData(Cell.fromBoc(state.data)[0]);
  }
}
