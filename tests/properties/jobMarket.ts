import { Address, beginCell, Cell, toNano } from '@ton/core';
import {
  BURN_ADDRESS,
  gasFee,
  packPruneWorkerKey,
  packThawStake,
  packWithdrawStake,
  requiredJobValue,
} from '../../wrappers';
import {
  KEY_SECONDS,
  marketChain,
  marketParties,
  type Parties,
  REGISTRY,
  STAKE_NANO,
} from '../support/checkedJobWorld';
import { multiplyPrices, pricesOf } from '../support/config';
import { START } from '../support/jobWorld';
import { DAY } from '../support/stakeWorld';
import { readBooks } from './books';
import type { Counts } from './counts';
import type { Reasons } from './jobModel';
import { exitCode, type Internal, Ledger, type Transactions } from './ledger';
import { KEYS, PostedJob, type TermsKind } from './postedJob';
import { StakeModel, THAW_SECONDS } from './stakeModel';

/** Below this an account may be too poor to pay for a message; what it does then is not said anywhere. */
export const POOR = toNano('0.09');
/** What may stay where nobody can take it out. */
const DUST = toNano('0.002');
const [OP_ANSWERED, OP_FAILED, OP_QUERY, OP_UNDELIVERED] = [0x0c02, 0x0c03, 0x0c05, 0x0c07];

/** What a message made a job do. */
export interface Ending {
  paid: bigint[];
  answered: number;
  /** Reasons of JobFailed, null where it has none. */
  failed: (number | null)[];
  /** Reports of a broken promise. */
  reported: number;
}

let configurations: { usual: Cell; raised: Cell } | undefined;

/** One stake and any number of jobs on one chain, each with its model. */
export class JobMarket {
  readonly jobs: PostedJob[] = [];
  readonly stakeModel = new StakeModel(STAKE_NANO);
  /** Prices rose, so that a job created before may lack the fees. */
  wereRaised = false;
  private number = 0;

  private constructor(
    readonly parties: Parties,
    readonly ledger: Ledger,
    readonly counts: Counts,
    /** The account with the stake's hash in the masterchain, where anybody may deploy it. */
    readonly twin: Address,
    private readonly burntBefore: bigint,
  ) {
    this.stakeModel.keys.set('0', { sealing: 60, end: START + KEY_SECONDS, removedAt: 0 });
  }

  static async open(counts: Counts): Promise<JobMarket> {
    const chain = await marketChain();
    if (configurations) chain.setConfig(configurations.usual);
    const parties = await marketParties();
    const { client, owner, payout, stranger, stake } = parties;
    const twin = new Address(-1, stake.address.hash);
    const ledger = new Ledger(chain);
    await ledger.addPlain(...[client, owner, payout, stranger].map(({ address }) => address));
    await ledger.add(stake.address, twin, REGISTRY, BURN_ADDRESS);
    return new JobMarket(parties, ledger, counts, twin, ledger.balance(BURN_ADDRESS));
  }

  get now(): number {
    return this.ledger.chain.now!;
  }

  get stake(): Address {
    return this.parties.stake.address;
  }

  wait(seconds: number): void {
    this.ledger.chain.now = this.now + seconds;
  }

  /** Gas and messages cost 20 times as much from now on. */
  raisePrices(): void {
    const { chain } = this.ledger;
    configurations ??= { usual: chain.config, raised: multiplyPrices(chain.config, 20n, false) };
    chain.setConfig(configurations.raised);
    this.wereRaised = true;
  }

  /** From now on the client's account throws whatever it gets. */
  async breakClient(): Promise<void> {
    const contract = await this.ledger.chain.getContract(this.parties.client.address);
    const { account } = contract;
    const code = beginCell().storeUint(0xf2c0, 16).storeUint(0x64, 8).endCell();
    account.account!.storage.state = { type: 'active', state: { code, data: new Cell() } };
    contract.account = account;
  }

