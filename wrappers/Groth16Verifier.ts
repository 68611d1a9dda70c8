import {
  Address,
  beginCell,
  type Builder,
  Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  type Sender,
  SendMode,
  type Slice,
} from '@ton/core';
import { Groth16Verifier as GeneratedVerifier } from '../build/Suite/Suite_Groth16Verifier';
import { CocoonError } from '../protocol';
import {
  checkVerificationKey,
  G1_BYTES,
  G2_BYTES,
  type Groth16Proof,
  MAX_PUBLIC_INPUTS,
  MIN_PUBLIC_INPUTS,
  negated,
  parseG1,
  parseG2,
  requireScalar,
  type VerificationKey,
} from '../protocol/zk';
import { toInteger } from './cells';
import { basechainHash } from './fields';
import { handlingFee, type NetworkPrices } from './requiredValue';

export const OP_CHECK_VERIFICATION_KEY = 0x0c80;
export const OP_SUBMIT_PROOF = 0x0c81;
export const OP_PROOF_ACCEPTED = 0x0c82;
export const OP_SUBMIT_PROOFS = 0x0c87;

/** Proofs that one message may bring. */
export const MAX_PROOFS = 8;

/** Exit codes of Groth16Verifier, as in contracts/zk. */
export const VERIFIER_ERRORS = {
  exoticCell: 881,
  inputOutOfRange: 882,
  proofPoint: 883,
  proofWrong: 884,
  keyForm: 885,
  keyPoint: 886,
  keyForgeable: 887,
  keyNotChecked: 888,
  valueTooLow: 889,
  proofCount: 890,
  /** Cell underflow: a proof or its inputs have another length than this key's. */
  malformed: 9,
} as const;

/** A verifier is one key, what is said of its setup, and a shard: its address. */
export interface VerifierIdentity {
  key: VerificationKey;
  /** True unless the key comes from a ceremony: whoever made a development key can forge proofs. */
  isDevelopment: boolean;
  /** Several accounts of one key, 0 to 255. */
  shard: number;
}

/** What a verifier says of itself. */
export interface VerifierSetup {
  isDevelopment: boolean;
  /** Whether the key was found good; before, no proof counts. */
  isChecked: boolean;
  shard: number;
  /** Hash of the cell that holds the key. */
  keyHash: Uint8Array;
}

/** What a prover sends. */
export interface ProofSubmission {
  escrow: Address;
  /** Who is paid; the proof's context word is about it. */
  payee: Address;
  proof: Groth16Proof;
  /** All public inputs but the context word, which the contract computes. */
  inputs: readonly bigint[];
}

const bytesCell = (...parts: Uint8Array[]): Cell =>
  parts.reduce((builder, part) => builder.storeBuffer(Buffer.from(part)), beginCell()).endCell();

/**
 * The cell of a key, as contracts/zk/bls.tact reads it. The context's point comes first, since the contract knows its number.
 * @throws ProtocolError BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT
 */
export function packVerificationKey(key: VerificationKey): Cell {
  checkVerificationKey(key);
  const [constant, ...inputs] = key.ic;
  const [context, first, ...others] = [inputs[inputs.length - 1], ...inputs.slice(0, -1)].map((point) => Buffer.from(point));
  const last = beginCell().storeBuffer(others.pop()!).storeUint(key.ic.length, 8).endCell();
  const below = others.reduceRight((next, point) => beginCell().storeBuffer(point).storeRef(next).endCell(), last);
  const points = beginCell().storeBuffer(context).storeBuffer(first).storeRef(below).endCell();
  return beginCell()
    .storeBuffer(Buffer.from(negated(key.alpha)))
    .storeBuffer(Buffer.from(constant))
    .storeRef(bytesCell(key.beta))
    .storeRef(bytesCell(negated(key.gamma)))
    .storeRef(bytesCell(negated(key.delta)))
    .storeRef(points)
    .endCell();
}

/**
 * The key that such a cell holds, checked.
 * @throws CocoonError NOT_A_VERIFICATION_KEY; ProtocolError BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT
 */
