/** As much of a window as the bridge touches. */
export class FakeWindow {
  readonly style = new Map<string, string>();
  readonly dataset: Record<string, string> = {};
  readonly stored = new Map<string, string>();
  /** What was posted to the parent. */
  readonly posted: { message: { eventType: string; eventData: Record<string, unknown> }; origin: string }[] = [];
  readonly opened: string[] = [];
  readonly listeners = new Map<string, Set<(event: unknown) => void>>();
  replaced: string | null = null;
  reloads = 0;
  readonly parent: unknown;
  readonly parentFrame = { postMessage: (message: string, origin: string) => void this.posted.push({ message: JSON.parse(message), origin }) };
  readonly location: Record<string, unknown>;
  readonly history = { state: { kept: true }, replaceState: (_: unknown, __: string, url: string) => void (this.replaced = url) };
  readonly document = { documentElement: { dataset: this.dataset, style: { setProperty: (name: string, value: string) => void this.style.set(name, value) } } };
  readonly sessionStorage = { getItem: (key: string) => this.stored.get(key) ?? null, setItem: (key: string, value: string) => void this.stored.set(key, value) };

  constructor({ hash = '', isFramed = false, ancestor }: { hash?: string; isFramed?: boolean; ancestor?: string } = {}) {
    this.parent = isFramed ? this.parentFrame : this;
    this.location = { hash, pathname: '/', search: '', ancestorOrigins: ancestor === undefined ? undefined : [ancestor], reload: () => this.reloads++ };
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.listeners.set(type, (this.listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: (event: unknown) => void): void {
    this.listeners.get(type)?.delete(listener);
  }
  open(url: string): void {
    this.opened.push(url);
  }
  emit(type: string, event: object): void {
    for (const listener of this.listeners.get(type) ?? []) listener(event);
  }
  /** An event as a parent frame sends it. */
  hear(eventType: string, eventData: unknown, { origin = 'https://web.telegram.org', source = this.parentFrame as unknown } = {}): void {
    this.emit('message', { origin, source, data: JSON.stringify({ eventType, eventData }) });
  }
  said(type: string): Record<string, unknown>[] {
    return this.posted.filter(({ message }) => message.eventType === type).map(({ message }) => message.eventData);
  }
  get asWindow(): Window {
    return this as unknown as Window;
  }
}

/** A fragment as Telegram makes it. */
export const fragment = (version: string, theme: object = {}): string =>
  `#tgWebAppData=${encodeURIComponent('user={"id":777000,"first_name":"Marker"}&hash=secret')}&tgWebAppVersion=${version}&tgWebAppPlatform=weba&tgWebAppThemeParams=${encodeURIComponent(JSON.stringify(theme))}`;
