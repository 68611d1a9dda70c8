/** Answers of this visit, in memory alone, each with what is claimed of it. */
import type { Claim, HeldAnswer, MessageView, PageConfig, PageTokenizer, ProviderView, Verdict } from '../types';
import { messageClaims, policyOf, type Shown, type Then, verdictOf } from '../verify';
import type { Board } from './board';

/** Whom an answer came from. */
export interface Origin {
  tokenizer: PageTokenizer | null;
  /** As it was when it was asked; null for a receipt that somebody else brought. */
  before: ProviderView | null;
}

export interface Entry extends Origin {
  held: HeldAnswer;
  /** What the screen shows, where it was looked at; else what is held. */
  shown: Shown | null;
  /** What the chain said of the provider since. */
  later: readonly Claim[];
  claims: readonly Claim[];
}

const NOTHING_YET: Verdict = { level: 'unknown', canSend: false, missing: [] };

export class Answers {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly board: Board,
    private readonly config: PageConfig,
    private readonly canResume: (held: HeldAnswer) => boolean,
  ) {}

  get all(): readonly Entry[] {
    return [...this.entries.values()];
  }

  held(id: string): HeldAnswer | undefined {
    return this.entries.get(id)?.held;
  }

  /** A piece came, or what became of an answer changed. While one streams nothing is claimed of it. */
  async put(held: HeldAnswer, origin: Origin): Promise<void> {
    const later = this.entries.get(held.id)?.later ?? [];
    this.entries.set(held.id, { ...origin, held, shown: null, later, claims: [] });
    this.show();
    if (held.state !== 'streaming') await this.judge(held.id);
  }

  /** Judges one again, by what the screen shows of it. */
  async recheck(id: string, shown: Shown): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined || entry.held.state === 'streaming') return;
    entry.shown = shown;
    await this.judge(id);
  }

  /** What the chain says of its provider now turns an answer. */
  async turn(id: string, later: readonly Claim[]): Promise<void> {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    entry.later = later;
    if (entry.held.state !== 'streaming') await this.judge(id);
  }

  private async judge(id: string): Promise<void> {
    const entry = this.entries.get(id)!;
    const { held, shown, tokenizer, before, later } = entry;
    const claims = await messageClaims(held, shown ?? held, tokenizer, { then: before && thenOf(held, before), later });
    // It may have gone on meanwhile, or more may be known: what was judged first may be there last.
    if (this.entries.get(id) !== entry || entry.later !== later || entry.shown !== shown) return;
    entry.claims = claims;
    this.show();
  }

  /** Again, after what can be done with them changed. */
  show(): void {
    this.board.set({ messages: this.all.map((entry) => this.viewOf(entry)) });
  }

  private viewOf({ held, claims }: Entry): MessageView {
    const { id, at, offer: { stake, tier }, modelName, prompt, answer, state, promptTokens, outputTokens, cost, most, problem, file } = held;
    return {
      id, at, stake, modelName, prompt, answer, state, promptTokens, outputTokens, cost, most, claims, canExport: file !== null, canResume: this.canResume(held),
      verdict: claims.length === 0 ? NOTHING_YET : verdictOf(claims, tier, policyOf(this.config, 'message')),
      ...(problem !== undefined && { problem }),
    };
  }
}

const thenOf = ({ offer: { workerKey, tier, imageHash } }: HeldAnswer, { verdict }: ProviderView): Then => ({ workerKey, tier, imageHash, verdict });

export const receiptText = ({ file }: HeldAnswer): string => `${JSON.stringify(file, null, 1)}\n`;
