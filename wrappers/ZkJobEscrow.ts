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
import { ZkJobEscrow as GeneratedZkJobEscrow } from '../build/Suite/Suite_ZkJobEscrow';
import { CocoonError } from '../protocol';
import { MAX_PUBLIC_INPUTS, requireScalar } from '../protocol/zk';
import { basechainHash } from './fields';
import { Groth16Verifier, packVerifierIdentity, type VerifierIdentity } from './Groth16Verifier';
import { handlingFee, type NetworkPrices } from './requiredValue';

export const OP_RESERVE_JOB = 0x0c83;
export const OP_JOB_PROVEN = 0x0c84;
export const OP_PROOF_UNUSED = 0x0c85;
export const OP_CREATE_ZK_JOB = 0x0c86;

/** Exit codes of ZkJobEscrow, as in contracts/zk/ZkJobEscrow.tact. */
export const ZK_JOB_ERRORS = {
  created: 791,
  notClient: 792,
  deadline: 793,
  valueTooLow: 794,
  form: 795,
  developmentPrice: 796,
  notVerifier: 797,
  notReservable: 798,
  stateInitAttached: 799,
} as const;

/** Most that a job under a development key may pay, nanoTON: whoever made the key can forge. */
export const MAX_DEVELOPMENT_PRICE = 1_000_000_000n;
/** nanoTON; burnt when the proof does not come in time. */
export const RESERVATION_BOND = 100_000_000n;
export const RESERVATION_SECONDS = 600;
/** So long after the deadline a job still answers. */
export const LINGER_SECONDS = 3_600;

/** Why a proof paid for nothing. */
export const PROOF_UNUSED = { notOpen: 1, late: 2, reserved: 3, otherInputs: 4 } as const;

/** The pinned parameters of a proof job: with the code its address. */
export interface ZkJobTerms {
  networkId: number;
  /** Unix seconds. A proof that arrives later is not paid. */
  deadline: number;
  /** nanoTON for the proof. */
  price: bigint;
  /** Whether a prover may reserve the job; otherwise the first proof has the price. */
  isExclusive: boolean;
  client: Address;
  verifier: Address;
  /** The commitment to the input: first public input of the circuit. */
  commit: bigint;
  /** Public inputs between the verdict and the context word, which the job fixes too; of most circuits none. */
  others?: readonly bigint[];
}

/** What a job holds. Of one that is over, only this much. */
export type ZkJobData =
  | { state: 'fresh' | 'open'; terms: ZkJobTerms; reservation: { payee: Address; until: number } | null }
  | { state: 'over'; client: Address; deadline: number; commit: bigint };

/** What arrives at the client, or at a payee whose proof paid for nothing. */
export type ZkJobMessage = { kind: 'proven'; verdict: bigint } | { kind: 'unused'; reason: number };

/** The data of a job that was not created yet. @throws ProtocolError SCALAR_OUT_OF_RANGE; CocoonError PRICE_OUT_OF_RANGE */
export function packZkJob(terms: ZkJobTerms): Cell {
  const { commit, others = [], price } = terms;
  if (price < 0n || price >= 1n << 64n) {
    throw new CocoonError('PRICE_OUT_OF_RANGE', 'The price is out of range', {
      expected: '0..2^64-1 nanoTON',
      received: price.toString(),
    });
  }
  if (others.length > MAX_PUBLIC_INPUTS - 3) {
    throw new CocoonError('BAD_PUBLIC_INPUTS', 'no circuit of a verifier has so many public inputs', {
      expected: `at most ${MAX_PUBLIC_INPUTS - 3} beside commitment, verdict and context word`,
      received: String(others.length),
    });
  }
  const job = beginCell()
    .storeUint(terms.deadline, 32)
    .storeBuffer(basechainHash('client of a job', terms.client))
    .storeUint(requireScalar('commit', commit), 256);
  others.forEach((value, index) => job.storeUint(requireScalar(`others[${index}]`, value), 256));
  return beginCell()
    .storeUint(0, 1 + 32)
    .storeUint(0, 256)
    .storeCoins(price)
    .storeBit(terms.isExclusive)
    .storeInt(terms.networkId, 32)
    .storeBuffer(basechainHash('verifier of a job', terms.verifier))
    .storeRef(job.endCell())
    .endCell();
}

/** Reads a job's data; throws NOT_A_ZK_JOB when it is not exactly such a cell. */
export function parseZkJob(data: Cell): ZkJobData {
  try {
    const slice = data.beginParse();
    if (slice.remainingRefs === 0) {
      const { deadline, client, commit } = parseFixed(data);
      return { state: 'over', client, deadline, commit };
    }
    const isOpen = slice.loadBit();
    const until = slice.loadUint(32);
    const payee = new Address(0, slice.loadBuffer(32));
    const price = slice.loadCoins();
    const isExclusive = slice.loadBit();
    const networkId = slice.loadInt(32);
    const verifier = new Address(0, slice.loadBuffer(32));
    const fixed = parseFixed(slice.loadRef());
    slice.endParse();
    const terms: ZkJobTerms = { networkId, price, isExclusive, verifier, ...fixed };
    return { state: isOpen ? 'open' : 'fresh', terms, reservation: until === 0 ? null : { payee, until } };
  } catch (cause) {
    throw new CocoonError('NOT_A_ZK_JOB', 'This is not the data of a ZkJobEscrow', {
      expected:
        'isOpen, reservedUntil, reservedFor, price, isExclusive, networkId, verifier, ^[deadline, client, commit, others]',
      cause,
    });
  }
}

