import { beginCell, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import type { SendMessageResult } from '@ton/sandbox';
import fc from 'fast-check';
import { keyClaimHash } from '../../protocol';
import { BURN_ADDRESS } from '../../wrappers';
import { sumFees } from '../support/fees';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { DAY, exitCode, REGISTRY, signed, STAKE, StakeWorld, termsCell } from '../support/stakeWorld';
import { MAX_KEYS, StakeModel, THAW_SECONDS } from './stakeModel';

const KEYS = Array.from({ length: MAX_KEYS + 1 }, (_, index) => keyPairFromSeed(Buffer.alloc(32, 2 + index)));
const LOW = toNano('0.008');
const RUNS = Number(process.env.COCOON_PROPERTY_RUNS ?? 16);
const SEED = Number(process.env.COCOON_PROPERTY_SEED ?? 2026);

/** One attempt; whether it is allowed is for the model to say. */
interface Attempt {
  kind: string;
  /** By the one who may, else by a thief. */
  rightful: boolean;
  low: boolean;
  key: number;
  /** 0 to 99, used as each kind likes. */
  size: number;
  variant: number;
}

const KINDS = [
  ...['deposit', 'thaw', 'withdraw', 'addKey', 'removeKey', 'prune', 'descriptor'],
  ...['query', 'query', 'undelivered', 'receipts', 'receipts', 'mislabelled', 'wait', 'wait'],
];
const rarely = fc.nat(7).map((number) => number === 0);
const attempt: fc.Arbitrary<Attempt> = fc.record({
  kind: fc.constantFrom(...KINDS),
  rightful: rarely.map((thief) => !thief),
  low: rarely,
  key: fc.nat(2),
  size: fc.nat(99),
  variant: fc.nat(7),
});

const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);

class Market {
  readonly model = new StakeModel(STAKE);
  /** nanoTON of all accounts after the last step. */
  private held?: bigint;

  private constructor(
    readonly world: StakeWorld,
    readonly burntBefore: bigint,
  ) {
    this.model.keys.set('0', { sealing: 60, end: START + 30 * DAY, removedAt: 0 });
  }

  static async open(): Promise<Market> {
    const world = await StakeWorld.create();
    return new Market(world, await world.burnt());
  }

  async total(): Promise<bigint> {
    const { stake, owner, client, watcher, escrow } = this.world;
    let sum = 0n;
    const parties = [stake, owner, client, watcher, escrow].map(({ address }) => address);
    for (const address of [...parties, REGISTRY, BURN_ADDRESS]) sum += await this.world.balance(address);
    return sum;
  }

  /** Makes the attempt on model and chain and compares: exit code, books, solvency, conservation. */
  async step(made: Attempt): Promise<void> {
    if (made.kind === 'wait') {
      const seconds = [1, 600, 3_600, DAY, 5 * DAY, 15 * DAY, 40 * DAY, 200][made.variant];
      this.world.chain.now = this.world.now + seconds;
      return;
    }
    const before = this.held ?? (await this.total());
    const had = this.model.active + this.model.thawing;
    const tookBefore = this.model.slashed;
    const burntBefore = this.model.burnt;
    const { expected, result } = await this.perform(made);
    const got = exitCode(result, this.world.stake.address);
    expect({ made, code: got }).toEqual({ made, code: expected });
    count(`${made.kind} ${expected}`);
    this.held = await this.total();
    expect(before - this.held).toBe(sumFees(result.transactions).totalNano);
    const status = await this.world.stake.getStatus();
    const { model, world } = this;
    expect(status.active).toBe(model.active);
    expect(status.thawing).toBe(model.thawing);
    expect(status.slashed).toBe(model.slashed);
    expect(Number(status.faults)).toBe(model.faults);
    expect(Number(status.keyCount)).toBe(model.keys.size);
    expect(status.reserved).toBe(model.reserved(world.now));
    expect((await world.balance()) >= status.active + status.thawing).toBe(true);
    const taken = model.slashed - tookBefore;
    expect(taken <= had).toBe(true);
    if (made.kind !== 'undelivered') expect(2n * taken <= had).toBe(true);
    expect(2n * (model.burnt - burntBefore) >= taken).toBe(true);
    // Rounding of forward fees is in the message's value: what arrives is at most what was burnt.
    expect((await world.burnt()) - this.burntBefore <= model.burnt).toBe(true);
  }

