import { type Address, beginCell, Cell, toNano, type Transaction } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { JudgedBounty } from '../../examples/bounty/JudgedBounty';
import {
  buildTerms,
  decodePayload,
  declineHash,
  keyClaimHash,
  openRequest,
  prepareAnswer,
  type RequestPayload,
  type Terms,
} from '../../protocol';
import {
  AttestationRegistry,
  BURN_ADDRESS,
  CheckedJobEscrow,
  type JobEscrowTerms,
  packDecline,
  packDelivery,
  parseCheckedJobData,
  parseCreateCheckedJob,
  ProviderStake,
} from '../../wrappers';
import { signAnswer } from '../../worker/jobs/answer';
import { forgedMessage } from './consumerMessages';
import { sumFees } from './fees';
import { NETWORK_ID, patternBytes, START } from './jobWorld';
import { createSandbox } from './sandbox';

export const DAY = 86_400;
export const STAKE = toNano('60');
export const WORKER = keyPairFromSeed(Buffer.alloc(32, 2));
export const PRICE = toNano('0.1');
export const MODEL_ROOT = patternBytes(32, 8);
export const STOP_TOKEN = 10;
export const MAX_TOKENS = 20;
export const WINNING_TOKEN = 77;
const SEED = new Uint8Array(WORKER.secretKey.subarray(0, 32));

type Wallet = SandboxContract<TreasuryContract>;

/** A job that a contract posted, as its worker reads it from the chain. */
export interface PostedJob {
  escrow: Address;
  terms: JobEscrowTerms;
  stake: Address;
  payload: RequestPayload;
  /** Rebuilt from payload and escrow. */
  rebuilt: Terms;
  termsCell: Cell;
  /** Bytes of the request as posted. */
  envelope: Uint8Array;
  init: { code: Cell; data: Cell };
  /** nanoTON that came with the message. */
  value: bigint;
}

/** Everything of one sandbox; spec files take it back to its start for each story. */
interface Setting {
  chain: Blockchain;
  wallets: Record<'sponsor' | 'owner' | 'payout' | 'thief' | 'anna' | 'boris' | 'chen', Wallet>;
  registry: Address;
  stake: SandboxContract<ProviderStake>;
  start: ReturnType<Blockchain['snapshot']>;
}
let shared: Setting | undefined;

async function setting(): Promise<Setting> {
  const chain = await createSandbox();
  chain.now = START;
  const names = ['sponsor', 'owner', 'payout', 'thief', 'anna', 'boris', 'chen'];
  const wallets: Record<string, Wallet> = {};
  for (const name of names) wallets[name] = await chain.treasury(name);
  const { sponsor, thief, owner } = wallets;
  const governance = { governor: sponsor.address, guardian: thief.address, builders: [], threshold: 0 };
  const registry = chain.openContract(
    await AttestationRegistry.fromGovernance({ ...governance, networkId: NETWORK_ID }),
  );
  await registry.sendTopUp(sponsor.getSender(), { value: toNano('2') });
  const parameters = { networkId: NETWORK_ID, registry: registry.address, owner: owner.address };
  const stake = chain.openContract(await ProviderStake.fromOwner(parameters));
  await stake.sendDeposit(owner.getSender(), { value: STAKE + toNano('3'), amount: STAKE });
  const key = { stake: stake.address.hash, sealingKey: patternBytes(32, 60), endUnix: START + 3000 * DAY };
  const proof = sign(Buffer.from(keyClaimHash({ ...key, networkId: NETWORK_ID })), WORKER.secretKey);
  const added = { value: toNano('1'), workerKey: WORKER.publicKey, proof, ...key };
  await stake.sendAddWorkerKey(owner.getSender(), added);
  if ((await stake.getStatus()).keyCount !== 1) throw new Error('the stake has no worker key');
  return { chain, wallets: wallets as Setting['wallets'], registry: registry.address, stake, start: chain.snapshot() };
}

/** A sponsor's bounty, a provider with stake and key behind a real registry, people who try, and a thief. */
export class ConsumerWorld {
  /** Accounts whose money is counted; escrows join as they appear. */
  private readonly accounts = new Map<string, Address>();
  private readonly least = new Map<string, bigint>();

  private constructor(
    private readonly setting: Setting,
    readonly bounty: SandboxContract<JudgedBounty>,
  ) {
    const { wallets, registry, stake } = setting;
    const parties = Object.values(wallets).map(({ address }) => address);
    for (const address of [...parties, registry, stake.address, bounty.address, BURN_ADDRESS]) this.count(address);
  }

