import {
  Address,
  beginCell,
  Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  type Sender,
  SendMode,
  type Slice,
} from '@ton/core';
import { JobEscrow as GeneratedJobEscrow } from '../build/Suite/Suite_JobEscrow';
import { CocoonError, OUTPUT_INLINE_BYTES, REQUEST_INLINE_BYTES } from '../protocol';
import { byteChain, readByteChain } from './cells';
import { basechainHash, fixedBytes } from './fields';

export const OP_CREATE_JOB = 0x0c01;
export const OP_JOB_ANSWERED = 0x0c02;
export const OP_JOB_FAILED = 0x0c03;

/** Largest `outputCells` that deliver can check within the 10,000 gas of an unaccepted external. */
export const MAX_OUTPUT_CELLS = 40;

/** Exit codes of JobEscrow, as in contracts/escrow/JobEscrow.tact. */
export const JOB_ESCROW_ERRORS = {
  stateInitAttached: 701,
  deadlinePassed: 702,
  notClient: 703,
  valueTooLow: 704,
  badSignature: 705,
  balanceTooLow: 706,
  outputNotSigned: 707,
  /** Cell overflow: the output has more cells than `outputCells`. */
  outputTooLarge: 8,
  /** Cell underflow: the external is none of deliver, decline and expire, or it is the wrong time for it. */
  malformed: 9,
} as const;

/** The pinned parameters of a job: all of its state, and with the code its address. */
export interface JobEscrowTerms {
  networkId: number;
  /** Unix seconds. Deliver and decline end here, expire begins. */
  deadline: number;
  /** nanoTON paid for the answer. */
  price: bigint;
  /** Most cells that the answer may fill beyond its first 24 bytes, 127 bytes each; at most MAX_OUTPUT_CELLS. */
  outputCells: number;
  /** True repeats the answer in the callback, for contracts that act on it; people read it from the delivery. */
  answerInCallback: boolean;
  client: Address;
  payout: Address;
  /** Ed25519 public key, 32 bytes. */
  workerKey: Uint8Array;
  /** Hash of the Terms cell, 32 bytes. */
  termsHash: Uint8Array;
}

/** What a worker sends to be paid: an external message whose bytes are all covered by its signature over the receipt. */
export interface JobDelivery {
  /** Ed25519 signature over the receipt's hash, 64 bytes. */
  signature: Uint8Array;
  finishReason: number;
  issuedAt: number;
  /** The receipt's second cell: sealedHash, responseCommit, traceCommit, promptTokens, outputTokens. */
  claims: Cell;
  output: Uint8Array;
}

/** What arrived at the client. */
export type JobCallback =
  | { kind: 'answered'; output?: Uint8Array }
  | { kind: 'failed'; reason: 'expired' }
  | { kind: 'failed'; reason: 'declined'; declineReason: number };

/** The data cell that pins a job. */
export function packJobEscrowTerms(terms: JobEscrowTerms): Cell {
  if (!Number.isInteger(terms.outputCells) || terms.outputCells < 0 || terms.outputCells > MAX_OUTPUT_CELLS) {
    throw new CocoonError('OUTPUT_CELLS_OUT_OF_RANGE', 'outputCells is out of range', {
      expected: `0..${MAX_OUTPUT_CELLS}`,
      received: String(terms.outputCells),
    });
  }
  if (terms.price < 0n || terms.price >= 1n << 64n) {
    throw new CocoonError('PRICE_OUT_OF_RANGE', 'The price is out of range', {
      expected: '0..2^64-1 nanoTON, what a receipt can say is due',
      received: terms.price.toString(),
    });
  }
  const signed = beginCell()
    .storeInt(terms.networkId, 32)
    .storeBuffer(fixedBytes('termsHash', terms.termsHash, 32))
    .endCell();
  return beginCell()
    .storeUint(terms.deadline, 32)
    .storeBuffer(basechainHash('client of a job', terms.client))
    .storeCoins(terms.price)
    .storeUint(terms.outputCells, 8)
    .storeBit(terms.answerInCallback)
    .storeBuffer(basechainHash('payout of a job', terms.payout))
    .storeBuffer(fixedBytes('workerKey', terms.workerKey, 32))
    .storeRef(signed)
    .endCell();
}

/** Reads a job's data cell back; throws when it is not exactly such a cell. */
export function parseJobEscrowTerms(data: Cell): JobEscrowTerms {
  try {
    const slice = data.beginParse();
    const deadline = slice.loadUint(32);
    const client = new Address(0, slice.loadBuffer(32));
    const price = slice.loadCoins();
    const outputCells = slice.loadUint(8);
    const answerInCallback = slice.loadBit();
    const payout = new Address(0, slice.loadBuffer(32));
    const workerKey = new Uint8Array(slice.loadBuffer(32));
    const signed = slice.loadRef().beginParse();
    slice.endParse();
    const networkId = signed.loadInt(32);
    const termsHash = new Uint8Array(signed.loadBuffer(32));
    signed.endParse();
    return { networkId, deadline, price, outputCells, answerInCallback, client, payout, workerKey, termsHash };
  } catch (cause) {
    throw new CocoonError('NOT_A_JOB_ESCROW', 'This is not the data of a JobEscrow', {
      expected: 'deadline, client, price, outputCells, answerInCallback, payout, workerKey, ^[networkId, termsHash]',
      cause,
    });
  }
}

