/** The tokenizer of a model, from the page's own origin and checked against the model root. */
import { ByteTokenizer } from '../../../exact/byteTokenizer';
import type { Tokenizer } from '../../../exact/tokenizer';
import { concatBytes, toHex } from '../../../protocol';
import { sha256 } from '../../../protocol/sha256';
import { PageError } from '../pageError';
import type { ModelEntry, PageTokenizer } from '../types';
import { chatError } from './errors';
import { bytesOf } from './hex';

/** What miniapp/host/modelPart.ts writes: bytes as lowercase hex, the section as base64. */
export interface ModelPartFile {
  version: 1;
  /** The model's config, 32 bytes. */
  config: string;
  /** Root of its rows: beside the config. */
  rows: string;
  /** Tokenizer section (docs/exact-arithmetic.md section 3). */
  section: string;
  /** Root of its tables: beside the tokenizer. */
  tables: string;
}

/** Bytes of the file; a vocabulary of 2^18 tokens with its merges takes half of it. */
const MOST_BYTES = 32 * 2 ** 20;
/** As the gateway has it: no tokenizer makes fewer tokens of a text that says anything. */
const CHARACTERS_PER_TOKEN = 32;

/**
 * @param fetcher of this page's origin
 * @throws PageError `chat.tokenizerMissing`, `chat.tokenizerForged` where it is not the model's, `chat.tokenizerUnknown` where this page cannot read it
 */
export async function loadTokenizer(model: ModelEntry, fetcher: typeof fetch = fetch): Promise<PageTokenizer> {
  let text: string;
  try {
    text = await bounded(model, fetcher);
  } catch (cause) {
    if (cause instanceof PageError) throw cause;
    throw chatError('chat.tokenizerMissing', { name: model.name, why: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  const { config, section } = proven(model, text);
  const view = new DataView(config.buffer);
  const [vocab, context] = [view.getUint32(16), view.getUint32(20)];
  try {
    // The library for chats is needed for few models, and is half as large as all that is.
    const tokenizer = section[1] === 2 ? (await import('./chatTokenizer')).chatTokenizer(section, vocab) : ByteTokenizer.parse(section, vocab);
    return pageTokenizer(model.root, tokenizer, context);
  } catch (cause) {
    throw chatError('chat.tokenizerUnknown', { name: model.name, why: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
}

async function bounded({ name, tokenizer: path }: ModelEntry, fetcher: typeof fetch): Promise<string> {
  if (!/^\/(?!\/)/.test(path)) throw new Error(path);
  const response = await fetcher(path, { credentials: 'omit', redirect: 'error' });
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > MOST_BYTES) {
      void reader.cancel();
      throw chatError('chat.tokenizerForged', { name });
    }
    text += decoder.decode(value, { stream: true });
  }
}

const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concatBytes(left, right));

/** Config and section of the model. @throws PageError `chat.tokenizerForged` */
function proven({ name, root }: ModelEntry, text: string): { config: Uint8Array; section: Uint8Array } {
  try {
    const part = JSON.parse(text) as ModelPartFile;
    const [config, rows, tables] = [part.config, part.rows, part.tables].map((hex) => {
      if (!/^[0-9a-f]{64}$/.test(hex)) throw new Error('hex');
      return bytesOf(hex);
    });
    const section = Uint8Array.from(atob(part.section), (character) => character.charCodeAt(0));
    if (part.version === 1 && toHex(node(node(sha256(config), rows), node(sha256(section), tables))) === root) return { config, section };
  } catch {
    // Not the file either.
  }
  throw chatError('chat.tokenizerForged', { name });
}

/** A prompt becomes what `cocoon gateway` makes of a chat with one message of the user. */
function pageTokenizer(modelRoot: string, tokenizer: Tokenizer, context: number): PageTokenizer {
  const stops = new Set(tokenizer.stopTokens);
  return {
    modelRoot,
    stopTokens: tokenizer.stopTokens,
    encode: (prompt) => {
      if (prompt.length > CHARACTERS_PER_TOKEN * context) throw chatError('chat.promptTooLong', { most: String(context) });
      try {
        return tokenizer.takesChats ? tokenizer.encodeChat([{ role: 'user', content: prompt, name: undefined }]) : tokenizer.encodePrompt(prompt);
      } catch (cause) {
        const { code, received = '', message } = cause as { code?: string; received?: string; message: string };
        throw code === 'input.chat.special' ? chatError('chat.specialText', { text: received }, cause) : chatError('chat.promptRefused', { why: message }, cause);
      }
    },
    decode: (tokens) => tokenizer.decode(tokens.filter((token) => !stops.has(token))),
  };
}
