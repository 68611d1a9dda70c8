/** Answers that no small model gives by itself: several calls, stop strings in and around them. Tokens come from a list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GREEDY } from '../../exact';
import type { AnswerEvent, CompletionBackend, TokenRequest } from '../../gateway';
import { answerText, type TextOrder } from '../../gateway/text/answerText';
import { automatonBackend, collect, tokenizer } from './support';

const [card] = automatonBackend().models();
const CALL = '<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>';

/** Says this text token by token until it is told that it is enough. */
class Saying implements CompletionBackend {
  said = 0;
  constructor(private readonly text: string, private readonly finishReason: 'stop' | 'length' = 'stop') {}

  models = () => [card];

  async *complete({ enough }: TokenRequest): AsyncIterable<AnswerEvent> {
    yield { kind: 'start' };
    for (const token of tokenizer.encode(this.text)) {
      if (enough.aborted) break;
      this.said++;
      yield { kind: 'tokens', tokens: [token] };
    }
    yield { kind: 'end', finishReason: enough.aborted ? 'enough' : this.finishReason, promptTokens: 1, completionTokens: this.said };
  }
}

async function read(backend: Saying, order: Partial<Pick<TextOrder, 'stopStrings' | 'tools'>> = {}) {
  const request = { promptTokens: [0], maxTokens: 900, sampling: GREEDY, abort: new AbortController().signal };
  const items = await collect(answerText(backend, { card, request, stopStrings: [], ...order }));
  const events = items.flatMap((item) => (item.kind === 'step' ? item.events : []));
  const end = items[items.length - 1];
  return {
    text: events.map((event) => (event.kind === 'text' ? event.text : '')).join(''),
    calls: events.filter(({ kind }) => kind === 'call').length,
    finish: end.kind === 'end' && end.finishReason,
  };
}
const tools = { onlyOne: false, answerPrefix: '' };

test('all calls of an answer are told, or only the first where one is wanted, and then no more is made', async () => {
  const text = `So:${CALL}\n${CALL}\nDone.`;
  assert.deepEqual(await read(new Saying(text), { tools }), { text: 'So:\nDone.', calls: 2, finish: 'tool_calls' });
  const one = new Saying(text);
  assert.deepEqual(await read(one, { tools: { ...tools, onlyOne: true } }), { text: 'So:', calls: 1, finish: 'tool_calls' });
  assert.equal(one.said, tokenizer.encode(`So:${CALL}`).length);
  assert.deepEqual(await read(new Saying(text)), { text, calls: 0, finish: 'stop' });
});

test('a call that the prompt began is told whole, and one that was cut off says so', async () => {
  const answerPrefix = '<tool_call>\n{"name": "f", "arguments": ';
  assert.deepEqual(await read(new Saying('{"x": 1}}</tool_call>'), { tools: { onlyOne: true, answerPrefix } }), { text: '', calls: 1, finish: 'tool_calls' });
  assert.deepEqual(await read(new Saying('{"x": ', 'length'), { tools: { onlyOne: true, answerPrefix } }), { text: '', calls: 1, finish: 'length' });
});

test('what waits for a stop string or a call comes out at the end, and nothing behind a stop string does', async () => {
  assert.deepEqual(await read(new Saying('one two thr'), { stopStrings: ['three'] }), { text: 'one two thr', calls: 0, finish: 'stop' });
  assert.deepEqual(await read(new Saying('a <tool_'), { tools }), { text: 'a <tool_', calls: 0, finish: 'stop' });
  const cut = new Saying(`one two three${CALL}`, 'length');
  assert.deepEqual(await read(cut, { stopStrings: ['two'], tools }), { text: 'one ', calls: 0, finish: 'stop' });
  assert.equal(cut.said, 7);
});
