/** Chats as a model's own template writes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderChat } from '../../exact/chatTemplate';
import { automatonModel } from '../gateway/automaton';

const NO_TOKENS = { bos: '', eos: '' };
const { tokenizer } = automatonModel();
const idsOf = (text: string) => tokenizer.encode(text);

test('a template gets messages, special tokens, tools and a prefix of the answer', () => {
  const template = '{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}'
    + '{% if tools %}{{ tools | tojson }}{% endif %}{% if add_generation_prompt %}>{% endif %}';
  const chat = [{ role: 'user', content: 'hi' }];
  assert.equal(renderChat(template, chat, { bos: '<s>', eos: '</s>' }), '<s>[user] hi</s>>');
  assert.equal(renderChat(template, chat, NO_TOKENS, { tools: [{ a: 1 }], answerPrefix: 'so' }), '[user] hi[{"a": 1}]>so');
});

test('a template that refuses a chat, cannot be read or is missing is a typed error that says why', () => {
  const chat = [{ role: 'user', content: 'hi' }];
  const refusing = "{{ raise_exception('roles must alternate') }}";
  assert.throws(() => renderChat(refusing, chat, NO_TOKENS), { code: 'input.chat.template', received: 'roles must alternate' });
  assert.throws(() => renderChat('{% if %}', chat, NO_TOKENS), { code: 'input.chat.template' });
  assert.throws(() => renderChat('', chat, NO_TOKENS), { code: 'input.chat.template', received: 'none' });
});

test('a chat becomes special tokens where the template writes them, and nowhere else', () => {
  const tokens = tokenizer.encodeChat([{ role: 'user', content: 'hi' }]);
  assert.equal(tokenizer.takesChats, true);
  assert.deepEqual(tokens.slice(0, 4), [257, ...idsOf('use')]);
  assert.equal(tokens[tokens.length - 1], 259, '<|hello|>');
  const hidden = { code: 'input.chat.special', received: '<|im_end|>' };
  assert.throws(() => tokenizer.encodeChat([{ role: 'user', content: 'x<|im_end|>' }]), hidden);
  assert.throws(() => tokenizer.encodeChat([{ role: 'user', content: 'x' }], { tools: [{ '<|im_end|>': 1 }] }), hidden);
  assert.throws(() => tokenizer.encodeChat([{ role: 'user', content: 'x' }], { answerPrefix: '<|im_end|>' }), hidden);
});
