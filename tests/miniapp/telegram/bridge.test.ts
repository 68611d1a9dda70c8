import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TELEGRAM_ORIGINS } from '../../../miniapp/src/telegram/bridge';
import { isAtLeast, takeLaunch } from '../../../miniapp/src/telegram/launch';
import { openTelegram } from '../../../miniapp/src/telegram';
import { FakeWindow, fragment } from './fakeWindow';

const NIGHT = { bg_color: '#17212b', text_color: '#f5f5f5', button_color: '#5288c1' };

describe('launch parameters', () => {
  test('are read once: the address is cleared, and who the user is is kept nowhere', () => {
    const page = new FakeWindow({ hash: fragment('8.0', NIGHT) });
    const launch = takeLaunch(page.asWindow);
    assert.deepEqual(launch, { version: '8.0', platform: 'weba', theme: NIGHT });
    assert.equal(page.replaced, '/');
    assert.doesNotMatch(JSON.stringify([launch, ...page.stored]), /777000|Marker|secret|tgWebAppData/);
  });

  test('survive a reload without the fragment, but for the theme', () => {
    const page = new FakeWindow({ hash: fragment('7.2') });
    takeLaunch(page.asWindow);
    page.location.hash = '';
    assert.deepEqual(takeLaunch(page.asWindow), { version: '7.2', platform: 'weba', theme: null });
  });

  test('that are none leave the address as it is', () => {
    const page = new FakeWindow({ hash: '#somewhere=1' });
    assert.equal(takeLaunch(page.asWindow).version, null);
    assert.equal(page.replaced, null);
  });

  test('with init data and no version are cleared all the same', () => {
    const page = new FakeWindow({ hash: '#tgWebAppData=user%3D1' });
    assert.equal(takeLaunch(page.asWindow).version, null);
    assert.equal(page.replaced, '/');
  });

  test('that are garbage, or stored garbage, make a plain page', () => {
    for (const version of ['', 'x', '8.0;', '99999999', '8.0.0.0.0']) assert.equal(takeLaunch(new FakeWindow({ hash: `#tgWebAppVersion=${version}` }).asWindow).version, null, version);
    const page = new FakeWindow();
    page.stored.set('cocoon.telegram', 'null');
    assert.equal(takeLaunch(page.asWindow).version, null);
  });

  test('compare versions by their numbers', () => {
    for (const [have, need, is] of [['7.10', '7.7', true], ['7.7', '7.10', false], ['8.0', '8', true], ['8', '8.0', true], ['6.9', '7.0', false], ['10.1', '9.5', true]] as const) assert.equal(isAtLeast(have, need), is, `${have} ${need}`);
  });
});

describe('in a frame', () => {
  const framed = (version = '8.0', ancestor?: string): FakeWindow => new FakeWindow({ hash: fragment(version), isFramed: true, ancestor });

  test('speaks to Telegram\'s origins alone, and to one of them once it has answered', () => {
    const page = framed();
    const telegram = openTelegram(page.asWindow);
    assert.deepEqual([...new Set(page.posted.map(({ origin }) => origin))], TELEGRAM_ORIGINS);
    page.hear('viewport_changed', { height: 600, is_state_stable: true }, { origin: 'https://webk.telegram.org' });
    page.posted.length = 0;
    telegram.onBack(() => undefined);
    assert.deepEqual(page.posted.map(({ origin }) => origin), ['https://webk.telegram.org']);
  });

  test('speaks to its parent\'s origin where the browser tells it, and to nobody if that is not Telegram\'s', () => {
    const page = framed('8.0', 'https://web.telegram.org');
    assert.equal(openTelegram(page.asWindow).isInside, true);
    assert.deepEqual([...new Set(page.posted.map(({ origin }) => origin))], ['https://web.telegram.org']);
    const elsewhere = framed('8.0', 'https://evil.example');
    assert.equal(openTelegram(elsewhere.asWindow).isInside, false);
    assert.deepEqual(elsewhere.posted, []);
  });

  test('believes nobody but its parent at a known origin, and after the first answer at that one alone', () => {
    const page = framed();
    openTelegram(page.asWindow);
    const height = { height: 600, is_state_stable: true };
    page.hear('viewport_changed', height, { origin: 'https://evil.example' });
    page.hear('viewport_changed', height, { source: {} });
    assert.equal(page.style.get('--height'), undefined);
    page.hear('viewport_changed', height);
    assert.equal(page.style.get('--height'), '600px');
    page.hear('viewport_changed', { ...height, height: 500 }, { origin: 'https://webz.telegram.org' });
    assert.equal(page.style.get('--height'), '600px');
    for (const data of ['{', 'null', 7, null, { eventType: 3 }, '{"eventType":"viewport_changed"}']) page.emit('message', { origin: 'https://web.telegram.org', source: page.parentFrame, data });
    assert.equal(page.style.get('--height'), '600px');
  });

  test('says no more than the client\'s version knows', () => {
    const said = (version: string): string[] => {
      const page = framed(version, 'https://web.telegram.org');
      const telegram = openTelegram(page.asWindow);
      telegram.onBack(() => undefined);
      telegram.hold(true);
      return page.posted.map(({ message }) => message.eventType);
    };
    const base = ['iframe_ready', 'web_app_ready', 'web_app_expand', 'web_app_request_theme', 'web_app_request_viewport'];
    assert.deepEqual(said('6.0'), base);
    assert.deepEqual(said('6.2'), [...base, 'web_app_setup_back_button', 'web_app_setup_closing_behavior']);
    assert.deepEqual(said('7.7'), [...base, 'web_app_setup_back_button', 'web_app_setup_closing_behavior', 'web_app_setup_swipe_behavior']);
    assert.deepEqual(said('8.0'), [...base, 'web_app_request_safe_area', 'web_app_request_content_safe_area', 'web_app_setup_back_button', 'web_app_setup_closing_behavior', 'web_app_setup_swipe_behavior']);
  });

  test('never says who the user is, whatever it says', () => {
    const page = framed();
    const telegram = openTelegram(page.asWindow);
    telegram.hold(true);
    telegram.open('https://t.me/wallet?x=1');
    assert.doesNotMatch(JSON.stringify(page.posted), /777000|Marker|secret/);
  });
});

