/**
 * Events between the page and a Telegram client. In a frame they go by postMessage to Telegram's web clients and nobody else; in
 * an app's view by the object that the app puts there.
 */
import { isAtLeast, parse } from './launch';

/** Where Telegram's own web clients live: nothing is said to, or believed from, another parent. */
export const TELEGRAM_ORIGINS: readonly string[] = ['https://web.telegram.org', 'https://webk.telegram.org', 'https://webz.telegram.org'];

type Data = Readonly<Record<string, unknown>>;

/** Since which version of the Bot API a client knows what the page says; what is not here is known to all. */
const SINCE: Readonly<Record<string, string>> = {
  web_app_setup_back_button: '6.1',
  web_app_open_link: '6.1',
  web_app_open_tg_link: '6.1',
  web_app_set_header_color: '6.1',
  web_app_set_background_color: '6.1',
  web_app_setup_closing_behavior: '6.2',
  web_app_setup_swipe_behavior: '7.7',
  web_app_set_bottom_bar_color: '7.10',
  web_app_request_safe_area: '8.0',
  web_app_request_content_safe_area: '8.0',
};

/** What the apps put into their views. */
interface Hosted {
  TelegramWebviewProxy?: { postEvent(type: string, data: string): void };
  external?: { notify?(message: string): void };
}

export interface Bridge {
  /** Whether it was said: false where the client's version does not know it. */
  post(type: string, data?: Data): boolean;
}

/** @returns null outside Telegram */
export function openBridge(page: Window, version: string | null, hear: (type: string, data: Data) => void): Bridge | null {
  const say = version === null ? null : (inFrame(page, hear) ?? inView(page, hear));
  if (say === null || version === null) return null;
  return {
    post(type, data = {}) {
      if (!isAtLeast(version, SINCE[type] ?? '0')) return false;
      say(type, data);
      return true;
    },
  };
}

type Say = (type: string, data: Data) => void;

function inFrame(page: Window, hear: Say): Say | null {
  const { parent } = page;
  if (parent === page) return null;
  // Until the parent has said something from a known origin, each of them is addressed; the browser hands it to the right one alone.
  const ancestor = page.location.ancestorOrigins?.[0];
  let targets = ancestor === undefined ? TELEGRAM_ORIGINS : TELEGRAM_ORIGINS.filter((origin) => origin === ancestor);
  if (targets.length === 0) return null;
  page.addEventListener('message', ({ source, origin, data }) => {
    if (source !== parent || !targets.includes(origin)) return;
    targets = [origin];
    const event = (typeof data === 'string' ? parse(data) : data) as { eventType?: unknown; eventData?: unknown } | null;
    if (typeof event?.eventType === 'string') hear(event.eventType, record(event.eventData));
  });
  return (eventType, eventData) => {
    const message = JSON.stringify({ eventType, eventData });
    for (const origin of targets) parent.postMessage(message, origin);
  };
}

function inView(page: Window, hear: Say): Say | null {
  const hosted = page as unknown as Hosted & Record<string, unknown>;
  const { TelegramWebviewProxy: proxy, external } = hosted;
  const notify = external?.notify;
  if (proxy === undefined && notify === undefined) return null;
  const receive = (type: unknown, data: unknown): void => {
    if (typeof type === 'string') hear(type, record(typeof data === 'string' ? parse(data) : data));
  };
  hosted.Telegram = { WebView: { receiveEvent: receive } };
  hosted.TelegramGameProxy = { receiveEvent: receive };
  hosted.TelegramGameProxy_receiveEvent = receive;
  return (type, data) => {
    if (proxy !== undefined) proxy.postEvent(type, JSON.stringify(data));
    else notify?.call(external, JSON.stringify({ eventType: type, eventData: data }));
  };
}

const record = (data: unknown): Data => (typeof data === 'object' && data !== null ? (data as Data) : {});