  /** A world at its start; a funded bounty unless `fund` is 0. */
  static async create(options: { fund?: bigint; price?: bigint; maxTokens?: number } = {}): Promise<ConsumerWorld> {
    shared ??= await setting();
    await shared.chain.loadFrom(shared.start);
    shared.chain.now = START;
    const { sponsor, owner, payout } = shared.wallets;
    const bounty = await JudgedBounty.fromConfig({
      networkId: NETWORK_ID,
      registry: shared.registry,
      sponsor: sponsor.address,
      provider: owner.address,
      payout: payout.address,
      workerKey: WORKER.publicKey,
      price: options.price ?? PRICE,
      modelRoot: MODEL_ROOT,
      stopToken: STOP_TOKEN,
      maxTokens: options.maxTokens ?? MAX_TOKENS,
      winningToken: WINNING_TOKEN,
    });
    const world = new ConsumerWorld(shared, shared.chain.openContract(bounty));
    const value = options.fund ?? toNano('5');
    if (value > 0n) await world.bounty.sendFund(sponsor.getSender(), value);
    return world;
  }

  get chain(): Blockchain {
    return this.setting.chain;
  }
  get stake(): SandboxContract<ProviderStake> {
    return this.setting.stake;
  }
  get registry(): Address {
    return this.setting.registry;
  }
  get wallets(): Setting['wallets'] {
    return this.setting.wallets;
  }
  get now(): number {
    return this.chain.now!;
  }
  set now(now: number) {
    this.chain.now = now;
  }

  count(address: Address): void {
    this.accounts.set(address.toRawString(), address);
  }

  async balance(address: Address): Promise<bigint> {
    return (await this.chain.getContract(address)).balance;
  }

  /** Everything that all accounts of this world hold, nanoTON. */
  async total(): Promise<bigint> {
    let sum = 0n;
    for (const account of this.accounts.values()) sum += await this.balance(account);
    return sum;
  }

  /** Runs one action and sees that no nanoTON appeared or went but fees. New accounts held nothing before. */
  async conserved(action: () => Promise<SendMessageResult>): Promise<SendMessageResult> {
    const before = await this.total();
    const result = await action();
    for (const { inMessage } of result.transactions) this.count(inMessage!.info.dest as Address);
    const lost = before - (await this.total());
    const fees = sumFees(result.transactions).totalNano;
    if (lost !== fees) throw new Error(`the accounts lost ${lost} nanoTON, the fees are ${fees}`);
    return result;
  }

  /** The least value of a try, read once: get-methods are slow. */
  private async tryValue(): Promise<bigint> {
    const { configBase64 } = this.chain;
    if (!this.least.has(configBase64)) this.least.set(configBase64, await this.bounty.getTryValue());
    return this.least.get(configBase64)!;
  }

  /** A try, with the least value unless told otherwise. */
  async try(person: Wallet = this.wallets.anna, tokens: readonly number[] = [3, 4, 5], value?: bigint) {
    const brought = value ?? (await this.tryValue());
    return this.conserved(() => this.bounty.sendTry(person.getSender(), { value: brought, tokens }));
  }

  /** A try, and the job that it posted. */
  async posted(person?: Wallet, tokens?: readonly number[]): Promise<PostedJob> {
    return (await this.jobsIn(await this.try(person, tokens)))[0];
  }

  /** Jobs that were posted, read from the messages alone as a worker does. */
  async jobsIn(result: SendMessageResult): Promise<PostedJob[]> {
    const jobs: PostedJob[] = [];
    for (const { inMessage } of result.transactions) {
      const { body, init, info } = inMessage!;
      if (info.type !== 'internal' || !init?.data || body.beginParse().remainingBits < 32) continue;
      if (body.beginParse().preloadUint(32) !== 0x0c04) continue;
      this.count(info.dest);
      const { terms: termsCell, request } = parseCreateCheckedJob(body);
      const { terms, stake } = parseCheckedJobData(init.data);
      const binding = { networkId: terms.networkId, escrow: info.dest.hash, seq: 0, termsHash: terms.termsHash };
      const { payload: bytes } = await openRequest(request, new Uint8Array(32), binding);
      const payload = decodePayload(bytes);
      const { networkId, workerKey, price } = terms;
      const context = { networkId, client: terms.client.hash, stake: stake.hash, workerKey, price };
      const rebuilt = buildTerms(payload, context);
      const made = { code: init.code!, data: init.data };
      const posted = { escrow: info.dest, terms, stake, payload, rebuilt, termsCell, envelope: request };
      jobs.push({ ...posted, init: made, value: info.value.coins });
    }
    return jobs;
  }

