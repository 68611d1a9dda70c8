/** Telegram as the page sees it. Outside Telegram every call does what a browser can, or nothing. */
import { openBridge } from './bridge';
import { takeLaunch } from './launch';
import { isDark, tokensOf } from './theme';

export interface Telegram {
  /** Whether a Telegram client answers for the page. */
  readonly isInside: boolean;
  readonly version: string;
  readonly platform: string;
  /** Shows Telegram's back button, or hides it with null. */
  onBack(back: (() => void) | null): void;
  /** While money or an answer is under way: closing asks first, and a swipe does not close. */
  hold(isHeld: boolean): void;
  /** Opens a link outside the page. Call it within the tap. */
  open(url: string): void;
}

export function openTelegram(page: Window): Telegram {
  const launch = takeLaunch(page);
  const root = page.document.documentElement;
  const set = (name: string, value: string): void => root.style.setProperty(name, value);
  let back: (() => void) | null = null;

  const show = (params: unknown): void => {
    const tokens = tokensOf(params);
    if (tokens['--surface'] === undefined) return;
    for (const [name, value] of Object.entries(tokens)) set(name, value);
    root.dataset.theme = isDark(tokens['--surface']) ? 'dark' : 'light';
    bridge?.post('web_app_set_header_color', { color: tokens['--header'] });
    bridge?.post('web_app_set_background_color', { color: tokens['--ground'] });
    bridge?.post('web_app_set_bottom_bar_color', { color: tokens['--surface'] });
  };
  const inset = (name: string, data: Readonly<Record<string, unknown>>): void => {
    for (const side of ['top', 'bottom', 'left', 'right']) {
      const value = data[side];
      if (typeof value === 'number' && value >= 0 && value < 400) set(`--${name}-${side}`, `${value}px`);
    }
  };
  const bridge = openBridge(page, launch.version, (type, data) => {
    if (type === 'theme_changed') show(data.theme_params);
    // Nothing is laid out anew while a finger still drags.
    else if (type === 'viewport_changed' && data.is_state_stable === true && typeof data.height === 'number' && data.height > 100) set('--height', `${data.height}px`);
    else if (type === 'safe_area_changed') inset('safe', data);
    else if (type === 'content_safe_area_changed') inset('content', data);
    else if (type === 'back_button_pressed') back?.();
    else if (type === 'reload_iframe') page.location.reload();
  });
  if (bridge !== null) {
    show(launch.theme);
    for (const type of ['iframe_ready', 'web_app_ready', 'web_app_expand', 'web_app_request_theme', 'web_app_request_viewport', 'web_app_request_safe_area', 'web_app_request_content_safe_area']) bridge.post(type);
  }

  const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
  return {
    isInside: bridge !== null,
    version: bridge === null ? '' : (launch.version ?? ''),
    platform: launch.platform,
    onBack(next) {
      back = next;
      bridge?.post('web_app_setup_back_button', { is_visible: next !== null });
    },
    hold(isHeld) {
      bridge?.post('web_app_setup_closing_behavior', { need_confirmation: isHeld });
      bridge?.post('web_app_setup_swipe_behavior', { allow_vertical_swipe: !isHeld });
      if (isHeld) page.addEventListener('beforeunload', warn);
      else page.removeEventListener('beforeunload', warn);
    },
    open(url) {
      const { protocol, host, pathname, search } = new URL(url);
      const isTelegrams = protocol === 'https:' && host === 't.me';
      if (isTelegrams && bridge?.post('web_app_open_tg_link', { path_full: pathname + search })) return;
      if (protocol === 'https:' && bridge?.post('web_app_open_link', { url })) return;
      page.open(url, '_blank', 'noopener,noreferrer');
    },
  };
}
