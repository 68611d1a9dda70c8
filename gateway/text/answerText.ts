/** An answer as text, tool calls and log probabilities, made of the tokens that a back end gives. */
import { logProbability, type TokenLogits, type Tokenizer } from '../../exact';
import type { AnswerEnd, AnswerStart, CompletionBackend, ModelCard, TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import { StopStrings } from './stopStrings';
import { TokenTextDecoder } from './textDecoder';
import { ToolCallParser, type ToolCallEvent } from './toolCalls';

export interface TextOrder {
  card: ModelCard;
  request: Omit<TokenRequest, 'model' | 'stopTokens' | 'enough'>;
  stopStrings: readonly string[];
  /** Set where tool calls are looked for. */
  tools?: { onlyOne: boolean; answerPrefix: string };
}

export interface TokenLogprob {
  token: string;
  /** undefined where the token alone is no whole UTF-8 text */
  bytes?: number[];
  logprob: number;
}

export interface DrawnLogprob extends TokenLogprob {
  top: TokenLogprob[];
  /** UTF-16 units of the answer before this token */
  offset: number;
}

/** What a piece of tokens added. */
export interface TextStep {
  kind: 'step';
  events: ToolCallEvent[];
  logprobs: DrawnLogprob[];
}

export interface TextEnd {
  kind: 'end';
  finishReason: 'stop' | 'length' | 'tool_calls';
  end: AnswerEnd;
}

export async function* answerText(
  backend: CompletionBackend, order: TextOrder,
): AsyncGenerator<AnswerStart | TextStep | TextEnd> {
  const { card, request } = order;
  const enough = new AbortController();
  const text = new AnswerText(order);
  const { stopTokens } = card.tokenizer;
  for await (const event of backend.complete({ ...request, model: card.id, stopTokens, enough: enough.signal })) {
    if (event.kind === 'start') yield event;
    else if (event.kind === 'tokens') {
      const steps: TextStep[] = [];
      for (const [i, token] of event.tokens.entries()) {
        if (stopTokens.includes(token) || text.hasEnough) continue;
        const step = text.push(token, event.logits?.[i]);
        if (step.logprobs.length > 0) yield* joined(steps.splice(0));
        steps.push(step);
      }
      yield* joined(steps);
      if (text.hasEnough) enough.abort();
    } else {
      yield* joined(text.end());
      const isCut = event.finishReason === 'length' && !text.hasEnough;
      yield { kind: 'end', finishReason: isCut ? 'length' : text.calls > 0 ? 'tool_calls' : 'stop', end: event };
      return;
    }
  }
  throw new GatewayError('gateway.backend', 'the back end broke off without ending its answer');
}

/** From tokens to events: decoded, searched for stop strings, then for calls. */
class AnswerText {
  hasEnough = false;
  calls = 0;
  private readonly decoder: TokenTextDecoder;
  private readonly stops: StopStrings;
  private readonly parser: ToolCallParser | undefined;
  private readonly waiting: DrawnLogprob[] = [];
  private decoded = 0;
  private released = 0;
  /** the only call that was wanted has ended */
  private closed = false;

  constructor(private readonly order: TextOrder) {
    this.decoder = new TokenTextDecoder(order.card.tokenizer);
    this.stops = new StopStrings(order.stopStrings);
    if (!order.tools) return;
    this.parser = new ToolCallParser();
    this.parser.push(order.tools.answerPrefix);
  }

  push(token: number, logits?: TokenLogits): TextStep {
    const { tokenizer } = this.order.card;
    if (logits) this.waiting.push({ ...drawnLogprob(tokenizer, token, logits), offset: this.decoded });
    const piece = this.decoder.push(token);
    this.decoded += piece.length;
    return this.release(this.stops.push(piece));
  }

  /** What still waits; nothing behind a stop string. */
  end(): TextStep[] {
    if (this.hasEnough) return [this.step('', this.parser?.end() ?? [])];
    const last = this.release(this.stops.push(this.decoder.end()));
    if (this.hasEnough) return [last];
    const held = this.stops.end();
    this.released = Infinity;
    const step = this.step(held, this.parser?.push(held) ?? []);
    return [last, step, this.step('', this.parser?.end() ?? [])];
  }

  private release({ text, stopped }: { text: string; stopped: boolean }): TextStep {
    if (stopped) this.hasEnough = true;
    this.released += text.length;
    return this.step(text, this.parser?.push(text) ?? []);
  }

  private step(text: string, calls: ToolCallEvent[]): TextStep {
    const plain: ToolCallEvent[] = text === '' ? [] : [{ kind: 'text', text }];
    const events = this.parser ? this.counted(calls) : plain;
    if (this.waiting.length === 0) return { kind: 'step', events, logprobs: [] };
    const ready = this.waiting.findIndex(({ offset }) => offset >= this.released);
    return { kind: 'step', events, logprobs: this.waiting.splice(0, ready < 0 ? this.waiting.length : ready) };
  }

  /** Counts calls; behind the only one that is wanted there is nothing. */
  private counted(events: ToolCallEvent[]): ToolCallEvent[] {
    if (this.closed) return [];
    const end = this.order.tools?.onlyOne ? events.findIndex(({ kind }) => kind === 'callEnd') : -1;
    if (end >= 0) this.hasEnough = this.closed = true;
    const kept = end < 0 ? events : events.slice(0, end + 1);
    this.calls += kept.filter(({ kind }) => kind === 'call').length;
    return kept;
  }
}

/** Steps as one; none where they hold nothing. */
function joined(steps: TextStep[]): TextStep[] {
  const events = steps.flatMap((step) => step.events);
  const logprobs = steps.flatMap((step) => step.logprobs);
  return events.length > 0 || logprobs.length > 0 ? [{ kind: 'step', events, logprobs }] : [];
}

function drawnLogprob(tokenizer: Tokenizer, token: number, logits: TokenLogits): Omit<DrawnLogprob, 'offset'> {
  const one = (id: number, logit: number): TokenLogprob => {
    const text = tokenizer.decode([id]);
    const bytes = text.includes('\uFFFD') ? undefined : [...Buffer.from(text)];
    return { token: text, bytes, logprob: logProbability(logit, logits) };
  };
  return { ...one(token, logits.logit), top: logits.top.map(({ id, logit }) => one(id, logit)) };
}
