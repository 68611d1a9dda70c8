import { type Address, beginCell, Cell, Dictionary, loadMessage, type Message, type Transaction } from '@ton/core';
import { Blockchain, type SmartContract, type TreasuryContract, type SandboxContract } from '@ton/sandbox';
import { MAINNET_ID, TESTNET_ID } from '../protocol/constants';
import { AttestationRegistry } from '../wrappers/AttestationRegistry';
import { blockHash } from './blocks';
import { DevnetError, liteServerError } from './errors';

/** Follows real time, or stands still until it is advanced (for tests that must repeat). */
export type ClockSource = 'real' | { startSeconds: number };

export interface ChainOptions {
  networkId: number;
  clock: ClockSource;
}

/** A transaction as it is stored for its account. */
export interface StoredTransaction {
  transaction: Transaction;
  hash: Buffer;
  boc: Buffer;
  /** Masterchain block that the transaction counts to. */
  seqno: number;
}

/** Pays the registry's rent. */
const REGISTRY_NANO = 2_000_000_000n;
const SECONDS_PER_BLOCK = 5;
const GENESIS_SEQNO = 1_000_000;

/** A sandbox with a network id of its own, a clock, masterchain blocks and the history of every account. */
export class Chain {
  private readonly history = new Map<string, StoredTransaction[]>();
  private readonly bySeqno = new Map<number, StoredTransaction[]>();
  private queue: Promise<unknown> = Promise.resolve();
  private advanced = 0;
  /** Once it is deployed. */
  registry: Address | null = null;
  private readonly genesis: number;

  private constructor(
    readonly blockchain: Blockchain,
    readonly options: ChainOptions,
    private readonly bank: SandboxContract<TreasuryContract>,
  ) {
    this.genesis = blockchain.now!;
  }

  static async create(options: ChainOptions): Promise<Chain> {
    if (options.networkId === MAINNET_ID || options.networkId === TESTNET_ID) {
      throw new DevnetError('DEVNET_NETWORK_ID', 'A devnet must not carry the id of a real network', {
        expected: `a network id other than ${MAINNET_ID} (mainnet) and ${TESTNET_ID} (testnet)`,
        received: String(options.networkId),
        hint: 'its signatures would be valid there; choose another --network-id',
      });
    }
    const blockchain = await Blockchain.create();
    blockchain.setConfig(withNetworkId(blockchain.config, options.networkId));
    blockchain.now = options.clock === 'real' ? Math.floor(Date.now() / 1000) : options.clock.startSeconds;
    const bank = await blockchain.treasury('devnet faucet', { balance: 10n ** 18n });
    const chain = new Chain(blockchain, options, bank);
    chain.tick();
    return chain;
  }

  /** Brings clock and masterchain blocks to now. */
  tick(): void {
    if (this.options.clock === 'real') this.blockchain.now = Math.floor(Date.now() / 1000) + this.advanced;
    const last = this.seqno;
    this.blockchain.prevBlocks = {
      lastMcBlocks: Array.from({ length: 16 }, (_, index) => this.blockId(last - index)),
      prevKeyBlock: this.blockId(GENESIS_SEQNO),
      lastMcBlocks100: Array.from({ length: 16 }, (_, index) => this.blockId(last - (last % 100) - 100 * index)),
    };
  }

  get now(): number {
    return this.blockchain.now!;
  }

  /** One masterchain block every 5 seconds since the devnet began. */
  get seqno(): number {
    return GENESIS_SEQNO + 2000 + Math.floor((this.now - this.genesis) / SECONDS_PER_BLOCK);
  }

  timeOfBlock(seqno: number): number {
    return this.genesis + (seqno - GENESIS_SEQNO - 2000) * SECONDS_PER_BLOCK;
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

  /** Moves time forward, for deadlines. */
  advance(seconds: number): Promise<void> {
    return this.serial(async () => {
      this.advanced += seconds;
      if (this.options.clock !== 'real') this.blockchain.now = this.now + seconds;
      this.tick();
    });
  }

  /** Sends an external message and everything that follows from it. @throws ApiError when it is not accepted */
  sendBoc(boc: Buffer): Promise<Message> {
    return this.serial(async () => {
      const message = parseMessage(boc);
      this.tick();
      try {
        this.record((await this.blockchain.sendMessage(message)).transactions);
      } catch (error) {
        const exitCode = (error as { exitCode?: number }).exitCode;
        throw liteServerError(
          `cannot apply external message to current state : External message was not accepted` +
            (exitCode === undefined
              ? ''
              : `\nCannot run message on account: inbound external message rejected by account, exitcode=${exitCode}`),
        );
      }
      return message;
    });
  }

  /** Money from the devnet's bank, by a real transfer. */
  faucet(address: Address, amountNano: bigint): Promise<void> {
    return this.serial(async () => {
      this.tick();
      const result = await this.bank.send({ to: address, value: amountNano, bounce: false });
      this.record(result.transactions);
    });
  }

  /** An AttestationRegistry whose governor and guardian are the bank. */
  deployRegistry(): Promise<Address> {
    return this.serial(async () => {
      this.tick();
      const { address, init } = await AttestationRegistry.fromGovernance({
        networkId: this.options.networkId,
        governor: this.bank.address,
        guardian: this.bank.address,
        builders: [],
        threshold: 0,
      });
      const result = await this.bank.send({ to: address, value: REGISTRY_NANO, bounce: false, init });
      this.record(result.transactions);
      this.registry = address;
      return address;
    });
  }

  private record(transactions: Transaction[]): void {
    for (const transaction of transactions) {
      const stored = { transaction, hash: transaction.hash(), boc: transaction.raw.toBoc(), seqno: this.seqno };
      const key = transaction.address.toString(16);
      this.history.set(key, [stored, ...(this.history.get(key) ?? [])]);
      this.bySeqno.set(stored.seqno, [...(this.bySeqno.get(stored.seqno) ?? []), stored]);
    }
  }

  /** Newest first; an account that is gone keeps its history, as in toncenter's archive. */
  transactionsOf(address: Address): readonly StoredTransaction[] {
    return this.history.get(BigInt(`0x${address.hash.toString('hex')}`).toString(16)) ?? [];
  }

  transactionsIn(seqno: number): readonly StoredTransaction[] {
    return this.bySeqno.get(seqno) ?? [];
  }

  account(address: Address): Promise<SmartContract> {
    return this.blockchain.getContract(address);
  }

  /** One change at a time, in the order of arrival. */
  private serial<T>(change: () => Promise<T>): Promise<T> {
    const result = this.queue.then(change);
    this.queue = result.catch(() => undefined);
    return result;
  }
}

function parseMessage(boc: Buffer): Message {
  let message: Message;
  try {
    message = loadMessage(Cell.fromBoc(boc)[0].beginParse());
  } catch {
    throw liteServerError('cannot apply external message to current state : Failed to deserialize the message');
  }
  if (message.info.type !== 'external-in') {
    throw liteServerError('cannot apply external message to current state : Not an inbound external message');
  }
  return message;
}

function withNetworkId(config: Cell, networkId: number): Cell {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  parameters.set(19, beginCell().storeInt(networkId, 32).endCell());
  return beginCell().storeDictDirect(parameters).endCell();
}
