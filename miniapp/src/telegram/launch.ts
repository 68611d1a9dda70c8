/** What Telegram says to the page when it opens it: in the fragment of the address, which is read once and cleared. */

export interface Launch {
  /** Bot API version of the client, for example `8.0`; null outside Telegram. */
  version: string | null;
  platform: string;
  /** Colours by their names, not checked yet. */
  theme: unknown;
}

const KEPT = 'cocoon.telegram';

/**
 * Takes the launch parameters out of the address. Who the user is (`tgWebAppData`) is dropped here: nothing of the page learns
 * it. Version and platform are kept for a reload, which has no fragment any more.
 */
export function takeLaunch(page: Window): Launch {
  const params = new URLSearchParams(page.location.hash.slice(1));
  const isLaunch = [...params.keys()].some((key) => key.startsWith('tgWebApp'));
  if (isLaunch) page.history.replaceState(page.history.state, '', page.location.pathname + page.location.search);
  const version = params.get('tgWebAppVersion');
  if (!isLaunch || version === null || !/^\d{1,3}(\.\d{1,3}){0,2}$/.test(version)) return kept(page);
  const launch = { version, platform: (params.get('tgWebAppPlatform') ?? '').replace(/[^\w]/g, '').slice(0, 20) };
  try {
    page.sessionStorage.setItem(KEPT, JSON.stringify(launch));
  } catch {
    // No storage: a reload is a plain page.
  }
  return { ...launch, theme: parse(params.get('tgWebAppThemeParams') ?? '') };
}

function kept(page: Window): Launch {
  let found: unknown = null;
  try {
    found = parse(page.sessionStorage.getItem(KEPT) ?? '');
  } catch {
    // The same.
  }
  const { version = null, platform = '' } = (found ?? {}) as Partial<Launch>;
  return { version, platform, theme: null };
}

/** JSON, or null. */
export function parse(json: unknown): unknown {
  try {
    return typeof json === 'string' ? JSON.parse(json) : null;
  } catch {
    return null;
  }
}

/** Whether `version` is at least `wanted`, number by number. */
export function isAtLeast(version: string, wanted: string): boolean {
  const have = version.split('.').map(Number);
  const need = wanted.split('.').map(Number);
  for (let i = 0; i < need.length; i++) {
    if ((have[i] ?? 0) !== need[i]) return (have[i] ?? 0) > need[i];
  }
  return true;
}
