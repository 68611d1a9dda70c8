import { GREEDY } from '../../exact';
import { Tier, type TierValue } from '../../protocol';
import type { ServedEngine } from '../engine';
import { EngineUnavailableError } from '../errors';
import { parseEndpoint } from './endpoint';
import { UpstreamEngine } from './engine';
import { eventAnswer, jsonAnswer, UPSTREAM_LIMITS, type UpstreamLimits } from './http';
import type { CardModel } from './modelCard';
import type { Caller, OpenServer } from './server';
import { openLlamaCpp } from './servers/llamaCpp';
import { openOpenAi } from './servers/openAi';
import { openSglang } from './servers/sglang';
import { openVllm } from './servers/vllm';

/** Kinds of servers, each by its own way to take and give token ids; `openai` gives text. */
export const UPSTREAM_KINDS = ['vllm', 'sglang', 'llamacpp', 'openai'] as const;
export type UpstreamKind = (typeof UPSTREAM_KINDS)[number];

const OPENERS: Record<UpstreamKind, OpenServer> = { vllm: openVllm, sglang: openSglang, llamacpp: openLlamaCpp, openai: openOpenAi };

export interface UpstreamOptions {
  model: CardModel;
  kind: UpstreamKind;
  /** As `parseEndpoint` takes it. */
  url: string;
  /** What the server calls the model; the card's name when unset. */
  name?: string;
  tier: TierValue;
  limits?: UpstreamLimits;
}

/** Time in which a server must say what it is, and answer the trial. */
const OPEN_MILLIS = 60_000;

/**
 * An engine in front of a server of this machine, after one short question that it has to answer as its kind does.
 * @throws EngineUnavailableError `engine.upstream-tier`; UpstreamError
 */
export async function openUpstream(options: UpstreamOptions): Promise<{ model: CardModel; engine: ServedEngine }> {
  const { model, kind, url, name = model.name, tier, limits = UPSTREAM_LIMITS } = options;
  if (tier !== Tier.attested) {
    throw new EngineUnavailableError('engine.upstream-tier', 'nobody could show that an answer of such an engine is wrong, so no stake stands for it', {
      expected: '--tier attested, inside a measured image', received: 'another tier', hint: 'serve an exact model (cocoon model import) to be bonded',
    });
  }
  const endpoint = parseEndpoint(url);
  const call: Caller = {
    json: (method, path, body, signal) => jsonAnswer(endpoint, { method, path, body }, limits, signal),
    events: (path, body, signal) => eventAnswer(endpoint, { method: 'POST', path, body }, limits, signal),
  };
  const signal = AbortSignal.timeout(OPEN_MILLIS);
  const server = await OPENERS[kind](call, { model, name }, signal);
  const engine = new UpstreamEngine(model, server, limits.answerMillis);
  // Before it earns: the server takes ids and gives ids of this model.
  const { stopTokens } = model;
  await engine.generate({ promptTokens: trialPrompt(model), maxTokens: 2, stopTokens: [...stopTokens], sampling: GREEDY, signal });
  return { model: { ...model, cannotDo: (job) => server.cannotDo(job) }, engine };
}

function trialPrompt({ model: { tokenizer, config } }: CardModel): number[] {
  return tokenizer.encodePrompt('One, two, three').slice(0, config.context - 1);
}