export function parseVerificationKey(cell: Cell): VerificationKey {
  let key: VerificationKey;
  try {
    const root = cell.beginParse();
    const point = (slice: Slice, bytes: number): Uint8Array => new Uint8Array(slice.loadBuffer(bytes));
    const alpha = negated(point(root, G1_BYTES));
    const constant = point(root, G1_BYTES);
    const [beta, gamma, delta] = [0, 1, 2].map(() => point(root.loadRef().beginParse(), G2_BYTES));
    const points = root.loadRef().beginParse();
    const context = point(points, G1_BYTES);
    const inputs = [point(points, G1_BYTES)];
    for (let next = points; next.remainingRefs > 0; ) {
      next = next.loadRef().beginParse();
      inputs.push(point(next, G1_BYTES));
    }
    key = { alpha, beta, gamma: negated(gamma), delta: negated(delta), ic: [constant, ...inputs, context] };
  } catch (cause) {
    throw new CocoonError('NOT_A_VERIFICATION_KEY', 'this cell holds no verification key', {
      expected: 'as contracts/zk/bls.tact describes it',
      cause,
    });
  }
  if (packVerificationKey(key).equals(cell)) return key;
  throw new CocoonError('NOT_A_VERIFICATION_KEY', 'this cell holds more than a verification key');
}

/** Reads the data of a verifier. @throws as parseVerificationKey */
export function parseVerifierData(data: Cell): VerifierIdentity & { isChecked: boolean } {
  const slice = data.beginParse();
  if (slice.remainingBits !== 10 || slice.remainingRefs !== 1) {
    throw new CocoonError('NOT_A_VERIFICATION_KEY', 'this is not the data of a Groth16Verifier', {
      expected: 'isChecked, isDevelopment, shard, ^key',
    });
  }
  const [isChecked, isDevelopment, shard] = [slice.loadBit(), slice.loadBit(), slice.loadUint(8)];
  return { isChecked, isDevelopment, shard, key: parseVerificationKey(slice.loadRef()) };
}

/**
 * parties, ^points, ^b, ^inputs. A proof that no honest prover makes is refused here, where that costs nothing.
 * @throws ProtocolError BAD_POINT, SCALAR_OUT_OF_RANGE; CocoonError BAD_PUBLIC_INPUTS, ADDRESS_NOT_BASECHAIN
 */
function packProof({ escrow, payee, proof, inputs }: ProofSubmission): Builder {
  parseG1('A', proof.a);
  parseG2('B', proof.b);
  parseG1('C', proof.c);
  if (inputs.length < MIN_PUBLIC_INPUTS - 1 || inputs.length >= MAX_PUBLIC_INPUTS) {
    throw new CocoonError('BAD_PUBLIC_INPUTS', 'no circuit of a verifier has so many public inputs', {
      expected: `${MIN_PUBLIC_INPUTS - 1} to ${MAX_PUBLIC_INPUTS - 1} beside the context word`,
      received: String(inputs.length),
    });
  }
  const given = beginCell();
  inputs.forEach((value, index) => given.storeUint(requireScalar(`public input ${index}`, value), 256));
  return beginCell()
    .storeBuffer(basechainHash('escrow of a proof', escrow))
    .storeBuffer(basechainHash('payee of a proof', payee))
    .storeRef(bytesCell(proof.a, proof.c))
    .storeRef(bytesCell(proof.b))
    .storeRef(given.endCell());
}

/** Body of a submission. @throws as packProof */
export const packSubmitProof = (submission: ProofSubmission): Cell =>
  beginCell().storeUint(OP_SUBMIT_PROOF, 32).storeBuilder(packProof(submission)).endCell();

/** Body of several under one key. @throws CocoonError PROOF_COUNT_OUT_OF_RANGE, and as packProof */
export function packSubmitProofs(submissions: readonly ProofSubmission[]): Cell {
  if (submissions.length < 2 || submissions.length > MAX_PROOFS) {
    throw new CocoonError('PROOF_COUNT_OUT_OF_RANGE', 'a list holds another number of proofs', {
      expected: `2 to ${MAX_PROOFS}`,
      received: String(submissions.length),
    });
  }
  const list = submissions.reduceRight<Cell | null>((next, submission) => {
    const proof = packProof(submission);
    return (next === null ? proof : proof.storeRef(next)).endCell();
  }, null);
  return beginCell().storeUint(OP_SUBMIT_PROOFS, 32).storeRef(list!).endCell();
}

/** Gas and messages that the contracts reserve; contracts/zk/Groth16Verifier.tact. */
const GAS_PROOF = 120_000n;
const GAS_CHECK_KEY = 45_000n;

