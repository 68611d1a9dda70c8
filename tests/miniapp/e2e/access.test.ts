/** The live page for everybody: axe, the keyboard alone, what is read aloud, large text, no motion, another language, no Telegram. Every screen in every state: gallery. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ChatPage, word } from './page';
import { E2E, e2eSuite } from './suite';

interface Finding { id: string; impact: string | null; nodes: { target: string[]; failureSummary: string }[] }

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const IMAGES = join(__dirname, '../../../docs/images');

describe('the page', E2E, () => {
  const suite = e2eSuite({ tiers: ['attested'] });

  async function findings({ page }: ChatPage): Promise<string[]> {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }).axe.run());
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('; ')}`);
  }
  const tooWide = ({ page }: ChatPage): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

  for (const scheme of ['light', 'dark'] as const) {
    test(`has no serious finding of axe on any screen of the way to an answer, ${scheme}; without Telegram, with no violation of its policy`, async (t) => {
      const visitor = await suite.visitor(t, { scheme, reducedMotion: true });
      await visitor.page.goto(suite.world.host.url);
      const page = new ChatPage(visitor);
      const at: Record<string, string[]> = {};
      const look = async (name: string): Promise<void> => void (at[name] = await findings(page));
      await page.begin().waitFor();
      await look('welcome');
      await page.start();
      await look('providers');
      await page.choose('Attested');
      await look('opening');
      await page.connect();
      await page.openButton().click();
      await page.prompt().waitFor({ timeout: 30_000 });
      await look('empty chat');
      const index = await page.ask('swiftly');
      await look('answer');
      await page.badgeOf(index).click();
      await page.sheet().waitFor();
      await look('claims');
      await page.closeSheet();
      await page.button(word('ui.settings')).click();
      await look('settings');
      assert.deepEqual(Object.entries(at).filter(([, found]) => found.length > 0), []);
      assert.deepEqual([visitor.log.violations, visitor.log.errors], [[], []]);
    });
  }

  test('goes all the way by keyboard, with what has the focus always to be seen', async (t) => {
    const visitor = await suite.visitor(t);
    await visitor.page.goto(suite.world.host.url);
    const page = new ChatPage(visitor);
    await page.begin().and(visitor.page.locator(':enabled')).waitFor();
    /** Tab until the element with this name has the focus, then Enter. */
    const reach = async (name: RegExp): Promise<void> => {
      for (let step = 0; step < 40; step++) {
        const [text, seen] = await visitor.page.evaluate(() => {
          const element = document.activeElement as HTMLElement;
          const { outlineStyle, boxShadow } = getComputedStyle(element);
          return [element === document.body ? '' : element.getAttribute('aria-label') ?? element.innerText, outlineStyle !== 'none' || boxShadow !== 'none' || element === document.body];
        });
        if (name.test(String(text))) {
          assert.ok(seen, `${text} shows no focus`);
          return;
        }
        await visitor.page.keyboard.press('Tab');
      }
      throw new Error(`Tab never comes to ${name}`);
    };
    await reach(/^Connect$/);
    await visitor.page.keyboard.press('Enter');
    await page.providers().first().waitFor({ timeout: 30_000 });
    await reach(/Attested/);
    await visitor.page.keyboard.press('Enter');
    await page.page.getByRole('heading', { name: word('ui.openChannel') }).waitFor();
    await page.connect((button) => button.press('Enter'));
    await reach(/^Open with/);
    await visitor.page.keyboard.press('Enter');
    await page.prompt().waitFor({ timeout: 30_000 });
    await page.prompt().focus();
    await visitor.page.keyboard.type('swiftly');
    await visitor.page.keyboard.press('Enter');
    await page.ended(0);
    await page.badgeOf(0).focus();
    await visitor.page.keyboard.press('Enter');
    await page.sheet().waitFor();
    await visitor.page.keyboard.press('Escape');
    await page.sheet().waitFor({ state: 'detached' });
    assert.equal(await page.badgeOf(0).evaluate((element) => element === document.activeElement), true, 'the focus is where it was');
  });

  test('says when an answer has ended and what its badge is, once, and not each token', async (t) => {
    const page = await suite.chat(t);
    await page.page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      new MutationObserver(() => {
        const text = document.querySelector('body > [role=status]')?.textContent ?? '';
        if (text !== '' && text !== said.at(-1)) said.push(text);
      }).observe(document.body, { childList: true, characterData: true, subtree: true });
    });
    await page.ask('swiftly');
    await page.page.waitForTimeout(1_000);
    const said = await page.page.evaluate(() => (window as unknown as { said: string[] }).said);
    assert.match(said.join('\n'), /The answer is complete/);
    assert.match(said.join('\n'), new RegExp(word('ui.levelTestHardware')));
    assert.ok(said.length <= 2, JSON.stringify(said));
  });

  for (const screen of ['phone', 'small'] as const) {
    test(`is usable with text of twice its size on a ${screen} screen: nothing is wider than it, and one can send`, async (t) => {
      const page = await suite.chat(t, 'Attested', { screen });
      await page.page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%'));
      await page.ask('swiftly');
      assert.equal(await tooWide(page), 0);
      assert.ok(await page.button(word('ui.send')).isVisible());
    });
  }

  test('moves nothing for whoever asked for that', async (t) => {
    const page = await suite.chat(t, 'Attested', { reducedMotion: true });
    await page.ask('swiftly');
    const moving = await page.page.evaluate(() => document.getAnimations().filter((animation) => Number(animation.effect?.getTiming().duration) > 1 && animation.playState === 'running').length);
    assert.equal(moving, 0);
  });

  test('is Russian for whoever reads Russian', async (t) => {
    const visitor = await suite.visitor(t, { locale: 'ru-RU' });
    await visitor.page.goto(suite.world.host.url);
    await visitor.page.locator('html[lang=ru]').waitFor();
    assert.match(await visitor.page.locator('main').innerText(), /[А-Яа-я]{4,}/);
    assert.deepEqual(visitor.log.violations, []);
  });

  test('as the README shows it', { skip: process.env.COCOON_DOCS_UPDATE !== '1' && 'COCOON_DOCS_UPDATE=1 makes the picture' }, async (t) => {
    const page = await suite.chat(t);
    await page.ask('swiftly');
    await page.ask('bridge');
    mkdirSync(IMAGES, { recursive: true });
    await page.page.screenshot({ path: join(IMAGES, 'miniapp.png'), animations: 'disabled' });
  });
});
