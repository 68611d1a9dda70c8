/** All files of the page: what Vite built, and what the host's configuration adds. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { PageConfig } from '../src/types';
import { type HostConfig, pageConfigOf, walletManifestOf } from './config';
import { HostError } from './errors';
import { hostedModels } from './models';
import { headerPolicy, HEADERS, metaPolicy } from './policy';

/** What `npm run build:miniapp` makes. */
export const BUILT_PAGE = join(__dirname, '../../build/miniapp');

export interface SiteFile {
  body: Buffer;
  /** All that its path decides. */
  headers: Record<string, string>;
}

export interface Site {
  page: PageConfig;
  /** By path; pages by their file's name. */
  files: Map<string, SiteFile>;
  /** Headers of everything, the policy among them. */
  headers: Record<string, string>;
  /** The policy of pages where no header can be set. */
  metaPolicy: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.png': 'image/png', '.svg': 'image/svg+xml',
};
/** Wallets fetch these two, in whatever page they run. */
const FOR_WALLETS = ['/tonconnect-manifest.json', '/icon.png'];

/** @throws HostError `config.page.not-built`; what a model that cannot be read throws */
export function siteOf(config: HostConfig, built = BUILT_PAGE): Site {
  if (!existsSync(join(built, 'index.html'))) throw new HostError('config.page.not-built', 'the page is not built', { received: built, hint: 'npm run build:miniapp' });
  const models = hostedModels(config.models.map(({ file }) => file));
  const page = pageConfigOf(config, models.map(({ entry }) => entry));
  const files = new Map<string, SiteFile>();
  const put = (path: string, body: Buffer): void => void files.set(path, { body, headers: headersOf(path) });
  const json = (path: string, value: unknown): void => put(path, Buffer.from(`${JSON.stringify(value)}\n`));
  for (const path of pathsOf(built)) put(path, readFileSync(join(built, path)));
  json('/config.json', page);
  json('/tonconnect-manifest.json', walletManifestOf(config));
  for (const { entry, body } of models) put(entry.tokenizer, body);
  return {
    page, files, headers: { ...HEADERS, 'content-security-policy': headerPolicy(page) }, metaPolicy: metaPolicy(page),
  };
}

function pathsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).split('\\').join('/'))
    .sort();
}

function headersOf(path: string): Record<string, string> {
  const isForWallets = FOR_WALLETS.includes(path);
  return {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    'cache-control': cachingOf(path),
    'cross-origin-resource-policy': isForWallets ? 'cross-origin' : 'same-origin',
    ...(isForWallets && { 'access-control-allow-origin': '*' }),
  };
}

/** Telegram's desktop client keeps what it has: a page is never kept, and whatever has its hash in its name never changes. */
function cachingOf(path: string): string {
  if (path.startsWith('/assets/')) return 'public, max-age=31536000, immutable';
  if (path.endsWith('.html') || path === '/config.json') return 'no-store';
  return 'public, max-age=300';
}
