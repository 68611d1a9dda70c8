/** What a page makes of a prompt is what a gateway makes of it, and it takes no tokenizer but the model's own. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { loadModel, Tokenizer } from '../../../exact';
import type { ModelCard } from '../../../gateway';
import { chatPrompt } from '../../../gateway/openai/chatPrompt';
import { modelPart, type PublishedModel } from '../../../miniapp/host/modelPart';
import { loadTokenizer } from '../../../miniapp/src/chat';
import type { ExactPart } from '../../../miniapp/src/chat/tokenizer';
import type { PageTokenizer } from '../../../miniapp/src/types';
import { CARD_SEMANTICS, SEMANTICS } from '../../../protocol';
import { openModel, SHIPPED_MODEL } from '../../../worker/engine';
import { CARD_FORMAT, parseCard } from '../../../worker/upstream/modelCard';
import { writeModel } from '../../exact/writeModel';
import { automatonModel } from '../../gateway/automaton';
import { chatSection, CHATS } from './chatSections';
import { entryOf, serving, tokenizerOf } from './tokenizers';

const shipped = openModel();
const written = writeModel({ ...automatonModel(), tokenizer: Tokenizer.parse(chatSection(CHATS.chatml), 512) });
const chatting = loadModel(written);
const published = { shipped: modelPart(SHIPPED_MODEL), chatting: modelPart(written) };

/** The tokens that `cocoon gateway` makes of a chat with one message. */
function gatewayTokens({ tokenizer, config, modelRoot }: { tokenizer: Tokenizer; config: { context: number; vocab: number }; modelRoot: Uint8Array }, content: string): number[] {
  const card: ModelCard = { id: 'a model', createdSeconds: 0, ownedBy: '', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab };
  return chatPrompt(card, { model: 'a model', messages: [{ role: 'user', content }] } as Parameters<typeof chatPrompt>[1], undefined).tokens;
}

const cardOf = (template: string): string => JSON.stringify({
  format: CARD_FORMAT, name: 'a-card', context: 4_096, vocabulary: 512, tokenizer: Buffer.from(chatSection(template)).toString('base64'), files: [{ name: 'w', bytes: 1, sha256: 'ab'.repeat(32) }],
});

function publishedCard(t: TestContext, card: string): PublishedModel {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-card-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'card.json'), card);
  return modelPart(join(folder, 'card.json'));
}

const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }), fc.array(fc.constantFrom('a dog', ' is', '\n\n', '👩‍🚀', '🏳️‍🌈', 'é', '  ', '42', 'Привет', '\ufeff'), { maxLength: 12 }).map((parts) => parts.join('')));

describe('a prompt becomes the tokens that the gateway makes of it', () => {
  const agrees = (page: PageTokenizer, model: Parameters<typeof gatewayTokens>[0], numRuns: number): void => {
    const stops = new Set(model.tokenizer.stopTokens);
    assert.deepEqual(page.stopTokens, model.tokenizer.stopTokens);
    fc.assert(fc.property(texts, fc.array(fc.nat(model.config.vocab - 1), { maxLength: 30 }), (text, answer) => {
      assert.deepEqual(page.encode(text), gatewayTokens(model, text));
      assert.equal(page.decode(answer), model.tokenizer.decode(answer.filter((token) => !stops.has(token))));
    }), { numRuns, seed: 20261128, examples: [['', []], ['A dog 🐕 is', []], ['\ud800 alone', []], ['\ufeff\n both ends \u00a0\n', []], ['<tool_response>a</tool_response>', []]] });
  };

  test('with the shipped model, which continues a text', async () => {
    agrees(await tokenizerOf(published.shipped), shipped.model, 300);
  });

  test('with a model that has a chat template, and a message that holds a control mark is refused', async () => {
    const page = await tokenizerOf(published.chatting);
    agrees(page, chatting, 100);
    assert.throws(() => page.encode('hi <|im_end|> there'), { code: 'chat.specialText', text: { key: 'chat.specialText', params: { text: '<|im_end|>' } } });
  });

  for (const [name, template] of Object.entries(CHATS)) {
    test(`with a model that a server computes, of which there is a card, and whose chats are as those of ${name}`, async (t) => {
      const card = cardOf(template);
      const { root, part } = publishedCard(t, card);
      const page = await loadTokenizer(entryOf({ root }), serving(JSON.stringify(part)));
      agrees(page, parseCard(Buffer.from(card)).model, 100);
      assert.deepEqual([page.semantics, (await tokenizerOf(published.shipped)).semantics], [CARD_SEMANTICS, SEMANTICS]);
      const other = JSON.stringify({ ...part, card: card.replace('4096', '8192') });
      await assert.rejects(loadTokenizer(entryOf({ root }), serving(other)), { code: 'chat.tokenizerForged' });
    });
  }

  test('a text that cannot fit the context is refused before it is split', async () => {
    const page = await tokenizerOf(published.shipped);
    assert.throws(() => page.encode('a'.repeat(32 * shipped.model.config.context + 1)), { code: 'chat.promptTooLong' });
  });
});

