/** POST /v1/completions: text continues a prompt, or token ids do. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ModelCard } from '../backend';
import type { DrawnLogprob, TextEnd, TextOrder, TextStep } from '../text/answerText';
import { badField } from './errors';
import {
  checkLogprobs, collectAnswers, findModel, sendJson, streamAnswers, Totals, warningHeaders, type ChunkFormat, type Exchange,
} from './exchange';
import { checkFields } from './fields';
import { answerRoom, checkLength, samplingOf, samplingShape, stopStringsOf } from './sampling';

/** OpenAI's default for this endpoint. */
const DEFAULT_MAX_TOKENS = 16;
const MOST_ANSWERS = 32;
const Tokens = z.array(z.int().min(0)).min(1);

const CompletionFields = z.object({
  ...samplingShape,
  prompt: z.union([z.string(), Tokens, z.array(z.string()).min(1), z.array(Tokens).min(1)]),
  logprobs: z.int().min(0).max(20).optional(),
});
type CompletionFields = z.infer<typeof CompletionFields>;

export async function completions(exchange: Exchange, body: Record<string, unknown>): Promise<void> {
  const { fields, ignored } = checkFields(CompletionFields, body);
  const card = findModel(exchange, fields.model);
  checkLogprobs(card, fields.logprobs, 'logprobs');
  const prompts = promptsOf(card, fields);
  const choices = fields.n ?? 1;
  if (prompts.length * choices > MOST_ANSWERS) {
    throw badField('prompt', 'too many answers in one request', { expected: `at most ${MOST_ANSWERS}, prompts times n` });
  }
  const orders = prompts.flatMap((promptTokens) => Array.from({ length: choices }, (_, choice): TextOrder => ({
    card, stopStrings: stopStringsOf(fields),
    request: {
      promptTokens, topLogits: fields.logprobs, abort: exchange.abort, sampling: samplingOf(fields, choice),
      maxTokens: answerRoom(card, promptTokens.length, fields.max_tokens ?? DEFAULT_MAX_TOKENS, 'prompt'),
    },
  })));
  const totals = new Totals(choices);
  const headers = warningHeaders([], ignored);
  const name = {
    id: `cmpl-${randomUUID().replace(/-/g, '')}`, object: 'text_completion', created: Math.floor(Date.now() / 1000), model: card.id,
    system_fingerprint: `fp_${Buffer.from(card.modelRoot).toString('hex', 0, 6)}`,
  };
  if (fields.stream) {
    await streamAnswers(exchange, orders, totals, headers, new CompletionChunks(name, fields));
    return;
  }
  const { whole, headers: more } = await collectAnswers(exchange, orders, totals);
  sendJson(exchange.response, 200, {
    ...name,
    choices: whole.map(({ events, logprobs, finishReason }, index) => ({
      index, text: events.map((event) => ('text' in event ? event.text : '')).join(''),
      logprobs: fields.logprobs === undefined ? null : logprobsOf(logprobs), finish_reason: finishReason,
    })),
    usage: totals.usage,
    ...totals.extra(),
  }, { ...headers, ...more });
}

/** A text gets the model's first token, token ids are taken as they are. */
function promptsOf(card: ModelCard, { prompt }: CompletionFields): number[][] {
  const list = typeof prompt === 'string' || typeof prompt[0] === 'number' ? [prompt as string | number[]] : prompt as (string | number[])[];
  return list.map((one) => {
    if (typeof one === 'string') checkLength(card, one.length, 'prompt');
    const tokens = typeof one === 'string' ? card.tokenizer.encodePrompt(one) : one;
    if (tokens.length === 0) throw badField('prompt', 'this model cannot continue an empty prompt');
    if (tokens.every((token) => token < card.vocabularySize)) return tokens;
    throw badField('prompt', 'a token is not in the vocabulary', { expected: `ids below ${card.vocabularySize}` });
  });
}

class CompletionChunks implements ChunkFormat {
  private late: DrawnLogprob[] = [];

  constructor(private readonly name: object, private readonly fields: CompletionFields) {}

  start(): object[] {
    this.late = [];
    return [];
  }

  step(index: number, { events, logprobs }: TextStep): object[] {
    const text = events.map((event) => ('text' in event ? event.text : '')).join('');
    this.late.push(...logprobs);
    return text === '' ? [] : [this.chunk(index, text, null)];
  }

  end(index: number, { finishReason }: TextEnd, totals: Totals | undefined): object[] {
    const last = this.chunk(index, '', finishReason);
    if (!totals) return [last];
    if (this.fields.stream_options?.include_usage !== true) return [{ ...last, ...totals.extra() }];
    return [last, { ...this.name, choices: [], usage: totals.usage, ...totals.extra() }];
  }

  private chunk(index: number, text: string, finishReason: string | null): object {
    const logprobs = this.late.length > 0 ? logprobsOf(this.late) : null;
    this.late = [];
    return { ...this.name, choices: [{ index, text, logprobs, finish_reason: finishReason }] };
  }
}

/** The older form: columns, and the largest ones as an object, where tokens of equal text cannot be told apart. */
function logprobsOf(logprobs: DrawnLogprob[]): object {
  return {
    tokens: logprobs.map(({ token }) => token),
    token_logprobs: logprobs.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]).reverse())),
    text_offset: logprobs.map(({ offset }) => offset),
  };
}
