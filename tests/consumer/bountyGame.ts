import { Address, beginCell, Cell, toNano } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { loadJudgedBounty$Data } from '../../build/Suite/Suite_JudgedBounty';
import { packTry } from '../../examples/bounty/JudgedBounty';
import { encodeResponse } from '../../protocol';
import { packOutput } from '../../wrappers';
import { resultsIn } from '../support/consumerMessages';
import { ConsumerWorld, DAY, type PostedJob, STOP_TOKEN, WINNING_TOKEN } from '../support/consumerWorld';
import { sumFees } from '../support/fees';
import { exitCode } from '../support/stakeWorld';

const LOW = toNano('0.03');
/** The model's answer to a text that begins with this token begins with the winning one. */
const GOOD_TEXT = 7;
const PEOPLE = ['anna', 'boris', 'chen'] as const;

/** One attempt; whether it is allowed is for the model to say. */
export interface Attempt {
  kind: string;
  variant: number;
  person: number;
  /** Which of the jobs that were ever posted. */
  job: number;
}

/** How often what ended with which exit code. */
export const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

const WON = packOutput(encodeResponse({ finishReason: 0, tokens: [WINNING_TOKEN, STOP_TOKEN] }));
const CALLBACKS: [string, Cell][] = [
  ['answered', beginCell().storeUint(0x0c02, 32).storeSlice(WON.beginParse()).endCell()],
  ['failed', beginCell().storeUint(0x0c03, 32).endCell()],
  ['bounced', beginCell().storeUint(0xffffffff, 32).storeUint(0x0c04, 32).endCell()],
];

interface Known extends PostedJob {
  person: number;
  isGood: boolean;
  ended: boolean;
}

/** The chain beside a plain model of what a bounty owes to whom. */
export class BountyGame {
  private readonly jobs: Known[] = [];
  private readonly open = new Set<Known>();
  private bounty = 0n;
  private closing = false;
  private fundings = 0;
  private winners = 0;
  /** nanoTON of all accounts after the last action. */
  private total?: bigint;

  private constructor(
    readonly world: ConsumerWorld,
    readonly tryValue: bigint,
    readonly rent: bigint,
  ) {}

  static async start(maxTokens?: number): Promise<BountyGame> {
    const world = await ConsumerWorld.create({ fund: toNano('3'), maxTokens });
    const game = new BountyGame(world, await world.bounty.getTryValue(), await rentOf(world));
    game.bounty = await world.bounty.getBounty();
    game.fundings = 1;
    return game;
  }

  private get held(): Promise<bigint> {
    return this.world.balance(this.world.bounty.address);
  }

  /** Runs an action; no nanoTON may appear or go but fees and what was forged. */
  private async run(action: () => Promise<SendMessageResult>, injected = 0n): Promise<SendMessageResult> {
    const before = this.total ?? (await this.world.total());
    const result = await action();
    for (const { inMessage } of result.transactions) this.world.count(inMessage!.info.dest as Address);
    this.total = await this.world.total();
    expect(before + injected - this.total).toBe(sumFees(result.transactions).totalNano);
    return result;
  }

  private code(result: SendMessageResult): number {
    return exitCode(result, this.world.bounty.address);
  }

  private compare(what: string, expected: number, result: SendMessageResult): void {
    expect({ what, code: this.code(result) }).toEqual({ what, code: expected });
    count(`${what} ${expected}`);
  }

  async step(made: Attempt): Promise<void> {
    await this.perform(made);
    expect(await booksOf(this.world)).toEqual({
      bounty: this.bounty,
      closing: this.closing,
      openCount: BigInt(this.open.size),
      openJobs: this.open.size,
    });
    // Rent of some days is a small part of the five years that stay.
    if (this.bounty > 0n) expect(await this.held).toBeGreaterThan(this.bounty + (this.rent * 9n) / 10n);
    expect(this.winners).toBeLessThanOrEqual(this.fundings);
  }