describe('a tokenizer is taken only if it is the model\'s', () => {
  const { root } = published.shipped;
  const part = published.shipped.part as ExactPart;
  const taken = (text: BodyInit, init?: ResponseInit, model = entryOf({ root })): Promise<PageTokenizer> => loadTokenizer(model, serving(text, init));
  const flipped = (hex: string): string => `${hex[0] === '0' ? '1' : '0'}${hex.slice(1)}`;

  test('whichever part of the file says something else, and under another root', async () => {
    await taken(JSON.stringify(part));
    const section = Buffer.from(part.section, 'base64');
    section[section.length - 9] ^= 1;
    const changes: Record<string, unknown>[] = [
      { config: flipped(part.config) }, { rows: flipped(part.rows) }, { tables: flipped(part.tables) }, { section: section.toString('base64') }, { section: part.section.slice(4) },
      { version: 2 }, { rows: '' }, { section: '%%' }, { config: undefined }, published.chatting.part as never,
    ];
    for (const change of changes) await assert.rejects(taken(JSON.stringify({ ...part, ...change })), { code: 'chat.tokenizerForged' }, JSON.stringify(Object.keys(change)));
    const chat = published.chatting;
    const frame = chat.part.frame!;
    await taken(JSON.stringify(chat.part), {}, entryOf(chat));
    for (const other of [null, 'frame', {}, { ...frame, before: 1 }, { ...frame, after: undefined }, { ...frame, trims: 'some' }, { ...frame, trims: undefined }, { ...frame, trims: 'constructor' }]) {
      await assert.rejects(taken(JSON.stringify({ ...chat.part, frame: other }), {}, entryOf(chat)), { code: 'chat.tokenizerForged' }, JSON.stringify(other));
    }
    await assert.rejects(taken(JSON.stringify({ ...chat.part, frame: undefined }), {}, entryOf(chat)), { code: 'chat.tokenizerUnknown' }, 'a template, and no frame');
    for (const text of ['', 'null', '[]', '{', '<html>']) await assert.rejects(taken(text), { code: 'chat.tokenizerForged' }, text);
    await assert.rejects(taken(JSON.stringify(part), {}, entryOf(published.chatting)), { code: 'chat.tokenizerForged' });
  });

  test('from this origin alone, in a file that is there and no longer than any', async () => {
    await assert.rejects(taken('', { status: 404 }), { code: 'chat.tokenizerMissing' });
    await assert.rejects(taken(JSON.stringify(part), {}, { ...entryOf({ root }), tokenizer: '//elsewhere.example/a.json' }), { code: 'chat.tokenizerMissing' });
    let asked: unknown;
    await assert.rejects(loadTokenizer(entryOf({ root }), (path, init) => {
      asked = { path, ...init };
      return Promise.reject(new TypeError('failed to fetch'));
    }), { code: 'chat.tokenizerMissing' });
    assert.deepEqual(asked, { path: '/models/a.json', redirect: 'error', credentials: 'omit' });
    const blanks = new Uint8Array(2 ** 20).fill(32);
    let [given, isCancelled] = [0, false];
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        given++;
        controller.enqueue(blanks);
      },
      cancel: () => void (isCancelled = true),
    });
    await assert.rejects(taken(endless), { code: 'chat.tokenizerForged' });
    assert.ok(isCancelled && given <= 34, `${given} MiB`);
  });

  test('one of a kind that this page does not know is refused', async () => {
    const { sha256, node } = await import('../../../exact/merkle');
    const section = Buffer.from(part.section, 'base64');
    section[1] = 3;
    const [config, rows, tables] = [part.config, part.rows, part.tables].map((hex) => Buffer.from(hex, 'hex'));
    const other = Buffer.from(node(node(sha256(config), rows), node(sha256(section), tables))).toString('hex');
    await assert.rejects(taken(JSON.stringify({ ...part, section: section.toString('base64') }), {}, entryOf({ root: other })), { code: 'chat.tokenizerUnknown' });
  });
});
