/**
 * The tokenizer in a GGUF header, as the tokenizer.json that it was made from: byte-level BPE ("gpt2", by the name of its
 * rule for cutting a text) and SentencePiece's BPE ("llama"). Other kinds are refused by name.
 */
import { z } from 'zod';
import { refuse } from './architecture';
import type { GgufMetadata } from './gguf';
import { checkedTokenizer } from './tokenizerParts';

/** llama.cpp's kinds of tokens. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;

/** How a text is cut before merging, as the models' own tokenizer.json say. */
const PIECES: Record<string, { pattern?: string; normalizer?: object; ignoreMerges?: boolean }> = {
  'llama-bpe': {
    pattern: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ignoreMerges: true,
  },
  qwen2: {
    pattern: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    normalizer: { type: 'NFC' },
  },
  'gpt-2': {},
};

const Fields = z.object({
  model: z.string(),
  pre: z.string().optional(),
  tokens: z.array(z.string()),
  scores: z.array(z.number()).optional(),
  token_type: z.array(z.int()),
  merges: z.array(z.string()).optional(),
  bos_token_id: z.int().nonnegative().optional(),
  eos_token_id: z.int().nonnegative().optional(),
  eot_token_id: z.int().nonnegative().optional(),
  eom_token_id: z.int().nonnegative().optional(),
  add_bos_token: z.boolean().optional(),
  add_space_prefix: z.boolean().optional(),
});
type Fields = z.infer<typeof Fields>;

/** The tokenizer section for a file's model. @throws ModelImportError `model.import.tokenizer` */
export function tokenizerOfGguf(metadata: GgufMetadata, vocab: number): Buffer {
  const prefix = 'tokenizer.ggml.';
  const given = Object.entries(metadata).filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name.slice(prefix.length), value] as const);
  const parsed = Fields.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    refuse('tokenizer', 'the header has no tokenizer that can be read', issue.message, issue.path.join('.'));
  }
  const fields = parsed.data;
  if (fields.tokens.length !== fields.token_type.length || fields.tokens.length > vocab) {
    refuse('tokenizer', 'the header counts its tokens wrongly', `as many types as tokens, at most ${vocab}`,
      `${fields.tokens.length} tokens, ${fields.token_type.length} types`);
  }
  const { json, addsBos } = tokenizerJson(fields);
  const { bos_token_id: bos, eos_token_id: eos, eot_token_id: eot, eom_token_id: eom, add_bos_token: adds = addsBos } = fields;
  const template = metadata['tokenizer.chat_template'];
  return checkedTokenizer(json, {
    bosToken: adds ? bos : undefined,
    eosToken: eos,
    stopTokens: [eos, eot, eom].filter((id) => id !== undefined),
    chatTemplate: typeof template === 'string' ? template : '',
  }, vocab);
}

type Json = Record<string, unknown>;

function tokenizerJson(fields: Fields): { json: Json; addsBos: boolean } {
  if (fields.model === 'gpt2') return { json: byteLevel(fields), addsBos: fields.pre === 'llama-bpe' };
  if (fields.model === 'llama') return { json: sentencePiece(fields), addsBos: true };
  refuse('tokenizer', 'this kind of tokenizer cannot be imported', 'gpt2 or llama', fields.model);
}

/** Tokens of these kinds by their texts; the first of equal ones. */
function vocabOf({ tokens, token_type: types }: Fields, kinds: number[]): Record<string, number> {
  const vocab = new Map<string, number>();
  tokens.forEach((text, id) => {
    if (kinds.includes(types[id]) && !vocab.has(text)) vocab.set(text, id);
  });
  return Object.fromEntries(vocab);
}

const addedTokens = ({ tokens, token_type: types }: Fields, kinds: number[]): Json[] => tokens.flatMap((content, id) =>
  (kinds.includes(types[id]) && content !== '' ? [{ id, content, special: types[id] !== USER_DEFINED, normalized: false }] : []));

function byteLevel(fields: Fields): Json {
  const { pre = 'gpt-2', merges = [] } = fields;
  const pieces = Object.hasOwn(PIECES, pre) ? PIECES[pre] : undefined;
  if (!pieces) refuse('tokenizer', 'this rule for cutting texts is not known', Object.keys(PIECES).join(', '), pre);
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: pieces.pattern === undefined };
  const split = { type: 'Split', pattern: { Regex: pieces.pattern }, behavior: 'Isolated', invert: false };
  return {
    added_tokens: addedTokens(fields, [CONTROL, USER_DEFINED]),
    normalizer: pieces.normalizer ?? null,
    pre_tokenizer: pieces.pattern === undefined ? bytes : { type: 'Sequence', pretokenizers: [split, bytes] },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: 'BPE', vocab: vocabOf(fields, [NORMAL]), merges, ignore_merges: pieces.ignoreMerges ?? false },
  };
}

/** As transformers' convert_slow_tokenizer.py makes it of a SentencePiece BPE model. */
function sentencePiece(fields: Fields): Json {
  const { tokens, token_type: types, scores, add_space_prefix: prefixed = true } = fields;
  if (scores?.length !== tokens.length) {
    refuse('tokenizer', 'the header counts its scores wrongly', `${tokens.length} scores`, `${scores?.length ?? 0}`);
  }
  const vocab = vocabOf(fields, [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE]);
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
    ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  const unknown = types.indexOf(UNKNOWN);
  return {
    added_tokens: addedTokens(fields, [UNKNOWN, CONTROL, USER_DEFINED]),
    normalizer: prefixed ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, space] } : space,
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    model: {
      type: 'BPE', vocab, merges: mergesOf(tokens, types, scores, vocab), fuse_unk: true, byte_fallback: true,
      unk_token: unknown < 0 ? null : tokens[unknown],
    },
  };
}

/** Every pair of tokens that makes a token, the best token first. */
function mergesOf(tokens: string[], types: number[], scores: number[], vocab: Record<string, number>): [string, string][] {
  const known = new Map(Object.entries(vocab));
  const merges: { left: string; right: string; score: number }[] = [];
  tokens.forEach((text, id) => {
    if (types[id] !== NORMAL && types[id] !== USER_DEFINED) return;
    const letters = Array.from(text);
    const pairs = letters.slice(1).map((_, i) => ({ left: letters.slice(0, i + 1).join(''), right: letters.slice(i + 1).join('') }))
      .filter(({ left, right }) => known.has(left) && known.has(right))
      .sort((a, b) => known.get(a.left)! - known.get(b.left)! || known.get(a.right)! - known.get(b.right)!);
    merges.push(...pairs.map((pair) => ({ ...pair, score: scores[id] })));
  });
  const letters = (text: string): number => Array.from(text).length;
  merges.sort((a, b) => b.score - a.score || letters(b.left) - letters(a.left) || letters(b.right) - letters(a.right));
  return merges.map(({ left, right }) => [left, right]);
}
