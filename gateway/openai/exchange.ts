/** One request on its way to an answer, and what the endpoints share. */
import type { ServerResponse } from 'node:http';
import type { Logger } from '../../worker/log';
import type { AnswerEnd, AnswerStart, CompletionBackend, ModelCard } from '../backend';
import { answerText, type DrawnLogprob, type TextEnd, type TextOrder, type TextStep } from '../text/answerText';
import type { ToolCallEvent } from '../text/toolCalls';
import type { Admission } from './admission';
import { badField, OpenAiRequestError, refusedField } from './errors';
import { EventStream } from './eventStream';
import type { GatewaySettings } from './settings';

export interface Exchange {
  backend: CompletionBackend;
  admission: Admission;
  settings: GatewaySettings;
  response: ServerResponse;
  /** the client is gone */
  abort: AbortSignal;
  log: Logger;
}

/** @throws OpenAiRequestError 404 `model_not_found` */
export function findModel({ backend }: Pick<Exchange, 'backend'>, id: string): ModelCard {
  const card = backend.models().find((model) => model.id === id);
  if (card) return card;
  const known = backend.models().map((model) => model.id).slice(0, 20).join(', ');
  throw new OpenAiRequestError(404, 'model_not_found', 'there is no such model', { param: 'model', expected: known });
}

/** @throws OpenAiRequestError 400 where the model's back end tells no logits, or not so many */
export function checkLogprobs(card: ModelCard, count: number | undefined, param: string): void {
  if (count === undefined) return;
  if (card.mostTopLogits === undefined) throw refusedField(param, 'the back end of this model does not tell logits');
  if (count > card.mostTopLogits) throw badField(param, `'${param}' is too many`, { expected: `at most ${card.mostTopLogits}` });
}

export function warningHeaders(warnings: readonly string[], ignored: readonly string[]): Record<string, string> {
  const unknown = ignored.slice(0, 10).map((field) => field.slice(0, 64).replace(/[^\x21-\x7e]/g, '?'));
  const all = [...warnings, ...(unknown.length > 0 ? [`ignored: ${unknown.join(', ')}`] : [])];
  return all.length > 0 ? { 'x-cocoon-warning': all.join('; ') } : {};
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store',
    'x-content-type-options': 'nosniff', ...headers,
  });
  response.end(text);
}

/** What the answers of a request came to. */
export class Totals {
  private readonly ends: AnswerEnd[] = [];

  /** @param perPrompt choices that share a prompt, whose tokens count once */
  constructor(private readonly perPrompt: number) {}

  add(end: AnswerEnd): void {
    this.ends.push(end);
  }

  get usage(): { prompt_tokens: number; completion_tokens: number; total_tokens: number } {
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    const prompt = sum(this.ends.filter((_, i) => i % this.perPrompt === 0).map(({ promptTokens }) => promptTokens));
    const completion = sum(this.ends.map(({ completionTokens }) => completionTokens));
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }

  /** nanoTON, where any answer cost something */
  get cost(): string | undefined {
    const costs = this.ends.flatMap(({ cost }) => (cost === undefined ? [] : [BigInt(cost)]));
    return costs.length > 0 ? costs.reduce((total, cost) => total + cost, 0n).toString() : undefined;
  }

  /** Extra field of an answer; clients that do not know it leave it alone. */
  extra(more: Record<string, unknown> = {}): { x_cocoon?: Record<string, unknown> } {
    const receipts = this.ends.flatMap((end) => end.receipts ?? []);
    const redrawn = this.ends.flatMap(({ redrawn: tokens = [] }, index) => tokens.map((token) => ({ choice: index, token })));
    const fields = {
      ...(redrawn.length > 0 && { redrawn }), ...(this.cost !== undefined && { cost: this.cost }), ...(receipts.length > 0 && { receipts }), ...more,
    };
    return Object.keys(fields).length > 0 ? { x_cocoon: fields } : {};
  }
}

/** Answers one after the other, each with the index of its order, in one place of the admission. @param take the next item, when the one before was taken */
async function eachAnswer(
  { backend, admission, abort }: Exchange, orders: readonly TextOrder[], take: (index: number, item: AnswerStart | TextStep | TextEnd) => void | Promise<void>,
): Promise<void> {
  const leave = await admission.enter(abort);
  try {
    for (const [index, order] of orders.entries()) {
      for await (const item of answerText(backend, order)) await take(index, item);
    }
  } finally {
    leave();
  }
}

const referenceHeader = ({ reference }: { reference?: string }): Record<string, string> =>
  reference === undefined ? {} : { 'x-cocoon-reference': reference };

export interface WholeAnswer {
  events: ToolCallEvent[];
  logprobs: DrawnLogprob[];
  finishReason: TextEnd['finishReason'];
}

export async function collectAnswers(
  exchange: Exchange, orders: readonly TextOrder[], totals: Totals,
): Promise<{ whole: WholeAnswer[]; headers: Record<string, string> }> {
  const whole = orders.map((): WholeAnswer => ({ events: [], logprobs: [], finishReason: 'stop' }));
  let headers: Record<string, string> = {};
  await eachAnswer(exchange, orders, (index, item) => {
    if (item.kind === 'start') headers = { ...referenceHeader(item), ...headers };
    else if (item.kind === 'end') {
      whole[index].finishReason = item.finishReason;
      totals.add(item.end);
    } else {
      whole[index].events.push(...item.events);
      whole[index].logprobs.push(...item.logprobs);
    }
  });
  const { cost } = totals;
  return { whole, headers: { ...headers, ...(cost !== undefined && { 'x-cocoon-cost-nanoton': cost }) } };
}

/** How an endpoint writes what happens as chunks. */
export interface ChunkFormat {
  start(index: number): object[];
  step(index: number, step: TextStep): object[];
  /** @param totals given with the last answer of the request */
  end(index: number, end: TextEnd, totals: Totals | undefined): object[];
}

/** An error before the first event is thrown, for an HTTP status; a later one goes into the stream. */
export async function streamAnswers(
  exchange: Exchange, orders: readonly TextOrder[], totals: Totals, headers: Record<string, string>, format: ChunkFormat,
): Promise<void> {
  const { response, settings, log } = exchange;
  const stream = new EventStream(response, settings);
  const soon = setTimeout(() => stream.open(headers), settings.keepAliveMillis);
  try {
    await eachAnswer(exchange, orders, async (index, item) => {
      let chunks: object[];
      if (item.kind === 'start') {
        stream.open({ ...headers, ...referenceHeader(item) });
        chunks = format.start(index);
      } else if (item.kind === 'end') {
        totals.add(item.end);
        chunks = format.end(index, item, index === orders.length - 1 ? totals : undefined);
      } else chunks = format.step(index, item);
      for (const chunk of chunks) await stream.send(chunk);
    });
    await stream.done();
  } catch (error) {
    if (!stream.isOpen) throw error;
    if (response.destroyed) return;
    log.warn({ code: (error as { code?: unknown }).code ?? 'internal' }, 'an answer failed in the middle');
    await stream.fail(error);
  } finally {
    clearTimeout(soon);
  }
}
