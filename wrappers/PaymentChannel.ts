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
import { PaymentChannel as GeneratedPaymentChannel } from '../build/Suite/Suite_PaymentChannel';
import { CocoonError } from '../protocol';
import { basechainHash, fixedBytes } from './fields';
import { forwardFee, gasFee, type NetworkPrices } from './requiredValue';

export const OP_CLOSE_CHANNEL = 0x0c70;
export const OP_REPLACE_CLAIM_KEY = 0x0c71;

/** Exit codes of PaymentChannel. */
export const PAYMENT_CHANNEL_ERRORS = {
  stateInitAttached: 871,
  ended: 872,
  badClaimSignature: 873,
  badVoucherSignature: 874,
  nothingDue: 875,
  notAParty: 876,
  unknownMessage: 877,
  /** Cell underflow: the external is no claim, or an internal body is shorter than its message. */
  malformed: 9,
} as const;

/** The pinned parameters of a channel: with the code its address. Another channel of the same parties has another expiry. */
export interface PaymentChannelTerms {
  networkId: number;
  /** Gets the rest; may start the end. */
  client: Address;
  /** Ed25519 key that signs the vouchers, 32 bytes. */
  clientKey: Uint8Array;
  /** The ProviderStake whose workers are paid; the contract does not ask it. */
  stake: Address;
  /** Gets what is claimed; may end the channel and replace the claim key. */
  payout: Address;
  /** Ed25519 key of the provider that signs claims, 32 bytes. At first; see ChannelState. */
  claimKey: Uint8Array;
  /** Seconds between the client's close and the end, in which the provider claims. */
  closeDelay: number;
  /** Unix seconds at which the channel ends at the latest. */
  expiry: number;
}

/** What a channel holds. */
export interface ChannelState {
  /** As at the opening, but for the claim key, which is the one in force. */
  terms: PaymentChannelTerms;
  /** nanoTON of vouchers that were paid, claims' own fees included. */
  claimed: bigint;
  /** Unix seconds from which no claim is taken; the expiry at first, 0 once closed. */
  endsAt: number;
}

/** A voucher with the signatures of both keys over its hash. */
export interface ChannelClaim {
  /** Closes the channel: the rest goes to the client at once. */
  final: boolean;
  /** nanoTON, cumulative. */
  amount: bigint;
  /** By the client's key, 64 bytes. */
  voucherSignature: Uint8Array;
  /** By the claim key, 64 bytes. */
  claimSignature: Uint8Array;
}

/** The data cell of a channel that nobody has claimed from or closed: what its address pins. */
export function packChannel(terms: PaymentChannelTerms): Cell {
  const { expiry, closeDelay } = terms;
  for (const [name, value] of Object.entries({ expiry, closeDelay })) {
    if (Number.isInteger(value) && value > 0 && value < 2 ** 32) continue;
    throw new CocoonError('SECONDS_OUT_OF_RANGE', `${name} is out of range`, {
      expected: '1..2^32-1 seconds',
      received: String(value),
    });
  }
  const fixed = beginCell()
    .storeBuffer(basechainHash('client of a channel', terms.client))
    .storeUint(expiry, 32)
    .storeUint(closeDelay, 32)
    .storeBuffer(basechainHash('stake of a channel', terms.stake))
    .endCell();
  return beginCell()
    .storeCoins(0)
    .storeUint(expiry, 32)
    .storeInt(terms.networkId, 32)
    .storeBuffer(fixedBytes('clientKey', terms.clientKey, 32))
    .storeBuffer(fixedBytes('claimKey', terms.claimKey, 32))
    .storeBuffer(basechainHash('payout of a channel', terms.payout))
    .storeRef(fixed)
    .endCell();
}

/** Reads a channel's data cell; throws when it is not exactly such a cell. */
export function parseChannel(data: Cell): ChannelState {
  try {
    const slice = data.beginParse();
    const claimed = slice.loadCoins();
    const endsAt = slice.loadUint(32);
    const networkId = slice.loadInt(32);
    const clientKey = new Uint8Array(slice.loadBuffer(32));
    const claimKey = new Uint8Array(slice.loadBuffer(32));
    const payout = new Address(0, slice.loadBuffer(32));
    const fixed = slice.loadRef().beginParse();
    slice.endParse();
    const client = new Address(0, fixed.loadBuffer(32));
    const expiry = fixed.loadUint(32);
    const closeDelay = fixed.loadUint(32);
    const stake = new Address(0, fixed.loadBuffer(32));
    fixed.endParse();
    return { terms: { networkId, client, clientKey, stake, payout, claimKey, closeDelay, expiry }, claimed, endsAt };
  } catch (cause) {
    throw new CocoonError('NOT_A_CHANNEL', 'This is not the data of a PaymentChannel', {
      expected: 'claimed, endsAt, networkId, clientKey, claimKey, payout, ^[client, expiry, closeDelay, stake]',
      cause,
    });
  }
}

