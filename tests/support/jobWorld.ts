import { type Address, beginCell, Cell, type Message, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import {
  JobEscrow,
  type JobDelivery,
  type JobEscrowTerms,
  packDecline,
  packDelivery,
  packOutput,
  requiredJobValue,
} from '../../wrappers';
import { pricesOf } from './config';
import { createSandbox } from './sandbox';

/** Network id of the sandbox's default configuration, a copy of mainnet's. */
export const NETWORK_ID = -239;
export const START = 1_800_000_000;

/** Bytes that differ from their neighbours, so that a misplaced cell shows. */
export const patternBytes = (length: number, salt = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + salt + (index >> 8)) & 0xff);

export interface Answer {
  finishReason: number;
  issuedAt: number;
  output: Uint8Array;
  responseCommit: Uint8Array;
  traceCommit: Uint8Array;
  promptTokens: number;
  outputTokens: number;
}

/** Header of everything a worker signs, built here independently of protocol/ so that tests compare two programs. */
function workerStatement(terms: JobEscrowTerms, escrow: Address, tag = 0x4f435731) {
  return beginCell()
    .storeUint(tag, 32)
    .storeInt(terms.networkId, 32)
    .storeBuffer(Buffer.from(terms.termsHash))
    .storeAddress(escrow);
}

export function claimsCell(answer: Answer): Cell {
  return beginCell()
    .storeBuffer(packOutput(answer.output).hash())
    .storeBuffer(Buffer.from(answer.responseCommit))
    .storeBuffer(Buffer.from(answer.traceCommit))
    .storeUint(answer.promptTokens, 32)
    .storeUint(answer.outputTokens, 32)
    .endCell();
}

/** Fields of a job's receipt that the contract fixes; a test changes one to see it refused. */
export interface ReceiptFields {
  seq?: number;
  index?: number;
  final?: number;
  reserved?: number;
  dueNano?: bigint;
  tag?: number;
}

export function receiptCell(terms: JobEscrowTerms, escrow: Address, answer: Answer, fields: ReceiptFields = {}): Cell {
  return workerStatement(terms, escrow, fields.tag)
    .storeUint(fields.seq ?? 0, 32)
    .storeUint(fields.index ?? 0, 32)
    .storeUint(fields.final ?? 1, 1)
    .storeUint(fields.reserved ?? 0, 4)
    .storeUint(answer.finishReason, 3)
    .storeUint(answer.issuedAt, 32)
    .storeUint(fields.dueNano ?? terms.price, 64)
    .storeRef(claimsCell(answer))
    .endCell();
}

export function declineCell(terms: JobEscrowTerms, escrow: Address, reason: number): Cell {
  return workerStatement(terms, escrow).storeUint(reason, 8).endCell();
}

let shared: { chain: Blockchain; start: ReturnType<Blockchain['snapshot']> } | undefined;

/** One sandbox per test file, taken back to its start: creating one costs a quarter of a second. */
async function freshChain(): Promise<Blockchain> {
  if (!shared) {
    const chain = await createSandbox();
    chain.now = START;
    for (const name of ['client', 'provider', 'stranger']) await chain.treasury(name);
    shared = { chain, start: chain.snapshot() };
  }
  await shared.chain.loadFrom(shared.start);
  shared.chain.now = START;
  return shared.chain;
}

/** A client, a provider, a stranger, a worker key and one job between them. Tests read as a story. */
export class JobWorld {
  readonly request = patternBytes(256, 1);
  value = 0n;

  private constructor(
    readonly blockchain: Blockchain,
    readonly client: SandboxContract<TreasuryContract>,
    readonly provider: SandboxContract<TreasuryContract>,
    readonly stranger: SandboxContract<TreasuryContract>,
    readonly worker: KeyPair,
    readonly terms: JobEscrowTerms,
    readonly job: SandboxContract<JobEscrow>,
  ) {}

  /** A world on a fresh chain, or a second job on the chain of another world. Only the newest fresh world may be used. */
  static async create(overrides: Partial<JobEscrowTerms> = {}, blockchain?: Blockchain): Promise<JobWorld> {
    const chain = blockchain ?? (await freshChain());
    const client = await chain.treasury('client');
    const provider = await chain.treasury('provider');
    const stranger = await chain.treasury('stranger');
    const worker = keyPairFromSeed(Buffer.alloc(32, 2));
    const terms: JobEscrowTerms = {
      networkId: NETWORK_ID,
      deadline: chain.now! + 600,
      price: toNano('0.1'),
      outputCells: 2,
      answerInCallback: false,
      client: client.address,
      payout: provider.address,
      workerKey: worker.publicKey,
      termsHash: patternBytes(32, 99),
      ...overrides,
    };
    const world = new JobWorld(
      chain,
      client,
      provider,
      stranger,
      worker,
      terms,
      chain.openContract(await JobEscrow.fromTerms(terms)),
    );
    world.value = requiredJobValue(terms, pricesOf(chain));
    return world;
  }

  get now(): number {
    return this.blockchain.now!;
  }

  answer(overrides: Partial<Answer> = {}): Answer {
    return {
      finishReason: 1,
      issuedAt: this.now,
      output: patternBytes(256, 3),
      responseCommit: patternBytes(32, 4),
      traceCommit: patternBytes(32, 5),
      promptTokens: 3,
      outputTokens: 20,
      ...overrides,
    };
  }

  delivery(answer: Answer = this.answer(), fields: ReceiptFields = {}, key: KeyPair = this.worker): JobDelivery {
    const receipt = receiptCell(this.terms, this.job.address, answer, fields);
    return {
      signature: sign(receipt.hash(), key.secretKey),
      finishReason: answer.finishReason,
      issuedAt: answer.issuedAt,
      claims: claimsCell(answer),
      output: answer.output,
    };
  }

  create(value: bigint = this.value, from = this.client): Promise<SendMessageResult> {
    return this.job.sendCreate(from.getSender(), { value, request: this.request });
  }

  /** Sends an external message to the job; rejects when the job does not accept it. */
  external(body: Cell, init?: { code: Cell; data: Cell }): Promise<SendMessageResult> {
    const message: Message = {
      info: { type: 'external-in', dest: this.job.address, importFee: 0n },
      init,
      body,
    };
    return this.blockchain.sendMessage(message);
  }

  deliver(delivery: JobDelivery = this.delivery()): Promise<SendMessageResult> {
    return this.external(packDelivery(delivery));
  }

  decline(reason = 3, key: KeyPair = this.worker): Promise<SendMessageResult> {
    const hash = declineCell(this.terms, this.job.address, reason).hash();
    return this.external(packDecline(sign(hash, key.secretKey), reason));
  }

  expire(): Promise<SendMessageResult> {
    return this.external(new Cell());
  }

  async balance(address: Address): Promise<bigint> {
    return (await this.blockchain.getContract(address)).balance;
  }

  /** True when the escrow's account is gone with nothing left in it. */
  async isGone(): Promise<boolean> {
    const contract = await this.blockchain.getContract(this.job.address);
    return contract.accountState === undefined && contract.balance === 0n;
  }

  /** True when the escrow holds the price. A refused create leaves an active account without money. */
  async isFunded(): Promise<boolean> {
    return (await this.balance(this.job.address)) >= this.terms.price;
  }
}

/** Exit code with which an external message was refused before it was accepted; null when it was accepted. */
export async function refusal(attempt: Promise<SendMessageResult>): Promise<number | null> {
  try {
    await attempt;
    return null;
  } catch (error) {
    const exitCode = (error as { exitCode?: number }).exitCode;
    if (exitCode === undefined) throw error;
    return exitCode;
  }
}