  private async perform(made: Attempt): Promise<void> {
    const { world } = this;
    const { sponsor, thief } = world.wallets;
    switch (made.kind) {
      case 'try':
        return this.try(made, [made.variant < 3 ? GOOD_TEXT : 3], this.tryValue);
      case 'badPrompt':
        return this.try(made, made.variant < 3 ? [] : [1, 2 ** 21 + made.variant], this.tryValue);
      case 'cheapTry':
        return this.try(made, [GOOD_TEXT], made.variant < 3 ? this.tryValue - 1n : LOW);
      case 'lateTry':
        return this.lateTry(made);
      case 'wait':
        world.now += [1, 60, 600, 3_600, DAY, DAY + 600][made.variant];
        return;
      case 'fund': {
        const isSponsor = made.variant > 0;
        const from = (isSponsor ? sponsor : thief).getSender();
        const value = [1n, 1n, toNano('0.05'), toNano('1'), toNano('2'), toNano('3')][made.variant] + toNano('0.01');
        const result = await this.run(() => world.bounty.sendFund(from, value));
        this.compare('fund', isSponsor ? 0 : 773, result);
        if (!isSponsor) return;
        // This message's gas is paid from the rent.
        this.bounty = (await booksOf(world)).bounty;
        const beyond = (await this.held) - this.rent;
        if (beyond > 0n) expect(this.bounty - beyond).toBeLessThan(toNano('0.003'));
        else expect(this.bounty).toBeLessThan(toNano('0.003'));
        this.closing = false;
        this.fundings++;
        return;
      }
      case 'close':
        return this.close(made.variant > 0 || this.open.size > 0);
      case 'thief':
        return this.close(false);
      default:
        return this.withJob(made);
    }
  }

  private refusalOfTry(tokens: readonly number[], value: bigint): number {
    if (this.bounty === 0n || this.closing) return 772;
    if (value < this.tryValue) return 771;
    if (this.open.size === 32) return 763;
    if (tokens.length === 0) return 761;
    return tokens.some((token) => token >= 2 ** 21) ? 767 : 0;
  }

  private async try({ person }: Attempt, tokens: number[], value: bigint): Promise<void> {
    const from = this.world.wallets[PEOPLE[person]].getSender();
    const result = await this.run(() => this.world.bounty.sendTry(from, { value, tokens }));
    this.compare('try', this.refusalOfTry(tokens, value), result);
    for (const job of await this.world.jobsIn(result)) {
      const known = { ...job, person, isGood: tokens[0] === GOOD_TEXT, ended: false };
      this.jobs.push(known);
      this.open.add(known);
    }
  }

  /** A try whose job arrives after its deadline and comes back. */
  private async lateTry({ person }: Attempt): Promise<void> {
    const { address } = this.world.wallets[PEOPLE[person]];
    const late = (): void => void (this.world.now += 600);
    const send = () => this.world.interrupted(address, packTry([3]), this.tryValue, late);
    const result = await this.run(send, this.tryValue);
    const expected = this.refusalOfTry([3], this.tryValue);
    this.compare('try', expected, result);
    if (expected !== 0) return;
    this.expectResult(result, { person, won: false });
    count('bounced 0');
  }

  private async close(bySponsor: boolean): Promise<void> {
    const { sponsor, thief } = this.world.wallets;
    const from = (bySponsor ? sponsor : thief).getSender();
    const result = await this.run(() => this.world.bounty.sendCloseBounty(from, toNano('0.1')));
    const expected = !bySponsor ? 773 : this.open.size > 0 && this.closing ? 774 : 0;
    this.compare('close', expected, result);
    if (expected !== 0) return;
    this.closing = true;
    if (this.open.size > 0) return;
    this.bounty = 0n;
    expect(await this.held).toBe(0n);
  }

  private expectResult(result: SendMessageResult, expected: { person: number; won: boolean }): void {
    const to = String(this.world.wallets[PEOPLE[expected.person]].address);
    expect(resultsIn(result)).toMatchObject([{ to, won: expected.won }]);
  }

