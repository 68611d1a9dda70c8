import { type Address, beginCell, type Cell, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { keyClaimHash } from '../../protocol';
import {
  BURN_ADDRESS,
  packAddWorkerKey,
  packDepositStake,
  packPruneWorkerKey,
  packRemoveWorkerKey,
  packReportMislabelled,
  packReportTwoReceipts,
  packThawStake,
  packWithdrawStake,
} from '../../wrappers';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { DAY, REGISTRY, signed, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';
import { readBooks } from './books';
import type { Counts } from './counts';
import { exitCode, Ledger, type Transactions } from './ledger';
import { MAX_KEYS, MINIMUM, StakeModel, THAW_SECONDS } from './stakeModel';

const KEYS = Array.from({ length: MAX_KEYS + 1 }, (_, index) => keyPairFromSeed(Buffer.alloc(32, 2 + index)));
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const LOW = toNano('0.008');
const WAITS = [1, 600, 3_600, DAY, 5 * DAY, 15 * DAY, 40 * DAY, 200];

/** One attempt; whether it is allowed is for the model to say. */
export interface Attempt {
  kind: string;
  /** By the one who may, else by a thief. */
  rightful: boolean;
  low: boolean;
  key: number;
  /** 0 to 99, used as each kind likes. */
  size: number;
  variant: number;
}

/** A message and the exit code that the model expects of it; the model has taken it in already. */
interface Expected {
  expected: number;
  from: Address;
  value: bigint;
  body: Cell;
}

export const plain: Attempt = { kind: 'addKey', rightful: true, low: false, key: 0, size: 50, variant: 3 };

export class Market {
  readonly model = new StakeModel(STAKE);

  private constructor(
    readonly world: StakeWorld,
    readonly ledger: Ledger,
    readonly counts: Counts,
    readonly burntBefore: bigint,
  ) {
    this.model.keys.set('0', { sealing: 60, end: START + 30 * DAY, removedAt: 0 });
  }

  static async open(counts: Counts): Promise<Market> {
    const world = await StakeWorld.create();
    const ledger = new Ledger(world.chain);
    await ledger.addPlain(...[world.owner, world.client, world.watcher, world.escrow].map(({ address }) => address));
    await ledger.add(world.stake.address, REGISTRY, BURN_ADDRESS);
    return new Market(world, ledger, counts, ledger.balance(BURN_ADDRESS));
  }

  /** Makes the attempt on model and chain and compares: exit code, books, solvency; the ledger sees to conservation. */
  async step(made: Attempt): Promise<void> {
    const { world, model, ledger } = this;
    if (made.kind === 'wait') {
      world.chain.now = world.now + WAITS[made.variant];
      return;
    }
    // That would end the account: `end` does it.
    if (made.kind === 'withdraw' && model.keys.size === 0 && model.active < MINIMUM) return;
    const had = model.active + model.thawing;
    const [tookBefore, burntBefore] = [model.slashed, model.burnt];
    const { expected, ...message } = this.attempt(made);
    const to = world.stake.address;
    const transactions = await ledger.internal({ ...message, to, bounce: made.kind !== 'undelivered' });
    const code = exitCode(transactions);
    if (code !== expected) throw new Error(`expected ${expected}, received ${code} of ${JSON.stringify(made)}`);
    this.counts.add(`${made.kind} ${expected}`);
    if (made.kind === 'query' && expected === 0) this.compareStatus(transactions, made);
    await this.compareBooks();
    const taken = model.slashed - tookBefore;
    expect(taken <= had).toBe(true);
    if (made.kind !== 'undelivered') expect(2n * taken <= had).toBe(true);
    expect(2n * (model.burnt - burntBefore) >= taken).toBe(true);
    // Forward fees are in the message's value: what arrives is at most what was burnt.
    expect(ledger.balance(BURN_ADDRESS) - this.burntBefore <= model.burnt).toBe(true);
  }

  private async compareBooks(): Promise<void> {
    const { world, model } = this;
    const books = readBooks((await this.ledger.data(world.stake.address))!, world.now);
    expect(books).toEqual(model.books(world.now));
    expect(this.ledger.balance(world.stake.address) >= books.active + books.thawing).toBe(true);
  }

  private attempt(made: Attempt): Expected {
    const { world, model } = this;
    const now = world.now;
    const from = (made.rightful ? world.owner : world.watcher).address;
    const value = made.low ? LOW : toNano('1');
    const refusal = made.rightful ? (made.low ? 712 : 0) : 711;
    const guarded = (body: Cell, run: () => number): Expected => ({ expected: refusal || run(), from, value, body });
    const name = String(made.key);
    const workerKey = KEYS[made.key].publicKey;
    switch (made.kind) {
      case 'deposit': {
        const amount = toNano(made.size);
        if (!made.low) model.active += amount;
        const attached = made.low ? amount + LOW : amount + toNano('3');
        return { expected: made.low ? 712 : 0, from, value: attached, body: packDepositStake(amount) };
      }
      case 'thaw': {
        // A slash can leave less than what is reserved.
        const free = max(model.active - model.reserved(now), 0n);
        const amount = made.variant === 0 ? free + 1n : made.variant === 1 ? free : (free * BigInt(made.size)) / 200n;
        return guarded(packThawStake(amount), () => model.thaw(amount, now));
      }
      case 'withdraw':
        return guarded(packWithdrawStake(), () => model.withdraw(now));
      case 'addKey':
        return this.addKey(made, guarded);
      case 'removeKey':
        return guarded(packRemoveWorkerKey(workerKey), () => model.removeKey(name, now));
      case 'prune': {
        const body = packPruneWorkerKey(workerKey);
        return { expected: model.pruneKey(name, now), from: world.watcher.address, value: toNano('1'), body };
      }
      case 'descriptor': {
        const tooLong = made.variant < 3;
        const head = beginCell().storeUint(0x0c16, 32).storeUint(0, 64).storeUint(made.size, 256).storeStringTail('a');
        const body = (tooLong ? head.storeRef(beginCell().endCell()) : head).endCell();
        return guarded(body, () => (tooLong ? 722 : 0));
      }
      case 'query':
        return this.query(made);
      case 'undelivered':
        return this.undelivered(made);
      default:
        return this.report(made);
    }
  }

  private addKey(made: Attempt, guarded: (body: Cell, run: () => number) => Expected): Expected {
    const { publicKey: workerKey, secretKey } = KEYS[made.key];
    const now = this.world.now;
    const endUnix = now + [0, DAY, DAY, 30 * DAY, 30 * DAY, 90 * DAY, 2, 3_000][made.variant];
    const sealing = made.size < 20 ? 61 : 60;
    const proven = made.size < 80;
    const sealingKey = patternBytes(32, sealing);
    const claim = { networkId: NETWORK_ID, stake: this.world.stake.address.hash, sealingKey };
    const hash = keyClaimHash({ ...claim, endUnix: endUnix + (proven ? 0 : 1) });
    const proof = sign(Buffer.from(hash), secretKey);
    const body = packAddWorkerKey({ workerKey, sealingKey, endUnix, proof });
    return guarded(body, () => this.model.addKey(String(made.key), { sealing, end: endUnix, proven }, now));
  }

  private undelivered(made: Attempt): Expected {
    const { world, model } = this;
    const terms = world.terms({ workerKey: KEYS[made.key].publicKey });
    const acceptance = world.acceptance(terms, {}, KEYS[made.key]);
    const price = toNano(made.size) / 50n;
    const head = beginCell().storeUint(0x0c07, 32).storeBuffer(world.client.address.hash).storeCoins(price);
    if (made.rightful && model.keys.has(String(made.key))) model.undelivered(price);
    const from = (made.rightful ? world.escrow : world.watcher).address;
    return { expected: 0, from, value: toNano('0.1'), body: head.storeRef(acceptance).endCell() };
  }

  private asked?: number;

  private query(made: Attempt): Expected {
    const { world, model } = this;
    const now = world.now;
    const coverage = made.variant < 3 ? 0n : toNano(made.size);
    const deadline = now + (made.low ? [0, DAY + 1][made.variant % 2] : 600);
    const tier = made.size === 50 ? 1 : 0;
    const terms = world.terms({ workerKey: KEYS[made.key].publicKey, coverage, expiresAt: deadline, tier });
    const late = made.variant === 7;
    const promised = made.variant === 0 || made.variant === 6 ? null : made.rightful ? coverage : coverage + 1n;
    const promise =
      promised === null
        ? null
        : world.acceptance(terms, { coverage: promised, acceptBy: late ? now - 1 : now }, KEYS[made.key]);
    const body = beginCell().storeUint(0x0c05, 32).storeRef(termsCell(terms)).storeMaybeRef(promise).endCell();
    const value = made.size === 0 ? LOW : toNano('1');
    if (made.size === 0) return { expected: 712, from: world.escrow.address, value, body };
    this.asked = model.query(String(made.key), { name: '0', deadline, tier, coverage, promised, invalid: late }, now);
    return { expected: 0, from: world.escrow.address, value, body };
  }

  private compareStatus(transactions: Transactions, made: Attempt): void {
    const stake = String(this.world.stake.address);
    const reply = transactions.find(({ inMessage }) => String(inMessage?.info.src) === stake);
    const answer = reply!.inMessage!.body.beginParse();
    const [op, status] = [answer.loadUint(32), answer.loadUint(8)];
    expect({ made, op, status }).toEqual({ made, op: 0x0c06, status: this.asked });
    this.counts.add(`status ${status}`);
  }

  private report(made: Attempt): Expected {
    const { world, model } = this;
    const key = KEYS[made.key];
    const wrongTier = made.kind === 'mislabelled' && made.variant !== 0;
    const otherStake = made.variant === 1 ? { stake: world.client.address.hash } : {};
    const terms = world.terms({ workerKey: key.publicKey, tier: wrongTier ? 1 : 0, ...otherStake });
    const seq = made.size % 8;
    const dueNano = toNano(made.size) / 10n;
    const otherTerms = made.variant === 2 ? { termsHash: patternBytes(32, 77) } : {};
    const first = world.receipt(terms, { seq, dueNano, ...otherTerms });
    const same = made.variant === 0 && made.kind === 'receipts';
    const difference = same ? { issuedAt: first.issuedAt + 1 } : { responseCommit: patternBytes(32, 99) };
    const second = { ...first, ...difference };
    const signer = made.rightful ? key : KEYS[9];
    const cell = termsCell(terms);
    const body =
      made.kind === 'receipts'
        ? packReportTwoReceipts({ terms: cell, first: signed(first, signer), second: signed(second, signer) })
        : packReportMislabelled(cell, signed(first, signer));
    const judge = (): number => {
      if (made.low) return 712;
      if (!model.keys.has(String(made.key))) return 717;
      if (!made.rightful) return 725;
      if (made.variant === 1) return 724;
      if (made.variant === 2) return 723;
      if (same) return 726;
      if (made.kind === 'mislabelled' && !wrongTier) return 727;
      return model.convict(String(seq), dueNano);
    };
    return { expected: judge(), from: world.watcher.address, value: made.low ? LOW : toNano('1'), body };
  }

  /** After all timeouts: the owner alone takes everything out, and the account ends. */
  async end(): Promise<void> {
    const { world, ledger, model } = this;
    expect((await world.stake.getStatus()).reserved).toBe(model.reserved(world.now));
    world.chain.now = world.now + 400 * DAY;
    for (const key of [...model.keys.keys()].map(Number)) await this.step({ ...plain, kind: 'prune', key });
    const message = { from: world.owner.address, to: world.stake.address, value: toNano('1') };
    await ledger.internal({ ...message, body: packThawStake(model.active) });
    world.chain.now = world.now + THAW_SECONDS;
    await ledger.internal({ ...message, body: packWithdrawStake() });
    expect(ledger.balance(world.stake.address)).toBe(0n);
    expect(await ledger.data(world.stake.address)).toBe(null);
    await ledger.audit();
  }
}
