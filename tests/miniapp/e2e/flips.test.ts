/** One byte changed after the fact: the badge of that message alone turns, and says why. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decodePayload, encodePayload, type ReceiptFile, toHex } from '../../../protocol';
import { cocoon } from '../../support/cocoon';
import type { ChatPage } from './page';
import { E2E, e2eSuite } from './suite';

type ChannelFile = Extract<ReceiptFile, { kind: 'channel-answer' }>;

describe('an answer that was fine', E2E, () => {
  const suite = e2eSuite();

  /** Two answers of a visitor with a channel. */
  async function answered(t: Parameters<typeof suite.chat>[0]): Promise<ChatPage> {
    const page = await suite.chat(t);
    await page.ask('swiftly');
    await page.ask('river');
    assert.deepEqual(await page.levels(), ['testHardware', 'testHardware']);
    return page;
  }

  /** What the claims of a message that are false say. */
  async function falsehoods(page: ChatPage, index: number): Promise<string> {
    const claims = await page.claims(page.badgeOf(index));
    return Object.entries(claims).filter(([, { status }]) => status === 'False').map(([name, { reason }]) => `${name}: ${reason}`).join('\n');
  }

  for (const part of ['answer', 'prompt'] as const) {
    test(`turns red when one character of the ${part} on the screen is another one, with the reason; the other one stays as it is`, async (t) => {
      const page = await answered(t);
      await page.messages().nth(0).locator(`.${part}`).evaluate((element) => {
        const text = element.firstChild as Text;
        text.data = `${text.data.slice(0, 2)}${text.data[2] === 'x' ? 'y' : 'x'}${text.data.slice(3)}`;
      });
      await page.recheck(0);
      assert.deepEqual(await page.levels(), ['refuted', 'testHardware']);
      assert.notEqual(await falsehoods(page, 0), '');
      assert.equal(await falsehoods(page, 1), '');
    });
  }

  const flipHex = (hex: string, at: number): string => {
    const place = (at + hex.length) % hex.length;
    return `${hex.slice(0, place)}${(parseInt(hex[place], 16) ^ 1).toString(16)}${hex.slice(place + 1)}`;
  };
  const last = (file: ChannelFile, change: (piece: string) => string): ChannelFile => ({ ...file, pieces: file.pieces.map((piece, index) => (index === file.pieces.length - 1 ? change(piece) : piece)) });
  const asked = (file: ChannelFile, change: (payload: ReturnType<typeof decodePayload>) => ReturnType<typeof decodePayload>): ChannelFile => ({ ...file, payload: toHex(encodePayload(change(decodePayload(new Uint8Array(Buffer.from(file.payload, 'hex')))))) });
  const flips: [string, (file: ChannelFile) => ChannelFile][] = [
    ['a token of the answer', (file) => ({ ...file, tokens: file.tokens.map((token, index) => (index === 0 ? token ^ 1 : token)) })],
    ['the receipt', (file) => last(file, (piece) => flipHex(piece, 60))],
    ['the signature of the receipt', (file) => last(file, (piece) => flipHex(piece, 300))],
    ['the sealed answer', (file) => last(file, (piece) => flipHex(piece, -9))],
    ['the model', (file) => asked(file, (payload) => ({ ...payload, asked: { ...payload.asked, modelRoot: payload.asked.modelRoot.map((byte, index) => (index === 0 ? byte ^ 1 : byte)) } }))],
    ['the prompt', (file) => asked(file, (payload) => ({ ...payload, request: { ...payload.request, promptTokens: payload.request.promptTokens.map((token, index) => (index === 0 ? token ^ 1 : token)) } }))],
    ['the channel', (file) => ({ ...file, account: flipHex(file.account, 0) })],
    ['the number of the request', (file) => ({ ...file, seq: file.seq ^ 1 })],
    ['the worker key', (file) => ({ ...file, workerKey: flipHex(file.workerKey, 0) })],
  ];
  test('as a file is fine, and red with a reason when one bit of anything in it is another one; the answers on the page stay as they are', async (t) => {
    const page = await answered(t);
    const saved = await page.saveReceipt(0);
    const before = await page.levels();
    const fine = await page.checkReceipt(saved);
    assert.equal(await falsehoods(page, fine), '');
    assert.notEqual((await page.message(fine)).level, 'refuted');
    assert.equal(await page.greens(), 0);
    for (const [what, flip] of flips) {
      const index = await page.checkReceipt(JSON.stringify(flip(JSON.parse(saved) as ChannelFile)));
      const { level } = await page.message(index);
      assert.equal(level, 'refuted', what);
      assert.notEqual(await falsehoods(page, index), '', what);
    }
    assert.deepEqual((await page.levels()).slice(0, before.length), before);
  });

  test('is checked without a network by the command line, from the file that the page saves; a changed file is not', async (t) => {
    const page = await answered(t);
    const folder = mkdtempSync(join(tmpdir(), 'cocoon-e2e-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const saved = await page.saveReceipt(1);
    const verify = async (text: string): Promise<{ status: number | null; stdout: string }> => {
      const file = join(folder, 'receipt.json');
      writeFileSync(file, text);
      return cocoon(['receipt', 'verify', file, '--json', '--data-folder', folder]);
    };
    const { status, stdout } = await verify(saved);
    assert.equal(status, 0);
    const report = JSON.parse(stdout) as { stake: string; workerKey: string; final: boolean; dueNano: number };
    const { owner } = suite.world.attested;
    assert.deepEqual([report.stake, report.workerKey, report.final], [owner.stake.toRawString(), owner.workerKey, true]);
    for (const [what, flip] of flips) assert.equal((await verify(JSON.stringify(flip(JSON.parse(saved) as ChannelFile)))).status, 6, what);
  });
});
