import { Address, beginCell, Cell, Dictionary, toNano } from '@ton/core';
import { keyPairFromSeed, type KeyPair, sign } from '@ton/crypto';
import {
  Blockchain,
  createShardAccount,
  type SandboxContract,
  type SendMessageResult,
  type TreasuryContract,
} from '@ton/sandbox';
import { type Coverage, type KeyRecord, ProviderStake as Generated } from '../../build/Suite/Suite_ProviderStake';
import {
  type Acceptance,
  encodeAcceptance,
  encodeReceipt,
  encodeTerms,
  keyClaimHash,
  type Receipt,
  receiptHash,
  SEMANTICS,
  type Terms,
} from '../../protocol';
import { BURN_ADDRESS, packSignedAcceptance, ProviderStake, type SignedReceipt, toCell } from '../../wrappers';
import { multiplyPrices } from './config';
import { NETWORK_ID, patternBytes, START } from './jobWorld';
import { createSandbox } from './sandbox';

export const DAY = 86_400;
export const STAKE = toNano('100');
export const WORKER = keyPairFromSeed(Buffer.alloc(32, 2));
/** An account whose empty code takes what it gets. */
export const REGISTRY = new Address(0, Buffer.alloc(32, 0x52));

/** What a stake remembers; parts that a test does not name are empty. */
export interface StakeState {
  active: bigint;
  thawing: bigint;
  slashed: bigint;
  announced: boolean;
  keys: Dictionary<bigint, KeyRecord>;
  coverage: Coverage;
  convictions: Dictionary<bigint, boolean>;
  openCases: bigint;
  endpoint: Cell | null;
}

type Snapshot = ReturnType<Blockchain['snapshot']>;

/** The sandbox of this test file, and its start by the factor that prices are multiplied with. */
/** A bonded key that lives 30 days from now, as a stake remembers it. */
export const bondedRecord = (sealingKey: bigint, now: number): KeyRecord => ({
  $$type: 'KeyRecord',
  sealingKey,
  tier: 0n,
  imageHash: 0n,
  claims: 0n,
  tcbStatus: 0n,
  revocationEpoch: 0n,
  fromUnix: BigInt(now),
  endUnix: BigInt(now + 30 * DAY),
  removedAt: 0n,
});

let shared: { chain: Blockchain; starts: Map<bigint, Snapshot> } | undefined;

/** An owner with a stake of 100 TON and one worker key, a client, a watcher, and an account that plays an escrow. */
export class StakeWorld {
  private constructor(
    readonly chain: Blockchain,
    readonly owner: SandboxContract<TreasuryContract>,
    readonly client: SandboxContract<TreasuryContract>,
    readonly watcher: SandboxContract<TreasuryContract>,
    readonly escrow: SandboxContract<TreasuryContract>,
    readonly stake: SandboxContract<ProviderStake>,
  ) {}

  /** One sandbox per test file, taken back to its start; everything costs `factor` times as much. */
  static async create(factor = 1n): Promise<StakeWorld> {
    const isNew = !shared;
    const chain = shared?.chain ?? (await createSandbox());
    if (shared) await startAt(factor);
    chain.now = START;
    const [owner, client, watcher, escrow] = await Promise.all(
      ['owner', 'client', 'watcher', 'escrow'].map((name) => chain.treasury(name)),
    );
    const parameters = { networkId: NETWORK_ID, registry: REGISTRY, owner: owner.address };
    const stake = chain.openContract(await ProviderStake.fromOwner(parameters));
    const world = new StakeWorld(chain, owner, client, watcher, escrow, stake);
    if (isNew) {
      const code = beginCell().endCell();
      const registry = createShardAccount({ address: REGISTRY, code, data: code, balance: 0n, workchain: 0 });
      await chain.setShardAccount(REGISTRY, registry);
      await stake.sendDeposit(owner.getSender(), { value: STAKE + toNano('3'), amount: STAKE });
      await world.addKey();
      shared = { chain, starts: new Map([[1n, chain.snapshot()]]) };
      if (factor !== 1n) return StakeWorld.create(factor);
    }
    return world;
  }

  get now(): number {
    return this.chain.now!;
  }

