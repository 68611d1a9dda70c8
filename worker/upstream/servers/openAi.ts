/**
 * Any server of OpenAI's `/v1/completions` (API reference of 2026: `prompt` may be ids). It answers in text, so the committed tokens are
 * those of its text, then the model's end where it says that it stopped. What its API has not is refused: other stop sets than the
 * model's own, top-k, top-p (which needs top-k here) and min-p.
 */
import { z } from 'zod';
import { UpstreamError } from '../../errors';
import type { ServedJob } from '../../engine';
import { unreadable } from '../http';
import type { CardModel } from '../modelCard';
import { type Caller, type OpenServer, type Question, samplingNumbers, seedAt } from '../server';
import { TextTokens } from '../textTokens';

const Models = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), max_model_len: z.int().nullish() })) });
const Chunk = z.looseObject({
  choices: z.array(z.looseObject({ text: z.string(), finish_reason: z.enum(['stop', 'length']).nullish() })),
});
/** Tokens that one character takes at most: its bytes in UTF-8. */
const CHARACTER_TOKENS = 4;

const Failure = z.looseObject({ error: z.unknown() });

export const openOpenAi: OpenServer = async (call, { model, name }, signal) => {
  await openAiModel(call, name, model.model.config.context, signal);
  return {
    description: 'an OpenAI-compatible server, its text tokenised again',
    cannotDo: (job) => cannotDo(model, job),
    answer: (question, stop) => answer(call, { model, name }, question, stop),
  };
};

/** The server lists the model, and where it says how long, long enough. @throws UpstreamError `engine.upstream-model`, `-context` */
export async function openAiModel(call: Caller, name: string, context: number, signal: AbortSignal): Promise<void> {
  const parsed = Models.safeParse(await call.json('GET', '/v1/models', undefined, signal));
  if (!parsed.success) throw unreadable('the list of models of an OpenAI-compatible server');
  const found = parsed.data.data.find(({ id }) => id === name);
  if (found === undefined) {
    throw new UpstreamError('engine.upstream-model', 'the upstream has not this model', {
      expected: name, received: parsed.data.data.map(({ id }) => id).join(', ').slice(0, 200), hint: 'give --upstream-model NAME',
    });
  }
  checkContext(found.max_model_len ?? undefined, context);
}

/** @throws UpstreamError `engine.upstream-context` */
export function checkContext(has: number | undefined, needs: number): void {
  if (has === undefined || has >= needs) return;
  throw new UpstreamError('engine.upstream-context', 'the upstream takes fewer positions than the model card promises', {
    expected: `at least ${needs}`, received: String(has), hint: 'start it with a longer context, or describe the model with a shorter one',
  });
}

/** The error that a server tells in the middle of a stream, without its words. */
export const saidError = (event: unknown): UpstreamError | null =>
  Failure.safeParse(event).success
    ? new UpstreamError('engine.upstream-failed', 'the upstream failed in the middle of an answer', { hint: 'its own log says why' })
    : null;

function cannotDo({ stopTokens, model: { tokenizer } }: CardModel, { stopTokens: asked, sampling }: ServedJob): string | null {
  const same = asked.length === stopTokens.length && asked.every((id) => stopTokens.includes(id));
  if (!same) return 'a stop set other than the model\'s own';
  if (tokenizer.eosToken === undefined || !stopTokens.includes(tokenizer.eosToken)) return 'a model that names no token for its end';
  return sampling.topK !== 0 || sampling.minPX !== 0 ? 'top-k, top-p or min-p' : null;
}

/** Rounds, since a text may have fewer tokens than the server made of it: each goes on behind the tokens of those before. */
async function* answer(
  call: Caller, served: { model: CardModel; name: string }, question: Question, signal: AbortSignal,
): AsyncGenerator<readonly number[]> {
  const tokens = [...question.tokens];
  let beyond = 0;
  for (let left = question.maxTokens; left > 0; ) {
    const before = tokens.length;
    const asked = { ...question, tokens, maxTokens: left + beyond, answered: question.answered + tokens.length - question.tokens.length };
    const hasStopped = yield* round(call, served, asked, (more) => void tokens.push(...more), signal);
    if (hasStopped) return;
    if (tokens.length === before && beyond > 0) throw unreadable('text', 'an answer that was cut short without any');
    // Cut within a character, of which the text then holds nothing: the rest of it is asked for as well, and left out by whoever counts.
    beyond = tokens.length === before ? CHARACTER_TOKENS : 0;
    left = question.maxTokens - (tokens.length - question.tokens.length);
  }
}

/** @returns whether the model stopped, rather than the server at maxTokens */
async function* round(
  call: Caller, { model, name }: { model: CardModel; name: string }, question: Question, keep: (tokens: readonly number[]) => void, signal: AbortSignal,
): AsyncGenerator<readonly number[], boolean> {
  const { temperature, topP } = samplingNumbers(question.sampling);
  const body = {
    model: name, prompt: question.tokens, max_tokens: question.maxTokens, stream: true, temperature, top_p: topP,
    presence_penalty: 0, frequency_penalty: 0, n: 1, seed: seedAt(question.sampling.seed, question.answered),
  };
  const { tokenizer } = model.model;
  const text = new TextTokens(tokenizer);
  let finish: 'stop' | 'length' | undefined;
  for await (const event of call.events('/v1/completions', body, signal)) {
    const chunk = Chunk.safeParse(event);
    if (!chunk.success) throw saidError(event) ?? unreadable('chunks of OpenAI\'s completions');
    for (const choice of chunk.data.choices) {
      const certain = text.push(choice.text);
      keep(certain);
      if (certain.length > 0) yield certain;
      finish = choice.finish_reason ?? finish;
    }
  }
  if (finish === undefined) throw new UpstreamError('engine.upstream-gone', 'the upstream broke off in the middle');
  const last = text.end(finish === 'length');
  const end = finish === 'stop' ? [...last, tokenizer.eosToken!] : last;
  keep(end);
  if (end.length > 0) yield end;
  return finish === 'stop';
}
