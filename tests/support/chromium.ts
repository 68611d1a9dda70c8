/** Where a headless Chromium is: CHROMIUM_PATH, Debian's, or the one out of the packages that the suite has for its SwiftShader. Nothing is downloaded. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const DEBIAN = '/usr/bin/chromium';

/** What is switched off is what it would do by itself: talk to its maker. The rest of its protections are as they come, but for the sandbox, which root cannot have. */
export const CHROMIUM_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-domain-reliability', '--disable-sync',
  '--no-pings', '--disable-dev-shm-usage', '--disable-extensions',
];

export interface FoundChromium {
  program: string;
  /** For profiles; gone with `end`. */
  folder: string;
  end(): void;
}

/** The package's is unpacked into a folder of its own, some 190 MB; `end` removes it. */
export async function findChromium(): Promise<FoundChromium> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-chromium-'));
  const end = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  const installed = process.env.CHROMIUM_PATH ?? (existsSync(DEBIAN) ? DEBIAN : undefined);
  if (installed !== undefined) return { program: installed, folder, end };
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const path = createRequire(join(__dirname, 'chromium.ts')).resolve('@sparticuz/chromium').replace('/cjs/index.cjs', '/esm/index.js');
    const { default: pack } = (await import(pathToFileURL(path).href)) as { default: { executablePath(): Promise<string> } };
    return { program: await pack.executablePath(), folder, end };
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
