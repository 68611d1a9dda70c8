/**
 * llama.cpp's `llama-server`, `/completion` (read: tools/server/README.md at 00dc805, tools/server/server-context.cpp of the same time):
 * ids in, `return_tokens` for ids out. A stream of it leaves out tokens that end within a character, so it is asked for whole answers of
 * a chunk's length each, the first one without its cache (see `freshSalt`). The model's own end tokens always end an answer, so a stop set must hold them.
 */
import { z } from 'zod';
import { CHUNK_TOKENS } from '../../../protocol';
import { unreadable } from '../http';
import { type Caller, type OpenServer, type Question, samplingNumbers, seedAt } from '../server';
import { checkContext } from './openAi';

const Props = z.looseObject({
  build_info: z.string().optional(),
  default_generation_settings: z.looseObject({ n_ctx: z.int() }),
});
const Completion = z.looseObject({
  tokens: z.array(z.int()), stop_type: z.enum(['none', 'eos', 'limit', 'word']), truncated: z.boolean(), tokens_evaluated: z.int(),
});

export const openLlamaCpp: OpenServer = async (call, { model }, signal) => {
  const props = Props.safeParse(await call.json('GET', '/props', undefined, signal));
  if (!props.success) throw unreadable('the props of llama-server');
  checkContext(props.data.default_generation_settings.n_ctx, model.model.config.context);
  const { build_info: build } = props.data;
  return {
    description: build === undefined ? 'llama.cpp' : `llama.cpp ${build.slice(0, 40)}`,
    cannotDo: ({ stopTokens }) => (model.stopTokens.every((id) => stopTokens.includes(id)) ? null : 'a stop set without the model\'s own'),
    answer: (question, stop) => answer(call, question, stop),
  };
};

async function* answer(call: Caller, question: Question, signal: AbortSignal): AsyncGenerator<readonly number[]> {
  const { temperature, topK, topP, minP } = samplingNumbers(question.sampling);
  const tokens = [...question.tokens];
  for (let left = question.maxTokens; left > 0; ) {
    const answered = question.answered + tokens.length - question.tokens.length;
    const body = {
      prompt: tokens, n_predict: Math.min(left, CHUNK_TOKENS), stream: false, return_tokens: true, cache_prompt: tokens.length > question.tokens.length, ignore_eos: false, stop: [],
      // Temperature first, as the terms mean it; what is not named here is not applied.
      samplers: ['temperature', 'top_k', 'min_p', 'top_p'], temperature, top_k: topK ?? 0, top_p: topP, min_p: minP,
      dynatemp_range: 0, mirostat: 0, n_probs: 0, t_max_predict_ms: 0, n_indent: 0, logit_bias: [], seed: seedAt(question.sampling.seed, answered),
    };
    const parsed = Completion.safeParse(await call.json('POST', '/completion', body, signal));
    if (!parsed.success) throw unreadable('a completion of llama-server');
    const { tokens: more, stop_type: stopped, truncated, tokens_evaluated: read } = parsed.data;
    if (read !== tokens.length || truncated) throw unreadable(`a prompt of ${tokens.length} tokens, whole`, truncated ? 'a truncated one' : `${read}`);
    if (more.length === 0) throw unreadable('tokens', 'none: does it know return_tokens?');
    tokens.push(...more);
    left -= more.length;
    yield more;
    if (stopped !== 'limit') return;
  }
}
