import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openTelegram } from '../../../miniapp/src/telegram';
import { contrast, isDark, readable, tokensOf } from '../../../miniapp/src/telegram/theme';
import { FakeWindow, fragment } from './fakeWindow';

const DAY = { bg_color: '#ffffff', text_color: '#000000', hint_color: '#999999', link_color: '#2481cc', button_color: '#2481cc', button_text_color: '#ffffff', secondary_bg_color: '#efeff3' };
const NIGHT = { bg_color: '#17212b', text_color: '#f5f5f5', hint_color: '#708499', link_color: '#6ab3f3', button_color: '#5288c1', button_text_color: '#ffffff', secondary_bg_color: '#232e3c' };

describe('Telegram\'s colours', () => {
  test('become the page\'s, at launch and whenever they change', () => {
    const page = new FakeWindow({ hash: fragment('8.0', DAY), isFramed: true, ancestor: 'https://web.telegram.org' });
    openTelegram(page.asWindow);
    assert.deepEqual([page.dataset.theme, page.style.get('--surface'), page.style.get('--ground')], ['light', '#ffffff', '#efeff3']);
    page.hear('theme_changed', { theme_params: NIGHT });
    assert.deepEqual([page.dataset.theme, page.style.get('--surface'), page.style.get('--text')], ['dark', '#17212b', '#f5f5f5']);
    assert.deepEqual(page.said('web_app_set_background_color').pop(), { color: '#232e3c' });
  });

  test('are colours and nothing else', () => {
    for (const bad of ['red', '#fff', 'url(https://x)', '#ffffff;x', 7, null, '#gggggg']) {
      assert.deepEqual(tokensOf({ ...DAY, bg_color: bad }), {}, String(bad));
      assert.ok(Object.values(tokensOf({ ...DAY, hint_color: bad, link_color: bad, button_color: bad })).every((value) => /^#[0-9a-f]{6}$/.test(value)));
    }
    for (const params of [null, undefined, 'x', [], 3]) assert.deepEqual(tokensOf(params), {});
  });

  test('of any theme leave every text readable', () => {
    const colour = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);
    fc.assert(fc.property(fc.record({ bg_color: colour, text_color: colour, hint_color: colour, link_color: colour, button_color: colour, button_text_color: colour }), (theme) => {
      const tokens = tokensOf(theme);
      const on = (ink: string, ground: string): boolean => contrast(tokens[ink], tokens[ground]) >= 4.49;
      return on('--text', '--surface') && on('--hint', '--surface') && on('--button-text', '--button');
    }), { numRuns: 300, seed: 20261128 });
    for (const theme of [DAY, NIGHT]) {
      const tokens = tokensOf(theme);
      for (const ground of ['--surface', '--ground']) for (const ink of ['--text', '--hint', '--link']) assert.ok(contrast(tokens[ink], tokens[ground]) >= 4.5, `${ink} on ${ground}`);
    }
  });

  test('that can be read already are left as they are', () => {
    assert.equal(readable('#0f1419', '#ffffff'), '#0f1419');
    assert.notEqual(readable('#999999', '#ffffff'), '#999999');
    assert.deepEqual([isDark('#17212b'), isDark('#ffffff'), isDark('#000000')], [true, false, true]);
  });
});