/** Least value of SubmitProof, nanoTON. What it does not use returns to the payee. */
export const requiredProofValue = (prices: NetworkPrices): bigint => handlingFee(prices, GAS_PROOF, 2n);

const GAS_EACH_PROOF = 45_000n;
const GAS_PROOF_LIST = 80_000n;
const GAS_ACCEPTED = 8_000n;

/** Least value of SubmitProofs, nanoTON. What it does not use returns to the sender, what a job does not use to its payee. */
export function requiredProofsValue(count: number, prices: NetworkPrices): bigint {
  const proofs = BigInt(count);
  const shares = proofs * handlingFee(prices, GAS_ACCEPTED, 2n);
  return handlingFee(prices, GAS_PROOF_LIST + proofs * GAS_EACH_PROOF, proofs + 1n) + shares;
}

/** Least value of CheckVerificationKey beyond five years of rent, nanoTON. */
export const keyCheckFee = (prices: NetworkPrices): bigint => handlingFee(prices, GAS_CHECK_KEY, 1n);

/** The code of Groth16Verifier as compiled from contracts/. */
export async function groth16VerifierCode(): Promise<Cell> {
  return (await GeneratedVerifier.fromInit(false, false, 0n, new Cell())).init!.code;
}

/**
 * Checks proofs of one circuit; contracts/zk/Groth16Verifier.tact.
 *
 * @example
 * const verifier = provider.open(await Groth16Verifier.fromIdentity({ key, isDevelopment: true, shard: 0 }));
 * await verifier.sendCheckKey(sender, toNano('0.3'));
 * await verifier.sendProof(sender, { value: requiredProofValue(prices), escrow, payee, proof, inputs: [commit, verdict] });
 */
export class Groth16Verifier implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
    /** What the address follows from; unknown of a verifier that was opened by its address. */
    readonly identity?: VerifierIdentity,
  ) {}

  /** @throws ProtocolError BAD_VERIFICATION_KEY, BAD_KEY_FORGEABLE, BAD_POINT: before anything is sent */
  static async fromIdentity(identity: VerifierIdentity): Promise<Groth16Verifier> {
    const { key, isDevelopment, shard } = identity;
    const { init } = await GeneratedVerifier.fromInit(false, isDevelopment, BigInt(shard), packVerificationKey(key));
    return new Groth16Verifier(contractAddress(0, init!), init!, identity);
  }

  static fromAddress(address: Address): Groth16Verifier {
    return new Groth16Verifier(address);
  }

  /** Deploys the verifier: its first message checks the key. Five years of rent stay, the rest returns. */
  async sendCheckKey(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    const body = beginCell().storeUint(OP_CHECK_VERIFICATION_KEY, 32).endCell();
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** `value` is at least `requiredProofValue`. */
  async sendProof(
    provider: ContractProvider,
    via: Sender,
    options: ProofSubmission & { value: bigint },
  ): Promise<void> {
    const body = packSubmitProof(options);
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Several proofs, all of them or none; `value` is at least `requiredProofsValue`. */
  async sendProofs(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; proofs: readonly ProofSubmission[] },
  ): Promise<void> {
    const body = packSubmitProofs(options.proofs);
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  async getSetup(provider: ContractProvider): Promise<VerifierSetup> {
    const { stack } = await provider.get('setup', []);
    const isDevelopment = stack.readBoolean();
    const isChecked = stack.readBoolean();
    const shard = stack.readNumber();
    const keyHash = Buffer.from(stack.readBigNumber().toString(16).padStart(64, '0'), 'hex');
    return { isDevelopment, isChecked, shard, keyHash };
  }

  /** Unix seconds until which today's balance pays the rent at today's prices. */
  async getPaidUntil(provider: ContractProvider): Promise<number> {
    return (await provider.get('paidUntil', [])).stack.readNumber();
  }
}

/** How a job names its verifier: what of the address the job's contract computes again. */
export function packVerifierIdentity({ key, isDevelopment, shard }: VerifierIdentity): Cell {
  const cell = packVerificationKey(key);
  return beginCell()
    .storeUint(toInteger(cell.hash()), 256)
    .storeUint(cell.depth(), 16)
    .storeBit(isDevelopment)
    .storeUint(shard, 8)
    .endCell();
}