  /** A real public answer with its receipt, as the worker delivers it. */
  delivery(job: PostedJob, tokens: readonly number[] = [WINNING_TOKEN, STOP_TOKEN], stopped = true): Cell {
    const result = { tokens, traceRoot: patternBytes(32, 5), finishReason: stopped ? 'stop' : 'length' };
    const { escrow, payload, rebuilt } = job;
    const { delivery } = signAnswer(rebuilt, payload, escrow.hash, result as never, this.now, SEED);
    return packDelivery(delivery);
  }

  answer(job: PostedJob, tokens?: readonly number[]): Promise<SendMessageResult> {
    return this.conserved(() => this.external(job, this.delivery(job, tokens)));
  }

  /** What a worker can sign beside an answer: any output cell at all. `under` hangs below the claims. */
  signedBytes(job: PostedJob, output: Cell, under: Cell[] = []): Cell {
    const answer = { finishReason: 0, tokens: [1] };
    const { receipt } = prepareAnswer(job.rebuilt, job.payload, job.escrow.hash, answer, this.now);
    const claims = beginCell()
      .storeBuffer(output.hash())
      .storeBuffer(Buffer.from(receipt.responseCommit))
      .storeUint(0, 256)
      .storeUint(receipt.promptTokens, 32)
      .storeUint(receipt.outputTokens, 32);
    for (const cell of under) claims.storeRef(cell);
    const claimsCell = claims.endCell();
    const statement = beginCell()
      .storeUint(0x4f435731, 32)
      .storeInt(NETWORK_ID, 32)
      .storeBuffer(Buffer.from(job.terms.termsHash))
      .storeAddress(job.escrow)
      .storeUint(16, 69)
      .storeUint(receipt.finishReason, 3)
      .storeUint(receipt.issuedAt, 32)
      .storeUint(job.terms.price, 64)
      .storeRef(claimsCell)
      .endCell();
    return beginCell()
      .storeBuffer(sign(statement.hash(), WORKER.secretKey))
      .storeUint(receipt.finishReason, 3)
      .storeUint(receipt.issuedAt, 32)
      .storeRef(claimsCell)
      .storeSlice(output.beginParse(true))
      .endCell();
  }

  decline(job: PostedJob, reason = 3): Promise<SendMessageResult> {
    const { networkId, termsHash } = job.terms;
    const hash = declineHash({ networkId, termsHash, escrow: job.escrow.hash, reason });
    const body = packDecline(sign(Buffer.from(hash), WORKER.secretKey), reason);
    return this.conserved(() => this.external(job, body));
  }

  /** At the deadline unless it is later already. */
  expire(job: PostedJob): Promise<SendMessageResult> {
    this.now = Math.max(this.now, job.terms.deadline);
    return this.conserved(() => this.external(job, new Cell()));
  }

  external({ escrow }: Pick<PostedJob, 'escrow'>, body: Cell): Promise<SendMessageResult> {
    return this.chain.sendMessage({ info: { type: 'external-in', dest: escrow, importFee: 0n }, body });
  }

  /** A message that `from` did not send, with money from nowhere. */
  forged(from: Address, to: Address, body: Cell, options: { value?: bigint; bounced?: boolean } = {}) {
    return this.chain.sendMessage(forgedMessage(from, to, body, options));
  }

  /** A message as if the person had sent it, `meanwhile`, then everything that follows from it. */
  async interrupted(from: Address, body: Cell, value: bigint, meanwhile: () => void): Promise<SendMessageResult> {
    const transactions: Transaction[] = [];
    const steps = await this.chain.sendMessageIter(forgedMessage(from, this.bounty.address, body, { value }));
    for await (const transaction of steps) if (transactions.push(transaction) === 1) meanwhile();
    return { transactions } as unknown as SendMessageResult;
  }

  async isGone(job: PostedJob): Promise<boolean> {
    const contract = await this.chain.getContract(job.escrow);
    return contract.accountState === undefined && contract.balance === 0n;
  }

  escrowOf(job: PostedJob): SandboxContract<CheckedJobEscrow> {
    return this.chain.openContract(CheckedJobEscrow.fromAddress(job.escrow));
  }
}
