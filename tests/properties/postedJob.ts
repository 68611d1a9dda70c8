import { type Address, beginCell, Cell } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import type { Blockchain } from '@ton/sandbox';
import {
  JobEscrow,
  type JobEscrowTerms,
  packCreateCheckedJob,
  packCreateJob,
  packDecline,
  packDelivery,
  requiredCheckedJobValue,
  requiredJobValue,
} from '../../wrappers';
import { CheckedJobWorld, marketParties, stakeOf, WORKER } from '../support/checkedJobWorld';
import { pricesOf } from '../support/config';
import {
  type Answer,
  claimsCell,
  declineCell,
  patternBytes,
  receiptCell,
  type ReceiptFields,
} from '../support/jobWorld';
import { DAY } from '../support/stakeWorld';
import { JobModel } from './jobModel';
import type { Asked } from './stakeModel';

export const KEYS: readonly KeyPair[] = [WORKER, keyPairFromSeed(Buffer.alloc(32, 3))];
export const OUTPUT_CELLS = 2;
/** What is wrong with the terms of a checked job; most are fine. */
export const TERMS = [
  ...['fine', 'fine', 'fine', 'fine', 'fine', 'fine', 'coverage', 'coverage', 'secondKey'],
  ...['tier', 'image', 'semantics', 'otherStake', 'noStake', 'unreadable', 'tooLong'],
] as const;
export type TermsKind = (typeof TERMS)[number] | 'plain';

/** What the client attaches as the worker's promise. */
export const PROMISES = [
  ...['none', 'good', 'forged', 'good', 'none', 'good', 'late', 'good'],
  ...['elsewhere', 'unreadable', 'large', 'good', 'otherTerms', 'none', 'good', 'good'],
] as const;
export type PromiseKind = (typeof PROMISES)[number];

/** A job with its model, and everything that its parties can sign about it. */
export class PostedJob {
  /** What strangers left here that no code can take. */
  stray = 0n;

  private constructor(
    readonly name: string,
    readonly kind: TermsKind,
    readonly terms: JobEscrowTerms,
    readonly contract: Pick<JobEscrow, 'address' | 'init'>,
    readonly model: JobModel,
    readonly key: number,
    /** Only of a checked job. */
    readonly world: CheckedJobWorld,
    /** Whom its questions go to. */
    readonly stake: Address,
  ) {}

  /** `number` makes the address unique, `size` (0 to 99) the price. */
  static async make(chain: Blockchain, kind: TermsKind, number: number, size: number): Promise<PostedJob> {
    const deadline = chain.now! + (kind === 'tooLong' ? DAY + 600 : size < 80 ? 600 : 40_000);
    const key = kind === 'secondKey' ? 1 : 0;
    const workerKey = KEYS[key].publicKey;
    const stranger = patternBytes(32, 44);
    const parties = await marketParties();
    const stake = (kind === 'noStake' ? await stakeOf(parties.stranger.address) : parties.stake).address;
    const terms = {
      ...(kind === 'tier' && { tier: 1 }),
      ...(kind === 'image' && { imageHash: stranger }),
      ...(kind === 'semantics' && { semantics: 1 }),
      ...(kind === 'otherStake' && { stake: stranger }),
      workerKey,
    };
    const world = await CheckedJobWorld.create({
      blockchain: chain,
      salt: number,
      price: 100_000_000n + 14_000_000n * BigInt(size),
      asked: { expiresAt: deadline, coverage: kind === 'coverage' ? BigInt(1 + (size % 40)) * 1_000_000_000n : 0n },
      terms,
      job: {
        workerKey,
        answerInCallback: size % 2 === 0,
        ...(kind === 'unreadable' && { termsHash: new Cell().hash() }),
      },
      stake,
    });
    const contract = kind === 'plain' ? await JobEscrow.fromTerms(world.terms) : world.job;
    const model = new JobModel({ checked: kind !== 'plain', deadline, price: world.terms.price });
    return new PostedJob(String(number), kind, world.terms, contract, model, key, world, stake);
  }

  /** What create must bring at today's prices. */
  required(): bigint {
    const prices = pricesOf(this.world.blockchain);
    return (this.kind === 'plain' ? requiredJobValue : requiredCheckedJobValue)(this.terms, prices);
  }

  get coverage(): bigint {
    return this.world.signedTerms.coverage;
  }

  promise(kind: PromiseKind): Cell | null {
    const { world, coverage } = this;
    const key = KEYS[this.key];
    switch (kind) {
      case 'none':
        return null;
      case 'good':
        return world.acceptance({ coverage, key });
      case 'forged':
        return beginCell()
          .storeBuffer(key.publicKey)
          .storeSlice(world.acceptance({ coverage, key: KEYS[1 - this.key] }).beginParse().skip(256))
          .endCell();
      case 'late':
        return world.acceptance({ coverage, key, acceptBy: world.now - 1 });
      case 'elsewhere':
        return world.acceptance({ coverage, key, escrow: world.client.address });
      case 'otherTerms':
        return world.acceptance({ coverage, key, termsHash: patternBytes(32, 45) });
      case 'unreadable':
        return beginCell().storeUint(1, 8).endCell();
      case 'large':
        return beginCell().storeSlice(world.acceptance({ coverage, key }).beginParse()).storeRef(new Cell()).endCell();
    }
  }

  /** What the stake is asked, in the model's words; null when it cannot read the question. */
  asked(promise: PromiseKind): Asked | null {
    if (this.kind === 'unreadable' || this.kind === 'noStake') return null;
    return {
      name: this.name,
      deadline: this.terms.deadline,
      tier: this.kind === 'tier' ? 1 : 0,
      coverage: this.coverage,
      promised: promise === 'none' ? null : this.coverage,
      invalid: promise !== 'good',
      otherStake: this.kind === 'otherStake',
      image: this.kind === 'image',
      otherSemantics: this.kind === 'semantics',
    };
  }

  create(promise: PromiseKind, pinnedTerms: boolean): Cell {
    const { world } = this;
    if (this.kind === 'plain') return packCreateJob(patternBytes(256, 1));
    const honest = this.kind === 'unreadable' ? new Cell() : world.termsCell;
    const terms = pinnedTerms ? honest : beginCell().storeUint(7, 8).endCell();
    return packCreateCheckedJob({ terms, acceptance: this.promise(promise), request: world.request });
  }

  answer(overrides: Partial<Answer> = {}): Answer {
    return { ...this.world.answer(), issuedAt: this.terms.deadline - 500, ...overrides };
  }

  deliver(answer: Answer, options: { key?: number; fields?: ReceiptFields; sent?: Uint8Array } = {}): Cell {
    const receipt = receiptCell(this.terms, this.contract.address, answer, options.fields);
    return packDelivery({
      signature: sign(receipt.hash(), KEYS[options.key ?? this.key].secretKey),
      finishReason: answer.finishReason,
      issuedAt: answer.issuedAt,
      claims: claimsCell(answer),
      output: options.sent ?? answer.output,
    });
  }

  decline(key = this.key): Cell {
    const hash = declineCell(this.terms, this.contract.address, 3).hash();
    return packDecline(sign(hash, KEYS[key].secretKey), 3);
  }

  /** A receipt of this job as evidence. */
  receipt(answer: Answer, key = this.key): { receipt: Cell; signature: Buffer } {
    const receipt = receiptCell(this.terms, this.contract.address, answer);
    return { receipt, signature: sign(receipt.hash(), KEYS[key].secretKey) };
  }
}