  addKey(key: KeyPair = WORKER, endUnix = START + 30 * DAY, value = toNano('1')): Promise<SendMessageResult> {
    const sealingKey = patternBytes(32, 60);
    const claim = { networkId: NETWORK_ID, stake: this.stake.address.hash, sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), key.secretKey);
    const message = { value, workerKey: key.publicKey, sealingKey, endUnix, proof };
    return this.stake.sendAddWorkerKey(this.owner.getSender(), message);
  }

  terms(overrides: Partial<Terms> = {}): Terms {
    return {
      networkId: NETWORK_ID,
      tier: 0,
      visibility: 0,
      flags: 0,
      semantics: SEMANTICS,
      client: this.client.address.hash,
      stake: this.stake.address.hash,
      workerKey: WORKER.publicKey,
      salt: patternBytes(16, 7),
      modelRoot: patternBytes(32, 8),
      requestCommit: patternBytes(32, 9),
      responseKeyHash: patternBytes(32, 10),
      maxTokens: 100,
      expiresAt: this.now + 600,
      promptPrice: 0n,
      outputPrice: 0n,
      fixedPrice: toNano('0.1'),
      coverage: 0n,
      imageHash: new Uint8Array(32),
      ...overrides,
    };
  }

  receipt(terms: Terms, overrides: Partial<Receipt> = {}): Receipt {
    return {
      networkId: terms.networkId,
      termsHash: termsCell(terms).hash(),
      escrow: this.escrow.address.hash,
      seq: 0,
      index: 0,
      final: true,
      finishReason: 1,
      issuedAt: this.now,
      dueNano: toNano('0.1'),
      sealedHash: patternBytes(32, 11),
      responseCommit: patternBytes(32, 12),
      traceCommit: patternBytes(32, 13),
      promptTokens: 3,
      outputTokens: 20,
      ...overrides,
    };
  }

  /** Two receipts that differ as said, reported by the watcher. */
  report(first: Receipt, second: Receipt, terms = this.terms(), value = toNano('1')): Promise<SendMessageResult> {
    const evidence = { terms: termsCell(terms), first: signed(first), second: signed(second) };
    return this.stake.sendReportTwoReceipts(this.watcher.getSender(), { value, ...evidence });
  }

  /** Reports two conflicting receipts of the job with this number. */
  reportLie(seq = 0, overrides: Partial<Receipt> = {}): Promise<SendMessageResult> {
    const first = this.receipt(this.terms(), { seq, ...overrides });
    return this.report(first, { ...first, responseCommit: patternBytes(32, 99) });
  }

  acceptance(terms: Terms, overrides: Partial<Acceptance> = {}, key = WORKER): Cell {
    const acceptance = toCell(
      encodeAcceptance({
        networkId: NETWORK_ID,
        escrow: this.escrow.address.hash,
        stake: this.stake.address.hash,
        termsHash: termsCell(terms).hash(),
        acceptBy: this.now + 60,
        coverage: terms.coverage,
        ...overrides,
      }),
    );
    const signature = sign(acceptance.hash(), key.secretKey);
    return packSignedAcceptance({ workerKey: key.publicKey, signature, acceptance });
  }

  /** Asks as an escrow does; the stake's answer. */
  async query(terms: Terms, acceptance: Cell | null = null, from = this.escrow): Promise<number | null> {
    const body = beginCell().storeUint(0x0c05, 32).storeRef(termsCell(terms)).storeMaybeRef(acceptance).endCell();
    const { transactions } = await from.send({ to: this.stake.address, value: toNano('1'), body });
    const reply = transactions.find(({ inMessage }) => String(inMessage?.info.src) === String(this.stake.address));
    const slice = reply!.inMessage!.body.beginParse();
    return slice.remainingBits === 40 && slice.loadUint(32) === 0x0c06 ? slice.loadUint(8) : null;
  }

  undelivered(acceptance: Cell, price = toNano('0.5'), from = this.escrow): Promise<SendMessageResult> {
    const client = this.client.address.hash;
    const head = beginCell().storeUint(0x0c07, 32).storeBuffer(client).storeCoins(price);
    const body = head.storeRef(acceptance).endCell();
    return from.send({ to: this.stake.address, value: toNano('0.1'), bounce: false, body });
  }

  async balance(address: Address = this.stake.address): Promise<bigint> {
    return (await this.chain.getContract(address)).balance;
  }

  burnt(): Promise<bigint> {
    return this.balance(BURN_ADDRESS);
  }

  /** The stake's account holds at least what its books say. */
  async isSolvent(): Promise<boolean> {
    const { active, thawing } = await this.stake.getStatus();
    return (await this.balance()) >= active + thawing;
  }

  /** Gives the stake's account a state that would take many messages to reach. */
  async setState(state: StakeState, balance: bigint): Promise<Cell> {
    const { init } = await Generated.fromInit(
      BigInt(NETWORK_ID),
      REGISTRY,
      this.owner.address,
      state.active,
      state.thawing,
      BigInt(this.now),
      state.slashed,
      0n,
      state.announced,
      BigInt(state.keys.size),
      state.keys,
      state.coverage,
      BigInt(state.convictions.size),
      state.convictions,
      state.openCases,
      (1n << 256n) - 1n,
      state.endpoint,
    );
    const account = createShardAccount({ address: this.stake.address, ...init!, balance, workchain: 0 });
    account.account!.storageStats.lastPaid = this.now;
    await this.chain.setShardAccount(this.stake.address, account);
    return init!.data;
  }
}

/** Converting a configuration takes long, so each is kept as part of a snapshot. */
async function startAt(factor: bigint): Promise<void> {
  const { chain, starts } = shared!;
  await chain.loadFrom(starts.get(factor) ?? starts.get(1n)!);
  if (starts.has(factor)) return;
  chain.setConfig(multiplyPrices(chain.config, factor));
  starts.set(factor, chain.snapshot());
}

export const termsCell = (terms: Terms): Cell => toCell(encodeTerms(terms));

export const signed = (receipt: Receipt, key: KeyPair = WORKER): SignedReceipt => ({
  receipt: toCell(encodeReceipt(receipt)),
  signature: sign(Buffer.from(receiptHash(receipt)), key.secretKey),
});

/** Exit code with which the stake refused the message; 0 when it did not. */
export function exitCode(result: SendMessageResult, stake: Address): number {
  const handled = result.transactions.find(({ inMessage }) => String(inMessage?.info.dest) === String(stake));
  const description = handled?.description;
  if (description?.type !== 'generic' || description.computePhase.type !== 'vm') throw new Error('not handled');
  return description.computePhase.exitCode;
}

/** Gas that the stake used for the message. */
export function gasUsed(result: SendMessageResult, stake: Address): bigint {
  const handled = result.transactions.find(({ inMessage }) => String(inMessage?.info.dest) === String(stake));
  const description = handled?.description;
  if (description?.type !== 'generic' || description.computePhase.type !== 'vm') throw new Error('not handled');
  return description.computePhase.gasUsed;
}

export const emptyState = (): StakeState => ({
  active: 0n,
  thawing: 0n,
  slashed: 0n,
  announced: false,
  keys: Dictionary.empty(),
  coverage: { $$type: 'Coverage', days: Dictionary.empty() },
  convictions: Dictionary.empty(),
  openCases: 0n,
  endpoint: null,
});
