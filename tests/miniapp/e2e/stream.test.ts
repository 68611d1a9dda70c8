/** Answers that do not come whole: cut at every chunk, reordered, dropped, changed on the way. The model answers at random, in chunks to the end. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeFrame, dueFor, encodeFrame, type PieceFrame } from '../../../protocol';
import type { Meddling } from '../../gateway/meddlingHop';
import type { ChatPage } from './page';
import { E2E, e2eSuite } from './suite';

/** As World's workers ask: nanoTON per million tokens. */
const PRICES = { fixedPrice: 0n, promptPrice: 100_000_000_000n, outputPrice: 200_000_000_000n };
/** One chunk of tokens, nanoTON, on top of what was received: what is prepaid and may be delivered already. */
const CHUNK_NANO = 32n * 200_000n;
const TON = 1e9;

const isPiece = (frame: Uint8Array): boolean => decodeFrame(frame).kind === 'piece';
/** Does something to the piece of this index, of the first request that comes by. */
const atPiece = (index: number, act: (frame: Uint8Array) => Uint8Array[] | null): Meddling => {
  let isDone = false;
  return (way, frame) => {
    if (isDone || way !== 'down' || !isPiece(frame) || (decodeFrame(frame) as { index: number }).index !== index) return [frame];
    isDone = true;
    return act(frame);
  };
};

describe('an answer in chunks', E2E, () => {
  const suite = e2eSuite({ model: 'random', tiers: ['attested'] });
  const nano = async (page: ChatPage): Promise<bigint> => BigInt(Math.round((await page.channel()).spent * TON));
  /** What was shown is what was received, and that is what it costs. */
  async function costsWhatCame(page: ChatPage, index: number): Promise<void> {
    const { cost, tokens } = await page.message(index);
    const due = dueFor(PRICES, tokens.prompt, tokens.output);
    assert.ok(BigInt(Math.round(cost * TON)) <= due && cost >= 0, `${cost} for ${tokens.output} tokens, due ${due}`);
  }

  test('comes whole when nobody meddles', async (t) => {
    const page = await suite.chat(t);
    const index = await page.ask('swiftly');
    const { level, tokens, notice } = await page.message(index);
    assert.deepEqual([level, notice], ['testHardware', '']);
    assert.ok(tokens.output > 64, `${tokens.output} tokens`);
  });

  for (const cut of [0, 1, 2]) {
    test(`cut before chunk ${cut} is incomplete and not verified, costs what was received, and the channel goes on`, async (t) => {
      const { world } = suite;
      const page = await suite.chat(t);
      const before = await nano(page);
      world.relay.meddle = atPiece(cut, () => null);
      const index = await page.ask('swiftly').catch(async () => page.messages().count());
      const { level, tokens, notice } = await page.message(index);
      assert.equal(tokens.output, 32 * cut);
      assert.ok(level === 'unknown' || level === 'refuted', level);
      assert.match(notice, cut === 0 ? /Incomplete, not verified|Failed/ : /Incomplete, not verified/);
      await costsWhatCame(page, index);
      const paid = await nano(page) - before;
      assert.ok(paid <= dueFor(PRICES, tokens.prompt, tokens.output) + CHUNK_NANO, `${paid}`);
      world.relay.meddle = (_, frame) => [frame];
      const next = await page.ask('river');
      assert.equal((await page.message(next)).level, 'testHardware');
      assert.equal((await page.levels())[index], level, 'the one before stays as it was');
    });
  }

  test('cut in the middle goes on where it stopped: it becomes whole and verified, under its number, and what came before is not paid again', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    const before = await nano(page);
    const asked = world.relay.framesOf('request').length;
    world.relay.meddle = atPiece(1, () => null);
    const index = await page.ask('swiftly');
    assert.equal((await page.message(index)).tokens.output, 32);
    world.relay.meddle = (_, frame) => [frame];
    await page.button('Go on').click();
    await page.page.getByText('Incomplete, not verified').waitFor({ state: 'detached' });
    await page.badgeOf(index).waitFor({ timeout: 60_000 });
    const { level, tokens, notice } = await page.message(index);
    assert.deepEqual([level, notice], ['testHardware', '']);
    assert.ok(tokens.output > 64, `${tokens.output} tokens`);
    assert.equal(await nano(page) - before, dueFor(PRICES, tokens.prompt, tokens.output));
    const numbers = world.relay.framesOf('request').slice(asked).map(({ seq }) => seq);
    assert.deepEqual([numbers.length, new Set(numbers).size], [2, 1], 'asked twice under one number');
    assert.equal(await page.page.getByRole('button', { name: 'Go on' }).count(), 0);
  });

  const lies: [string, () => Meddling][] = [
    ['one chunk dropped', () => atPiece(1, () => [])],
    // A worker sends the next one when the one before is paid, so a relay cannot have two to exchange: it can say that one is another one.
    ['a chunk in the place of a later one', () => atPiece(1, (frame) => [encodeFrame({ ...(decodeFrame(frame) as PieceFrame), index: 2 })])],
    ['a bit of a sealed chunk flipped', () => atPiece(1, (frame) => [frame.map((byte, at) => (at === frame.length - 9 ? byte ^ 1 : byte))])],
    ['a bit of its receipt flipped', () => atPiece(1, (frame) => [frame.map((byte, at) => (at === 30 ? byte ^ 1 : byte))])],
  ];
  for (const [what, lie] of lies) {
    test(`with ${what} ends with an error that says so, is not verified, and nothing of it is shown beyond what was good`, async (t) => {
      const { world } = suite;
      const page = await suite.chat(t);
      world.relay.meddle = lie();
      const index = await page.send('swiftly');
      // A chunk that was dropped looks like silence, of which a worker may keep 120 s.
      await page.badgeOf(index).waitFor({ timeout: 150_000 });
      const { level, notice, tokens } = await page.message(index);
      assert.ok(level === 'unknown' || level === 'refuted', level);
      assert.match(notice, /^(Incomplete, not verified|Failed)/);
      assert.ok(notice.length > 40, notice);
      assert.ok(tokens.output <= 32, `${tokens.output} tokens`);
      assert.equal(await page.greens(), 0);
    });
  }

  test('that is stopped by its reader is incomplete, costs what was received, and the next one is whole', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    // Slow enough that there is something to stop.
    let hold: (() => void) | null = null;
    world.relay.meddle = (way, frame) => (way === 'down' && isPiece(frame) && (decodeFrame(frame) as { index: number }).index >= 1 && hold === null ? [] : [frame]);
    const index = await page.send('swiftly');
    await page.messages().nth(index).locator('.answer').waitFor();
    await page.stop();
    await page.ended(index);
    const { level, notice, tokens } = await page.message(index);
    assert.ok(level !== 'proven' && level !== 'testHardware', level);
    assert.match(notice, /Incomplete, not verified/);
    assert.equal(tokens.output, 32);
    hold = () => undefined;
    world.relay.meddle = (_, frame) => [frame];
    const next = await page.ask('river');
    assert.equal((await page.message(next)).level, 'testHardware');
  });
});
