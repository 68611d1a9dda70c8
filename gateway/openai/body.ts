/** The JSON body of a request. */
import type { IncomingMessage } from 'node:http';
import { OpenAiRequestError } from './errors';

/** Tool schemas of real clients nest about 20 deep; whoever walks a body recursively is safe below this. */
const MOST_LEVELS = 128;

/** @throws OpenAiRequestError 413 `request_too_large`; 400 `invalid_utf8`, `invalid_json` */
export async function readJsonObject(request: IncomingMessage, mostBytes: number): Promise<Record<string, unknown>> {
  const text = decode(await readBytes(request, mostBytes));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OpenAiRequestError(400, 'invalid_json', 'the body is not JSON');
  }
  if (isDeeper(value, MOST_LEVELS)) {
    throw new OpenAiRequestError(400, 'invalid_json', 'the body is nested too deep', { expected: `at most ${MOST_LEVELS} levels` });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return withoutNulls(value);
  throw new OpenAiRequestError(400, 'invalid_json', 'the body is not a JSON object');
}

function readBytes(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= mostBytes) return;
      request.pause().removeAllListeners('data');
      reject(new OpenAiRequestError(413, 'request_too_large', 'the body is too large', { expected: `at most ${mostBytes} bytes` }));
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => request.complete || reject(new OpenAiRequestError(400, 'incomplete', 'the body broke off')));
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new OpenAiRequestError(400, 'invalid_utf8', 'the body is not UTF-8');
  }
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));

/** OpenAI's API takes null for a field that is not given. */
const withoutNulls = (body: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
