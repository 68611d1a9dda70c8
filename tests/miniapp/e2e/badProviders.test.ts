/** Everything that can be wrong about a provider: in no case is anything green, and each is blocked or labelled. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Hop, Said } from './hop';
import { ChatPage, type Level, LEVELS, type Status, word } from './page';
import { E2E, e2eSuite, type Suite } from './suite';
import type { World } from './world';

interface Case {
  name: string;
  /** Makes it so, before the page is opened. */
  arrange: (world: World) => unknown;
  /** What the provider's badge may say. */
  levels: readonly Level[];
  /** Whether a channel may be opened all the same, labelled. */
  open: boolean;
  /** Claims that have to say so, by the page's names of them. */
  claims?: Record<string, readonly Status[]>;
  tier?: 'Attested' | 'Bonded';
}

const flipped = (body: Buffer, at: number): Buffer => {
  const copy = Buffer.from(body);
  copy[(at + copy.length) % copy.length] ^= 1;
  return copy;
};
/** Bytes of a quote as the relay passes it on, whatever form it has there: hex or base64 inside JSON, or itself. */
const changedQuote = (change: (quote: Buffer) => Buffer | null): Said => (path, body) => (path.endsWith('/quote') ? change(body) : body);
/** One character of the longest word in it, which is the quote. */
const flippedInQuote = (share: number) => changedQuote((body) => {
  const longest = [...String(body).matchAll(/[0-9a-zA-Z+/=_-]{64,}/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (longest === undefined) return flipped(body, Math.floor(body.length * share));
  const at = longest.index + Math.floor(longest[0].length * share);
  const copy = Buffer.from(body);
  copy[at] = copy[at] === 0x31 ? 0x32 : 0x31;
  return copy;
});
/** An API says something else of the account of the stake: one bit in its state. */
const otherStake = (world: World, which: 0 | 1): void => {
  const { stake } = world.attested.owner;
  const names = [stake.toRawString(), stake.hash.toString('hex'), stake.toString(), stake.toString({ bounceable: false }), stake.toString({ testOnly: true })];
  world.apis[which].lie = ({ parameters }, result) => {
    if (!Object.values(parameters).some((value) => names.includes(String(value)))) return result;
    const { data, ...rest } = result as { data?: string };
    if (typeof data !== 'string' || data === '') return { ...rest, data, balance: '1', state: 'uninitialized' };
    return { ...rest, data: flipped(Buffer.from(data, 'base64'), -3).toString('base64') };
  };
};
const everywhere = (world: World, said: Said): void => [world.relay, world.attested.hop].forEach((hop: Hop) => void (hop.said = said));

const CASES: Case[] = [
  { name: 'a SIMULATED platform', arrange: () => undefined, levels: ['testHardware'], open: true, claims: { 'Hardware is real': ['False', 'Unknown'], 'Quote is signed': ['Holds'] } },
  { name: 'a key that is only bonded', tier: 'Bonded', arrange: () => undefined, levels: ['bonded'], open: true },
  { name: 'a quote with a changed signature', arrange: (world) => everywhere(world, flippedInQuote(0.16)), levels: ['refuted', 'unknown'], open: false },
  { name: 'a quote with another body', arrange: (world) => everywhere(world, flippedInQuote(0.06)), levels: ['refuted', 'unknown'], open: false },
  { name: 'a quote with a changed certificate', arrange: (world) => everywhere(world, flippedInQuote(0.6)), levels: ['refuted', 'unknown'], open: false },
  { name: 'no quote', arrange: (world) => everywhere(world, (path, body) => (path.endsWith('/quote') ? null : body)), levels: ['unknown'], open: false, claims: { 'Quote is signed': ['Unknown'] } },
  { name: 'a quote that is no quote', arrange: (world) => everywhere(world, changedQuote(() => Buffer.from('{"quote":"00"}'))), levels: ['refuted', 'unknown'], open: false },
  { name: 'a chain API that says something else of the stake, the first one', arrange: (world) => otherStake(world, 0), levels: ['unknown', 'refuted'], open: false },
  { name: 'the second one', arrange: (world) => otherStake(world, 1), levels: ['unknown', 'refuted'], open: false },
  { name: 'a chain API that is silent, the first one', arrange: ({ apis }) => void (apis[0].isSilent = true), levels: ['unknown'], open: false },
  { name: 'the second one, silent', arrange: ({ apis }) => void (apis[1].isSilent = true), levels: ['unknown'], open: false },
  {
    name: 'a relay that names another key to seal to', levels: ['testHardware', 'refuted', 'unknown'], open: true,
    arrange: (world) => void (world.relay.said = (path, body) => (path === '/v1/providers' ? Buffer.from(String(body).replaceAll(world.attested.owner.sealingKey, 'ab'.repeat(32))) : body)),
  },
  {
    name: 'a relay that names another worker key', levels: ['testHardware', 'refuted', 'unknown'], open: true,
    arrange: (world) => void (world.relay.said = (path, body) => (path === '/v1/providers' ? Buffer.from(String(body).replaceAll(world.attested.owner.workerKey, 'cd'.repeat(32))) : body)),
  },
];

describe('a provider with', E2E, () => {
  const suite = e2eSuite();

  for (const { name, arrange, levels, open, claims = {}, tier = 'Attested' } of CASES) {
    test(`${name}: ${open ? 'labelled as it is' : 'blocked'}, and nothing is green`, async (t) => {
      await arrange(suite.world);
      await holds(suite, await suite.page(t), { levels, open, claims, tier });
    });
  }

  test('its key named as bonded by the relay is still what the chain says, and the other way round', async (t) => {
    suite.world.relay.said = (path, body) => (path === '/v1/providers' ? Buffer.from(String(body).replace(/"tier":\s*(\d)/g, (_, tier: string) => `"tier":${1 - Number(tier)}`)) : body);
    const page = await suite.page(t);
    await page.providers().first().waitFor();
    assert.equal(await page.greens(), 0);
    for (const row of await page.providers().all()) assert.ok(!(await row.innerText()).includes('Verified'));
  });

  test('an honest quote under Intel\'s root is refuted: a page for real hardware takes no SIMULATED one', async (t) => {
    const host = await suite.world.anotherHost({ quoteRoot: 'intel' });
    const page = await ChatPage.open(await suite.visitor(t), host.url);
    await holds(suite, page, { levels: ['refuted', 'unknown'], open: false, claims: { 'Quote’s certificates lead to the root': ['False', 'Unknown'] }, tier: 'Attested' });
  });

  test('a tokenizer of another model is not used: nothing can be asked, and the reason is said', async (t) => {
    const page = await suite.page(t);
    await page.page.route('**/models/*.json', async (route) => {
      const part = (await (await route.fetch()).json()) as { section: string };
      await route.fulfill({ json: { ...part, section: flipped(Buffer.from(part.section, 'base64'), 200).toString('base64') } });
    });
    await page.openChannel();
    await page.prompt().fill('swiftly');
    await page.button(word('ui.send')).click();
    await page.page.getByText(/tokenizer that this page was given is not the one/).first().waitFor();
    assert.equal(suite.world.relay.framesOf('request').length, 0);
    assert.equal(await page.prompt().inputValue(), 'swiftly');
  });
});

describe('a provider that was fine and', E2E, () => {
  const suite = e2eSuite();

  test('whose image is revoked: stale APIs, each in turn, do not make it good again; told by both it is blocked, and what was said before is not green', async (t) => {
    const { world } = suite;
    const page = await suite.chat(t);
    await page.ask('swiftly');
    assert.deepEqual(await page.levels(), ['testHardware']);
    // Both have been asked; from here on one of them says what it said then.
    world.apis.forEach((api) => api.keepMoment());
    await world.revokeImage();
    for (const stale of world.apis) {
      world.apis.forEach((api) => api.stop(api === stale));
      await page.reload();
      await page.page.waitForTimeout(1_000);
      assert.ok(stale.replayed > 0, 'it was asked what it was asked before');
      assert.notEqual(await page.blockedSend(), null, stale.name);
      assert.equal(await page.greens(), 0);
    }
    world.apis.forEach((api) => api.stop(false));
    await page.reload();
    await page.page.waitForTimeout(1_000);
    assert.match((await page.blockedSend())!, /Software image is in force/);
    await page.prompt().fill('river');
    await page.button(word('ui.send')).click({ force: true });
    assert.equal(await page.messages().count(), 0);
    assert.equal(await page.prompt().inputValue(), 'river', 'the draft is kept');
  });

  test('whose key has expired is blocked, by the clock of the chain and of the page', async (t) => {
    const { world } = suite;
    const visitor = await suite.visitor(t);
    await world.later(40 * 86_400);
    await visitor.page.clock.setSystemTime(Date.now() + 40 * 86_400_000);
    const page = await ChatPage.open(visitor, world.host.url);
    await holds(suite, page, { levels: ['refuted', 'unknown'], open: false, claims: { 'Key has not expired': ['False'] }, tier: 'Attested' });
  });
});

async function holds(suite: Suite, page: ChatPage, { levels, open, claims, tier }: Required<Pick<Case, 'levels' | 'open' | 'claims' | 'tier'>>): Promise<void> {
  const row = page.provider(tier).or(page.providers().filter({ hasText: 'No model' })).first();
  if ((await row.count()) === 0) await Promise.race([row.waitFor(), page.page.getByRole('alert').first().waitFor()]);
  assert.equal(await page.greens(), 0);
  if ((await row.count()) === 0) return void assert.ok(!open, 'it may be missing from the list only where it would be blocked');
  await row.click();
  await page.page.getByRole('heading', { name: 'Open a channel' }).waitFor();
  const found = await page.claims();
  const level = (await page.page.getByRole('button', { name: /Show what was checked/ }).first().getAttribute('aria-label'))!;
  assert.ok(levels.some((each) => level.startsWith(LEVELS[each])), level);
  for (const [claim, statuses] of Object.entries(claims)) assert.ok(statuses.includes(found[claim]?.status), `${claim}: ${JSON.stringify(found[claim])}`);
  const blocked = await page.blockedOpen();
  if (!open) assert.notEqual(blocked, null);
  else if (level.startsWith(LEVELS.testHardware) || level.startsWith(LEVELS.bonded)) assert.equal(blocked, null);
  assert.equal(await page.greens(), 0);
  assert.equal(suite.world.wallet.requests.length, 0);
}