  async post(kind: TermsKind, size: number): Promise<PostedJob> {
    const job = await PostedJob.make(this.ledger.chain, kind, this.number++, size);
    await this.ledger.add(job.contract.address);
    // Of a job whose terms name a stake that nobody deployed.
    if (!job.stake.equals(this.stake)) await this.ledger.add(job.stake);
    this.jobs.push(job);
    return job;
  }

  held(job: PostedJob): bigint {
    return this.ledger.balance(job.contract.address);
  }

  /** Whether the account can pay what deliver costs at today's prices; null when it is close. */
  isFunded(job: PostedJob): boolean | null {
    const prices = pricesOf(this.ledger.chain);
    const spare = this.held(job) - job.terms.price;
    if (spare >= requiredJobValue(job.terms, prices) - job.terms.price) return true;
    if (spare < gasFee(prices, 11_000n)) return false;
    return this.wereRaised ? null : true;
  }

  /** Compares an exit code with the model's reasons; `orAlso` are refusals that the model leaves open. */
  judge(what: string, code: number | null, reasons: Reasons, orAlso: Reasons = []): void {
    this.counts.add(`${what} ${code}`);
    const isRight = code === 0 ? reasons.length === 0 : [...reasons, ...orAlso].includes(code);
    if (!isRight) throw new Error(`${what}: expected ${reasons.join(' or ') || 0}, received ${code}`);
  }

  /** An external message to a job; what it made the job do, null when it was refused. */
  async external(job: PostedJob, what: string, body: Cell, reasons: Reasons, withInit = false): Promise<Ending | null> {
    const { model, contract } = job;
    const before = this.held(job);
    const isPoor = before < POOR;
    const result = await this.ledger.external(contract.address, body, withInit ? contract.init : undefined);
    const label = `${model.parameters.checked ? 'checked' : 'plain'}.${what}`;
    if ('refusal' in result) {
      const close = what === 'deliver' && this.isFunded(job) === null;
      this.judge(label, result.refusal, reasons, isPoor ? [null, 706, -14] : close ? [706] : []);
      return null;
    }
    this.judge(label, 0, reasons);
    const ending = this.endingOf(job, result);
    await this.closed(job, ending, isPoor);
    return ending;
  }

  internal(message: Internal): Promise<Transactions> {
    return this.ledger.internal(message);
  }

  /** Notes an end in the model: money and account are gone, and it came to money exactly once since the last end. */
  async closed(job: PostedJob, { paid, answered, failed }: Ending, wasPoor: boolean): Promise<void> {
    const { model, contract } = job;
    if (wasPoor) {
      expect(paid).toEqual([]);
      if ((await this.ledger.data(contract.address)) === null) model.state = 'absent';
      return;
    }
    const isRefund = failed.length > 0;
    expect({ paid, answered, refunds: failed.length }).toEqual({
      paid: isRefund ? [] : [job.terms.price],
      answered: isRefund ? 0 : 1,
      refunds: isRefund ? 1 : 0,
    });
    expect(this.held(job)).toBe(0n);
    expect(await this.ledger.data(contract.address)).toBe(null);
    model.ended(isRefund ? 'refunded' : 'paid');
    expect(model.funded).toBe(model.paid + model.refunded);
  }

  /** What a job sent in these transactions; to anybody but its payout, its client and its stake it sends nothing. */
  endingOf(job: PostedJob, transactions: Transactions): Ending {
    const ending: Ending = { paid: [], answered: 0, failed: [], reported: 0 };
    const own = job.contract.address;
    const [client, payout, stake] = [job.terms.client, job.terms.payout, job.stake].map(String);
    for (const { inMessage, outMessages } of transactions) {
      if (String(inMessage?.info.dest) !== String(own)) continue;
      for (const { info, body } of outMessages.values()) {
        if (info.type !== 'internal' || info.bounced) continue;
        const slice = body.beginParse();
        const op = slice.remainingBits < 32 ? 0 : slice.loadUint(32);
        const to = String(info.dest);
        if (to === payout && op === 0) ending.paid.push(info.value.coins);
        else if (to === client && op === OP_ANSWERED) ending.answered++;
        else if (to === client && op === OP_FAILED) ending.failed.push(slice.remainingBits ? slice.loadUint(8) : null);
        else if (to === stake && op === OP_UNDELIVERED) ending.reported++;
        else if (!(to === stake && op === OP_QUERY)) throw new Error(`a job sent ${op.toString(16)} to ${to}`);
      }
    }
    return ending;
  }

