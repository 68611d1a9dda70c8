import { createReferenceEngine, type Generation, type Job } from '../../exact';
import { weightsPerPosition } from '../../exact/config';
import { type ChannelRequest, FinishReason, Tier, type TierValue } from '../../protocol';
import { openEngine, openModel, openServingEngine, type LoadedModel } from '../../worker/engine';
import { generationOf } from '../../worker/jobs/request';
import type { CompletionBackend } from '../backend';
import type { AskedTokens } from '../channel/delivered';
import { GatewayError } from '../errors';
import { type ComputedParts, partsOf } from './compare';

/** A request to be computed again, as far as its answer came. */
export interface ToRecompute {
  request: ChannelRequest;
  /** Tokens that came: no more are computed. */
  count: number;
  /** What was asked; unknown after a restart. */
  asked?: AskedTokens;
}

/** Whatever computes a request again. */
export interface Recomputer {
  /** Who computes, in words. */
  readonly name: string;
  compute(audited: ToRecompute, signal: AbortSignal): Promise<ComputedParts>;
  close(): Promise<void>;
}

/** What is needed of an engine; the worker's LoadedEngine is one. */
export interface AuditEngine {
  backend: string;
  adapter: string;
  generate(job: Job): Promise<Generation>;
  close(): Promise<void>;
}

/** A run on this machine. */
export function onEngine(engine: AuditEngine): Recomputer {
  return {
    name: `${engine.backend} on ${engine.adapter}`,
    compute: async (audited, signal) => recomputed(audited, engine, signal),
    close: () => engine.close(),
  };
}

/**
 * Computes as many tokens as came. A worker cannot make it longer than its own answer, and a correct answer's last token ends the run in
 * the same way, so that its trace is the same.
 */
async function recomputed({ request: { payload, channel, seq }, count }: ToRecompute, engine: AuditEngine, signal: AbortSignal): Promise<ComputedParts> {
  const result = await engine.generate({ ...generationOf(payload, channel, seq), maxTokens: count, signal });
  return partsOf(result, payload.commitSalt);
}

/** The local engine that audits, tested against the reference when it is first needed. */
export const openFirst = async (loaded: LoadedModel, backend: Parameters<typeof openServingEngine>[1]): Promise<Recomputer> =>
  onEngine(await openServingEngine(loaded, backend));

/** Above so many weights the reference takes seconds for each position, and wasm for a chunk. */
const LARGE_WEIGHTS = 100e6;

/** Whether a CPU computes answers of this model while somebody waits. */
export const computesFast = ({ model: { config } }: LoadedModel): boolean => weightsPerPosition(config) <= LARGE_WEIGHTS;

/**
 * Another engine for a second opinion, from a copy of the model that was read and checked again: neither a fault of the first engine nor
 * one of its memory can accuse anybody. The reference, but for models that would keep it busy for hours.
 * @param path model file; default: the shipped one
 */
export async function openConfirming(path: string | undefined, first: string): Promise<Recomputer> {
  const loaded = openModel(path);
  if (first.startsWith('reference') || !computesFast(loaded)) return onEngine(await openEngine(loaded, 'wasm'));
  return onEngine(createReferenceEngine(loaded.model));
}

/**
 * Asks another provider the same: same tokens, sampling and seed, hence the same commitments. THAT PROVIDER READS THE PROMPT and is paid, so it
 * is for those alone who chose it. It cannot tell an audit from any request.
 * @param backend buys over a channel of its own, from another provider
 * @param tier of that provider's key; never below the audited answer's (attacks 55)
 */
export function atSecondProvider(backend: CompletionBackend, tier: TierValue): Recomputer {
  return {
    name: 'a second provider',
    compute: async (audited, signal) => {
      const { request: { terms }, asked, count } = audited;
      if (asked === undefined) throw new GatewayError('gateway.audit', 'what was asked is not known any more');
      if (tier !== terms.tier && !(terms.tier === Tier.bonded && tier === Tier.attested)) {
        throw new GatewayError('gateway.audit-tier', 'a second provider of a lower tier is not asked', { expected: `tier ${terms.tier}`, received: `tier ${tier}` });
      }
      return boughtAgain(backend, { ...asked, maxTokens: count }, signal);
    },
    close: async () => undefined,
  };
}

async function boughtAgain(backend: CompletionBackend, asked: AskedTokens, signal: AbortSignal): Promise<ComputedParts> {
  const tokens: number[] = [];
  const enough = new AbortController().signal;
  for await (const event of backend.complete({ ...asked, abort: signal, enough })) {
    if (event.kind === 'tokens') tokens.push(...event.tokens);
    if (event.kind !== 'end') continue;
    // Its commitments may be under another salt, so tokens and finish reason are what can be compared.
    return { tokens, finishReason: FinishReason[event.finishReason === 'stop' ? 'stop' : 'length'], responseCommit: null, traceCommit: null };
  }
  throw new GatewayError('gateway.audit', 'the second provider did not answer', { received: `${tokens.length} of ${asked.maxTokens} tokens` });
}
