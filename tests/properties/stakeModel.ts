import { toNano } from '@ton/core';
import { DAY } from '../support/stakeWorld';
import type { Books } from './books';

export interface ModelKey {
  sealing: number;
  end: number;
  removedAt: number;
}

/** What a stake is asked about. */
export interface Asked {
  /** As in convict: a job that was punished before it began is not stood for. */
  name: string;
  deadline: number;
  tier: number;
  coverage: bigint;
  /** Coverage in the acceptance; null without one. */
  promised: bigint | null;
  /** The acceptance is late, or not by this key for this job. */
  invalid: boolean;
  otherStake?: boolean;
  image?: boolean;
  otherSemantics?: boolean;
}

/** What a message that the model accepts or refuses does to it; 0 is accepted, else the exit code. */
export const MINIMUM = toNano('50');
export const THAW_SECONDS = 15 * DAY;
export const MAX_KEYS = 32;
const min = (...values: bigint[]): bigint => values.reduce((least, value) => (value < least ? value : least));

/** A provider's stake in plain numbers, written from docs/ and without contract code; nanoTON and seconds. */
export class StakeModel {
  thawing = 0n;
  thawedAt = 0;
  slashed = 0n;
  burnt = 0n;
  faults = 0;
  readonly keys = new Map<string, ModelKey>();
  readonly convicted = new Set<string>();
  private coverage: { until: number; amount: bigint }[] = [];

  constructor(public active: bigint) {}

  reserved(now: number): bigint {
    const day = Math.floor(now / DAY);
    return this.coverage.reduce((sum, { until, amount }) => sum + (until >= day ? amount : 0n), 0n);
  }

  books(now: number): Books {
    const { active, thawing, slashed, faults } = this;
    return { active, thawing, slashed, faults, keys: this.keys.size, reserved: this.reserved(now) };
  }

  endOf({ end, removedAt }: ModelKey): number {
    return removedAt === 0 ? end : Math.min(end, removedAt + 3_600);
  }

  thaw(amount: bigint, now: number): number {
    if (amount > this.active - this.reserved(now)) return 713;
    this.active -= amount;
    this.thawing += amount;
    this.thawedAt = now + THAW_SECONDS;
    return 0;
  }

  withdraw(now: number): number {
    if (now < this.thawedAt) return 714;
    this.thawing = 0n;
    return 0;
  }

  addKey(name: string, key: { sealing: number; end: number; proven: boolean }, now: number): number {
    if (this.active < MINIMUM) return 715;
    if (key.end <= now) return 719;
    if (!key.proven) return 720;
    const known = this.keys.get(name);
    if (!known && this.keys.size >= MAX_KEYS) return 716;
    if (known && known.sealing !== key.sealing) return 721;
    if (known && key.end < Math.min(this.endOf(known), now + 3_600)) return 719;
    this.keys.set(name, { sealing: key.sealing, end: key.end, removedAt: 0 });
    return 0;
  }

  removeKey(name: string, now: number): number {
    const key = this.keys.get(name);
    if (!key) return 717;
    if (key.removedAt === 0) key.removedAt = now;
    return 0;
  }

  pruneKey(name: string, now: number): number {
    const key = this.keys.get(name);
    if (!key) return 717;
    if (now < this.endOf(key) + 10 * DAY) return 718;
    this.keys.delete(name);
    return 0;
  }

  /** KeyStatus of a job of this key; reserves what it promises. */
  query(name: string, job: Asked, now: number): number {
    if (job.otherStake) return 1;
    const key = this.keys.get(name);
    if (!key) return 2;
    if (job.deadline <= now || job.deadline > now + DAY) return 7;
    if (this.endOf(key) <= job.deadline) return 3;
    if (job.tier !== 0) return 4;
    if (job.image) return 5;
    if (job.otherSemantics) return 6;
    if (this.active < MINIMUM) return 8;
    if (this.convicted.has(job.name)) return 9;
    if (job.promised === null) return job.coverage === 0n ? 0 : 9;
    if (job.invalid || job.promised < job.coverage) return 9;
    if (this.reserved(now) + job.promised > this.active) return 10;
    this.coverage.push({ until: Math.floor((job.deadline + 5 * DAY) / DAY) + 1, amount: job.promised });
    return 0;
  }

  undelivered(price: bigint): void {
    const penalty = min(price, toNano('1'), this.active + this.thawing);
    const fromActive = min(penalty, this.active);
    this.take(fromActive, penalty - fromActive, min(penalty / 2n, toNano('0.05')));
  }

  convict(job: string, dueNano: bigint): number {
    if (this.convicted.has(job)) return 728;
    if (this.convicted.size < 64) this.convicted.add(job);
    const [fromActive, fromThawing] = [this.active / 2n, this.thawing / 2n];
    const shared = (fromActive + fromThawing) / 2n;
    const challenger = min(toNano('5'), shared / 2n);
    const client = min(10n * dueNano + toNano('1'), shared - challenger);
    this.take(fromActive, fromThawing, challenger + client);
    return 0;
  }

  private take(fromActive: bigint, fromThawing: bigint, shared: bigint): void {
    this.active -= fromActive;
    this.thawing -= fromThawing;
    this.slashed += fromActive + fromThawing;
    this.burnt += fromActive + fromThawing - shared;
    this.faults++;
  }
}
