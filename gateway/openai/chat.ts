/** POST /v1/chat/completions. */
import { randomUUID } from 'node:crypto';
import type { ModelCard } from '../backend';
import type { DrawnLogprob, TextEnd, TextOrder, TextStep, TokenLogprob } from '../text/answerText';
import type { ToolCallEvent } from '../text/toolCalls';
import { chatPrompt } from './chatPrompt';
import { parseChat, type ChatFields } from './chatRequest';
import {
  checkLogprobs, collectAnswers, findModel, sendJson, streamAnswers, Totals, warningHeaders, type ChunkFormat, type Exchange,
  type WholeAnswer,
} from './exchange';
import { answerFormat, formatViolated, type AnswerFormat } from './responseFormat';
import { answerRoom, samplingOf, stopStringsOf } from './sampling';

export async function chatCompletions(exchange: Exchange, body: Record<string, unknown>): Promise<void> {
  const { fields, ignored } = parseChat(body);
  const card = findModel(exchange, fields.model);
  const format = answerFormat(fields.response_format);
  const prompt = chatPrompt(card, fields, format);
  const topLogits = fields.logprobs ? fields.top_logprobs ?? 0 : undefined;
  checkLogprobs(card, topLogits, fields.top_logprobs === undefined ? 'logprobs' : 'top_logprobs');
  const asked = fields.max_completion_tokens ?? fields.max_tokens ?? exchange.settings.defaultMaxTokens;
  const maxTokens = answerRoom(card, prompt.tokens.length, asked, 'messages');
  const choices = fields.n ?? 1;
  const orders = Array.from({ length: choices }, (_, choice): TextOrder => ({
    card, stopStrings: stopStringsOf(fields), tools: prompt.tools,
    request: {
      promptTokens: prompt.tokens, maxTokens, topLogits, sampling: samplingOf(fields, choice), abort: exchange.abort,
    },
  }));
  const headers = warningHeaders(prompt.warnings, ignored);
  const totals = new Totals(choices);
  const name = nameOf(card);
  if (fields.stream) {
    await streamAnswers(exchange, orders, totals, headers, new ChatChunks(name, fields, format));
    return;
  }
  const { whole, headers: more } = await collectAnswers(exchange, orders, totals);
  const verdicts = whole.map((answer) => verdict(answer.finishReason, textOf(answer.events), format));
  sendJson(exchange.response, 200, {
    ...name, object: 'chat.completion',
    choices: whole.map((answer, index) => ({
      index, message: messageOf(answer), logprobs: logprobsOf(answer.logprobs, fields), finish_reason: answer.finishReason,
    })),
    usage: totals.usage,
    ...totals.extra(formatRemark(verdicts)),
  }, { ...headers, ...more });
}

const nameOf = ({ id, modelRoot }: ModelCard) => ({
  id: `chatcmpl-${randomUUID().replace(/-/g, '')}`, created: Math.floor(Date.now() / 1000), model: id,
  system_fingerprint: `fp_${Buffer.from(modelRoot).toString('hex', 0, 6)}`,
});

/** Chunks as OpenAI orders them: role once, then deltas, then why it ended; usage in a chunk of its own, if asked for. */
class ChatChunks implements ChunkFormat {
  private readonly texts: string[] = [];
  private readonly late: DrawnLogprob[][] = [];
  private readonly verdicts: Verdict[] = [];

  constructor(
    private readonly name: ReturnType<typeof nameOf>, private readonly fields: ChatFields, private readonly format: AnswerFormat | undefined,
  ) {}

  start(index: number): object[] {
    this.texts[index] = '';
    this.late[index] = [];
    return [this.chunk(index, { role: 'assistant', content: '' })];
  }

  step(index: number, { events, logprobs }: TextStep): object[] {
    this.texts[index] += textOf(events);
    const ready = [...this.late[index], ...logprobs];
    const deltas = events.flatMap(deltaOf);
    this.late[index] = deltas.length > 0 ? [] : ready;
    return deltas.map((delta, i) => this.chunk(index, delta, null, i === 0 ? ready : []));
  }

  end(index: number, { finishReason }: TextEnd, totals: Totals | undefined): object[] {
    this.verdicts.push(verdict(finishReason, this.texts[index], this.format));
    const last = this.chunk(index, {}, finishReason, this.late[index]);
    if (!totals) return [last];
    const extra = totals.extra(formatRemark(this.verdicts));
    if (!this.withUsage) return [{ ...last, ...extra }];
    return [last, { ...this.name, object: 'chat.completion.chunk', choices: [], usage: totals.usage, ...extra }];
  }

  private get withUsage(): boolean {
    return this.fields.stream_options?.include_usage === true;
  }

  private chunk(index: number, delta: object, finishReason: string | null = null, logprobs: DrawnLogprob[] = []): object {
    const choice = { index, delta, logprobs: logprobs.length > 0 ? logprobsOf(logprobs, this.fields) : null, finish_reason: finishReason };
    return {
      ...this.name, object: 'chat.completion.chunk', choices: [choice], ...(this.withUsage && { usage: null }),
    };
  }
}

/** A call goes out with id and name first, then its arguments in pieces. */
function deltaOf(event: ToolCallEvent): object[] {
  if (event.kind === 'text') return [{ content: event.text }];
  if (event.kind === 'callEnd') return [];
  const { index } = event;
  if (event.kind === 'arguments') return [{ tool_calls: [{ index, function: { arguments: event.text } }] }];
  return [{ tool_calls: [{ index, id: event.id, type: 'function', function: { name: event.name, arguments: '' } }] }];
}

const textOf = (events: readonly ToolCallEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');

function messageOf({ events }: WholeAnswer): object {
  const calls = events.flatMap((event) => (event.kind === 'call' ? [event] : []));
  const argumentsOf = (wanted: number) =>
    events.map((event) => (event.kind === 'arguments' && event.index === wanted ? event.text : '')).join('');
  const text = textOf(events);
  return {
    role: 'assistant', content: text === '' && calls.length > 0 ? null : text, refusal: null,
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, index, name }) => ({ id, type: 'function', function: { name, arguments: argumentsOf(index) } })),
    }),
  };
}

function logprobsOf(logprobs: DrawnLogprob[], { logprobs: wanted }: ChatFields): object | null {
  if (!wanted) return null;
  const entry = ({ token, bytes, logprob }: TokenLogprob) => ({ token, logprob, bytes: bytes ?? null });
  return { content: logprobs.map((drawn) => ({ ...entry(drawn), top_logprobs: drawn.top.map(entry) })), refusal: null };
}

type Verdict = 'matched' | 'violated' | undefined;

/** Whether a whole answer has the format that was asked for. @throws OpenAiRequestError 422 where that was strict */
function verdict(finishReason: TextEnd['finishReason'], text: string, format: AnswerFormat | undefined): Verdict {
  if (!format || finishReason !== 'stop') return undefined;
  if (format.matches(text)) return 'matched';
  if (format.isStrict) throw formatViolated();
  return 'violated';
}

function formatRemark(verdicts: readonly Verdict[]): Record<string, unknown> {
  const checked = verdicts.filter((one) => one !== undefined);
  if (checked.length === 0) return {};
  return { response_format: checked.includes('violated') ? 'violated' : 'matched' };
}
