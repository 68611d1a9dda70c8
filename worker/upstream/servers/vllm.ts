/**
 * vLLM's `/v1/completions` (read: vllm/entrypoints/openai/completion/protocol.py and serving.py at 002032e and 030ea52): `prompt` as
 * ids, `stop_token_ids`, `seed`, and with `return_token_ids` the ids of each chunk, a stop token included.
 */
import { z } from 'zod';
import { unreadable } from '../http';
import { type Caller, freshSalt, type OpenServer, type Question, samplingNumbers, seedAt, type UpstreamServer } from '../server';
import { openAiModel, saidError } from './openAi';

const Chunk = z.looseObject({
  choices: z.array(z.looseObject({
    token_ids: z.array(z.int()).nullish(),
    prompt_token_ids: z.array(z.int()).nullish(),
    finish_reason: z.string().nullish(),
  })),
});

export const openVllm: OpenServer = async (call, { model, name }, signal) => {
  await openAiModel(call, name, model.model.config.context, signal);
  const server: UpstreamServer = { description: 'vLLM', cannotDo: () => null, answer: (question, stop) => answer(call, name, question, stop) };
  return server;
};

async function* answer(call: Caller, model: string, question: Question, signal: AbortSignal): AsyncGenerator<readonly number[]> {
  const { temperature, topK, topP, minP } = samplingNumbers(question.sampling);
  const body = {
    model, prompt: question.tokens, add_special_tokens: false, max_tokens: question.maxTokens, stream: true, return_token_ids: true,
    // The client's stop set alone ends an answer, and its sampling alone draws: all else that the model's folder could set is named.
    stop_token_ids: question.stopTokens, ignore_eos: true, stop: [], min_tokens: 0, skip_special_tokens: false,
    temperature, top_k: topK ?? -1, top_p: topP, min_p: minP, seed: seedAt(question.sampling.seed, question.answered),
    repetition_penalty: 1, presence_penalty: 0, frequency_penalty: 0, n: 1, cache_salt: freshSalt(),
  };
  for await (const event of call.events('/v1/completions', body, signal)) {
    const chunk = Chunk.safeParse(event);
    if (!chunk.success) throw saidError(event) ?? unreadable('chunks of vLLM\'s completions');
    for (const { token_ids: ids, prompt_token_ids: prompt } of chunk.data.choices) {
      if (prompt && (prompt.length !== question.tokens.length || prompt.some((id, i) => id !== question.tokens[i]))) {
        throw unreadable('the prompt as it was sent', 'another one');
      }
      if (!ids) throw unreadable('token_ids in every chunk', 'a server without return_token_ids');
      yield ids;
    }
  }
}