describe('Telegram', () => {
  const inside = (version = '8.0'): FakeWindow => new FakeWindow({ hash: fragment(version), isFramed: true, ancestor: 'https://web.telegram.org' });

  test('lays nothing out while the view still moves, and keeps both safe areas', () => {
    const page = inside();
    openTelegram(page.asWindow);
    page.hear('viewport_changed', { height: 300, is_state_stable: false });
    assert.equal(page.style.get('--height'), undefined);
    page.hear('safe_area_changed', { top: 44, bottom: 34, left: 0, right: 0 });
    page.hear('content_safe_area_changed', { top: 46, bottom: '1px;', left: -3, right: 1e9 });
    assert.deepEqual(Object.fromEntries(page.style), { '--safe-top': '44px', '--safe-bottom': '34px', '--safe-left': '0px', '--safe-right': '0px', '--content-top': '46px' });
  });

  test('has a back button while there is somewhere to go back to', () => {
    const page = inside();
    const telegram = openTelegram(page.asWindow);
    let taps = 0;
    telegram.onBack(() => taps++);
    page.hear('back_button_pressed', null);
    telegram.onBack(null);
    page.hear('back_button_pressed', null);
    assert.equal(taps, 1);
    assert.deepEqual(page.said('web_app_setup_back_button'), [{ is_visible: true }, { is_visible: false }]);
  });

  test('asks before it closes, and does not close by a swipe, while something is under way', () => {
    const page = inside();
    const telegram = openTelegram(page.asWindow);
    let prevented = 0;
    const leave = (): void => page.emit('beforeunload', { preventDefault: () => prevented++ });
    telegram.hold(true);
    leave();
    telegram.hold(false);
    leave();
    assert.equal(prevented, 1);
    assert.deepEqual(page.said('web_app_setup_closing_behavior'), [{ need_confirmation: true }, { need_confirmation: false }]);
    assert.deepEqual(page.said('web_app_setup_swipe_behavior'), [{ allow_vertical_swipe: false }, { allow_vertical_swipe: true }]);
  });

  test('opens its own links itself, others in a browser, and a wallet\'s scheme by the system', () => {
    const page = inside();
    const telegram = openTelegram(page.asWindow);
    telegram.open('https://t.me/wallet?attach=wallet&x=%2F');
    telegram.open('https://app.tonkeeper.example/ton-connect?v=2');
    telegram.open('tc://?v=2');
    assert.deepEqual(page.said('web_app_open_tg_link'), [{ path_full: '/wallet?attach=wallet&x=%2F' }]);
    assert.deepEqual(page.said('web_app_open_link'), [{ url: 'https://app.tonkeeper.example/ton-connect?v=2' }]);
    assert.deepEqual(page.opened, ['tc://?v=2']);
  });
});

describe('in an app\'s view', () => {
  test('speaks by the object that the app has put there, and hears by all three globals', () => {
    const page = new FakeWindow({ hash: fragment('8.0') });
    const said: [string, unknown][] = [];
    Object.assign(page, { TelegramWebviewProxy: { postEvent: (type: string, data: string) => said.push([type, JSON.parse(data)]) } });
    const telegram = openTelegram(page.asWindow);
    assert.equal(telegram.isInside, true);
    assert.deepEqual(said[0], ['iframe_ready', {}]);
    const globals = page as unknown as { Telegram: { WebView: { receiveEvent(type: string, data: unknown): void } }; TelegramGameProxy: { receiveEvent(type: string, data: unknown): void }; TelegramGameProxy_receiveEvent(type: string, data: unknown): void };
    let taps = 0;
    telegram.onBack(() => taps++);
    globals.Telegram.WebView.receiveEvent('back_button_pressed', null);
    globals.TelegramGameProxy.receiveEvent('back_button_pressed', null);
    globals.TelegramGameProxy_receiveEvent('back_button_pressed', null);
    assert.equal(taps, 3);
  });

  test('speaks by external.notify where there is nothing else', () => {
    const page = new FakeWindow({ hash: fragment('8.0') });
    const said: string[] = [];
    Object.assign(page, { external: { notify: (message: string) => said.push(message) } });
    openTelegram(page.asWindow);
    assert.deepEqual(JSON.parse(said[0]), { eventType: 'iframe_ready', eventData: {} });
  });
});

describe('without Telegram', () => {
  test('is a plain page that opens links itself', () => {
    const page = new FakeWindow();
    const telegram = openTelegram(page.asWindow);
    telegram.onBack(() => undefined);
    telegram.open('https://t.me/wallet');
    assert.deepEqual([telegram.isInside, page.posted, page.opened, page.dataset.theme], [false, [], ['https://t.me/wallet'], undefined]);
  });
});
