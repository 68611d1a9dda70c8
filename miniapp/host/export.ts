/** The page as files for a static host. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HostConfig } from './config';
import { HostError } from './errors';
import { type Site, siteOf } from './site';

export interface ExportReport {
  folder: string;
  files: number;
  bytes: number;
  /** SHA-384 of integrity.json, hex: it names every other file, so two hosts that say the same serve the same page. */
  integrity: string;
}

/**
 * Writes every file, `_headers` (as Cloudflare Pages and Netlify read it) and `integrity.json`. The policy is also a <meta> of each page, for hosts that
 * set no headers; what a <meta> cannot say (`frame-ancestors`, nosniff, permissions) is missing there.
 * @throws HostError `config.page.out-not-empty`; what siteOf throws
 */
export function exportPage(config: HostConfig, folder: string, built?: string): ExportReport {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new HostError('config.page.out-not-empty', 'the folder is not empty', { expected: 'a new or empty folder', received: folder });
  }
  const site = siteOf(config, built);
  const files = new Map([...site.files].map(([path, { body }]) => [path, path.endsWith('.html') ? withPolicy(body, site.metaPolicy) : body]));
  files.set('/_headers', Buffer.from(headerRules(site)));
  const integrity = Buffer.from(`${JSON.stringify(Object.fromEntries([...files].sort().map(([path, body]) => [path, `sha384-${sha384(body).toString('base64')}`])), null, 1)}\n`);
  files.set('/integrity.json', integrity);
  let bytes = 0;
  for (const [path, body] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, body);
    bytes += body.length;
  }
  return { folder, files: files.size, bytes, integrity: sha384(integrity).toString('hex') };
}

const sha384 = (bytes: Uint8Array): Buffer => createHash('sha384').update(bytes).digest();

/** Before anything that it is to hold for. */
function withPolicy(page: Buffer, policy: string): Buffer {
  const meta = `<meta http-equiv="content-security-policy" content="${policy}">`;
  return Buffer.from(String(page).replace(/<meta charset="utf-8">/i, (charset) => `${charset}\n    ${meta}`));
}

/** Rules of a file add to those of all files, so only what differs is said there. */
function headerRules({ headers, files }: Site): string {
  const rule = (path: string, values: Record<string, string>): string => `${path}\n${Object.entries(values).map(([name, value]) => `  ${name}: ${value}\n`).join('')}`;
  const own = [...files].map(([path, file]) => rule(path, file.headers));
  return [rule('/*', headers), rule('/', files.get('/index.html')!.headers), ...own].join('\n');
}
