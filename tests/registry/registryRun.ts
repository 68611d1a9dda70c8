import { type Address, beginCell, Cell } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { loadImageStatus, storeImageQuery } from '../../build/Suite/Suite_AttestationRegistry';
import {
  ATTEST_REASONS,
  INTEL_ROOT,
  OP_IMAGE_STATUS,
  OP_PROVIDER_ACTIVE,
  packAcceptGovernance,
  packActivateImage,
  packCancelGovernance,
  packProposeBuiltImage,
  packProposeGovernance,
  packProposeImage,
  packPruneImage,
  packRaiseEvaluation,
  packRevokeImage,
  type RootKey,
  TCB_STATUS,
  type TcbStatus,
} from '../../wrappers';
import { packedGovernance } from '../../wrappers/AttestationRegistry';
import { toInteger } from '../../wrappers/cells';
import { exitCode } from '../support/stakeWorld';
import { type GoverningSet, NOTICE, type Image, RegistryModel, type Statement } from './registryModel';
import { dataOf } from './registryState';
import { BUILDERS, feesIn, imageHash, RegistryWorld, VALUE } from './registryWorld';

export const PARTIES = ['governor', 'guardian', 'next', 'stranger'] as const;
type Party = (typeof PARTIES)[number];
/** Never in a governing set. */
const OUTSIDER = 16;
/** Enough to be looked at, less than any message needs. */
const LOW = 4_000_000n;

/** One attempt; whether it is allowed is for the model to say. */
export interface Attempt {
  kind: string;
  /** By the one who may, else by `party`. */
  rightful: boolean;
  party: number;
  low: boolean;
  image: number;
  /** 0 to 7, used as each kind likes. */
  variant: number;
}

/** A registry on chain beside its model; every step is compared, and what must never be is looked for. */
export class RegistryRun {
  private held = 0n;
  private readonly revocations: string[] = [];

  private constructor(
    readonly world: RegistryWorld,
    readonly model: RegistryModel,
    private readonly stake: Address,
    private readonly count: (what: string) => void,
  ) {}

  static async open(count: (what: string) => void): Promise<RegistryRun> {
    const world = await RegistryWorld.create();
    const set = { governor: 'governor', guardian: 'guardian', builders: [0, 1, 2], threshold: 2, taken: ['UpToDate'] as const, least: 0 };
    const stake = await world.registry.getStakeOf(world.stranger.address);
    const run = new RegistryRun(world, new RegistryModel(set), stake, count);
    run.held = await run.total();
    return run;
  }

  async step(made: Attempt): Promise<void> {
    if (made.kind === 'wait') {
      this.world.later([1, 86_400, NOTICE - 1, NOTICE, NOTICE, 2 * NOTICE, 3 * NOTICE, 31 * 86_400][made.variant]);
      return;
    }
    const { world, model } = this;
    const before = { set: model.set, pending: model.pending, epoch: model.epoch, image: this.copyOf(made.image) };
    const { from, body, judge } = await this.attempt(made);
    const expected = made.low && made.kind !== 'topUp' ? 743 : judge();
    const value = made.low ? LOW : VALUE;
    const result = await world.send(from, body, { value });
    expect({ made, code: exitCode(result, world.address) }).toEqual({ made, code: expected });
    this.count(`${made.kind} ${expected}`);
    if (made.kind === 'imageQuery' && expected === 0) this.compareAnswer(made, result);
    await this.compare(made, result, value);
    this.neverHappens(before, made, expected);
  }

  /** Everything that the registry remembers is the model's, and no nanoTON appeared or is missing. */
  private async compare(made: Attempt, result: SendMessageResult, value: bigint): Promise<void> {
    const held = await this.total();
    expect({ made, kept: held - this.held }).toEqual({ made, kept: value - feesIn(result) });
    this.held = held;
    const equal = (await this.world.data()).equals(this.wantedData());
    expect({ made, equal }).toEqual({ made, equal: true });
    const isActive = made.kind === 'providerActive';
    expect(result.externals.length).toBe(isActive && exitCode(result, this.world.address) === 0 ? 1 : 0);
  }

  private compareAnswer(made: Attempt, { transactions }: SendMessageResult): void {
    const answers = transactions.map(({ inMessage }) => inMessage?.body.beginParse()).filter((body) => body && body.remainingBits > 32 && body.preloadUint(32) === OP_IMAGE_STATUS);
    const { reason, claims, revocationEpoch } = loadImageStatus(answers[0]!);
    const { tcbStatus, evaluation, root } = questionOf(made);
    const wanted = this.model.query(String(made.image), tcbStatus, evaluation, root === INTEL_ROOT);
    expect({ made, answers: answers.length, reason: ATTEST_REASONS[Number(reason)], claims: Number(claims), revocationEpoch: Number(revocationEpoch) }).toEqual({ made, answers: 1, ...wanted });
    this.count(`answer ${wanted.reason}`);
  }

