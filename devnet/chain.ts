import { type Address, beginCell, Cell, Dictionary, loadMessage, type Message, type Transaction } from '@ton/core';
import { Blockchain, type SmartContract, type TreasuryContract, type SandboxContract } from '@ton/sandbox';
import { MAINNET_ID, TESTNET_ID } from '../protocol/constants';
import { SIMULATED_ROOT } from '../attest/simulated/quote';
import { AttestationRegistry } from '../wrappers/AttestationRegistry';
import { blockHash, blockIdExt, Blocks, KEY_BLOCK_SEQNO } from './blocks';
import { ApiError, DevnetError, invalid, liteServerError } from './errors';
import { externalRefusal } from './refusal';
import { postSimulatedCollateral, putSimulatedImage } from './simulatedAttestation';

/** Follows real time, or stands still until it is advanced (for tests that must repeat). */
export type ClockSource = 'real' | { startSeconds: number };

export interface ChainOptions {
  networkId: number;
  clock: ClockSource;
  /** What the faucet has at first. */
  bankNano?: bigint;
}

/** A transaction as it is stored for its account. */
export interface StoredTransaction {
  account: Address;
  transaction: Transaction;
  hash: Buffer;
  boc: Buffer;
}

const BANK_NANO = 10n ** 18n;
/** Stays with the bank for its own fees. */
const BANK_RESERVE_NANO = 1_000_000_000n;
/** Pays the registry's rent. */
const REGISTRY_NANO = 2_000_000_000n;
const MAX_UNIX_TIME = 2 ** 32 - 1;
/** What a clock may start at: contracts add years to a time that they keep in 32 bits. */
const MAX_START_SECONDS = 4_000_000_000;

/**
 * A sandbox with a network id of its own, a clock, masterchain blocks and the history of every account. Its methods
 * must not overlap: callers take turns with {@link inTurn}.
 */
export class Chain {
  private readonly history = new Map<string, StoredTransaction[]>();
  private readonly bySeqno = new Map<number, StoredTransaction[]>();
  private readonly blocks: Blocks;
  private queue: Promise<unknown> = Promise.resolve();
  private advanced = 0;
  /** Once it is deployed. */
  registry: Address | null = null;

  private constructor(
    readonly blockchain: Blockchain,
    readonly options: ChainOptions,
    private readonly bank: SandboxContract<TreasuryContract>,
  ) {
    this.blocks = new Blocks(blockchain.now!);
  }

  /** @throws DevnetError `DEVNET_NETWORK_ID`, `config.start-time` */
  static async create(options: ChainOptions): Promise<Chain> {
    checkOptions(options);
    // Mainnet's prices and limits, without its validator sets and bridges, which every message would carry along.
    const blockchain = await Blockchain.create({ config: 'slim' });
    blockchain.setConfig(withNetworkId(blockchain.config, options.networkId));
    blockchain.now = options.clock === 'real' ? Math.floor(Date.now() / 1000) : options.clock.startSeconds;
    const bank = await blockchain.treasury('devnet faucet', { balance: options.bankNano ?? BANK_NANO });
    const chain = new Chain(blockchain, options, bank);
    chain.tick();
    return chain;
  }

  /** Brings clock and masterchain blocks to now. */
  tick(): void {
    if (this.options.clock === 'real') {
      // Accounts refuse a time before their last transaction, and the machine's clock may be set back.
      this.blockchain.now = Math.max(this.now, Math.floor(Date.now() / 1000) + this.advanced);
    }
    const last = this.seqno;
    this.blockchain.prevBlocks = {
      lastMcBlocks: Array.from({ length: 16 }, (_, index) => this.blockId(last - index)),
      prevKeyBlock: this.blockId(KEY_BLOCK_SEQNO),
      lastMcBlocks100: Array.from({ length: 16 }, (_, index) => this.blockId(last - (last % 100) - 100 * index)),
    };
  }

  get now(): number {
    return this.blockchain.now!;
  }

  /** The newest masterchain block. */
  get seqno(): number {
    return this.blocks.newest(this.now);
  }

  private blockId(seqno: number) {
    return {
      workchain: -1,
      shard: -(1n << 63n),
      seqno,
      rootHash: blockHash(this.options.networkId, seqno, 'root'),
      fileHash: blockHash(this.options.networkId, seqno, 'file'),
    };
  }

  /** A block as toncenter names it. @throws ApiError when there is none of this number */
  block(workchain: number, seqno: number) {
    if (seqno < this.blocks.first || seqno > this.seqno) throw liteServerError('seqno not in db', 'NOTREADY');
    return blockIdExt(this.options.networkId, workchain, seqno);
  }

  /** The number of the block at a time or a logical time. @throws ApiError when there is none */
  findBlock(at: { unixTime: number } | { lt: bigint }): number {
    const seqno =
      'lt' in at ? this.blocks.atLt(at.lt) : at.unixTime > this.now ? null : this.blocks.atTime(at.unixTime);
    if (seqno === null) throw liteServerError(`${'lt' in at ? 'lt' : 'utime'} not in db`, 'NOTREADY');
    return seqno;
  }

  /** Moves time forward, for deadlines. */
  advance(seconds: number): void {
    if (this.now + seconds > MAX_UNIX_TIME) throw invalid(`seconds should not lead beyond ${MAX_UNIX_TIME}`);
    this.advanced += seconds;
    if (this.options.clock !== 'real') this.blockchain.now = this.now + seconds;
    this.tick();
  }

