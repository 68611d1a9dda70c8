import {
  type Address,
  beginCell,
  Cell,
  contractAddress,
  Dictionary,
  toNano,
  TupleBuilder,
  type TupleReader,
} from '@ton/core';
import { createShardAccount, type SendMessageResult } from '@ton/sandbox';
import { probeCode } from './compileTact';
import { ConsumerWorld, MODEL_ROOT, PRICE, STOP_TOKEN, WORKER } from './consumerWorld';
import { NETWORK_ID } from './jobWorld';

const FILE = 'tests/tact/ConsumerProbe.tact';

/** What ConsumerProbe's handlers do. */
export const Handler = { records: 0, throws: 1, loops: 2, readsAll: 3 } as const;

export interface Question {
  tokens: readonly number[];
  maxTokens: number;
  stopToken: number;
  modelRoot: Uint8Array;
  price: bigint;
  seconds: number;
  note: bigint;
}

export interface Parsed {
  finishReason: number;
  tokenCount: number;
  digest: bigint;
}

/** A consumer in the world of a bounty, with 5 TON of its own; tests/tact/ConsumerProbe.tact. */
export class ConsumerProbe {
  private constructor(
    readonly world: ConsumerWorld,
    readonly address: Address,
  ) {}

  static async create(handler: number = Handler.records, balance = toNano('5')): Promise<ConsumerProbe> {
    const world = await ConsumerWorld.create({ fund: 0n });
    const code = await probeCode(FILE, 'ConsumerProbe');
    const record = beginCell().storeUint(0, 32 + 32 + 256 + 8 + 8 + 32).storeUint(0, 256).asSlice();
    const rest = beginCell()
      .storeBuffer(WORKER.publicKey)
      .storeUint(handler, 8)
      .storeSlice(record)
      .storeUint(0, 128)
      .storeRef(beginCell().storeUint(0, 8).storeDict(Dictionary.empty()).endCell());
    const { owner, payout } = world.wallets;
    const data = beginCell()
      .storeInt(NETWORK_ID, 32)
      .storeAddress(world.registry)
      .storeAddress(owner.address)
      .storeAddress(payout.address)
      .storeRef(rest.endCell())
      .endCell();
    const address = contractAddress(0, { code, data });
    await world.chain.setShardAccount(address, createShardAccount({ address, code, data, balance, workchain: 0 }));
    world.count(address);
    return new ConsumerProbe(world, address);
  }

  ask(question: Partial<Question> = {}, value = toNano('0.5')): Promise<SendMessageResult> {
    return this.world.wallets.anna.send({ to: this.address, value, body: askBody(question) });
  }

  async setHandler(handler: number): Promise<void> {
    const body = beginCell().storeUint(0x7e570002, 32).storeUint(handler, 8).endCell();
    await this.world.wallets.anna.send({ to: this.address, value: toNano('0.1'), body });
  }

  forget(job: Address, value = toNano('0.1')): Promise<SendMessageResult> {
    const body = beginCell().storeUint(0x0c30, 32).storeAddress(job).endCell();
    return this.world.wallets.thief.send({ to: this.address, value, body });
  }

  private async get(method: string, args = new TupleBuilder()): Promise<TupleReader> {
    return (await this.world.chain.provider(this.address).get(method, args.build())).stack;
  }

  async record() {
    const tuple = await this.get('record');
    const [answers, failures, note] = [tuple.readNumber(), tuple.readNumber(), tuple.readBigNumber()];
    const [reason, finishReason, tokenCount] = [tuple.readNumber(), tuple.readNumber(), tuple.readNumber()];
    return { answers, failures, note, reason, finishReason, tokenCount, digest: tuple.readBigNumber() };
  }

  async openCount(): Promise<number> {
    return (await this.get('openCount')).readNumber();
  }

  async askFunds(price: bigint, maxTokens: number): Promise<bigint> {
    const args = new TupleBuilder();
    args.writeNumber(price);
    args.writeNumber(maxTokens);
    return (await this.get('askFunds', args)).readBigNumber();
  }

  /** What the trait reads in an output; null when it is no answer. */
  async parsed(output: Cell): Promise<Parsed | null> {
    const args = new TupleBuilder();
    args.writeCell(output);
    const tuple = (await this.get('parsed', args)).readTupleOpt();
    if (tuple === null) return null;
    return { finishReason: tuple.readNumber(), tokenCount: tuple.readNumber(), digest: tuple.readBigNumber() };
  }
}

export const QUESTION: Question = {
  tokens: [3, 4, 5],
  maxTokens: 20,
  stopToken: STOP_TOKEN,
  modelRoot: MODEL_ROOT,
  price: PRICE,
  seconds: 600,
  note: 5n,
};

/** The probe's digest of an answer's tokens. */
export const digestOf = (tokens: readonly number[]): bigint =>
  tokens.reduce((digest, token) => (digest * 1_000_003n + BigInt(token)) % (1n << 200n), 0n);

/** The message with which a probe is made to ask. */
export function askBody(question: Partial<Question> = {}): Cell {
  const asked = { ...QUESTION, ...question };
  const tokens = beginCell();
  for (const token of asked.tokens) tokens.storeUint(token, 32);
  return beginCell()
    .storeUint(0x7e570001, 32)
    .storeCoins(asked.price)
    .storeBuffer(Buffer.from(asked.modelRoot))
    .storeUint(asked.stopToken, 32)
    .storeUint(asked.maxTokens, 32)
    .storeUint(asked.seconds, 32)
    .storeUint(asked.note, 256)
    .storeRef(tokens.endCell())
    .endCell();
}
