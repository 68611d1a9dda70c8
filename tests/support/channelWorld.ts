import { type Address, beginCell, Builder, type Cell, internal, type Message, toNano } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import type { Blockchain, SandboxContract, SendMessageResult, TreasuryContract } from '@ton/sandbox';
import {
  type ChannelClaim, claimFee, packClaim, packCloseChannel, packReplaceClaimKey, PaymentChannel, type PaymentChannelTerms,
} from '../../wrappers';
import { pricesOf } from './config';
import { NETWORK_ID, patternBytes, START } from './jobWorld';
import { createSandbox } from './sandbox';

export const DAY = 86_400;
export const DEPOSIT = toNano('1');

/** What a test may say differently in the voucher that is signed, or sign with another key. */
export interface VoucherChanges {
  final?: boolean;
  tag?: number;
  networkId?: number;
  channel?: Address;
  /** Behind the amount, in what is signed and sent. */
  rest?: Cell;
  clientKey?: KeyPair;
  claimKey?: KeyPair;
}

let shared: { chain: Blockchain; start: ReturnType<Blockchain['snapshot']> } | undefined;

/** One sandbox per test file, taken back to its start. */
async function freshChain(): Promise<Blockchain> {
  if (!shared) {
    const chain = await createSandbox();
    chain.now = START;
    for (const name of ['client', 'payout', 'stranger']) await chain.treasury(name);
    shared = { chain, start: chain.snapshot() };
  }
  await shared.chain.loadFrom(shared.start);
  shared.chain.now = START;
  return shared.chain;
}

/** A client, a provider's payout wallet, a stranger, both keys and one channel between them. Tests read as a story. */
export class ChannelWorld {
  readonly clientKey = keyPairFromSeed(Buffer.alloc(32, 1));
  readonly claimKey = keyPairFromSeed(Buffer.alloc(32, 2));

  private constructor(
    readonly blockchain: Blockchain,
    readonly client: SandboxContract<TreasuryContract>,
    readonly payout: SandboxContract<TreasuryContract>,
    readonly stranger: SandboxContract<TreasuryContract>,
    readonly terms: PaymentChannelTerms,
    readonly channel: SandboxContract<PaymentChannel>,
  ) {}

  /** A world on a fresh chain, or a second channel on the chain of another world. Only the newest fresh world may be used. */
  static async create(overrides: Partial<PaymentChannelTerms> = {}, blockchain?: Blockchain): Promise<ChannelWorld> {
    const chain = blockchain ?? (await freshChain());
    const client = await chain.treasury('client');
    const payout = await chain.treasury('payout');
    const stranger = await chain.treasury('stranger');
    const terms: PaymentChannelTerms = {
      networkId: NETWORK_ID,
      client: client.address,
      clientKey: keyPairFromSeed(Buffer.alloc(32, 1)).publicKey,
      stake: (await chain.treasury('stake')).address,
      payout: payout.address,
      claimKey: keyPairFromSeed(Buffer.alloc(32, 2)).publicKey,
      closeDelay: DAY,
      expiry: chain.now! + 90 * DAY,
      ...overrides,
    };
    const channel = chain.openContract(await PaymentChannel.fromTerms(terms));
    return new ChannelWorld(chain, client, payout, stranger, terms, channel);
  }

  /** A channel with its deposit. */
  static async opened(overrides: Partial<PaymentChannelTerms> = {}, deposit = DEPOSIT): Promise<ChannelWorld> {
    const world = await ChannelWorld.create(overrides);
    await world.topUp(deposit);
    return world;
  }

  get now(): number {
    return this.blockchain.now!;
  }

  set now(seconds: number) {
    this.blockchain.now = seconds;
  }

  get address(): Address {
    return this.channel.address;
  }

  get fee(): bigint {
    return claimFee(pricesOf(this.blockchain));
  }

  topUp(value: bigint, from = this.client): Promise<SendMessageResult> {
    return this.channel.sendTopUp(from.getSender(), value);
  }

  /** A claim with both signatures, over a voucher written here independently of protocol/ so that two programs are compared. */
  claimOf(amount: bigint, changes: VoucherChanges = {}): ChannelClaim & { rest?: Cell } {
    const { final = false, rest } = changes;
    const hash = beginCell()
      .storeUint(changes.tag ?? 0x4f435631, 32)
      .storeInt(changes.networkId ?? this.terms.networkId, 32)
      .storeAddress(changes.channel ?? this.address)
      .storeBit(final)
      .storeCoins(amount)
      .storeSlice((rest ?? new Builder().endCell()).beginParse())
      .endCell()
      .hash();
    return {
      final,
      amount,
      rest,
      voucherSignature: sign(hash, (changes.clientKey ?? this.clientKey).secretKey),
      claimSignature: sign(hash, (changes.claimKey ?? this.claimKey).secretKey),
    };
  }

  claim(amount: bigint, changes: VoucherChanges = {}): Promise<SendMessageResult> {
    const claim = this.claimOf(amount, changes);
    const body = packClaim(claim);
    return this.external(claim.rest ? beginCell().storeSlice(body.beginParse()).storeSlice(claim.rest.beginParse()).endCell() : body);
  }

  /** Sends an external message to the channel; rejects when the channel does not accept it. */
  external(body: Cell, init?: { code: Cell; data: Cell }): Promise<SendMessageResult> {
    const message: Message = { info: { type: 'external-in', dest: this.address, importFee: 0n }, init, body };
    return this.blockchain.sendMessage(message);
  }

  close(by = this.client, value = toNano('0.01')): Promise<SendMessageResult> {
    return this.channel.sendClose(by.getSender(), value);
  }

  replaceClaimKey(claimKey: Uint8Array, by = this.payout): Promise<SendMessageResult> {
    return this.channel.sendReplaceClaimKey(by.getSender(), claimKey);
  }

  /** Any message from any address, also one that nobody could send. */
  from(address: Address, body: Cell, value = toNano('0.01'), bounce = true): Promise<SendMessageResult> {
    const message = internal({ to: this.address, value, bounce, body });
    return this.blockchain.sendMessage({ ...message, info: { ...message.info, src: address } } as Message);
  }

  state(): Promise<Awaited<ReturnType<PaymentChannel['getChannel']>>> {
    return this.channel.getChannel();
  }

  async balance(address: Address = this.address): Promise<bigint> {
    return (await this.blockchain.getContract(address)).balance;
  }

  /** True when the channel's account is gone with nothing left in it. */
  async isGone(): Promise<boolean> {
    const contract = await this.blockchain.getContract(this.address);
    return contract.accountState === undefined && contract.balance === 0n;
  }
}

/** nanoTON that arrived at an address from the channel. */
export function paidTo(result: SendMessageResult, channel: Address, to: Address): bigint {
  let sum = 0n;
  for (const { inMessage } of result.transactions) {
    const info = inMessage!.info;
    if (info.type === 'internal' && !info.bounced && info.src.equals(channel) && info.dest.equals(to)) sum += info.value.coins;
  }
  return sum;
}

/** Exit code of the channel's transaction, null when the channel took no part. */
export function channelExit(result: SendMessageResult, channel: Address): number | null {
  for (const { inMessage, description } of result.transactions) {
    if (!inMessage?.info.dest || String(inMessage.info.dest) !== String(channel) || description.type !== 'generic') continue;
    const { computePhase } = description;
    return computePhase.type === 'vm' ? computePhase.exitCode : -1;
  }
  return null;
}

export { NETWORK_ID, packCloseChannel, packReplaceClaimKey, patternBytes, START };