  private async withJob(made: Attempt): Promise<void> {
    const { world } = this;
    const job = this.jobs[this.jobs.length - 1 - made.job] ?? this.jobs[0];
    if (!job) return;
    if (made.kind === 'forget') return this.forget(job);
    if (made.kind === 'forge') return this.forge(made, job);
    if (job.ended) return;
    if (made.kind === 'expire' || world.now >= job.terms.deadline) {
      const result = await this.run(() => world.expire(job));
      return this.ended(job, 'failed', result, false);
    }
    if (made.kind === 'decline') return this.ended(job, 'failed', await this.run(() => world.decline(job)), false);
    if (made.kind === 'noise') {
      const output = beginCell().storeUint(made.variant, 8).endCell();
      const result = await this.run(() => world.external(job, world.signedBytes(job, output)));
      return this.ended(job, 'answered', result, false);
    }
    const winning = job.isGood === (made.kind === 'answer');
    const result = await this.run(() => world.answer(job, [winning ? WINNING_TOKEN : 5, STOP_TOKEN]));
    return this.ended(job, 'answered', result, winning);
  }

  private ended(job: Known, what: string, result: SendMessageResult, winning: boolean): void {
    job.ended = true;
    if (!this.open.delete(job)) return this.compare(what, 764, result);
    this.compare(what, 0, result);
    const won = winning && this.bounty > 0n;
    this.expectResult(result, { person: job.person, won });
    if (!won) return;
    expect(resultsIn(result)[0].value).toBeGreaterThan(this.bounty);
    this.bounty = 0n;
    this.winners++;
  }

  private async forget(job: Known): Promise<void> {
    const { world } = this;
    const value = toNano('0.1');
    const result = await this.run(() =>
      world.bounty.sendForgetJob(world.wallets.thief.getSender(), { value, job: job.escrow }),
    );
    const isEarly = world.now < job.terms.deadline + DAY;
    const expected = !this.open.has(job) ? 764 : isEarly ? 765 : 0;
    this.compare('forget', expected, result);
    if (expected === 0) this.open.delete(job);
  }

  /** A callback by a thief, by a stake, by the job's twin in the masterchain, or as if a job that ended spoke again. */
  private async forge({ variant }: Attempt, job: Known): Promise<void> {
    const { world } = this;
    const twin = new Address(-1, job.escrow.hash);
    const from = [world.wallets.thief.address, world.stake.address, twin][variant % 3];
    const forger = job.ended && variant > 2 ? job.escrow : from;
    if (this.open.has(job) && forger === job.escrow) return;
    for (const [what, body] of CALLBACKS) {
      const sent = { value: toNano('0.05'), bounced: what === 'bounced' };
      const result = await this.run(() => world.forged(forger, world.bounty.address, body, sent), sent.value);
      this.compare(what, 764, result);
    }
  }

  /** After all timeouts nothing is left anywhere, and the sponsor alone ends it. */
  async end(): Promise<void> {
    for (const job of this.jobs.filter(({ ended }) => !ended)) {
      this.ended(job, 'failed', await this.run(() => this.world.expire(job)), false);
    }
    for (const job of this.jobs) expect(await this.world.isGone(job)).toBe(true);
    expect(this.open.size).toBe(0);
    await this.close(true);
    expect(await this.held).toBe(0n);
  }
}

/** What the contract has written down; reading its data is much faster than its get-methods. */
async function booksOf(world: ConsumerWorld) {
  const { accountState } = await world.chain.getContract(world.bounty.address);
  if (accountState?.type !== 'active') throw new Error('no bounty');
  const { bounty, closing, openCount, openJobs } = loadJudgedBounty$Data(accountState.state.data!.beginParse());
  return { bounty, closing, openCount, openJobs: openJobs.size };
}

/** What stays in an account for rent: a bounty of nothing tells. */
async function rentOf(world: ConsumerWorld): Promise<bigint> {
  return (await world.balance(world.bounty.address)) - (await world.bounty.getBounty());
}