  /** Sends an external message and everything that follows from it. @throws ApiError when it is not accepted */
  async sendBoc(boc: Buffer): Promise<{ message: Message; cell: Cell }> {
    const { message, cell } = parseMessage(boc);
    const account = await this.account(message.info.dest as Address);
    try {
      this.record((await this.blockchain.sendMessage(message)).transactions);
    } catch {
      throw await externalRefusal(account, message);
    }
    return { message, cell };
  }

  /** Money from the devnet's bank, by a real transfer. @throws ApiError when the bank has not got it */
  async faucet(address: Address, amountNano: bigint): Promise<void> {
    const has = await this.bank.getBalance();
    if (has < amountNano + BANK_RESERVE_NANO) {
      throw new ApiError(500, `the faucet has ${has} nanoTON left, not ${amountNano}: start a new devnet`);
    }
    const result = await this.bank.send({ to: address, value: amountNano, bounce: false });
    this.record(result.transactions);
  }

  /** An AttestationRegistry of the SIMULATED root whose governor and guardian are the bank. */
  async deployRegistry(): Promise<Address> {
    const { address, init } = await AttestationRegistry.fromGovernance({
      networkId: this.options.networkId,
      root: SIMULATED_ROOT,
      governor: this.bank.address,
      guardian: this.bank.address,
      builders: [],
      threshold: 0,
    });
    const result = await this.bank.send({ to: address, value: REGISTRY_NANO, bounce: false, init });
    this.record(result.transactions);
    this.registry = address;
    return address;
  }

  /** SIMULATED attestation in force: an image in the registry, and collateral for its platform. */
  async simulateAttestation(): Promise<void> {
    const { registry } = this;
    if (registry === null) throw new DevnetError('config.registry', 'attestation needs a registry');
    await putSimulatedImage(this.blockchain, registry);
    for (const transactions of await postSimulatedCollateral(this.blockchain, registry, this.bank)) this.record(transactions);
  }

  /** All that one message led to is one block. */
  private record(transactions: Transaction[]): void {
    const lts = transactions.map(({ lt, outMessagesCount }) => lt + BigInt(outMessagesCount));
    const seqno = this.blocks.close(this.now, lts.reduce((a, b) => (a > b ? a : b)));
    this.bySeqno.set(
      seqno,
      transactions.map((transaction) => {
        const account = transaction.inMessage!.info.dest as Address;
        const stored = { account, transaction, hash: transaction.hash(), boc: transaction.raw.toBoc() };
        const key = account.toRawString();
        this.history.set(key, [stored, ...(this.history.get(key) ?? [])]);
        return stored;
      }),
    );
    this.tick();
  }

  /** Newest first; an account that is gone keeps its history, as with an indexer. */
  transactionsOf(address: Address): readonly StoredTransaction[] {
    return this.history.get(address.toRawString()) ?? [];
  }

  transactionsIn(seqno: number): readonly StoredTransaction[] {
    return this.bySeqno.get(seqno) ?? [];
  }

  account(address: Address): Promise<SmartContract> {
    return this.blockchain.getContract(address);
  }

  /** One call at a time, in the order of arrival: nobody sees half of what a message leads to. */
  inTurn<T>(call: () => Promise<T> | T): Promise<T> {
    const result = this.queue.then(() => {
      this.tick();
      return call();
    });
    this.queue = result.catch(() => undefined);
    return result;
  }
}

function checkOptions({ networkId, clock }: ChainOptions): void {
  const isInt32 = Number.isInteger(networkId) && Math.abs(networkId + 0.5) < 2 ** 31;
  if (!isInt32 || networkId === MAINNET_ID || networkId === TESTNET_ID) {
    throw new DevnetError('DEVNET_NETWORK_ID', 'a devnet cannot have this network id', {
      expected: `a 32-bit integer other than ${MAINNET_ID} (mainnet) and ${TESTNET_ID} (testnet)`,
      received: String(networkId),
      hint: isInt32 ? 'what is signed for it would be valid on the real network' : undefined,
    });
  }
  if (clock === 'real') return;
  const { startSeconds } = clock;
  if (Number.isInteger(startSeconds) && startSeconds > 0 && startSeconds <= MAX_START_SECONDS) return;
  throw new DevnetError('config.start-time', 'a devnet cannot start at this time', {
    expected: `Unix seconds, 1 to ${MAX_START_SECONDS}`,
    received: String(startSeconds),
  });
}

function parseMessage(boc: Buffer): { message: Message; cell: Cell } {
  const refuse = (why: string) => liteServerError(`cannot apply external message to current state : ${why}`);
  let cell: Cell;
  try {
    cell = Cell.fromBoc(boc)[0];
  } catch {
    throw refuse('cannot deserialize bag-of-cells: invalid header, error 0');
  }
  let message: Message | null = null;
  try {
    message = loadMessage(cell.beginParse());
  } catch {
    // Said below.
  }
  if (message?.info.type === 'external-in') return { message, cell };
  throw refuse(
    'failed to parse external message: external message is not a (Message Any) according to automated checks',
  );
}

function withNetworkId(config: Cell, networkId: number): Cell {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  parameters.set(19, beginCell().storeInt(networkId, 32).endCell());
  return beginCell().storeDictDirect(parameters).endCell();
}