  private async perform(made: Attempt): Promise<{ expected: number; result: SendMessageResult }> {
    const { world, model } = this;
    const { stake, owner, watcher } = world;
    const now = world.now;
    const who = (made.rightful ? owner : watcher).getSender();
    const value = made.low ? LOW : toNano('1');
    const refusal = made.rightful ? (made.low ? 712 : 0) : 711;
    const guarded = (run: () => number): number => refusal || run();
    const name = String(made.key);
    const { publicKey: workerKey, secretKey } = KEYS[made.key];
    switch (made.kind) {
      case 'deposit': {
        const amount = toNano(made.size);
        const result = await stake.sendDeposit(who, { value: made.low ? amount + LOW : amount + toNano('3'), amount });
        if (!made.low) model.active += amount;
        return { expected: made.low ? 712 : 0, result };
      }
      case 'thaw': {
        const amount = made.variant === 0 ? model.active + 1n : (model.active * BigInt(made.size)) / 200n;
        const expected = guarded(() => model.thaw(amount, now));
        return { expected, result: await stake.sendThaw(who, { value, amount }) };
      }
      case 'withdraw':
        return { expected: guarded(() => model.withdraw(now)), result: await stake.sendWithdraw(who, { value }) };
      case 'addKey': {
        const endUnix = now + [0, DAY, DAY, 30 * DAY, 30 * DAY, 90 * DAY, 2, 3_000][made.variant];
        const sealing = made.size < 20 ? 61 : 60;
        const proven = made.size < 80;
        const sealingKey = patternBytes(32, sealing);
        const claim = { networkId: NETWORK_ID, stake: stake.address.hash, sealingKey, endUnix: endUnix + (proven ? 0 : 1) };
        const proof = sign(Buffer.from(keyClaimHash(claim)), secretKey);
        const expected = guarded(() => model.addKey(name, { sealing, end: endUnix, proven }, now));
        return { expected, result: await stake.sendAddWorkerKey(who, { value, workerKey, sealingKey, endUnix, proof }) };
      }
      case 'removeKey': {
        const expected = guarded(() => model.removeKey(name, now));
        return { expected, result: await stake.sendRemoveWorkerKey(who, { value, workerKey }) };
      }
      case 'prune': {
        const result = await stake.sendPruneWorkerKey(watcher.getSender(), { value: toNano('1'), workerKey });
        return { expected: model.pruneKey(name, now), result };
      }
      case 'descriptor': {
        const tooLong = made.variant < 3;
        const head = beginCell().storeUint(0x0c16, 32).storeUint(0, 64).storeUint(made.size, 256).storeStringTail('a');
        const body = (tooLong ? head.storeRef(beginCell().endCell()) : head).endCell();
        const from = made.rightful ? owner : watcher;
        const result = await from.send({ to: stake.address, value, body });
        return { expected: guarded(() => (tooLong ? 722 : 0)), result };
      }
      case 'query':
        return this.query(made);
      case 'undelivered': {
        const terms = world.terms({ workerKey });
        const acceptance = world.acceptance(terms, {}, KEYS[made.key]);
        const isPromise = made.rightful && model.keys.has(name);
        const price = toNano(made.size) / 50n;
        const result = await world.undelivered(acceptance, price, made.rightful ? world.escrow : watcher);
        if (isPromise) model.undelivered(price);
        return { expected: 0, result };
      }
      default:
        return this.report(made);
    }
  }

