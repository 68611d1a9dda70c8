import type { AttestReason, TcbStatus } from '../../wrappers';

// What a registry must do, written from docs/messages-and-fees.md, docs/parameters.md and findings 48, 50, 52.

const DAY = 86_400;
export const NOTICE = 7 * DAY;
export const LAPSE = 14 * DAY;
export const LISTED_AFTER_REVOCATION = 30 * DAY;
const SLOTS = 64;
const MOST_BUILDERS = 16;
/** What a policy may take beside UpToDate. */
const OPTIONAL: TcbStatus[] = ['SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'];

export interface Image {
  claims: number;
  proposedAt: number;
  effectiveFrom: number;
  revokedAt: number;
}

/** Parties by name, builders by number: ascending numbers are ascending keys. */
export interface GoverningSet {
  governor: string;
  guardian: string;
  builders: number[];
  threshold: number;
  /** TCB statuses that a platform may have. */
  taken: readonly TcbStatus[];
  /** Least evaluation number of collateral. */
  least: number;
}

export interface Statement {
  image: string;
  claims: number;
  validUntil: number;
  /** In the order of the chain. */
  signatures: { builder: number; isGood: boolean }[];
}

export class RegistryModel {
  readonly images = new Map<string, Image>();
  epoch = 0;
  pending: { next: GoverningSet; proposedAt: number } | null = null;

  constructor(public set: GoverningSet) {}

  proposeImage(by: string, image: string, claims: number, now: number): number {
    return by === this.set.governor ? this.list(image, claims, now) : 741;
  }

  proposeBuiltImage({ image, claims, validUntil, signatures }: Statement, now: number): number {
    if (validUntil < now || validUntil > now + NOTICE) return 750;
    // No signature at all is no message.
    if (signatures.length === 0) return 9;
    let last = -1;
    for (const { builder, isGood } of signatures) {
      if (builder <= last) return 752;
      if (!this.set.builders.includes(builder)) return 751;
      if (!isGood) return 753;
      last = builder;
    }
    if (this.set.threshold === 0 || signatures.length < this.set.threshold) return 754;
    return this.list(image, claims, now);
  }

  activate(name: string, now: number): number {
    const image = this.images.get(name);
    if (!image) return 745;
    const isDone = image.effectiveFrom !== 0 || image.revokedAt !== 0;
    if (isDone || now < image.proposedAt + NOTICE || now >= image.proposedAt + NOTICE + LAPSE) return 748;
    image.effectiveFrom = now;
    return 0;
  }

  revoke(by: string, name: string, now: number): number {
    if (by !== this.set.guardian && by !== this.set.governor) return 742;
    const image = this.images.get(name);
    if (!image) return 745;
    if (image.revokedAt !== 0) return 0;
    image.revokedAt = now;
    if (image.effectiveFrom !== 0) this.epoch += 1;
    return 0;
  }

  raise(by: string, number: number): number {
    if (by !== this.set.guardian && by !== this.set.governor) return 742;
    if (number <= this.set.least) return 759;
    this.set = { ...this.set, least: number };
    return 0;
  }

  prune(name: string, now: number): number {
    const image = this.images.get(name);
    if (!image) return 745;
    const isLongRevoked = image.revokedAt !== 0 && (image.effectiveFrom === 0 || now >= image.revokedAt + LISTED_AFTER_REVOCATION);
    const isUntouched = image.revokedAt === 0 && image.effectiveFrom === 0;
    const isLapsed = isUntouched && now >= image.proposedAt + NOTICE + LAPSE;
    if (!isLongRevoked && !isLapsed) return 749;
    this.images.delete(name);
    return 0;
  }

  proposeGovernance(by: string, next: GoverningSet, now: number): number {
    if (by !== this.set.governor) return 741;
    const count = next.builders.length;
    const isReachable = count === 0 ? next.threshold === 0 : next.threshold >= 1 && next.threshold <= count;
    const isSafe = next.taken.includes('UpToDate') && next.taken.every((status) => status === 'UpToDate' || OPTIONAL.includes(status));
    if (count > MOST_BUILDERS || !isReachable || !isSafe) return 755;
    this.pending = { next, proposedAt: now };
    return 0;
  }

  acceptGovernance(by: string, now: number): number {
    if (!this.pending) return 756;
    const { next, proposedAt } = this.pending;
    if (by !== next.governor) return 757;
    if (now < proposedAt + NOTICE || now >= proposedAt + NOTICE + LAPSE) return 748;
    this.set = next;
    this.pending = null;
    return 0;
  }

  cancelGovernance(by: string): number {
    if (by !== this.set.governor) return 741;
    if (!this.pending) return 756;
    this.pending = null;
    return 0;
  }

  /** What a key is answered whose platform has this status. */
  query(name: string, tcbStatus: TcbStatus, evaluation: number, isOurRoot: boolean): { reason: AttestReason; claims: number; revocationEpoch: number } {
    const image = this.images.get(name);
    const isInForce = image !== undefined && image.effectiveFrom !== 0 && image.revokedAt === 0;
    const judged = evaluation < this.set.least ? 'old-evaluation' : this.set.taken.includes(tcbStatus) ? 'fine' : 'tcb-status';
    const reason = !isOurRoot ? 'other-root' : !isInForce ? 'image' : judged;
    return { reason, claims: isInForce ? image.claims : 0, revocationEpoch: this.epoch };
  }

  private list(image: string, claims: number, now: number): number {
    const ways = claims & 3;
    if (claims > 63 || (ways !== 1 && ways !== 2)) return 747;
    if (this.images.has(image)) return 744;
    if (this.images.size >= SLOTS) return 746;
    this.images.set(image, { claims, proposedAt: now, effectiveFrom: 0, revokedAt: 0 });
    return 0;
  }
}
