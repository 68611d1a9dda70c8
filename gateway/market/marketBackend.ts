import { createHash } from 'node:crypto';
import { CocoonError, toHex } from '../../protocol';
import type { Logger } from '../../worker/log';
import { abortWith, type LinkedAbort } from '../../worker/operation/wait';
import type { AnswerEnd, AnswerEvent, CompletionBackend, ModelCard, TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import type { Allowance } from './allowance';
import type { Experience } from './experience';
import type { MarketChannel } from './offer';
import { mostFor, rankOffers, type WantedAnswer } from './ranking';
import type { Counter, Seller, SellerBook } from './seller';

export interface MarketOptions {
  card: ModelCard;
  sellers: SellerBook;
  experience: Experience;
  allowance: Allowance;
  log: Logger;
  /** Unix seconds. */
  now: () => number;
  /** Whether anything is bought from this stake: nobody found it lying. Basechain hash. */
  isTrusted: (stake: Uint8Array) => boolean;
  /** How long a provider may say nothing before another one is asked. */
  patienceMillis: number;
}

/** Most providers that one answer is asked of. */
const ATTEMPTS = 3;

/**
 * Answers bought from whichever provider is best for each, and from the next one when it fails: in the middle of an answer the next one goes on
 * behind the tokens that came and were paid, so that no token is paid twice. Every provider of the book is of one model and one tier.
 */
export class MarketBackend implements CompletionBackend {
  constructor(private readonly options: MarketOptions) {}

  models(): readonly ModelCard[] {
    return [this.options.card];
  }

  /** Opens a channel with the best provider ahead of the first request. @throws CocoonError when none can be bought from */
  async prepare(): Promise<MarketChannel> {
    const failures: CocoonError[] = [];
    for (const seller of this.rank(await this.options.sellers.all(), { promptTokens: 1, maxTokens: 1 })) {
      try {
        return (await seller.opened()).channel;
      } catch (error) {
        if (!(error instanceof CocoonError)) throw error;
        failures.push(error);
      }
    }
    throw failures.find(({ code }) => code === 'chain.low-balance') ?? summaryOf(failures);
  }

  async *complete(asked: TokenRequest): AsyncIterable<AnswerEvent> {
    const { sellers } = this.options;
    const answer = new AnswerInParts(asked);
    const failures: CocoonError[] = [];
    const tried = new Set<Seller>();
    const left = (): number => ATTEMPTS - failures.filter((error) => !isCap(error)).length;
    for (let isFresh = false; ; isFresh = true) {
      const known = await sellers.all(isFresh);
      const wanted = { promptTokens: asked.promptTokens.length, maxTokens: asked.maxTokens };
      requireLength(known, asked.maxTokens);
      for (const seller of this.rank(known, wanted)) {
        if (tried.has(seller) || left() === 0) continue;
        tried.add(seller);
        try {
          try {
            yield* this.part(seller, answer);
          } catch (error) {
            if (!(await this.isMended(seller, answer, error))) throw error;
            yield* this.part(seller, answer);
          }
          seller.fillUp().catch((error: unknown) => this.options.log.warn({ error: String(error) }, 'a channel could not be filled up'));
          return;
        } catch (error) {
          asked.abort.throwIfAborted();
          if (!(error instanceof CocoonError) || isOurs(error)) throw error;
          failures.push(error);
          // Too dear for a cap: nothing was asked of it, and another one may be cheaper.
          if (!isCap(error)) this.learn(seller, error);
        }
      }
      const isTooDear = failures.length > 0 && failures.every(isCap);
      if (isFresh || isTooDear || left() === 0) throw summaryOf(failures);
    }
  }

  private rank(sellers: readonly Seller[], wanted: WantedAnswer): Seller[] {
    const { experience, now, isTrusted } = this.options;
    const trusted = sellers.filter(({ offer }) => isTrusted(offer.stake));
    return rankOffers(trusted, wanted, ({ stake }) => experience.of(stake), now());
  }

  /** Whether a part that failed may be asked for again: its channel was filled up, or is replaced by another one. */
  private async isMended(seller: Seller, answer: AnswerInParts, error: unknown): Promise<boolean> {
    const code = error instanceof GatewayError ? error.code : '';
    if (code === 'gateway.channel-exhausted') return seller.fillUp(mostFor(seller.offer, answer.wanted));
    return code === 'gateway.channel-ending';
  }

  /** What is left of the answer, from one provider. */
  private async *part(seller: Seller, answer: AnswerInParts): AsyncIterable<AnswerEvent> {
    const { allowance, experience, patienceMillis } = this.options;
    const { offer } = seller;
    const reservation = allowance.reserve(answer.asked.abort, mostFor(offer, answer.wanted));
    let begun = performance.now();
    let firstMillis: number | null = null;
    const rest = answer.rest();
    const cameTo = (): bigint => mostFor(offer, { promptTokens: rest.promptTokens.length, maxTokens: answer.tokensOfPart });
    const stop = abortWith(rest.abort);
    const request = { ...rest, abort: stop.signal };
    const ask = ({ backend }: Counter): AsyncIterable<AnswerEvent> => {
      begun = performance.now();
      return backend.complete(request);
    };
    const events = seller.use(ask)[Symbol.asyncIterator]();
    const patience = new Patience(stop, patienceMillis);
    let isDone = false;
    try {
      for (;;) {
        const { done, value: event } = await patience.next(events);
        if ((isDone = done === true)) break;
        firstMillis ??= performance.now() - begun;
        const shown = answer.take(event);
        if (event.kind !== 'end') reservation.cameTo(cameTo());
        if (shown !== null) yield shown;
      }
      experience.answered(offer.stake, firstMillis ?? 0, performance.now() - begun - (firstMillis ?? 0), answer.tokensOfPart);
    } finally {
      if (!answer.isEnded) answer.endPart(cameTo());
      reservation.end();
      patience.end();
      stop.unlink();
      // What still waits inside ends by the same signals.
      if (!isDone) events.return?.().catch(() => undefined);
    }
  }

  private learn(seller: Seller, error: CocoonError): void {
    const { experience, log } = this.options;
    const { stake } = seller.offer;
    const name = toHex(stake);
    log.warn({ stake: name, code: error.code }, 'a provider failed; the next one is asked');
    // What the chain, its API or the wallet did is not the provider's failure.
    if (!error.code.startsWith('gateway.') || /^gateway\.channel-(exhausted|ending)$/.test(error.code)) return;
    experience.failed(stake, error instanceof GatewayError ? error.retryAfterSeconds : undefined);
  }
}

/** An answer that several providers may have a part in: for whoever asked it is one. */
class AnswerInParts {
  private readonly said: number[] = [];
  private readonly receipts: unknown[] = [];
  private newestReceipt: unknown;
  private isBegun = false;
  private readonly redrawn: number[] = [];
  private cost = 0n;
  private saidBefore = 0;
  isEnded = false;

  constructor(readonly asked: TokenRequest) {}

  get tokensOfPart(): number {
    return this.said.length - this.saidBefore;
  }

  /** What the next part has to come up with. */
  get wanted(): WantedAnswer {
    const { promptTokens, maxTokens } = this.asked;
    return { promptTokens: promptTokens.length + this.said.length, maxTokens: maxTokens - this.said.length };
  }

  /**
   * The request for what is missing: what was said belongs to its prompt. Greedy answers go on with the very same tokens; a sample goes on with
   * draws of its own, since draws are numbered from a request's first token and depend on its prompt. Where that happened is said with the answer.
   */
  rest(): TokenRequest {
    const { asked, said } = this;
    if (said.length === 0) return asked;
    if (asked.sampling.t !== 0 && this.redrawn.at(-1) !== said.length) this.redrawn.push(said.length);
    const seed = new Uint8Array(createHash('sha256').update('open cocoon goes on').update(asked.sampling.seed).update(String(said.length)).digest());
    return {
      ...asked, promptTokens: [...asked.promptTokens, ...said], maxTokens: asked.maxTokens - said.length, sampling: { ...asked.sampling, seed },
    };
  }

  /** What to show of an event of a part; null for nothing. */
  take(event: AnswerEvent): AnswerEvent | null {
    if (event.kind === 'start') {
      if (this.isBegun) return null;
      this.isBegun = true;
      return event;
    }
    if (event.kind === 'tokens') {
      this.said.push(...event.tokens);
      this.newestReceipt = event.receipt;
      return event;
    }
    this.isEnded = true;
    return this.whole(event);
  }

  /** A part is over that was not the last. @param nano what was paid for it */
  endPart(nano: bigint): void {
    if (this.tokensOfPart > 0) {
      this.cost += nano;
      if (this.newestReceipt !== undefined) this.receipts.push(this.newestReceipt);
    }
    this.saidBefore = this.said.length;
  }

  private whole(end: AnswerEnd): AnswerEnd {
    const cost = this.cost + BigInt(end.cost ?? 0);
    // A part of which nothing came changed nothing, and neither did one behind which nothing came.
    const redrawn = this.redrawn.filter((place) => place < this.saidBefore + end.completionTokens);
    return {
      ...end, promptTokens: this.asked.promptTokens.length, completionTokens: this.saidBefore + end.completionTokens, cost: String(cost),
      receipts: [...this.receipts, ...(end.receipts ?? [])], ...(redrawn.length > 0 && { redrawn }),
    };
  }
}

/** Waits for events; gives up when the next one does not come in time, or the application is gone. */
class Patience {
  private giveUp: (reason: unknown) => void = () => undefined;
  /** Time counts only while somebody waits for the provider. */
  private isWaiting = false;
  private readonly timer: NodeJS.Timeout;
  private readonly follow = (): void => this.giveUp(this.stop.signal.reason);

  constructor(
    private readonly stop: LinkedAbort,
    millis: number,
  ) {
    this.timer = setTimeout(() => this.isWaiting && stop.abort(stalled(millis)), millis);
    stop.signal.addEventListener('abort', this.follow, { once: true });
  }

  /** @throws the signal's reason */
  async next<T>(events: AsyncIterator<T>): Promise<IteratorResult<T>> {
    this.isWaiting = true;
    this.timer.refresh();
    try {
      return await new Promise((resolve, reject) => {
        this.giveUp = reject;
        events.next().then(resolve, reject);
        if (this.stop.signal.aborted) this.follow();
      });
    } finally {
      this.isWaiting = false;
    }
  }

  end(): void {
    clearTimeout(this.timer);
    this.stop.signal.removeEventListener('abort', this.follow);
  }
}

const stalled = (millis: number): GatewayError =>
  new GatewayError('gateway.stalled', 'the provider says nothing', { expected: `something every ${millis} ms`, received: 'nothing' });

/** Bad requests and a broken disk are nobody else's to mend. */
const isOurs = ({ code }: CocoonError): boolean => /^(input|storage)\./.test(code);
const isCap = ({ code }: CocoonError): boolean => /^gateway\.(request|daily)-cap$/.test(code);

/** @throws GatewayError `input.max-tokens` where no provider writes answers that long */
function requireLength(sellers: readonly Seller[], maxTokens: number): void {
  const longest = Math.max(0, ...sellers.map(({ offer }) => offer.maxTokens));
  if (sellers.length === 0 || maxTokens <= longest) return;
  throw new GatewayError('input.max-tokens', 'no provider writes answers that long', { expected: `at most ${longest} tokens`, received: String(maxTokens) });
}

/** What all failures come to, for whoever asked: that all are too dear only where no other one was asked. */
function summaryOf(all: readonly CocoonError[]): CocoonError {
  const failures = all.filter((error) => !isCap(error));
  if (failures.length === 0 && all.length > 0) return all[0];
  const codes = failures.map(({ code }) => code);
  if (failures.length > 0 && codes.every((code) => code === 'gateway.overloaded')) {
    const seconds = failures.map((each) => (each as GatewayError).retryAfterSeconds ?? 1);
    return new GatewayError('gateway.overloaded', 'every provider is busy', { retryAfterSeconds: Math.min(...seconds) });
  }
  if (failures.length > 0 && codes.every((code) => /^gateway\.channel-exhausted$|^chain\.low-balance$/.test(code))) {
    return new GatewayError('gateway.channel-exhausted', 'there is no money left to pay with', {
      received: failures[0].message, hint: 'send TON to the wallet of this gateway: cocoon gateway channels',
    });
  }
  if (failures.length === 1) return failures[0];
  return new GatewayError('gateway.no-provider', failures.length === 0 ? 'there is no provider to ask' : 'no provider answered', {
    received: failures.map(({ code, received }) => (received === undefined ? code : `${code} (${received})`)).join(', ') || 'none in the registry that suits', hint: 'cocoon provider list',
  });
}
