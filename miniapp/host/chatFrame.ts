/** What a model's chat template writes around one message of the user: the page has no room for what renders templates. */
import { tokenize } from '@huggingface/jinja';
import type { Tokenizer } from '../../exact';
import { JsonTokenizer } from '../../exact/jsonTokenizer';
import { type ChatFrame, framed, TRIM_NAMES } from '../src/chat/frame';
import { HostError } from './errors';

/** A message that is found again in what a template wrote. */
const MARK = 'q7Zk';
/** White space of JavaScript, of Python alone, and none at all. */
const BLANKS = [' ', '\t', '\n', '\r', '\v', '\f', '\u00a0', '\u2003', '\u2028', '\u3000', '\ufeff', '\u001c', '\u0085', '\u200b', '\0'];
const MESSAGES = [
  'a', 'A', '0', '-1.50', 'true', 'none', 'null', '[]', '{"a": [1, "b"]}', 'two words', 'two\nlines', 'two\r\n\r\nparagraphs', 'many    blanks', 'A dog 🐕 is', '👩‍🚀🏳️‍🌈', 'Привет, мир', 'e\u0301 é', '日本語', 'שלום',
  '\ud800 alone', '<b>&amp;"\'`</b>', '\\n\\u0041', '{{ messages }}{% if x %}{# y #}', '$& $1 %s {0}', '# Title\n\n- one\n- two\n\n```js\nf();\n```', '</think> <tool_call> [INST] <image> ', '/think', '/no_think',
  'word '.repeat(20), 'word '.repeat(200), 'x'.repeat(1_025), 'word\n'.repeat(20_000),
];
const ANY = [
  '', ...BLANKS, ...BLANKS.flatMap((blank) => [`${blank}a`, `a${blank}`, `${blank}${blank}a\n${blank}a${blank}`]),
  ...MESSAGES.flatMap((text) => [text, ` ${text}`, `${text}\n`, `\n\t ${text} \n\n`]),
];

/**
 * The frame that the template was found to write around every one of several hundred messages, among them what it compares texts with itself. No number of messages
 * proves it for all of them; if it does not hold for one, the page asks something other than `cocoon gateway` would, and nothing else.
 * @param model as an error names it
 * @returns undefined for a model without chats
 * @throws HostError `config.page.template`
 */
export function chatFrame(tokenizer: Tokenizer, model: string): ChatFrame | undefined {
  if (!tokenizer.takesChats) return undefined;
  const refuse = (why: string, cause?: unknown): never => {
    throw new HostError('config.page.template', 'this model\'s chat template cannot be used by the page', {
      expected: 'a template that writes the message of a user as it is, and always the same around it', received: `${model}: ${why}`, hint: 'serve it with cocoon gateway', cause,
    });
  };
  if (!(tokenizer instanceof JsonTokenizer)) return refuse('not a tokenizer of kind 2');
  const tokens = tokenize(tokenizer.chatTemplate);
  // The only function of templates that gives something else another time.
  if (tokens.some(({ type, value }) => type === 'Identifier' && value === 'strftime_now')) refuse('it writes the date');
  const rendered = (content: string): string => {
    try {
      return tokenizer.chatText([{ role: 'user', content, name: undefined }]);
    } catch (cause) {
      return refuse('it refuses a message', cause);
    }
  };
  const [before, after, ...more] = rendered(MARK).split(MARK);
  if (after === undefined || more.length > 0) refuse('it does not write the message once');
  const quoted = [...new Set(tokens.filter(({ type }) => type === 'StringLiteral').map(({ value }) => value))];
  const messages = [...ANY, ...quoted.flatMap((text, i) => [text, `a ${text} b`, `${text}\na`, `a\n${text}`, `${text}a${quoted[i + 1] ?? text}`])];
  // The page refuses the others.
  const texts = messages.filter((text) => tokenizer.specialIn([text]) === undefined).map((text) => [text, rendered(text)]);
  const frames = TRIM_NAMES.map((trims): ChatFrame => ({ before, after, trims }));
  return frames.find((frame) => texts.every(([text, whole]) => framed(frame, text) === whole)) ?? refuse('it writes something else around some messages');
}
