/** What the host publishes of a chat template: the frame of a single message, and nothing of a template that has none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Tokenizer } from '../../../exact';
import { chatFrame } from '../../../miniapp/host/chatFrame';
import { modelPart } from '../../../miniapp/host/modelPart';
import { SHIPPED_MODEL } from '../../../worker/engine';
import { writeModel } from '../../exact/writeModel';
import { automatonModel, CHAT_TEMPLATE } from '../../gateway/automaton';
import { chatSection, CHATS } from './chatSections';

const frameOf = (template: string) => chatFrame(Tokenizer.parse(chatSection(template), 512), 'a model');
const refused = (why: RegExp) => (error: { code: string; received: string; shortMessage: string }): boolean => {
  assert.deepEqual([error.code, error.shortMessage], ['config.page.template', 'this model\'s chat template cannot be used by the page']);
  assert.match(error.received, why);
  return true;
};

describe('the frame of a chat template', () => {
  test('is what the template writes around a message, with the white space that it takes away', () => {
    assert.deepEqual(frameOf(CHATS.chatml), { before: '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n', after: '<|im_end|>\n<|im_start|>assistant\n', trims: 'none' });
    assert.deepEqual(frameOf(CHATS.llama), { before: '<s><|im_start|>user\n\n', after: '<|im_end|><|im_start|>assistant\n\n', trims: 'both' });
    assert.deepEqual(frameOf(CHATS.mistral), { before: '<s>[INST] ', after: ' [/INST]', trims: 'end' });
    assert.deepEqual(frameOf(CHATS.qwen), { before: '<|im_start|>user\n', after: '<|im_end|>\n<|im_start|>assistant\n', trims: 'none' });
    assert.equal(frameOf('{{ messages[0].content.lstrip() }}')?.trims, 'start');
  });

  test('is published beside the proof, and not of a model without chats', () => {
    assert.equal(modelPart(SHIPPED_MODEL).part.frame, undefined);
    assert.equal(frameOf(''), undefined);
  });

  const message = '{{ messages[0].content }}';
  const others: Record<string, [template: string, why: RegExp]> = {
    'that changes a message': ['{{ messages[0].content | replace("a", "b") }}', /something else/],
    'that writes it as JSON': ['{{ messages[0].content | tojson }}', /something else/],
    'that writes it in small letters': ['{{ messages[0].content | lower }}', /not write the message once/],
    'that writes it twice': [`${message} ${message}`, /not write the message once/],
    'that leaves it out': ['Hello', /not write the message once/],
    'that shortens it': ['{{ messages[0].content[:2000] }}', /something else/],
    'that writes more after a long one': [`${message}{% if messages[0].content | length > 700 %}!{% endif %}`, /something else/],
    'that drops an empty one': [`{% if messages[0].content %}<|im_start|>${message}{% endif %}`, /something else/],
    'that asks for a word in it': [`${message}{% if 'weather today' in messages[0].content %}!{% endif %}`, /something else/],
    'that asks how it begins and ends': [`${message}{% if messages[0].content.startswith('<one>') and messages[0].content.endswith('</one>') %}!{% endif %}`, /something else/],
    'that compares it': [`${message}{% if messages[0].content == 'ping' %}!{% endif %}`, /something else/],
    'that says whether it trimmed it': ['{{ messages[0].content.strip() }}{% if messages[0].content.strip() != messages[0].content %} {% endif %}', /something else/],
    'that writes the date': [`{{ strftime_now('%d %b %Y') }}${message}`, /the date/],
    'that writes the date where it can': [`{% if strftime_now is defined %}{% set today = strftime_now('%Y') %}{% else %}{% set today = '2024' %}{% endif %}{{ today }}${message}`, /the date/],
    'that wants a system message': ["{% if messages[0].role != 'system' %}{{ raise_exception('no system message') }}{% endif %}", /refuses a message/],
    'that is none': ['{% if %}', /refuses a message/],
  };
  for (const [name, [template, why]] of Object.entries(others)) {
    test(`is refused to a template ${name}`, () => void assert.throws(() => frameOf(template), refused(why)));
  }

  test('is refused to one whose answer the words of the message choose, with the name of the model', () => {
    assert.match(CHAT_TEMPLATE, /'dice' in last\.content/);
    assert.throws(() => modelPart(writeModel(automatonModel())), refused(/^[0-9a-f]{64}: it writes something else/));
  });
});
