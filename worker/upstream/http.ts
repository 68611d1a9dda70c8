/** HTTP to an upstream: no redirects, no proxies, limits on silence, time and length; errors that quote nothing it said. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { UpstreamError } from '../errors';
import type { Endpoint } from './endpoint';

export interface UpstreamLimits {
  /** Longest time without a byte: reading a long prompt is silent. */
  silenceMillis: number;
  /** Longest time of one answer. */
  answerMillis: number;
  /** Longest JSON text or event. */
  bytes: number;
}

export const UPSTREAM_LIMITS: UpstreamLimits = { silenceMillis: 120_000, answerMillis: 3_600_000, bytes: 8 * 1024 * 1024 };

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  body?: unknown;
}

/**
 * The body of a 200 answer, as it comes. Whoever leaves the loop closes the connection, which is how a server learns that nobody
 * wants the rest.
 * @throws UpstreamError `engine.upstream-unreachable`, `-status`, `-silent`, `-gone`; the signal's reason
 */
export async function* answerTo(endpoint: Endpoint, call: Call, limits: UpstreamLimits, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const { base, ...where } = endpoint;
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const request = httpRequest({
    ...where, method: call.method, path: `${base}${call.path}`, agent: false,
    headers: { accept: 'application/json, text/event-stream', ...(body && { 'content-type': 'application/json', 'content-length': body.length }) },
  });
  let silent = false;
  const clock = setTimeout(() => {
    silent = true;
    request.destroy();
  }, limits.silenceMillis);
  const stop = (): void => void request.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const failed = (code: string, message: string, cause: unknown): unknown => {
    if (signal.aborted) return signal.reason;
    if (silent) return new UpstreamError('engine.upstream-silent', 'the upstream says nothing', { expected: `a byte within ${limits.silenceMillis} ms` });
    return new UpstreamError(code, message, { received: (cause as { code?: string }).code, cause });
  };
  try {
    let response: IncomingMessage;
    try {
      response = await new Promise((resolve, reject) => {
        request.on('response', resolve).on('error', reject).on('close', () => reject(new Error('closed')));
        request.end(body);
      });
    } catch (cause) {
      throw failed('engine.upstream-unreachable', 'the upstream does not answer', cause);
    }
    if (response.statusCode !== 200) {
      throw new UpstreamError('engine.upstream-status', 'the upstream refuses', {
        expected: 'HTTP 200', received: `HTTP ${response.statusCode}`, hint: 'its own log says why',
      });
    }
    try {
      for await (const bytes of response) {
        clock.refresh();
        yield bytes as Buffer;
      }
    } catch (cause) {
      throw failed('engine.upstream-gone', 'the upstream broke off in the middle', cause);
    }
  } finally {
    clearTimeout(clock);
    signal.removeEventListener('abort', stop);
    request.on('error', () => undefined);
    request.destroy();
  }
}

/** A whole answer, as JSON. @throws UpstreamError `engine.upstream-answer`; those of `answerTo` */
export async function jsonAnswer(endpoint: Endpoint, call: Call, limits: UpstreamLimits, signal: AbortSignal): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const bytes of answerTo(endpoint, call, limits, signal)) {
    length += bytes.length;
    if (length > limits.bytes) throw unreadable(`at most ${limits.bytes} bytes`);
    parts.push(bytes);
  }
  return parseJson(Buffer.concat(parts));
}

/** Data of server-sent events (HTML standard, 9.2.6) up to `[DONE]`, as JSON. @throws as `jsonAnswer` */
export async function* eventAnswer(endpoint: Endpoint, call: Call, limits: UpstreamLimits, signal: AbortSignal): AsyncGenerator<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: false });
  let rest = '';
  let data: string[] = [];
  for await (const bytes of answerTo(endpoint, call, limits, signal)) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''));
      if (line !== '' || data.length === 0) continue;
      const text = data.join('\n');
      data = [];
      if (text === '[DONE]') return;
      yield parseJson(text);
    }
    const waiting = data.reduce((sum, line) => sum + line.length, rest.length);
    if (waiting > limits.bytes) throw unreadable(`events of at most ${limits.bytes} bytes`);
  }
}

function parseJson(text: string | Buffer): unknown {
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    // Without the cause: V8's message quotes the text.
    throw unreadable('JSON');
  }
}

/** What the server says is not what it documents. */
export const unreadable = (expected: string, received?: string): UpstreamError =>
  new UpstreamError('engine.upstream-answer', 'the upstream gave an answer that cannot be used', {
    expected, received, hint: 'check --upstream-kind and the version of the server (docs/run-a-provider.md)',
  });