/** Body of the external message that claims. */
export function packClaim(claim: ChannelClaim): Cell {
  const claimSignature = beginCell().storeBuffer(fixedBytes('claimSignature', claim.claimSignature, 64)).endCell();
  return beginCell()
    .storeBuffer(fixedBytes('voucherSignature', claim.voucherSignature, 64))
    .storeRef(claimSignature)
    .storeBit(claim.final)
    .storeCoins(claim.amount)
    .endCell();
}

export const packCloseChannel = (): Cell => beginCell().storeUint(OP_CLOSE_CHANNEL, 32).endCell();

export const packReplaceClaimKey = (claimKey: Uint8Array): Cell =>
  beginCell().storeUint(OP_REPLACE_CLAIM_KEY, 32).storeBuffer(fixedBytes('claimKey', claimKey, 32)).endCell();

/** nanoTON for the gas of closing or of another key, several times what they cost at today's prices; what is left of it is not lost. */
export const CLOSE_VALUE = 10_000_000n;

/** Gas that a claim is charged for; the constant of `settle` in PaymentChannel.tact. */
const CLAIM_GAS = 4_400n;

/** nanoTON that a claim deducts from what it pays, at these prices. */
export const claimFee = (prices: NetworkPrices): bigint => gasFee(prices, CLAIM_GAS) + 2n * forwardFee(prices, 1n, 640n);

/** nanoTON that importing a claim's message takes before the contract looks at its balance. */
export const claimImport = (prices: NetworkPrices): bigint => forwardFee(prices, 1n, 512n);

/**
 * What a claim of `amount` would take from a channel with this balance; the payee gets it less `claimFee`. 0 when it is not
 * worth its fee, and the contract refuses it unless it is final.
 */
export function claimable(amount: bigint, state: Pick<ChannelState, 'claimed'>, balance: bigint, prices: NetworkPrices): bigint {
  const fee = claimFee(prices);
  const due = amount - state.claimed;
  const there = balance - claimImport(prices) - fee;
  const taken = due < there ? due : there;
  return taken > fee ? taken : 0n;
}

/** Whether the channel still takes claims, the client has started its end, or it is over. */
export function channelPhase({ endsAt, terms }: ChannelState, now: number): 'open' | 'closing' | 'ended' {
  if (now >= endsAt) return 'ended';
  return endsAt < terms.expiry ? 'closing' : 'open';
}

/**
 * Streaming use: one client's deposit for one provider, paid out by vouchers.
 *
 * @example
 * const channel = provider.open(await PaymentChannel.fromTerms(terms));
 * await channel.sendTopUp(sender, toNano('1')); // the first deposit deploys it
 */
export class PaymentChannel implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  /** The channel with exactly these terms, as it is opened: its address follows from them. */
  static async fromTerms(terms: PaymentChannelTerms): Promise<PaymentChannel> {
    const { init } = await GeneratedPaymentChannel.fromInit(packChannel(terms).beginParse());
    return new PaymentChannel(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): PaymentChannel {
    return new PaymentChannel(address);
  }

  /** Adds money, from whomever; the first deposit deploys the channel. Comes back when the channel has ended. */
  async sendTopUp(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY });
  }

  /** Claims with a voucher; paid from the claim. */
  async sendClaim(provider: ContractProvider, claim: ChannelClaim): Promise<void> {
    await provider.external(packClaim(claim));
  }

  /**
   * From the payout wallet: ends the channel. From the client: starts its end. From anybody once it has ended: sends the
   * client what is left. `value` pays the gas, the rest of it goes with the channel's money to the client.
   */
  async sendClose(provider: ContractProvider, via: Sender, value: bigint = CLOSE_VALUE): Promise<void> {
    const body = packCloseChannel();
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** From the payout wallet: another claim key, for one that was lost or stolen. What `value` does not use stays in the channel. */
  async sendReplaceClaimKey(
    provider: ContractProvider, via: Sender, claimKey: Uint8Array, value: bigint = CLOSE_VALUE,
  ): Promise<void> {
    const body = packReplaceClaimKey(claimKey);
    await provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** What the channel holds, or null when no account is there (not yet opened, or deleted after its expiry). */
  async getChannel(provider: ContractProvider): Promise<(ChannelState & { balance: bigint }) | null> {
    const { state, balance } = await provider.getState();
    if (state.type !== 'active' || !state.data) return null;
    return { ...parseChannel(Cell.fromBoc(state.data)[0]), balance };
  }
}
