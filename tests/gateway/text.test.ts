/** Text, stop strings and tool calls out of pieces, wherever the pieces are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StopStrings } from '../../gateway/text/stopStrings';
import { TokenTextDecoder } from '../../gateway/text/textDecoder';
import { ToolCallParser, type ToolCallEvent } from '../../gateway/text/toolCalls';
import { ByteTokenizer } from '../../exact/byteTokenizer';
import { readVectors, u8 } from '../exact/support';
import { tokenizer } from './support';

const RUNS = { numRuns: 400, seed: 20261127 };
/** A text cut anywhere. */
const cutText = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.array(fc.nat(200), { maxLength: 12 })).map(([whole, cuts]) => {
  const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  return { whole, pieces: [0, ...at].map((from, i) => whole.slice(from, at[i] ?? whole.length)) };
});

const trained = ByteTokenizer.parse(u8(readVectors<Record<'trained', { section: string }>>('tokenizer').trained.section), 2048);
for (const [name, of] of Object.entries({ bytes: trained, json: tokenizer })) {
  test(`pieces of text (${name}) joined are the text of all tokens, and no piece but the last breaks a character`, () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const decoder = new TokenTextDecoder(of);
      const tokens = of.encode(text);
      const pieces = tokens.map((token) => decoder.push(token));
      assert.equal([...pieces, decoder.end()].join(''), of.decode(tokens));
      if (!text.includes('\uFFFD')) assert.ok(pieces.every((piece) => !piece.includes('\uFFFD')));
    }), RUNS);
  });
}

test('bytes that are no UTF-8 come out as they are decoded at once, and hold back nothing for ever', () => {
  fc.assert(fc.property(fc.array(fc.nat(255), { maxLength: 30 }), (tokens) => {
    const decoder = new TokenTextDecoder(tokenizer);
    assert.equal([...tokens.map((token) => decoder.push(token)), decoder.end()].join(''), tokenizer.decode(tokens));
  }), RUNS);
});

test('a stop string is found wherever the pieces are cut, and only text before the first one passes', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), { maxLength: 3 });
  fc.assert(fc.property(cutText(letters), stops, ({ whole, pieces }, strings) => {
    const search = new StopStrings(strings);
    let text = '';
    let stopped = false;
    for (const piece of pieces) {
      if (stopped) break;
      const found = search.push(piece);
      text += found.text;
      stopped = found.stopped;
    }
    // The one that is complete first ends the answer, as it does while tokens come.
    const ends = strings.map((stop) => ({ stop, end: whole.indexOf(stop) + stop.length })).filter(({ stop }) => whole.includes(stop));
    assert.equal(stopped, ends.length > 0);
    if (!stopped) assert.equal(text + search.end(), whole);
    else assert.ok(ends.some(({ stop, end }) => text === whole.slice(0, end - stop.length)));
  }), RUNS);
});

interface Parsed {
  text: string;
  calls: { name: string; arguments: string; ended: boolean }[];
}

function parse(pieces: readonly string[]): Parsed {
  const parser = new ToolCallParser();
  const events: ToolCallEvent[] = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
  const parsed: Parsed = { text: '', calls: [] };
  for (const event of events) {
    if (event.kind === 'text') parsed.text += event.text;
    else if (event.kind === 'call') parsed.calls[event.index] = { name: event.name, arguments: '', ended: false };
    else if (event.kind === 'arguments') parsed.calls[event.index].arguments += event.text;
    else parsed.calls[event.index].ended = true;
  }
  return parsed;
}
const call = (name: string, args: string) => ({ name, arguments: args, ended: true });

test('tool calls are read in every form that models write, and what is none stays text', () => {
  const table: [string, string, Parsed][] = [
    ['plain text', 'a < b <tool', { text: 'a < b <tool', calls: [] }],
    ['one call', '<tool_call>\n{"name": "f", "arguments": {"a": [1, {"b": "}"}]}}\n</tool_call>', { text: '', calls: [call('f', '{"a": [1, {"b": "}"}]}')] }],
    ['text before and after', 'Let me see.\n\n<tool_call>{"name":"f","arguments":{}}</tool_call>\nDone.', { text: 'Let me see.\nDone.', calls: [call('f', '{}')] }],
    ['two calls', '<tool_call>{"name":"f","arguments":{}}</tool_call>\n<tool_call>{"name":"g","arguments":{"x":1}}</tool_call>', { text: '', calls: [call('f', '{}'), call('g', '{"x":1}')] }],
    ['arguments first', '<tool_call>{"arguments": {"x": 1}, "name": "f"}</tool_call>', { text: '', calls: [call('f', '{"x":1}')] }],
    ['arguments as text', '<tool_call>{"name": "f", "arguments": "{\\"x\\": 1}"}</tool_call>', { text: '', calls: [call('f', '{"x": 1}')] }],
    ['no arguments', '<tool_call>{"name": "f"}</tool_call>', { text: '', calls: [call('f', '{}')] }],
    ['no closing tag', '<tool_call>{"name": "f", "arguments": {"x": 1}}', { text: '', calls: [call('f', '{"x": 1}')] }],
    ['cut in the arguments', '<tool_call>{"name": "f", "arguments": {"x": ', { text: '', calls: [{ name: 'f', arguments: '{"x": ', ended: false }] }],
    ['not JSON', '<tool_call>f(1)</tool_call>', { text: '<tool_call>f(1)</tool_call>', calls: [] }],
    ['no name', '<tool_call>{"arguments": {}}</tool_call>', { text: '<tool_call>{"arguments": {}}</tool_call>', calls: [] }],
    ['cut before the name', 'x<tool_call>{"na', { text: 'x<tool_call>{"na', calls: [] }],
    ['escapes', '<tool_call>{"name": "f", "arguments": {"x": "\\"}\\\\"}}</tool_call>', { text: '', calls: [call('f', '{"x": "\\"}\\\\"}')] }],
  ];
  for (const [name, text, expected] of table) {
    assert.deepEqual(parse([text]), expected, name);
    assert.deepEqual(parse([...text]), expected, `${name}, letter by letter`);
  }
});

test('any text with tags in it gives the same calls and text, wherever it is cut', () => {
  const unit = fc.constantFrom('<tool_call>', '</tool_call>', '{"name": "f", "arguments": ', '{"x": "y"}', '}', '{', '"', '\\', ' ', '\n', 'a', '<');
  fc.assert(fc.property(cutText(fc.string({ unit, maxLength: 14 })), ({ whole, pieces }) => {
    assert.deepEqual(parse(pieces), parse([whole]));
  }), { ...RUNS, numRuns: 2000 });
});