/** The code of JobEscrow as compiled from contracts/. */
export async function jobEscrowCode(): Promise<Cell> {
  const { init } = await GeneratedJobEscrow.fromInit(beginCell().endCell().beginParse());
  return init!.code;
}

/** Body of the create message. */
export function packCreateJob(request: Uint8Array): Cell {
  return beginCell().storeUint(OP_CREATE_JOB, 32).storeSlice(byteChain(request, REQUEST_INLINE_BYTES)).endCell();
}

/** The request bytes of a create message. */
export function parseCreateJob(body: Cell): Uint8Array {
  const slice = body.beginParse();
  if (slice.remainingBits < 32 || slice.loadUint(32) !== OP_CREATE_JOB) {
    throw new CocoonError('NOT_A_CREATE_JOB', 'This is not a create message of a JobEscrow', {
      expected: `opcode 0x${OP_CREATE_JOB.toString(16)}`,
    });
  }
  return readByteChain(slice, REQUEST_INLINE_BYTES);
}

/** The output as the cell whose hash the receipt signs (sealedHash). */
export function packOutput(output: Uint8Array): Cell {
  return beginCell().storeSlice(byteChain(output, OUTPUT_INLINE_BYTES)).endCell();
}

/** Body of the external message that delivers. */
export function packDelivery(delivery: JobDelivery): Cell {
  return beginCell()
    .storeBuffer(fixedBytes('signature', delivery.signature, 64))
    .storeUint(delivery.finishReason, 3)
    .storeUint(delivery.issuedAt, 32)
    .storeRef(delivery.claims)
    .storeSlice(byteChain(delivery.output, OUTPUT_INLINE_BYTES))
    .endCell();
}

/** Reads a delivering external back, as a client does that looks for its answer. */
export function parseDelivery(body: Cell): JobDelivery {
  const slice = body.beginParse();
  if (slice.remainingBits < 512 + 35 || slice.remainingRefs < 1) {
    throw new CocoonError('NOT_A_DELIVERY', 'This external message does not deliver an answer', {
      expected: 'signature, finishReason, issuedAt, ^claims, output',
      received: `${slice.remainingBits} bits and ${slice.remainingRefs} references`,
    });
  }
  return {
    signature: new Uint8Array(slice.loadBuffer(64)),
    finishReason: slice.loadUint(3),
    issuedAt: slice.loadUint(32),
    claims: slice.loadRef(),
    output: readByteChain(slice, OUTPUT_INLINE_BYTES),
  };
}

/** Body of the external message that declines: Ed25519 signature over the Decline's hash, and its reason. */
export function packDecline(signature: Uint8Array, reason: number): Cell {
  return beginCell()
    .storeBuffer(fixedBytes('signature', signature, 64))
    .storeUint(reason, 8)
    .endCell();
}

/** Reads JobAnswered or JobFailed; null when the body is neither. */
export function parseJobCallback(body: Cell): JobCallback | null {
  const slice: Slice = body.beginParse();
  if (slice.remainingBits < 32) return null;
  const op = slice.loadUint(32);
  if (op === OP_JOB_ANSWERED) {
    if (slice.remainingBits === 0) return { kind: 'answered' };
    return { kind: 'answered', output: readByteChain(slice, OUTPUT_INLINE_BYTES) };
  }
  if (op !== OP_JOB_FAILED) return null;
  if (slice.remainingBits === 0) return { kind: 'failed', reason: 'expired' };
  return { kind: 'failed', reason: 'declined', declineReason: slice.loadUint(8) };
}

/**
 * One job: the price of one answer, locked by a client for one worker key until a deadline.
 *
 * @example
 * const job = provider.open(await JobEscrow.fromTerms(terms));
 * await job.sendCreate(sender, { value: requiredJobValue(terms, prices), request });
 */
export class JobEscrow implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  /** The job with exactly these terms: its address follows from them. */
  static async fromTerms(terms: JobEscrowTerms): Promise<JobEscrow> {
    const { init } = await GeneratedJobEscrow.fromInit(packJobEscrowTerms(terms).beginParse());
    return new JobEscrow(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): JobEscrow {
    return new JobEscrow(address);
  }

  /** Locks the money and posts the request. `value` is at least `requiredJobValue`; what the job does not use returns. */
  async sendCreate(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; request: Uint8Array },
  ): Promise<void> {
    await provider.internal(via, {
      value: options.value,
      bounce: true,
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      body: packCreateJob(options.request),
    });
  }

  /** Delivers an answer; paid from the escrow. */
  async sendDeliver(provider: ContractProvider, delivery: JobDelivery): Promise<void> {
    await provider.external(packDelivery(delivery));
  }

  /** Gives the job back to the client with a reason; paid from the escrow. */
  async sendDecline(provider: ContractProvider, signature: Uint8Array, reason: number): Promise<void> {
    await provider.external(packDecline(signature, reason));
  }

  /** From the deadline on anyone may return everything to the client; paid from the escrow. */
  async sendExpire(provider: ContractProvider): Promise<void> {
    await provider.external(beginCell().endCell());
  }

  /** The terms of a deployed job, or null when no account is there (not yet created, or already ended). */
  async getTerms(provider: ContractProvider): Promise<JobEscrowTerms | null> {
    const { state } = await provider.getState();
    if (state.type !== 'active' || !state.data) return null;
    return parseJobEscrowTerms(Cell.fromBoc(state.data)[0]);
  }
}
