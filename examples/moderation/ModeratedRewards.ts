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
import { ModeratedRewards as GeneratedModeratedRewards } from '../../build/Suite/Suite_ModeratedRewards';
import { packVerificationKey, type VerifierIdentity } from '../../wrappers/zk';
import { requireScalar } from '../../protocol/zk';

export const OP_SUBMIT_POST = 0x0c90;
export const OP_POST_JUDGED = 0x0c91;

/** Exit codes of ModeratedRewards. */
export const MODERATION_ERRORS = {
  notEditor: 775,
  valueTooLow: 776,
  postsFull: 777,
  postOpen: 778,
  notAPost: 779,
} as const;

/** What rewards are made with; with the code their address. */
export interface ModerationConfig {
  networkId: number;
  /** Reads the texts and commits to them: everybody trusts it with that. */
  editor: Address;
  /** The model that judges. */
  judge: VerifierIdentity;
  /** The class that is rewarded. */
  accepted: number;
  /** nanoTON for an author, and for a prover. */
  reward: bigint;
  price: bigint;
}

export interface OpenPost {
  escrow: Address;
  commit: bigint;
  /** Basechain hash. */
  author: bigint;
}

export interface PostJudged {
  commit: bigint;
  isProven: boolean;
  verdict: bigint;
}

const uint256 = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** Reads the message that says what became of a post; null when the body is another. */
export function parsePostJudged(body: Cell): PostJudged | null {
  const slice = body.beginParse();
  if (slice.remainingBits !== 32 + 256 + 1 + 256 || slice.loadUint(32) !== OP_POST_JUDGED) return null;
  return { commit: slice.loadUintBig(256), isProven: slice.loadBit(), verdict: slice.loadUintBig(256) };
}

/** Rewards for texts that a model finds acceptable; examples/moderation/ModeratedRewards.tact. */
export class ModeratedRewards implements Contract {
  private constructor(
    readonly address: Address,
    readonly init?: { code: Cell; data: Cell },
  ) {}

  /** @throws ProtocolError for a key under which proofs can be forged */
  static async fromConfig(config: ModerationConfig): Promise<ModeratedRewards> {
    const { judge } = config;
    const key = packVerificationKey(judge.key);
    const { init } = await GeneratedModeratedRewards.fromInit(
      BigInt(config.networkId),
      config.editor,
      {
        $$type: 'Judge',
        keyHash: uint256(key.hash()),
        keyDepth: BigInt(key.depth()),
        isDevelopment: judge.isDevelopment,
        shard: BigInt(judge.shard),
      },
      BigInt(config.accepted),
      config.reward,
      config.price,
      0n,
      Dictionary.empty(),
    );
    return new ModeratedRewards(contractAddress(0, init!), init!);
  }

  static fromAddress(address: Address): ModeratedRewards {
    return new ModeratedRewards(address);
  }

  /** Anyone: deploys, and pays rent. */
  async sendTopUp(provider: ContractProvider, via: Sender, value: bigint): Promise<void> {
    await provider.internal(via, { value, bounce: false, sendMode: SendMode.PAY_GAS_SEPARATELY });
  }

  /** Editor: `value` is at least `getSubmitValue`; what the job does not cost returns with the verdict. */
  async sendSubmitPost(
    provider: ContractProvider,
    via: Sender,
    options: { value: bigint; commit: bigint; author: Address },
  ): Promise<void> {
    const body = beginCell()
      .storeUint(OP_SUBMIT_POST, 32)
      .storeUint(requireScalar('commit', options.commit), 256)
      .storeBuffer(options.author.hash)
      .endCell();
    await provider.internal(via, { value: options.value, bounce: true, sendMode: SendMode.PAY_GAS_SEPARATELY, body });
  }

  /** Least value of a post at live prices, nanoTON. */
  async getSubmitValue(provider: ContractProvider): Promise<bigint> {
    return (await provider.get('submitValue', [])).stack.readBigNumber();
  }

  async getOpenPosts(provider: ContractProvider): Promise<OpenPost[]> {
    const cell = (await provider.get('openPosts', [])).stack.readCellOpt();
    const posts = Dictionary.loadDirect(Dictionary.Keys.Address(), Dictionary.Values.Cell(), cell);
    return [...posts].map(([escrow, value]) => {
      const slice = value.beginParse();
      return { escrow, commit: slice.loadUintBig(256), author: slice.loadUintBig(256) };
    });
  }
}