  private wantedData(): Cell {
    const { images, epoch, set, pending } = this.model;
    return dataOf({
      governance: this.packed(set),
      epoch,
      images: [...images].map(([name, policy]) => [imageHash(Number(name)), policy]),
      pending: pending && { next: this.packed(pending.next), proposedAt: pending.proposedAt },
    });
  }

  /** As if so many images were proposed just now. */
  async fill(images: number): Promise<void> {
    const proposed = { claims: 1, proposedAt: this.world.now, effectiveFrom: 0, revokedAt: 0 };
    for (let index = 0; index < images; index++) this.model.images.set(String(index), { ...proposed });
    await this.world.setData(this.wantedData());
    this.held = await this.total();
  }

  /** What must be true of any two states that follow each other, whatever the model thinks. */
  private neverHappens(
    before: { set: GoverningSet; pending: RegistryModel['pending']; epoch: number; image?: Image },
    made: Attempt,
    code: number,
  ): void {
    const { model, world } = this;
    if (made.kind === 'raise') {
      expect(model.set).toEqual({ ...before.set, least: model.set.least });
      expect(model.set.least).toBeGreaterThanOrEqual(before.set.least);
    } else if (model.set !== before.set) {
      expect([made.kind, code]).toEqual(['acceptGovernance', 0]);
      expect(world.now - before.pending!.proposedAt).toBeGreaterThanOrEqual(NOTICE);
    }
    const endsOne = made.kind === 'revoke' && code === 0 && isEffective(before.image);
    if (endsOne) this.revocations.push(String(made.image));
    expect(model.epoch - before.epoch).toBe(endsOne ? 1 : 0);
    expect(model.epoch).toBe(this.revocations.length);
    for (const image of model.images.values()) {
      if (!isEffective(image)) continue;
      expect(image.effectiveFrom - image.proposedAt).toBeGreaterThanOrEqual(NOTICE);
      expect(world.now).toBeGreaterThanOrEqual(image.proposedAt + NOTICE);
    }
  }

  /** The get-method says of each image what the rules say. */
  async end(): Promise<void> {
    for (let index = 0; index < 4; index++) {
      const wanted = isEffective(this.model.images.get(String(index)));
      expect(await this.world.registry.isEffective(imageHash(index))).toBe(wanted);
    }
    expect(await this.world.registry.getEpoch()).toBe(this.revocations.length);
  }

  private async attempt(made: Attempt): Promise<{ from: Address; body: Cell; judge: () => number }> {
    const { world, model } = this;
    const now = world.now;
    const name = String(made.image);
    const hash = imageHash(made.image);
    const by = (rightful: string): string => (made.rightful ? rightful : PARTIES[made.party]);
    const from = (party: string): Address => world[party as Party].address;
    const claims = [1, 2, 61, 62, 1, 2, 0, 67][made.variant];
    switch (made.kind) {
      case 'proposeImage': {
        const party = by(model.set.governor);
        const judge = () => model.proposeImage(party, name, claims, now);
        return { from: from(party), body: packProposeImage(hash, claims), judge };
      }
      case 'proposeBuiltImage':
        return this.statement(made);
      case 'activate': {
        const body = packActivateImage(hash);
        return { from: from(PARTIES[made.party]), body, judge: () => model.activate(name, now) };
      }
      case 'revoke': {
        const party = by(made.variant % 2 ? model.set.governor : model.set.guardian);
        return { from: from(party), body: packRevokeImage(hash), judge: () => model.revoke(party, name, now) };
      }
      case 'prune': {
        const body = packPruneImage(hash);
        return { from: from(PARTIES[made.party]), body, judge: () => model.prune(name, now) };
      }
      case 'proposeGovernance': {
        const party = by(model.set.governor);
        const next = this.nextSet(made);
        const body = packProposeGovernance(packedGovernance(this.packed(next)));
        return { from: from(party), body, judge: () => model.proposeGovernance(party, next, now) };
      }
      case 'acceptGovernance': {
        const party = by(model.pending?.next.governor ?? 'next');
        return { from: from(party), body: packAcceptGovernance(), judge: () => model.acceptGovernance(party, now) };
      }
      case 'cancelGovernance': {
        const party = by(model.set.governor);
        return { from: from(party), body: packCancelGovernance(), judge: () => model.cancelGovernance(party) };
      }
      case 'raise': {
        const party = by(made.variant % 2 ? model.set.governor : model.set.guardian);
        const number = model.set.least + [1, 0, 1, 2, 1, -1, 1, 3][made.variant];
        return { from: from(party), body: packRaiseEvaluation(Math.max(0, number)), judge: () => model.raise(party, Math.max(0, number)) };
      }
      case 'imageQuery': {
        const { tcbStatus, evaluation, root } = questionOf(made);
        const body = beginCell().store(storeImageQuery({
          $$type: 'ImageQuery', queryId: 0n, imageHash: toInteger(hash), tcbStatus: BigInt(TCB_STATUS.indexOf(tcbStatus)), evaluation: BigInt(evaluation), rootX: root.x, rootY: root.y, context: Cell.EMPTY,
        })).endCell();
        return { from: from(PARTIES[made.party]), body, judge: () => 0 };
      }
      case 'providerActive': {
        const body = beginCell().storeUint(OP_PROVIDER_ACTIVE, 32).storeAddress(world.stranger.address).endCell();
        const sender = made.rightful ? this.stake : from(PARTIES[made.party]);
        return { from: sender, body, judge: () => (made.rightful ? 0 : 758) };
      }
      default:
        return { from: from(PARTIES[made.party]), body: new Cell(), judge: () => 0 };
    }
  }

