import {
  type Address,
  beginCell,
  type Cell,
  type Contract,
  contractAddress,
  type ContractProvider,
  Dictionary,
  type Sender,
  SendMode,
} from '@ton/core';
import { JudgedBounty as GeneratedJudgedBounty } from '../../build/Suite/Suite_JudgedBounty';
import { CocoonError } from '../../protocol';

export const OP_FORGET_JOB = 0x0c30;
export const OP_TRY = 0x0c40;
export const OP_FUND = 0x0c41;
export const OP_CLOSE_BOUNTY = 0x0c42;
export const OP_TRY_RESULT = 0x0c43;

/** Exit codes of JudgedBounty, and of the trait InferenceConsumer. */
export const BOUNTY_ERRORS = {
  promptLength: 761,
  jobsFull: 763,
  notAJob: 764,
  jobNotOver: 765,
  answerTooLong: 766,
  tokenTooLarge: 767,
  notEnoughForATry: 771,
  noBounty: 772,
  notSponsor: 773,
  triesOpen: 774,
} as const;

/** What a bounty is made with; with the code its address. */
export interface BountyConfig {
  networkId: number;
  /** AttestationRegistry; the address of the provider's stake follows from it. */
  registry: Address;
  /** Who funds and closes the bounty. */
  sponsor: Address;
  /** Owner of the ProviderStake that is asked, and where its worker is paid. */
  provider: Address;
  payout: Address;
  /** Ed25519 public key, 32 bytes. */
  workerKey: Uint8Array;
  /** nanoTON for one answer. */
  price: bigint;
  /** Merkle root of the model, 32 bytes. */
  modelRoot: Uint8Array;
  stopToken: number;
  maxTokens: number;
  /** The bounty is paid for an answer that begins with this token. */
  winningToken: number;
}

/** An open job of a consumer contract. */
export interface OpenJob {
  escrow: Address;
  /** Unix seconds. */
  deadline: number;
  /** The contract's own note; of a bounty, the basechain hash of whoever tried. */
  note: bigint;
}

export interface TryResult {
  won: boolean;
  /** The answer's first token; 0 when there was no answer. */
  firstToken: number;
}

const uint256 = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** Tokens that fit one message beside its opcode. */
export const MAX_TRY_TOKENS = 30;

export function packTry(tokens: readonly number[]): Cell {
  if (tokens.length > MAX_TRY_TOKENS) {
    throw new CocoonError('TOO_MANY_TOKENS', `a try holds 1 to ${MAX_TRY_TOKENS} tokens`, {
      expected: `at most ${MAX_TRY_TOKENS}`,
      received: String(tokens.length),
    });
  }
  const builder = beginCell().storeUint(OP_TRY, 32);
  for (const token of tokens) builder.storeUint(token, 32);
  return builder.endCell();
}

/** Reads the message that tells how a try ended; null when the body is another. */
export function parseTryResult(body: Cell): TryResult | null {
  const slice = body.beginParse();
  if (slice.remainingBits !== 32 + 1 + 32 || slice.loadUint(32) !== OP_TRY_RESULT) return null;
  return { won: slice.loadBit(), firstToken: slice.loadUint(32) };
}

/** A bounty that a model judges; examples/bounty/JudgedBounty.tact. */
export class JudgedBounty implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  static async fromConfig(config: BountyConfig): Promise<JudgedBounty> {
    const { init } = await GeneratedJudgedBounty.fromInit(
      BigInt(config.networkId),
      config.registry,
      config.sponsor,
      {
        $$type: 'Offer',
        owner: config.provider,
        payout: config.payout,
        workerKey: uint256(config.workerKey),
        price: config.price,
      },
      uint256(config.modelRoot),
      BigInt(config.stopToken),
      BigInt(config.maxTokens),
      BigInt(config.winningToken),
      0n,
      false,
      0n,
      0n,
      Dictionary.empty(),
    );
    return new JudgedBounty(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): JudgedBounty {
    return new JudgedBounty(address);
  }

  private send(provider: ContractProvider, via: Sender, value: bigint, body: Cell): Promise<void> {
    return provider.internal(via, { value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Sponsor: what the account then holds, less rent for five years, is the bounty. */
  async sendFund(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    await this.send(provider, via, value, beginCell().storeUint(OP_FUND, 32).endCell());
  }

  /** Anyone: 1 to 30 tokens. `value` is at least `getTryValue`; what the try does not cost returns with its result. */
  async sendTry(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; tokens: readonly number[] },
  ): Promise<void> {
    await this.send(provider, via, options.value, packTry(options.tokens));
  }

  /** Sponsor: no new tries; everything back when none is open, else send it again when the open ones ended. */
  async sendCloseBounty(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    await this.send(provider, via, value, beginCell().storeUint(OP_CLOSE_BOUNTY, 32).endCell());
  }

  /** Anyone: frees the slot of a job that is over for a day. */
  async sendForgetJob(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; job: Address },
  ): Promise<void> {
    const body = beginCell().storeUint(OP_FORGET_JOB, 32).storeAddress(options.job).endCell();
    await this.send(provider, via, options.value, body);
  }

  /** nanoTON for the winner. */
  async getBounty(provider: ContractProvider): Promise<bigint> {
    return (await provider.get('bounty', [])).stack.readBigNumber();
  }

  /** Least value of a try at live prices, nanoTON. */
  async getTryValue(provider: ContractProvider): Promise<bigint> {
    return (await provider.get('tryValue', [])).stack.readBigNumber();
  }

  async getOpenJobs(provider: ContractProvider): Promise<OpenJob[]> {
    const cell = (await provider.get('openJobs', [])).stack.readCellOpt();
    const jobs = Dictionary.loadDirect(Dictionary.Keys.Address(), Dictionary.Values.Cell(), cell);
    return [...jobs].map(([escrow, value]) => {
      const slice = value.beginParse();
      return { escrow, deadline: slice.loadUint(32), note: slice.loadUintBig(256) };
    });
  }
}
