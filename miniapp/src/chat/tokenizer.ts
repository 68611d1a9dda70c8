/** The tokenizer of a model, from the page's own origin and checked against the model root. */
import { ByteTokenizer } from '../../../exact/byteTokenizer';
import type { Tokenizer } from '../../../exact/tokenizer';
import { CARD_SEMANTICS, cardRoot, concatBytes, SEMANTICS, toHex } from '../../../protocol';
import { sha256 } from '../../../protocol/sha256';
import { fromBase64, fromHex } from '../chain';
import { PageError } from '../pageError';
import type { ModelEntry, PageTokenizer } from '../types';
import { chatError } from './errors';
import { type ChatFrame, isFrame } from './frame';

/** What miniapp/host/modelPart.ts writes: bytes as lowercase hex, the section as base64. */
export type ModelPartFile = (ExactPart | CardPart) & {
  version: 1;
  /** Of a model that takes chats. The one member that the model root does not cover (frame.ts): it is as good as the code that this origin serves. */
  frame?: ChatFrame;
};

export interface ExactPart {
  /** The model's config, 32 bytes. */
  config: string;
  /** Root of its rows: beside the config. */
  rows: string;
  /** Tokenizer section (docs/exact-arithmetic.md section 3). */
  section: string;
  /** Root of its tables: beside the tokenizer. */
  tables: string;
}

export interface CardPart {
  /** The model card as it is (docs/models.md): its root covers every byte. */
  card: string;
}

/** What a page does with a tokenizer of any kind. */
export type TextTokens = Pick<Tokenizer, 'stopTokens' | 'encodePrompt' | 'decode'>;

/** What of a model makes tokens of text. */
interface Proven {
  section: Uint8Array;
  vocab: number;
  context: number;
  semantics: number;
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
  const { known, frame } = proven(model, text);
  const { section, vocab } = known;
  try {
    // The library for chats is as large as all that is here, and half of the models do without.
    const tokenizer = section[1] === 2 ? (await import('./chatTokenizer')).chatTokenizer(section, vocab, frame) : ByteTokenizer.parse(section, vocab);
    return pageTokenizer(model.root, tokenizer, known);
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

/** @throws PageError `chat.tokenizerForged` */
function proven({ name, root }: ModelEntry, text: string): { known: Proven; frame?: ChatFrame } {
  try {
    const part = JSON.parse(text) as ModelPartFile;
    const [reached, known] = 'card' in part ? ofCard(part) : ofModel(part);
    const { version, frame } = part;
    if (version === 1 && toHex(reached) === root && (frame === undefined || isFrame(frame))) return { known, frame };
  } catch {
    // Not the file either.
  }
  throw chatError('chat.tokenizerForged', { name });
}

function ofModel(part: ExactPart): [Uint8Array, Proven] {
  const [config, rows, tables] = [part.config, part.rows, part.tables].map((hex) => fromHex(hex, 32));
  const section = fromBase64(part.section);
  const view = new DataView(config.buffer);
  return [node(node(sha256(config), rows), node(sha256(section), tables)), { section, vocab: view.getUint32(16), context: view.getUint32(20), semantics: SEMANTICS }];
}

function ofCard({ card }: CardPart): [Uint8Array, Proven] {
  const { context, vocabulary, tokenizer } = JSON.parse(card) as { context: number; vocabulary: number; tokenizer: string };
  return [cardRoot(new TextEncoder().encode(card)), { section: fromBase64(tokenizer), vocab: vocabulary, context, semantics: CARD_SEMANTICS }];
}

/** A prompt becomes what `cocoon gateway` makes of a chat with one message of the user. */
function pageTokenizer(modelRoot: string, tokenizer: TextTokens, { context, semantics }: Proven): PageTokenizer {
  const stops = new Set(tokenizer.stopTokens);
  return {
    modelRoot,
    semantics,
    stopTokens: tokenizer.stopTokens,
    encode: (prompt) => {
      if (prompt.length > CHARACTERS_PER_TOKEN * context) throw chatError('chat.promptTooLong', { most: String(context) });
      try {
        return tokenizer.encodePrompt(prompt);
      } catch (cause) {
        const { code, received = '', message } = cause as { code?: string; received?: string; message: string };
        throw code === 'input.chat.special' ? chatError('chat.specialText', { text: received }, cause) : chatError('chat.promptRefused', { why: message }, cause);
      }
    },
    decode: (tokens) => tokenizer.decode(tokens.filter((token) => !stops.has(token))),
  };
}
