import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/** A file of the provider's page. */
export interface PageFile {
  type: string;
  bytes: Buffer;
  /** Its name says its content. */
  isFixed: boolean;
}

/** `npm run build:miniapp` puts it there. */
const FOLDER = join(__dirname, '../../build/miniapp');
const TYPES: Record<string, string> = { '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' };

/** Files of the built page by path; empty where it was not built. They are read once: a build meanwhile mixes no versions. */
export function readPage(folder = FOLDER): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  try {
    files.set('/', { type: 'text/html; charset=utf-8', bytes: readFileSync(join(folder, 'provider.html')), isFixed: false });
    for (const name of readdirSync(join(folder, 'assets'))) {
      const type = TYPES[extname(name)];
      if (type !== undefined) files.set(`/assets/${name}`, { type, bytes: readFileSync(join(folder, 'assets', name)), isFixed: true });
    }
  } catch {
    files.clear();
  }
  return files;
}

/** Of every file of the page: it runs its own scripts, asks this port alone, and lies in no other page. */
export const PAGE_HEADERS = {
  'content-security-policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
};
