import type { Generation, Job, TokenLogits } from '../../exact';
import { GatewayError } from '../errors';

/** What is needed of an engine that tells logits. */
export interface LogitsEngine {
  generate(job: Job): Promise<Generation>;
}

/** Computes on this machine what no receipt says of an exact answer: the logits of its tokens. */
export class LogitsHere {
  private engine: Promise<LogitsEngine & { close?(): Promise<void> }> | null = null;

  /** @param open asked when logits are first wanted; again where that failed */
  constructor(private readonly open: () => Promise<LogitsEngine & { close?(): Promise<void> }>) {}

  /** Computes an answer beside its provider. @param job the provider's, seed included */
  follow(job: Job, topLogits: number): FollowedAnswer {
    return new FollowedAnswer(this.opened(), { ...job, topLogits });
  }

  async close(): Promise<void> {
    await (await this.engine?.catch(() => null))?.close?.();
  }

  private opened(): Promise<LogitsEngine> {
    const engine = (this.engine ??= this.open());
    engine.catch(() => {
      if (this.engine === engine) this.engine = null;
    });
    return engine;
  }
}

/** An answer as it is computed here, token by token, for as long as the provider says the same. */
export class FollowedAnswer {
  private readonly computed: { token: number; logits: TokenLogits }[] = [];
  private readonly left = new AbortController();
  private readonly over: Promise<void>;
  private isOver = false;
  private failure: unknown = null;
  private wake: () => void = () => undefined;

  constructor(engine: Promise<LogitsEngine>, job: Job) {
    const onToken = (token: number, logits?: TokenLogits): void => {
      this.computed.push({ token, logits: logits! });
      this.wake();
    };
    this.over = engine.then((each) => each.generate({ ...job, signal: this.left.signal, onToken })).then(() => undefined, (error: unknown) => {
      this.failure = error;
    }).finally(() => {
      this.isOver = true;
      this.wake();
    });
  }

  /**
   * Logits of the provider's next tokens.
   * @throws GatewayError `gateway.other-tokens` where they are others than those that are computed here, `input.logprobs` where this machine cannot compute them; the signal's reason
   */
  async next(tokens: readonly number[], abort: AbortSignal): Promise<TokenLogits[]> {
    const giveUp = (): void => this.wake();
    abort.addEventListener('abort', giveUp);
    try {
      while (this.computed.length < tokens.length && !this.isOver) {
        abort.throwIfAborted();
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      abort.removeEventListener('abort', giveUp);
    }
    abort.throwIfAborted();
    const own = this.computed.splice(0, tokens.length);
    if (tokens.length !== own.length && this.failure !== null) {
      throw new GatewayError('input.logprobs', 'the logits could not be computed on this machine', {
        received: String((this.failure as { code?: unknown }).code ?? 'an internal error'), hint: 'ask without logprobs',
      });
    }
    if (tokens.length === own.length && own.every(({ token }, index) => token === tokens[index])) return own.map(({ logits }) => logits);
    throw new GatewayError('gateway.other-tokens', 'the provider says other tokens than this machine computes');
  }

  /** Nothing more is wanted. */
  async end(): Promise<void> {
    this.left.abort();
    await this.over;
  }
}