function parseFixed(cell: Cell): Pick<ZkJobTerms, 'deadline' | 'client' | 'commit' | 'others'> {
  const slice = cell.beginParse();
  const deadline = slice.loadUint(32);
  const client = new Address(0, slice.loadBuffer(32));
  const commit = slice.loadUintBig(256);
  const others: bigint[] = [];
  while (slice.remainingBits > 0) others.push(slice.loadUintBig(256));
  slice.endParse();
  return { deadline, client, commit, ...(others.length > 0 ? { others } : {}) };
}

/** Reads JobProven or ProofUnused; null when the body is neither. JobFailed is read by `parseJobCallback`. */
export function parseZkJobMessage(body: Cell): ZkJobMessage | null {
  const slice = body.beginParse();
  if (slice.remainingBits < 32) return null;
  const op = slice.loadUint(32);
  if (op === OP_JOB_PROVEN && slice.remainingBits === 256) return { kind: 'proven', verdict: slice.loadUintBig(256) };
  if (op === OP_PROOF_UNUSED && slice.remainingBits === 8) return { kind: 'unused', reason: slice.loadUint(8) };
  return null;
}

/** Gas that the contract reserves; contracts/zk/ZkJobEscrow.tact. */
const GAS_CREATE_PROOF_JOB = 8_000n;
const GAS_RESERVE = 9_000n;
const GAS_END = 5_000n;

/** Least value of CreateZkJob, nanoTON. What the job does not use returns to the client. */
export const requiredZkJobValue = (price: bigint, prices: NetworkPrices): bigint =>
  price + handlingFee(prices, GAS_CREATE_PROOF_JOB, 1n) + 2n * handlingFee(prices, GAS_END, 1n);

/** Least value of ReserveJob, nanoTON, the bond included. */
export const requiredReservationValue = (prices: NetworkPrices): bigint =>
  RESERVATION_BOND + handlingFee(prices, GAS_RESERVE, 2n);

/** The code of ZkJobEscrow as compiled from contracts/. */
export async function zkJobEscrowCode(): Promise<Cell> {
  return (await GeneratedZkJobEscrow.fromInit(beginCell().endCell().beginParse())).init!.code;
}

/**
 * A job that a proof answers; contracts/zk/ZkJobEscrow.tact.
 *
 * @example
 * const verifier = await Groth16Verifier.fromIdentity(identity);
 * const job = provider.open(await ZkJobEscrow.fromTerms({ ...terms, verifier: verifier.address }));
 * await job.sendCreate(sender, { value: requiredZkJobValue(terms.price, prices), verifier: identity });
 */
export class ZkJobEscrow implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
    readonly terms?: ZkJobTerms,
  ) {}

  /** The job with exactly these terms: its address follows from them. */
  static async fromTerms(terms: ZkJobTerms): Promise<ZkJobEscrow> {
    const { init } = await GeneratedZkJobEscrow.fromInit(packZkJob(terms).beginParse());
    return new ZkJobEscrow(contractAddress(0, init!), init!, terms);
  }

  static fromAddress(address: Address): ZkJobEscrow {
    return new ZkJobEscrow(address);
  }

  /**
   * Locks the price. `value` is at least `requiredZkJobValue`.
   * @throws CocoonError BAD_VERIFIER, BAD_DEVELOPMENT_PRICE; ProtocolError for a bad key: before anything is sent
   */
  async sendCreate(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; verifier: VerifierIdentity },
  ): Promise<void> {
    const { value, verifier } = options;
    if (this.terms) await checkZkJobVerifier(this.terms, verifier);
    await provider.internal(via, {
      value,
      bounce: true,
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      body: packCreateZkJob(verifier),
    });
  }

  /** Ten minutes for one payee. `value` is at least `requiredReservationValue`. Compute the commitment again before. */
  async sendReserve(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; payee: Address },
  ): Promise<void> {
    const body = beginCell()
      .storeUint(OP_RESERVE_JOB, 32)
      .storeBuffer(basechainHash('payee of a proof', options.payee))
      .endCell();
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** From the deadline on anyone returns everything to the client; LINGER_SECONDS later anyone deletes the account. */
  async sendEnd(provider: ContractProvider): Promise<void> {
    await provider.external(new Cell());
  }

  /** The job as it stands, or null when no account is there. */
  async getData(provider: ContractProvider): Promise<ZkJobData | null> {
    const { state } = await provider.getState();
    if (state.type !== 'active' || !state.data) return null;
    return parseZkJob(Cell.fromBoc(state.data)[0]);
  }
}

/** Body of the create message. */
export const packCreateZkJob = (verifier: VerifierIdentity): Cell =>
  beginCell().storeUint(OP_CREATE_ZK_JOB, 32).storeSlice(packVerifierIdentity(verifier).beginParse()).endCell();

/**
 * Before a job is paid for: the contract would refuse another verifier, and a higher price under a development key.
 * @throws CocoonError BAD_VERIFIER, BAD_DEVELOPMENT_PRICE; ProtocolError for a bad key
 */
export async function checkZkJobVerifier(terms: ZkJobTerms, verifier: VerifierIdentity): Promise<void> {
  const { address } = await Groth16Verifier.fromIdentity(verifier);
  if (!address.equals(terms.verifier)) {
    throw new CocoonError('BAD_VERIFIER', 'the job pins another verifier', {
      expected: terms.verifier.toRawString(),
      received: address.toRawString(),
    });
  }
  if (verifier.isDevelopment && terms.price > MAX_DEVELOPMENT_PRICE) {
    throw new CocoonError('BAD_DEVELOPMENT_PRICE', 'whoever made a development key can forge its proofs', {
      expected: `a price of at most ${MAX_DEVELOPMENT_PRICE} nanoTON`,
      received: terms.price.toString(),
    });
  }
}