  private statement(made: Attempt): { from: Address; body: Cell; judge: () => number } {
    const { world, model } = this;
    const { builders, threshold } = model.set;
    const enough = builders.slice(0, threshold);
    const signers = [
      enough,
      enough,
      builders,
      enough.slice(1),
      [...enough, ...enough.slice(0, 1)].sort((a, b) => a - b),
      [...enough, OUTSIDER],
      enough,
      enough,
    ][made.variant];
    const isGood = made.variant !== 6;
    const claims = made.low ? 3 : made.rightful ? 1 : [1, 3][made.party % 2];
    const tooFar = made.party % 2 ? -1 : NOTICE + 1;
    const validUntil = world.now + (made.variant === 7 ? tooFar : [0, 600, NOTICE, 86_400][made.party]);
    const wrong = { validUntil, ...(isGood ? {} : { networkId: -3 }) };
    const image = world.built(imageHash(made.image), signers.map((index) => BUILDERS[index]), wrong, claims);
    const signatures = signers.map((builder) => ({ builder, isGood }));
    const said: Statement = { image: String(made.image), claims, validUntil, signatures };
    const judge = () => model.proposeBuiltImage(said, world.now);
    return { from: world[PARTIES[made.party]].address, body: packProposeBuiltImage(image), judge };
  }

  private nextSet({ variant, party, image }: Attempt): GoverningSet {
    const builders = [[0, 1, 2], [0, 1, 2, 3], [], [1, 5, 9, 12], [4], [2, 3], [0, 1, 2], [0, 1]][variant];
    const threshold = [2, 2, 0, 3, 1, 1, 4, 0][variant];
    return { governor: PARTIES[party], guardian: PARTIES[image % 4], builders, threshold, taken: POLICIES[variant], least: 2 * image };
  }

  private packed({ governor, guardian, builders, threshold, taken, least }: GoverningSet) {
    return {
      governor: this.world[governor as Party].address,
      guardian: this.world[guardian as Party].address,
      builders: builders.map((index) => BUILDERS[index].publicKey),
      threshold,
      tcbStatuses: taken,
      leastEvaluation: least,
    };
  }

  private copyOf(image: number): Image | undefined {
    const known = this.model.images.get(String(image));
    return known && { ...known };
  }

  private async total(): Promise<bigint> {
    const { world } = this;
    let sum = await world.balance(this.stake);
    for (const account of [world.registry, ...PARTIES.map((party) => world[party])]) {
      sum += await world.balance(account.address);
    }
    return sum;
  }
}

/** Of the sets that are proposed, by variant; two are refused. */
const POLICIES: readonly (readonly TcbStatus[])[] = [
  ['UpToDate'], ['UpToDate', 'SWHardeningNeeded'], ['UpToDate'], ['UpToDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'],
  ['UpToDate', 'ConfigurationNeeded'], ['SWHardeningNeeded'], ['UpToDate'], ['UpToDate', 'OutOfDate'],
];

const questionOf = ({ variant, party }: Attempt): { tcbStatus: TcbStatus; evaluation: number; root: RootKey } => ({
  evaluation: [9, 100, 5, 100][party],

  tcbStatus: TCB_STATUS[[1, 2, 3, 4, 1, 5, 7, 1][variant]], root: variant === 4 ? { ...INTEL_ROOT, y: 1n } : INTEL_ROOT,
});

const isEffective = (image?: Image): boolean => !!image && image.effectiveFrom !== 0 && image.revokedAt === 0;