  private async query(made: Attempt): Promise<{ expected: number; result: SendMessageResult }> {
    const { world, model } = this;
    const now = world.now;
    const { publicKey: workerKey } = KEYS[made.key];
    const coverage = made.variant < 3 ? 0n : toNano(made.size);
    const deadline = now + (made.low ? [0, DAY + 1][made.variant % 2] : 600);
    const tier = made.size === 50 ? 1 : 0;
    const terms = world.terms({ workerKey, coverage, expiresAt: deadline, tier });
    const late = made.variant === 7;
    const promised = made.variant === 0 || made.variant === 6 ? null : made.rightful ? coverage : coverage + 1n;
    const signedPromise =
      promised === null
        ? null
        : world.acceptance(terms, { coverage: promised, acceptBy: late ? now - 1 : now }, KEYS[made.key]);
    const body = beginCell().storeUint(0x0c05, 32).storeRef(termsCell(terms)).storeMaybeRef(signedPromise).endCell();
    const value = made.size === 0 ? LOW : toNano('1');
    const result = await world.escrow.send({ to: world.stake.address, value, body });
    if (made.size === 0) return { expected: 712, result };
    const status = model.query(String(made.key), { deadline, tier, coverage, promised, late }, now);
    const reply = result.transactions.find(({ inMessage }) => String(inMessage?.info.src) === String(world.stake.address));
    const answer = reply!.inMessage!.body.beginParse();
    expect({ made, op: answer.loadUint(32), status: answer.loadUint(8) }).toEqual({ made, op: 0x0c06, status });
    count(`status ${status}`);
    return { expected: 0, result };
  }

  private async report(made: Attempt): Promise<{ expected: number; result: SendMessageResult }> {
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
    const second = { ...first, ...(same ? { issuedAt: first.issuedAt + 1 } : { responseCommit: patternBytes(32, 99) }) };
    const value = made.low ? LOW : toNano('1');
    const by = world.watcher.getSender();
    const signer = made.rightful ? key : KEYS[9];
    const receipts = { terms: termsCell(terms), first: signed(first, signer), second: signed(second, signer) };
    const send =
      made.kind === 'receipts'
        ? world.stake.sendReportTwoReceipts(by, { value, ...receipts })
        : world.stake.sendReportMislabelled(by, { value, terms: receipts.terms, receipt: receipts.first });
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
    return { expected: judge(), result: await send };
  }

  /** After all timeouts: the owner alone takes everything out, and the account ends. */
  async end(): Promise<void> {
    const plain = { rightful: true, low: false, size: 0, variant: 1 };
    this.world.chain.now = this.world.now + 400 * DAY;
    for (const name of [...this.model.keys.keys()]) await this.step({ ...plain, kind: 'prune', key: Number(name) });
    const sender = this.world.owner.getSender();
    await this.world.stake.sendThaw(sender, { value: toNano('1'), amount: this.model.active });
    this.world.chain.now = this.world.now + THAW_SECONDS;
    await this.world.stake.sendWithdraw(sender, { value: toNano('1') });
    expect(await this.world.balance()).toBe(0n);
  }
}

const plain: Attempt = { kind: 'addKey', rightful: true, low: false, key: 0, size: 50, variant: 3 };

