/**
 * Small servers that speak as the real ones document it, each about a model whose next token follows from the last one. They answer
 * requests of the documented form and no other, so that a field that is missing or wrong fails the test.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { CARD_FORMAT, type CardModel, parseCard } from '../../../worker/upstream/modelCard';
import { tokenizer } from '../../gateway/support';

export const VOCABULARY = 512;
/** The model's own end, and what it says behind a token; 300 is an end that no card names. */
export const END = tokenizer.eosToken!;
export const HIDDEN_END = 300;
export const NAME = 'tiny';
export const next = (token: number): number => (token === 97 + 11 ? END : token === 7 ? HIDDEN_END : token + 1);

export function cardBytes(changes: Record<string, unknown> = {}): Uint8Array {
  return Buffer.from(`${JSON.stringify({
    format: CARD_FORMAT, name: NAME, context: 512, vocabulary: VOCABULARY, tokenizer: Buffer.from(tokenizer.section).toString('base64'),
    files: [{ name: 'model.safetensors', bytes: 3, sha256: '0'.repeat(64) }], ...changes,
  })}\n`);
}

export const card = (): CardModel => parseCard(cardBytes());

type Body = Record<string, any>;
export type Handler = (path: string, body: Body | undefined, response: ServerResponse, request: IncomingMessage) => Promise<void> | void;

export interface TestServer {
  url: string;
  /** Bodies of what was asked by POST. */
  asked: Body[];
  /** Answers that their reader left before their end. */
  left: () => number;
}

/** Closed after the test. */
export async function serve(t: TestContext, handler: Handler): Promise<TestServer> {
  const asked: Body[] = [];
  let left = 0;
  const server = createServer((request, response) => {
    response.on('close', () => (left += response.writableFinished ? 0 : 1));
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      const body = request.method === 'POST' ? (JSON.parse(Buffer.concat(parts).toString()) as Body) : undefined;
      if (body !== undefined) asked.push(body);
      Promise.resolve(handler(request.url!, body, response, request)).catch(() => response.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, left: () => left };
}

export const json = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

/** Server-sent events, one write each. */
export async function events(response: ServerResponse, items: Iterable<unknown>, end = 'data: [DONE]\n\n'): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const item of items) {
    response.write(`data: ${JSON.stringify(item)}\n\n`);
    await new Promise((resolve) => setImmediate(resolve));
    if (response.destroyed) return;
  }
  response.end(end);
}

/** Tokens behind a prompt, at most so many; ends after one of `ends`. */
export function* behind(prompt: readonly number[], most: number, ends: readonly number[]): Generator<number> {
  let token = prompt[prompt.length - 1];
  for (let made = 0; made < most; made++) {
    token = next(token);
    yield token;
    if (ends.includes(token)) return;
  }
}

const isIds = (value: unknown): value is number[] => Array.isArray(value) && value.every(Number.isInteger);
const only = (body: Body, expected: Body): boolean => Object.entries(expected).every(([name, value]) => JSON.stringify(body[name]) === JSON.stringify(value));

/** As vLLM documents `/v1/models` and `/v1/completions` with `return_token_ids`. */
export const asVllm: Handler = async (path, body, response) => {
  if (path === '/v1/models') return json(response, { object: 'list', data: [{ id: NAME, object: 'model', max_model_len: 512 }] });
  if (path !== '/v1/completions' || body?.model !== NAME || !isIds(body.prompt) || !only(body, { stream: true, return_token_ids: true, ignore_eos: true })) {
    return json(response, { error: { message: 'bad', type: 'BadRequestError', code: 400 } }, 400);
  }
  const made = [...behind(body.prompt, body.max_tokens, body.stop_token_ids)];
  const chunk = (ids: number[], i: number, finish: string | null) => ({
    id: 'cmpl-1', object: 'text_completion', created: 1, model: NAME,
    choices: [{ index: 0, text: '', logprobs: null, finish_reason: finish, stop_reason: null, ...(i === 0 && { prompt_token_ids: body.prompt }), token_ids: ids }],
  });
  const finish = body.stop_token_ids.includes(made.at(-1)) ? 'stop' : 'length';
  await events(response, made.map((id, i) => chunk([id], i, i === made.length - 1 ? finish : null)));
};

/** As SGLang documents `/server_info` and `/generate`; `ignore_eos` turns off the stop set too (schedule_batch.py). */
export const asSglang = (info: Body = {}, incremental = false): Handler => async (path, body, response) => {
  if (path === '/server_info') return json(response, { version: '0.5.5', context_length: 512, served_model_name: NAME, ...info });
  const sampling = body?.sampling_params as Body | undefined;
  if (path !== '/generate' || !isIds(body?.input_ids) || body?.stream !== true || sampling === undefined) return json(response, {}, 404);
  const made = [...behind(body.input_ids, sampling.max_new_tokens, sampling.ignore_eos ? [] : sampling.stop_token_ids)];
  await events(response, made.map((id, i) => ({
    text: '', output_ids: incremental ? [id] : made.slice(0, i + 1),
    meta_info: {
      id: 'r', prompt_tokens: body.input_ids.length, completion_tokens: i + 1, cached_tokens: 0,
      finish_reason: i === made.length - 1 ? { type: 'length', length: made.length } : null,
    },
  })));
};

/** As llama-server documents `/props` and `/completion` with `return_tokens`; its model ends at END and at HIDDEN_END. */
export const asLlamaCpp: Handler = (path, body, response) => {
  if (path === '/props') return json(response, { build_info: 'b8681-test', default_generation_settings: { n_ctx: 512 }, total_slots: 4 });
  if (path !== '/completion' || !isIds(body?.prompt) || !only(body, { stream: false, return_tokens: true })) return json(response, {}, 404);
  const tokens = [...behind(body.prompt, body.n_predict, [END, HIDDEN_END])];
  const isEnd = [END, HIDDEN_END].includes(tokens.at(-1)!);
  json(response, {
    content: '', tokens, stop: true, stop_type: isEnd ? 'eos' : 'limit', stopping_word: '', truncated: false, tokens_evaluated: body.prompt.length,
    tokens_predicted: tokens.length,
  });
};

/** As OpenAI documents completions: text alone, and one word a chunk. */
export const asOpenAi = (text: (prompt: number[], most: number) => { text: string; finish: string }): Handler => async (path, body, response) => {
  if (path === '/v1/models') return json(response, { object: 'list', data: [{ id: NAME, object: 'model', created: 1, owned_by: 'me' }] });
  if (path !== '/v1/completions' || !isIds(body?.prompt) || body?.stream !== true) return json(response, {}, 404);
  const { text: whole, finish } = text(body.prompt, body.max_tokens);
  const parts = whole.match(/.{1,7}/gsu) ?? [];
  const chunk = (part: string, finish_reason: string | null) => ({ id: 'c', object: 'text_completion', created: 1, model: NAME, choices: [{ text: part, index: 0, finish_reason, logprobs: null }] });
  await events(response, [...parts.map((part) => chunk(part, null)), chunk('', finish)]);
};
