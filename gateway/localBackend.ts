/** Answers from an exact engine on this machine: nothing is paid, nobody else is asked. */
import { GenerationAbortedError, MAX_TOP_LOGITS, type Generation, type Job, type TokenLogits } from '../exact';
import type { LoadedModel } from '../worker/engine';
import type { AnswerEvent, CompletionBackend, ModelCard, TokenPiece, TokenRequest } from './backend';
import { GatewayError } from './errors';

/** What is needed of an engine; the worker's LoadedEngine is one. */
export interface LocalEngine {
  backend: string;
  adapter: string;
  givesLogits: boolean;
  generate(job: Job): Promise<Generation>;
}

export class LocalBackend implements CompletionBackend {
  private readonly cards: ModelCard[];

  /** @param createdSeconds shown in the list of models; by default now */
  constructor(loaded: LoadedModel, private readonly engine: LocalEngine, createdSeconds = Math.floor(Date.now() / 1000)) {
    const { model: { config, tokenizer, modelRoot }, name } = loaded;
    this.cards = [{
      id: name, createdSeconds, ownedBy: 'this machine', modelRoot, tokenizer,
      contextTokens: config.context, vocabularySize: config.vocab,
      mostTopLogits: engine.givesLogits ? MAX_TOP_LOGITS : undefined,
      facts: { backend: engine.backend, adapter: engine.adapter },
    }];
  }

  models(): readonly ModelCard[] {
    return this.cards;
  }

  async *complete(request: TokenRequest): AsyncIterable<AnswerEvent> {
    if (!this.cards.some(({ id }) => id === request.model)) {
      throw new GatewayError('gateway.model', 'this engine has another model', { expected: this.cards[0].id });
    }
    yield { kind: 'start' };
    const { promptTokens, maxTokens, stopTokens, sampling, topLogits, abort, enough } = request;
    const left = new AbortController();
    const pieces = new PieceQueue();
    const generation = this.engine.generate({
      promptTokens, maxTokens, stopTokens: [...stopTokens], sampling, topLogits,
      signal: AbortSignal.any([abort, enough, left.signal]),
      onToken: (token, logits) => pieces.push(token, logits),
    });
    generation.then(() => pieces.close(), () => pieces.close());
    let completionTokens = 0;
    try {
      for (let piece = await pieces.next(); piece; piece = await pieces.next()) {
        completionTokens += piece.tokens.length;
        yield piece;
      }
      yield { kind: 'end', finishReason: await finishOf(generation, enough), promptTokens: promptTokens.length, completionTokens };
    } finally {
      left.abort();
    }
  }
}

async function finishOf(generation: Promise<Generation>, enough: AbortSignal): Promise<'stop' | 'length' | 'enough'> {
  try {
    return (await generation).finishReason;
  } catch (error) {
    if (error instanceof GenerationAbortedError && enough.aborted) return 'enough';
    throw error;
  }
}

/** Tokens that the engine has and the reader not yet. */
class PieceQueue {
  private tokens: number[] = [];
  private logits: TokenLogits[] = [];
  private closed = false;
  private wake: () => void = () => undefined;

  push(token: number, logits?: TokenLogits): void {
    this.tokens.push(token);
    if (logits) this.logits.push(logits);
    this.wake();
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  /** All tokens that wait; undefined after the last. */
  async next(): Promise<TokenPiece | undefined> {
    while (this.tokens.length === 0 && !this.closed) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.tokens.length === 0) return undefined;
    const piece: TokenPiece = { kind: 'tokens', tokens: this.tokens, ...(this.logits.length > 0 && { logits: this.logits }) };
    [this.tokens, this.logits] = [[], []];
    return piece;
  }
}