  /** What must hold after every step. */
  async compare(): Promise<void> {
    const { ledger, stakeModel } = this;
    const books = readBooks((await ledger.data(this.stake))!, this.now);
    expect(books).toEqual(stakeModel.books(this.now));
    expect(ledger.balance(this.stake) >= books.active + books.thawing).toBe(true);
    const { slashed, burnt } = stakeModel;
    expect(2n * burnt >= slashed).toBe(true);
    // Forward fees are in the message's value.
    const arrived = ledger.balance(BURN_ADDRESS) - this.burntBefore;
    expect(arrived <= burnt && arrived + toNano('0.02') * BigInt(books.faults) >= burnt).toBe(true);
    for (const job of this.jobs) {
      const { funded, paid, refunded } = job.model;
      const open = funded - paid - refunded;
      expect({ job: job.name, open }).toEqual({ job: job.name, open: this.held(job) >= POOR ? 1 : 0 });
    }
  }

  /** After all timeouts: jobs are empty, the owner alone takes the whole stake out, and its account ends. */
  async end(): Promise<void> {
    const { ledger, stakeModel } = this;
    this.wait(2 * DAY);
    for (const job of this.jobs) {
      if ((await ledger.data(job.contract.address)) !== null) await this.expire(job);
      expect(this.held(job) <= DUST + job.stray).toBe(true);
      expect(job.model.funded).toBe(job.model.paid + job.model.refunded);
    }
    await this.compare();
    this.wait(400 * DAY);
    const message = { from: this.parties.owner.address, to: this.stake, value: toNano('3') };
    for (const name of stakeModel.keys.keys()) {
      await ledger.internal({ ...message, body: packPruneWorkerKey(KEYS[Number(name)].publicKey) });
    }
    await ledger.internal({ ...message, body: packThawStake(stakeModel.active) });
    this.wait(THAW_SECONDS);
    const before = ledger.balance(message.from);
    await ledger.internal({ ...message, body: packWithdrawStake() });
    const all = stakeModel.active + stakeModel.thawing;
    expect(ledger.balance(message.from) - before >= all).toBe(true);
    expect(ledger.balance(this.stake)).toBe(0n);
    expect(await ledger.data(this.stake)).toBe(null);
    await ledger.audit();
  }

  /** Anybody ends a job whose deadline passed; a promise that was not kept is taken from the stake. */
  async expire(job: PostedJob, options: { withInit?: boolean; junk?: boolean } = {}): Promise<void> {
    const { model } = job;
    const { withInit = false, junk = false } = options;
    const reasons = model.expire({ stateInit: withInit, malformed: junk, signed: true }, this.now);
    const isReported = model.state === 'open' && model.promised;
    const body = junk ? beginCell().storeUint(1, 1).endCell() : new Cell();
    const ending = await this.external(job, 'expire', body, reasons, withInit);
    if (ending === null || this.held(job) > 0n) return;
    expect(ending.failed.every((reason) => reason === null)).toBe(true);
    // Create set the report's costs aside at the prices of its time.
    if (!this.wereRaised || ending.reported > 0) expect(ending.reported).toBe(isReported ? 1 : 0);
    if (ending.reported > 0 && this.stakeModel.keys.has(String(job.key))) {
      this.counts.add('stake.undelivered 0');
      this.stakeModel.undelivered(job.terms.price);
    }
  }

  /** Sends to the stake and compares the exit code. */
  async tellStake(what: string, message: Omit<Internal, 'to'>, expected: number): Promise<void> {
    const code = exitCode(await this.ledger.internal({ ...message, to: this.stake }));
    this.judge(`stake.${what}`, code, expected === 0 ? [] : [expected]);
  }
}
