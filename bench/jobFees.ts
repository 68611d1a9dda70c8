import { type Address, external, internal, type MessageRelaxed, SendMode, toNano, type Transaction } from '@ton/core';
import { type KeyPair, keyPairFromSeed } from '@ton/crypto';
import type { Blockchain } from '@ton/sandbox';
import { WalletContractV5R1 } from '@ton/ton';
import { sumFees, type TransactionFees } from '../tests/support/fees';
import { JobWorld } from '../tests/support/jobWorld';
import { packCreateJob } from '../wrappers';
import { type FeeRow, row } from './feeRow';

/** A deployed wallet v5r1 with money. */
class WalletV5R1 {
  private constructor(
    readonly contract: WalletContractV5R1,
    private readonly key: KeyPair,
    private readonly chain: Blockchain,
  ) {}

  static async create(world: JobWorld, seed: number): Promise<WalletV5R1> {
    const key = keyPairFromSeed(Buffer.alloc(32, seed));
    const contract = WalletContractV5R1.create({ publicKey: key.publicKey });
    const wallet = new WalletV5R1(contract, key, world.blockchain);
    await world.stranger.send({ to: contract.address, value: toNano('100'), bounce: false });
    await wallet.send([]);
    return wallet;
  }

  get address(): Address {
    return this.contract.address;
  }

  async send(messages: MessageRelaxed[]): Promise<Transaction[]> {
    const opened = this.chain.openContract(this.contract);
    const body = this.contract.createTransfer({
      seqno: await opened.getSeqno(),
      secretKey: this.key.secretKey,
      messages,
      sendMode: SendMode.PAY_GAS_SEPARATELY + SendMode.IGNORE_ERRORS,
      timeout: this.chain.now! + 60,
    });
    const deployed = (await this.chain.getContract(this.address)).accountState?.type === 'active';
    const init = deployed ? undefined : this.contract.init;
    return (await this.chain.sendMessage(external({ to: this.address, init, body }))).transactions;
  }
}

async function treasuryJob(answerInCallback: boolean): Promise<{ create: Transaction[]; deliver: Transaction[] }> {
  const world = await JobWorld.create({ answerInCallback });
  const create = (await world.create()).transactions;
  return { create, deliver: (await world.deliver()).transactions };
}

async function walletJob(): Promise<Transaction[]> {
  const base = await JobWorld.create();
  const client = await WalletV5R1.create(base, 4);
  const provider = await WalletV5R1.create(base, 5);
  const world = await JobWorld.create({ client: client.address, payout: provider.address }, base.blockchain);
  const message = internal({
    to: world.job.address,
    value: world.value,
    bounce: true,
    init: world.job.init,
    body: packCreateJob(world.request),
  });
  const created = await client.send([message]);
  return [...created, ...(await world.deliver()).transactions];
}

async function ended(end: (world: JobWorld) => Promise<{ transactions: Transaction[] }>): Promise<TransactionFees> {
  const world = await JobWorld.create();
  await world.create();
  return sumFees((await end(world)).transactions);
}

/** What JobEscrow costs: request and answer of 256 bytes, price 0.1 TON, outputCells 2. */
export async function measureJobFees(): Promise<FeeRow[]> {
  const job = await treasuryJob(false);
  const repeated = await treasuryJob(true);
  const declined = await ended((world) => world.decline());
  const expired = await ended((world) => {
    world.blockchain.now = world.terms.deadline;
    return world.expire();
  });
  return [
    row('job-create', sumFees(job.create)),
    row('job-deliver', sumFees(job.deliver)),
    row('job-total', sumFees([...job.create, ...job.deliver])),
    row('job-total-v5r1', sumFees(await walletJob())),
    row('job-total-answer-in-callback', sumFees([...repeated.create, ...repeated.deliver])),
    row('job-decline', declined),
    row('job-expire', expired),
  ];
}
