import { Address, beginCell, Cell, contractAddress, Dictionary, type Message, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { ProviderStake as GeneratedStake } from '../../build/Suite/Suite_ProviderStake';
import {
  type AskedTerms,
  buildTerms,
  encodeAcceptance,
  encodePayload,
  encodeTerms,
  GREEDY_SAMPLING,
  type RequestPayload,
  SEMANTICS,
  type Terms,
  TermsFlag,
  Tier,
  Visibility,
} from '../../protocol';
import {
  CheckedJobEscrow,
  type JobDelivery,
  type JobEscrowTerms,
  packDecline,
  packDelivery,
  requiredCheckedJobValue,
  toCell,
} from '../../wrappers';
import { pricesOf } from './config';
import { sumFees } from './fees';
import {
  type Answer,
  claimsCell,
  declineCell,
  NETWORK_ID,
  patternBytes,
  receiptCell,
  type ReceiptFields,
  START,
} from './jobWorld';
import { createSandbox } from './sandbox';

/** Any account: the registry only hears that a provider became active. */
export const REGISTRY = contractAddress(0, { code: beginCell().endCell(), data: beginCell().endCell() });
/** Nobody's account: contracts/staking/parameters.tact. */
export const BURN_ADDRESS = new Address(0, Buffer.alloc(32));
export const STAKE_NANO = toNano('60');
export const KEY_SECONDS = 30 * 86_400;
export const ZERO_HASH = new Uint8Array(32);

export const uint256 = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** The generated binding of a stake with its initial state. */
export async function stakeOf(owner: Address, registry = REGISTRY, networkId = NETWORK_ID): Promise<GeneratedStake> {
  return GeneratedStake.fromInit(
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
    Dictionary.empty(),
    { $$type: 'Coverage', days: Dictionary.empty() },
    0n,
    Dictionary.empty(),
    0n,
    0n,
    null,
  );
}

/** A message that adds a bonded worker key, signed by that key. */
export function addWorkerKey(stake: Address, worker: KeyPair, endUnix: number, networkId = NETWORK_ID) {
  const sealingKey = uint256(patternBytes(32, 60));
  const claim = beginCell()
    .storeUint(0x4f434b31, 32)
    .storeInt(networkId, 32)
    .storeBuffer(stake.hash)
    .storeUint(sealingKey, 256)
    .storeUint(endUnix, 32)
    .endCell();
  const proof = sign(claim.hash(), worker.secretKey);
  const workerKey = uint256(worker.publicKey);
  return { $$type: 'AddWorkerKey' as const, queryId: 0n, workerKey, sealingKey, endUnix: BigInt(endUnix), proof };
}

export const depositStake = (amount: bigint) => ({ $$type: 'DepositStake' as const, queryId: 0n, amount });

/** Who takes part, beside the worker that only signs. */
export interface Parties {
  client: SandboxContract<TreasuryContract>;
  /** Owner of the stake. */
  owner: SandboxContract<TreasuryContract>;
  payout: SandboxContract<TreasuryContract>;
  stranger: SandboxContract<TreasuryContract>;
  stake: SandboxContract<GeneratedStake>;
}

let shared: { chain: Blockchain; parties: Parties; start: ReturnType<Blockchain['snapshot']> } | undefined;

/** One sandbox per test file with a funded stake and its worker key, taken back to that state for each world. */
export async function marketChain(): Promise<Blockchain> {
  if (!shared) {
    const chain = await createSandbox();
    chain.now = START;
    const [client, owner, payout, stranger] = [
      await chain.treasury('client'),
      await chain.treasury('owner'),
      await chain.treasury('payout'),
      await chain.treasury('stranger'),
    ];
    const stake = chain.openContract(await stakeOf(owner.address));
    await stake.send(owner.getSender(), { value: STAKE_NANO + toNano('3') }, depositStake(STAKE_NANO));
    const key = addWorkerKey(stake.address, WORKER, START + KEY_SECONDS);
    await stake.send(owner.getSender(), { value: toNano('0.2') }, key);
    if ((await stake.getStatus()).keyCount !== 1n) throw new Error('the stake has no worker key');
    shared = { chain, parties: { client, owner, payout, stranger, stake }, start: chain.snapshot() };
  }
  await shared.chain.loadFrom(shared.start);
  shared.chain.now = START;
  return shared.chain;
}

/** The parties on the chain of this test file. */
export async function marketParties(): Promise<Parties> {
  if (!shared) await marketChain();
  return shared!.parties;
}

export const WORKER = keyPairFromSeed(Buffer.alloc(32, 2));

export interface CheckedJobOptions {
  asked?: Partial<AskedTerms>;
  /** Fields of the escrow that differ from what the terms say. */
  job?: Partial<JobEscrowTerms>;
  terms?: Partial<Terms>;
  /** A stake that is not the provider's. */
  stake?: Address;
  price?: bigint;
  blockchain?: Blockchain;
  salt?: number;
}

/** A client, a provider with stake, key and payout, a stranger and one checked job between them. */
export class CheckedJobWorld {
  readonly worker = WORKER;
  /** Accounts whose money is counted. */
  readonly accounts: Address[];
  value = 0n;

  private constructor(
    readonly blockchain: Blockchain,
    readonly client: SandboxContract<TreasuryContract>,
    readonly owner: SandboxContract<TreasuryContract>,
    readonly payout: SandboxContract<TreasuryContract>,
    readonly stranger: SandboxContract<TreasuryContract>,
    readonly stake: SandboxContract<GeneratedStake>,
    readonly payload: RequestPayload,
    readonly signedTerms: Terms,
    readonly terms: JobEscrowTerms,
    readonly job: SandboxContract<CheckedJobEscrow>,
  ) {
    this.accounts = [client, owner, payout, stranger, stake, job].map(({ address }) => address);
    this.accounts.push(REGISTRY, BURN_ADDRESS);
  }

  static async create(options: CheckedJobOptions = {}): Promise<CheckedJobWorld> {
    const chain = options.blockchain ?? (await marketChain());
    const { client, owner, payout, stranger, stake } = await marketParties();
    const stakeAddress = options.stake ?? stake.address;
    const payload = publicPayload(chain.now!, options);
    const price = options.price ?? toNano('0.1');
    const context = {
      networkId: NETWORK_ID,
      client: client.address.hash,
      stake: stakeAddress.hash,
      workerKey: WORKER.publicKey,
      price,
    };
    const signedTerms: Terms = { ...buildTerms(payload, context), ...options.terms };
    const terms: JobEscrowTerms = {
      networkId: NETWORK_ID,
      deadline: signedTerms.expiresAt,
      price,
      outputCells: 2,
      answerInCallback: false,
      client: client.address,
      payout: payout.address,
      workerKey: WORKER.publicKey,
      termsHash: toCell(encodeTerms(signedTerms)).hash(),
      ...options.job,
    };
    const job = chain.openContract(await CheckedJobEscrow.fromTerms(terms, stakeAddress));
    const world = new CheckedJobWorld(chain, client, owner, payout, stranger, stake, payload, signedTerms, terms, job);
    world.value = requiredCheckedJobValue(terms, pricesOf(chain));
    return world;
  }

  get now(): number {
    return this.blockchain.now!;
  }

  get termsCell(): Cell {
    return toCell(encodeTerms(this.signedTerms));
  }

  get request(): Uint8Array {
    return Uint8Array.of(2, ...encodePayload(this.payload));
  }

  /** The worker's promise for this job; tests change what it says or who signs it. */
  acceptance(
    options: { coverage?: bigint; acceptBy?: number; key?: KeyPair; escrow?: Address; termsHash?: Uint8Array } = {},
  ): Cell {
    const key = options.key ?? this.worker;
    const acceptance = toCell(
      encodeAcceptance({
        networkId: NETWORK_ID,
        escrow: (options.escrow ?? this.job.address).hash,
        stake: this.stake.address.hash,
        termsHash: options.termsHash ?? this.termsCell.hash(),
        acceptBy: options.acceptBy ?? this.now + 60,
        coverage: options.coverage ?? 0n,
      }),
    );
    return beginCell()
      .storeBuffer(key.publicKey)
      .storeBuffer(sign(acceptance.hash(), key.secretKey))
      .storeRef(acceptance)
      .endCell();
  }

  create(options: { value?: bigint; acceptance?: Cell; from?: SandboxContract<TreasuryContract>; terms?: Cell } = {}) {
    return this.job.sendCreate((options.from ?? this.client).getSender(), {
      value: options.value ?? this.value,
      terms: options.terms ?? this.termsCell,
      acceptance: options.acceptance,
      request: this.request,
    });
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

  external(body: Cell, init?: { code: Cell; data: Cell }): Promise<SendMessageResult> {
    const message: Message = { info: { type: 'external-in', dest: this.job.address, importFee: 0n }, init, body };
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

  /** An internal message as if `from` had sent it. */
  forged(from: Address, body: Cell, options: { value?: bigint; bounced?: boolean; to?: Address } = {}) {
    return this.blockchain.sendMessage({
      info: {
        type: 'internal',
        ihrDisabled: true,
        bounce: false,
        bounced: options.bounced ?? false,
        src: from,
        dest: options.to ?? this.job.address,
        value: { coins: options.value ?? toNano('0.05') },
        ihrFee: 0n,
        forwardFee: 0n,
        createdLt: 0n,
        createdAt: 0,
      },
      body,
    });
  }

  async balance(address: Address): Promise<bigint> {
    return (await this.blockchain.getContract(address)).balance;
  }

  /** True when the escrow's account is gone with nothing left in it. */
  async isGone(): Promise<boolean> {
    const contract = await this.blockchain.getContract(this.job.address);
    return contract.accountState === undefined && contract.balance === 0n;
  }

  async state(): Promise<'fresh' | 'checking' | 'open' | null> {
    return (await this.job.getData())?.state ?? null;
  }

  /** Everything that the accounts of this world hold, nanoTON. */
  async total(): Promise<bigint> {
    let sum = 0n;
    for (const account of this.accounts) sum += await this.balance(account);
    return sum;
  }

  /** Runs one action and sees that no nanoTON appeared or went but fees; fails when an unknown account took part. */
  async conserved(action: () => Promise<SendMessageResult>): Promise<SendMessageResult> {
    const before = await this.total();
    const result = await action();
    const known = new Set(this.accounts.map(({ hash }) => BigInt(`0x${hash.toString('hex')}`)));
    const unknown = result.transactions.find(({ address }) => !known.has(address));
    if (unknown) throw new Error(`an account that is not counted took part: ${unknown.address.toString(16)}`);
    const lost = before - (await this.total());
    const fees = sumFees(result.transactions).totalNano;
    if (lost !== fees) throw new Error(`the accounts lost ${lost} nanoTON, the fees are ${fees}`);
    return result;
  }
}

function publicPayload(now: number, options: CheckedJobOptions): RequestPayload {
  return {
    asked: {
      tier: Tier.bonded,
      visibility: Visibility.public,
      flags: TermsFlag.checkKey,
      semantics: SEMANTICS,
      salt: patternBytes(16, options.salt ?? 7),
      modelRoot: patternBytes(32, 8),
      maxTokens: 20,
      expiresAt: now + 600,
      promptPrice: 0n,
      outputPrice: 0n,
      coverage: 0n,
      imageHash: ZERO_HASH,
      ...options.asked,
    },
    request: {
      promptTokens: [3, 4, 5],
      sampling: GREEDY_SAMPLING,
      stopTokens: [10],
      nonce: 1n,
      toolsHash: ZERO_HASH,
    },
    responseKey: ZERO_HASH,
    commitSalt: ZERO_HASH,
  };
}
