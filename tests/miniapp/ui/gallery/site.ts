/** The gallery, built as the page is and served under the page's own policy. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { headerPolicy } from '../../../../miniapp/host/policy';
import { config } from '../fakeApp';

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
/** Its types are for another resolution of modules than this project's. */
const VITE: string = 'vite';

export interface GallerySite {
  origin: string;
  close(): Promise<void>;
}

export async function openGallery(): Promise<GallerySite> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-gallery-'));
  const { build } = (await import(VITE)) as { build(options: object): Promise<unknown> };
  await build({ configFile: join(__dirname, 'vite.config.mjs'), logLevel: 'error', build: { outDir: folder } });
  const policy = headerPolicy(config);
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url!, 'http://gallery');
    const file = join(folder, pathname === '/' ? 'index.html' : pathname);
    if (!file.startsWith(folder) || !existsSync(file)) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain', 'content-security-policy': policy }).end(readFileSync(file));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
