/**
 * A model whose weights make it an automaton: the next token follows from the current one. The engines run it like any other,
 * so tools, logprobs, stop strings and seeds are tried with real arithmetic, and every answer is known beforehand.
 */
import { loadModel, Tokenizer, type ExactModel } from '../../exact';
import { tokenizerSection, type TokenizerJson } from '../../exact/jsonTokenizer';
import type { Matrix } from '../../exact/modelFile';
import type { LoadedModel } from '../../worker/engine';
import { modelPath } from '../exact/support';
import { writeModel } from '../exact/writeModel';
import { byteLetters } from '../import/tokenizers';

/** dim and vocab: a token is a direction of its own. */
const SIZE = 512;
const CONTEXT = 1024;
/**
 * An arrow's logit is 127 * 127 * 2^-7 * 32768 / 2^17, about 31, since the norm makes a single direction 127 * 2^-7: at
 * temperature 1 all else has weight 0.
 */
const HEAD_SHIFT = 17;

/** Tokens with a text of their own, by what they begin: each ends an arrow of the automaton. */
const SCRIPTS: Record<string, string[]> = {
  '<|hello|>': ['Hello', ' from', ' the', ' automaton', '.'],
  '<|call|>': ['<tool_call>', '\n', '{"name": "', 'get_weather', '", "arguments": ', '{"city": ', '"Par', 'is"', '}}', '\n</tool_call>'],
  '<|answer|>': ['It is', ' 21', ' degrees', ' in Paris', '!'],
  '<|json|>': ['{"city": "Paris"', ', "degrees": 21', '}'],
};
/** Bytes of 😀é日: characters over several tokens. */
const UNICODE = [...Buffer.from('😀é日')];
const DICE = [...'ABCDEF'].map((letter) => letter.charCodeAt(0));
const STARTS = [...Object.keys(SCRIPTS), '<|unicode|>', '<|dice|>', '<|letters|>'];

/** Which script answers is the template's choice: tokens know only the one before them. */
export const CHAT_TEMPLATE = `{%- if tools %}<|im_start|>system
Call tools as <tool_call>{"name": ..., "arguments": ...}</tool_call>. Tools: {{ tools | tojson }}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
{% set last = messages[-1] %}
{%- if last.role == 'tool' %}<|answer|>
{%- elif tools %}<|call|>
{%- elif 'JSON' in messages[0].content %}<|json|>
{%- elif 'unicode' in last.content %}<|unicode|>
{%- elif 'dice' in last.content %}<|dice|>
{%- elif 'letters' in last.content %}<|letters|>
{%- else %}<|hello|>{% endif %}`;

const SPECIALS = ['<|end|>', '<|im_start|>', '<|im_end|>', ...STARTS];
const WORDS = [...new Set(Object.values(SCRIPTS).flat().filter((text) => Buffer.byteLength(text) > 1))];
const idOf = (text: string): number => {
  const special = SPECIALS.indexOf(text);
  if (special >= 0) return 256 + special;
  const word = WORDS.indexOf(text);
  return word >= 0 ? 256 + SPECIALS.length + word : text.charCodeAt(0);
};
const END = idOf('<|end|>');

/** from -> to, of equal weight where one has several */
function arrows(): [number, number][] {
  const chain = (ids: number[]) => ids.slice(1).map((id, i): [number, number] => [ids[i], id]);
  const letters = Array.from({ length: 26 }, (_, i) => 97 + i);
  return [
    ...Object.entries(SCRIPTS).flatMap(([start, texts]) => chain([start, ...texts, '<|end|>'].map(idOf))),
    ...chain([idOf('<|unicode|>'), ...UNICODE, END]),
    ...[idOf('<|dice|>'), ...DICE].flatMap((from) => DICE.map((to): [number, number] => [from, to])),
    ...chain([idOf('<|letters|>'), ...letters, 97]),
  ];
}

function tokenizer(): Uint8Array {
  const added = (content: string, special: boolean) => ({
    id: idOf(content), content, special, single_word: false, lstrip: false, rstrip: false, normalized: false,
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const json: TokenizerJson = {
    added_tokens: [...SPECIALS.map((text) => added(text, true)), ...WORDS.map((text) => added(text, false))],
    decoder: byteLevel, normalizer: null, pre_tokenizer: byteLevel,
    model: { type: 'BPE', vocab: Object.fromEntries(byteLetters().map((letter, byte) => [letter, byte])), merges: [] },
  };
  return tokenizerSection({ json, eosToken: END, stopTokens: [END], chatTemplate: CHAT_TEMPLATE });
}

/** Nothing changes the residual, so that the head sees the current token alone. */
export function automatonModel(): ExactModel {
  const base = loadModel(modelPath('single'));
  const config = {
    ...base.config, layers: 1, dim: SIZE, heads: 1, kvHeads: 1, headDim: 16, ffn: 64, vocab: SIZE, context: CONTEXT, flags: 0,
    epsTerm: Math.floor(SIZE * 1e-5 * 2 ** 32),
  };
  const zero = (name: string, rows: number, columns: number): Matrix => ({
    name, rows, columns, weights: new Int8Array(rows * columns),
    multipliers: new Uint16Array(rows).fill(32768), shifts: new Uint8Array(rows).fill(47),
  });
  const embedding = zero('embedding', SIZE, SIZE);
  embedding.shifts.fill(20);
  for (let id = 0; id < SIZE; id++) embedding.weights[id * SIZE + id] = 127;
  const head = zero('head', SIZE, SIZE);
  head.shifts.fill(HEAD_SHIFT);
  for (const [from, to] of arrows()) head.weights[to * SIZE + from] = 127;
  const model: ExactModel = {
    ...base, config,
    tokenizer: Tokenizer.parse(tokenizer(), SIZE),
    tables: {
      ...base.tables, cos: new Int16Array((CONTEXT * config.headDim) / 2).fill(16384), sin: new Int16Array((CONTEXT * config.headDim) / 2),
    },
    embedding, head,
    layers: [{
      query: zero('query', 16, SIZE), key: zero('key', 16, SIZE), value: zero('value', 16, SIZE), output: zero('output', SIZE, 16),
      gate: zero('gate', 64, SIZE), up: zero('up', 64, SIZE), down: zero('down', SIZE, 64),
    }],
  };
  return loadModel(writeModel(model));
}

export function loadedAutomaton(): LoadedModel {
  const model = automatonModel();
  return { model, name: 'automaton', stopTokens: [...model.tokenizer.stopTokens] };
}
