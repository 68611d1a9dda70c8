/** What an attempt may be refused with; when empty it must succeed. null: no account is there to say it. */
export type Reasons = (number | null)[];

/** Pinned in the job's address. */
export interface JobParameters {
  checked: boolean;
  deadline: number;
  price: bigint;
}

export interface CreateFacts {
  byClient: boolean;
  enough: boolean;
  pinnedTerms: boolean;
  small: boolean;
}

/** What is wrong with an external message, by the error that says it. */
export interface ExternalFacts {
  stateInit: boolean;
  /** Neither deliver, decline nor expire. */
  malformed: boolean;
  signed: boolean;
}

export interface DeliverFacts extends ExternalFacts {
  outputSigned: boolean;
  outputFits: boolean;
  /** Whether the account holds price and fees; null when prices changed so little that both may be. */
  funded: boolean | null;
}

const when = (condition: boolean, reason: number): Reasons => (condition ? [reason] : []);

/** One job of either kind in plain words, written from docs/protocol.md and docs/messages-and-fees.md. */
export class JobModel {
  /** An account without a create is fresh; a JobEscrow knows no other state than being there. */
  state: 'absent' | 'fresh' | 'checking' | 'open' = 'absent';
  /** The worker accepted this job. */
  promised = false;
  /** How often the account came to money, and what became of it. */
  funded = 0;
  paid = 0;
  refunded = 0;

  constructor(readonly parameters: JobParameters) {}

  private isOver(now: number): boolean {
    return now >= this.parameters.deadline;
  }

  create(facts: CreateFacts, now: number): Reasons {
    const reasons = [...when(this.isOver(now), 702), ...when(!facts.byClient, 703), ...when(!facts.enough, 704)];
    if (!this.parameters.checked) return reasons;
    const isKnown = this.state === 'checking' || this.state === 'open';
    reasons.push(...when(isKnown, 731), ...when(!facts.pinnedTerms, 732), ...when(!facts.small, 736));
    return reasons;
  }

  deliver(facts: DeliverFacts, now: number): Reasons {
    return [
      ...this.external(facts, now),
      ...when(!facts.outputSigned, 707),
      ...when(!facts.outputFits, 8),
      ...when(facts.funded === false, 706),
    ];
  }

  decline(facts: ExternalFacts, now: number): Reasons {
    return [...this.external(facts, now), ...when(this.promised, 735)];
  }

  expire(facts: ExternalFacts, now: number): Reasons {
    if (this.state === 'absent') return [null];
    const early = this.isOver(now) ? [] : [9, ...when(this.parameters.checked && this.state !== 'open', 734)];
    return [...when(facts.stateInit, 701), ...when(facts.malformed, 9), ...early];
  }

  /** KeyStatus, or what looks like it, or a bounce that did not come from the query. */
  forgedReply(): Reasons {
    return this.state === 'absent' ? [null] : [733];
  }

  private external(facts: ExternalFacts, now: number): Reasons {
    if (this.state === 'absent') return [null];
    return [
      ...when(facts.stateInit, 701),
      ...when(facts.malformed || this.isOver(now), 9),
      ...when(!facts.signed, 705),
      ...when(this.parameters.checked && this.state !== 'open' && !this.isOver(now), 734),
    ];
  }

  ended(how: 'paid' | 'refunded'): void {
    this[how]++;
    this.state = 'absent';
    this.promised = false;
  }
}
