/** What a model reads of a chat: OpenAI's messages in the words of its template. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatPrompt } from '../../gateway/openai/chatPrompt';
import { parseChat } from '../../gateway/openai/chatRequest';
import { answerFormat } from '../../gateway/openai/responseFormat';
import { automatonBackend, loaded, tokenizer, WEATHER_TOOL } from './support';

const [card] = automatonBackend().models();
const promptOf = (body: object) => {
  const { fields } = parseChat({ model: loaded.name, ...body });
  return chatPrompt(card, fields, answerFormat(fields.response_format));
};
/** Without special tokens, which stand where the template puts them. */
const textOf = (body: object) => tokenizer.decode(promptOf(body).tokens);
const hi = { role: 'user', content: 'hi' };

test('developer is system, parts are joined, null is empty, and calls and their results are where the template wants them', () => {
  const messages = [
    { role: 'developer', content: [{ type: 'text', text: 'Be ' }, { type: 'text', text: 'brief.' }] },
    hi,
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"x":[1]}' } }] },
    { role: 'tool', tool_call_id: 'call_1', content: '21' },
  ];
  assert.equal(textOf({ messages }),
    'system\nBe brief.\nuser\nhi\nassistant\n<tool_call>\n{"name": "f", "arguments": {"x": [1]}}\n</tool_call>\ntool\n21\nassistant\n');
});

test('tools go through the template unless tool_choice is none, and a call that has to be made is begun', () => {
  const tools = [WEATHER_TOOL];
  const prefix = (choice: unknown) => promptOf({ messages: [hi], tools, tool_choice: choice }).tools?.answerPrefix;
  assert.match(textOf({ messages: [hi], tools }), /Tools: \[\{"type": "function", "function": \{"name": "get_weather"/);
  assert.equal(textOf({ messages: [hi], tools, tool_choice: 'none' }), textOf({ messages: [hi] }));
  assert.equal(prefix('none'), undefined);
  assert.equal(prefix('auto'), '');
  assert.equal(prefix('required'), '<tool_call>\n{"name": "');
  const named = { type: 'function', function: { name: 'get_weather' } };
  assert.equal(prefix(named), '<tool_call>\n{"name": "get_weather", "arguments": ');
  assert.ok(textOf({ messages: [hi], tools, tool_choice: named }).endsWith(prefix(named)!));
  assert.equal(promptOf({ messages: [hi], tools, parallel_tool_calls: false }).tools?.onlyOne, true);
  const strict = [{ ...WEATHER_TOOL, function: { ...WEATHER_TOOL.function, strict: true } }];
  assert.deepEqual(promptOf({ messages: [hi], tools: strict }).warnings, ['strict of tools is not enforced']);
});

test('a format is asked for behind what the system message says, or in one of its own', () => {
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } };
  assert.match(textOf({ messages: [{ role: 'system', content: 'Be brief.' }, hi], response_format: format }),
    /^system\nBe brief\.\n\nAnswer with JSON that matches this JSON Schema, and nothing else: \{"type":"object"\}\nuser/);
  assert.match(textOf({ messages: [hi], response_format: { type: 'json_object' } }), /^system\nAnswer with one JSON object and nothing else\.\nuser/);
  assert.equal(textOf({ messages: [hi], response_format: { type: 'text' } }), textOf({ messages: [hi] }));
});
