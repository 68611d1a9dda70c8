/** A headless Chromium out of the packages that the suite has for its SwiftShader; nothing is downloaded. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What is switched off is what it would do by itself: talk to its maker. The rest of its protections are as they come, but for the sandbox, which root cannot have. */
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-domain-reliability', '--disable-sync',
  '--no-pings', '--disable-dev-shm-usage', '--disable-extensions',
];

export class Chromium {
  private readonly folder = mkdtempSync(join(tmpdir(), 'cocoon-chromium-'));
  private program = '';

  /** Unpacks it into a folder of its own, some 190 MB; `end` removes it. */
  static async open(): Promise<Chromium> {
    const chromium = new Chromium();
    const before = process.env.TMPDIR;
    process.env.TMPDIR = chromium.folder;
    try {
      const path = createRequire(join(__dirname, 'chromium.ts')).resolve('@sparticuz/chromium').replace('/cjs/index.cjs', '/esm/index.js');
      const { default: pack } = (await import(pathToFileURL(path).href)) as { default: { executablePath(): Promise<string> } };
      chromium.program = await pack.executablePath();
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    return chromium;
  }

  /** Opens a page and leaves it open until `until` is settled. */
  async visit<T>(url: string, until: Promise<T>): Promise<T> {
    const profile = mkdtempSync(join(this.folder, 'profile-'));
    const browser = spawn(this.program, [...FLAGS, `--user-data-dir=${profile}`, url], { stdio: ['ignore', 'ignore', 'ignore'] });
    const ended = once(browser, 'exit');
    try {
      return await Promise.race([until, ended.then(([code, signal]) => Promise.reject(new Error(`the browser ended: ${code} ${signal}`)))]);
    } finally {
      browser.kill('SIGKILL');
      await ended;
    }
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
