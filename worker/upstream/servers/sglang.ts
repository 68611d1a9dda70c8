/**
 * SGLang's `/generate` (read: python/sglang/srt/managers/io_struct.py at 001067f, sampling/sampling_params.py at 00c17ca): `input_ids` in,
 * `output_ids` out. With `ignore_eos` no token ends its answer, the stop set neither, so the worker stops it by leaving. It heeds `sampling_seed` only
 * with `--enable-deterministic-inference`; without that, only greedy jobs are taken. Its events hold all tokens so far, or, with
 * `--incremental-streaming-output`, the new ones; `completion_tokens` tells which.
 */
import { z } from 'zod';
import { UpstreamError } from '../../errors';
import { unreadable } from '../http';
import { type Caller, freshSalt, type OpenServer, type Question, samplingNumbers, seedAt } from '../server';
import { checkContext, saidError } from './openAi';

const Info = z.looseObject({
  version: z.string().optional(), enable_deterministic_inference: z.boolean().nullish(), context_length: z.int().nullish(), served_model_name: z.string().nullish(),
});
const Event = z.looseObject({
  output_ids: z.array(z.int()),
  meta_info: z.looseObject({
    prompt_tokens: z.int(), completion_tokens: z.int(), finish_reason: z.looseObject({ type: z.string() }).nullish(),
  }),
});

export const openSglang: OpenServer = async (call, { model, name }, signal) => {
  const info = Info.safeParse(await serverInfo(call, signal));
  if (!info.success) throw unreadable('the server_info of SGLang');
  const { version, enable_deterministic_inference: isSeeded, context_length: context, served_model_name: served } = info.data;
  if (typeof served === 'string' && served !== name) {
    throw new UpstreamError('engine.upstream-model', 'the upstream has not this model', { expected: name, received: served.slice(0, 200), hint: 'give --upstream-model NAME' });
  }
  checkContext(context ?? undefined, model.model.config.context);
  return {
    description: version === undefined ? 'SGLang' : `SGLang ${version.slice(0, 40)}`,
    cannotDo: ({ sampling }) => (sampling.t !== 0 && isSeeded !== true ? 'sampling with a seed' : null),
    answer: (question, stop) => answer(call, question, stop),
  };
};

/** `/server_info`, which was `/get_server_info` before. */
async function serverInfo(call: Caller, signal: AbortSignal): Promise<unknown> {
  try {
    return await call.json('GET', '/server_info', undefined, signal);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== 'engine.upstream-status') throw error;
    return call.json('GET', '/get_server_info', undefined, signal);
  }
}

async function* answer(call: Caller, question: Question, signal: AbortSignal): AsyncGenerator<readonly number[]> {
  const { temperature, topK, topP, minP } = samplingNumbers(question.sampling);
  const body = {
    input_ids: question.tokens, stream: true, extra_key: freshSalt(),
    sampling_params: {
      max_new_tokens: question.maxTokens, ignore_eos: true, stop_token_ids: question.stopTokens, skip_special_tokens: false, no_stop_trim: true,
      temperature, top_k: topK ?? -1, top_p: topP, min_p: minP, sampling_seed: seedAt(question.sampling.seed, question.answered),
      frequency_penalty: 0, presence_penalty: 0, repetition_penalty: 1, min_new_tokens: 0, n: 1,
    },
  };
  let known = 0;
  for await (const event of call.events('/generate', body, signal)) {
    const parsed = Event.safeParse(event);
    if (!parsed.success) throw saidError(event) ?? unreadable('events of SGLang\'s generate');
    const { output_ids: ids, meta_info: { prompt_tokens: read, completion_tokens: made, finish_reason: finish } } = parsed.data;
    if (read !== question.tokens.length) throw unreadable(`a prompt of ${question.tokens.length} tokens`, `${read}`);
    if (finish?.type === 'abort') throw new UpstreamError('engine.upstream-failed', 'the upstream gave up in the middle of an answer');
    // A list may be further than the count beside it: the server writes them down at different times.
    const isWhole = ids.length >= made;
    if (!isWhole && known + ids.length !== made) throw unreadable('all tokens so far, or the new ones', `${ids.length} of ${made} behind ${known}`);
    const fresh = isWhole ? ids.slice(known) : ids;
    known += fresh.length;
    if (fresh.length > 0) yield fresh;
  }
}