describe('a stake under any sequence of owners, thieves, escrows and watchers', () => {
  it('follows the model after every step, and can be withdrawn to zero at the end', async () => {
    console.log(`seed ${SEED}, ${RUNS} sequences`);
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 10, maxLength: 24 }), async (attempts) => {
        const market = await Market.open();
        for (const made of attempts) await market.step(made);
        await market.end();
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );
  });

  it('refuses a key beyond the last slot and evicts none', async () => {
    const market = await Market.open();
    for (let key = 1; key < MAX_KEYS; key++) await market.step({ ...plain, key });
    for (let again = 0; again < 5; again++) await market.step({ ...plain, key: MAX_KEYS });
    await market.end();
  });

  it('refuses what random sequences seldom try', async () => {
    const market = await Market.open();
    const five = async (made: Partial<Attempt>, times = 5): Promise<void> => {
      for (let time = 0; time < times; time++) await market.step({ ...plain, ...made });
    };
    await five({ kind: 'query', size: 0 });
    await five({ kind: 'query', variant: 3, size: 99 }, 6);
    await five({ size: 10 });
    await five({ size: 90 });
    await five({ variant: 0 });
    await five({ low: true });
    await five({ rightful: false });
    for (const kind of ['receipts', 'mislabelled']) {
      await five({ kind, variant: 3, low: true });
      await five({ kind, variant: 3, key: 2 });
      await five({ kind, variant: 3, rightful: false });
      for (const variant of [0, 1, 2]) await five({ kind, variant });
      await five({ kind, variant: 3, size: kind === 'receipts' ? 1 : 2 }, 6);
    }
    await five({ kind: 'query', variant: 1 });
    await five({});
    await five({ kind: 'removeKey' }, 20);
    for (const kind of ['thaw', 'withdraw', 'removeKey', 'descriptor']) {
      await five({ kind, low: true });
      await five({ kind, rightful: false });
    }
    await five({ kind: 'deposit', low: true });
    await five({ kind: 'deposit', size: 10 }, 8);
    await five({ kind: 'thaw', variant: 0 });
    await five({ kind: 'thaw', variant: 1, size: 1 }, 8);
    await five({ kind: 'withdraw' });
    await five({ kind: 'prune' });
    await five({ kind: 'query', variant: 1, key: 0, low: true });
    await five({ kind: 'descriptor', variant: 1 });
    await five({ kind: 'descriptor', variant: 4 }, 10);
    for (const seq of [8, 9, 11, 12, 13, 14]) await five({ kind: 'receipts', variant: 3, size: seq }, 1);
    for (const times of [1, 2, 3, 4]) await five({ kind: 'undelivered', size: times });
    await market.end();
  });

  it('convicts once a job, and a stake that lost too much has no working key', async () => {
    for (const kind of ['receipts', 'mislabelled', 'mislabelled', 'receipts']) {
      const market = await Market.open();
      for (let time = 0; time < 2; time++) await market.step({ ...plain, kind: 'query', variant: 1, size: 51 });
      await market.step({ ...plain, variant: 6 });
      for (const variant of [1, 1, 2]) await market.step({ ...plain, kind: 'query', variant, size: variant === 2 ? 51 : 50 });
      for (let seq = 0; seq < 8; seq++) await market.step({ ...plain, kind, size: seq });
      await market.step({ ...plain, kind, size: 0 });
      for (let time = 0; time < 6; time++) await market.step({ ...plain, kind: time < 3 ? 'withdraw' : 'descriptor', variant: 4 });
      await market.end();
      const poor = await Market.open();
      for (let seq = 0; seq < 3; seq++) await poor.step({ ...plain, kind, size: seq });
      for (let time = 0; time < 2; time++) await poor.step({ ...plain, kind: 'query', variant: 1, size: 51 });
      for (let time = 0; time < 2; time++) await poor.step({ ...plain, kind: 'thaw', variant: 1, size: 1 });
      await poor.end();
    }
  });

  it('met every receiver 20 times and every refusal 5 times', () => {
    console.log([...counts].sort().map(([what, times]) => `${what}: ${times}`).join('\n'));
    const met = (what: string, least: number): void => {
      const times = counts.get(what) ?? 0;
      expect({ what, enough: times >= least, times }).toEqual({ what, enough: true, times });
    };
    const kinds = new Set(KINDS.filter((kind) => kind !== 'wait'));
    for (const kind of kinds) met(`${kind} 0`, 20);
    const refusals: Record<string, number[]> = {
      deposit: [712],
      thaw: [711, 712, 713],
      withdraw: [711, 712, 714],
      addKey: [711, 712, 715, 716, 719, 720, 721],
      removeKey: [711, 712, 717],
      prune: [717, 718],
      descriptor: [711, 712, 722],
      query: [712],
      receipts: [712, 717, 723, 724, 725, 726, 728],
      mislabelled: [712, 717, 723, 724, 725, 727, 728],
    };
    for (const [kind, codes] of Object.entries(refusals)) for (const code of codes) met(`${kind} ${code}`, 5);
    for (const status of [0, 2, 3, 7, 8, 9, 10]) met(`status ${status}`, 5);
  });
});
