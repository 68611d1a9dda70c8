/** A headless Chromium that opens one page and is watched from inside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { CHROMIUM_FLAGS, findChromium, type FoundChromium } from '../../support/chromium';

export class Chromium {
  private constructor(private readonly found: FoundChromium) {}

  static async open(): Promise<Chromium> {
    return new Chromium(await findChromium());
  }

  /** Opens a page and leaves it open until `until` is settled. */
  async visit<T>(url: string, until: Promise<T>): Promise<T> {
    const profile = mkdtempSync(join(this.found.folder, 'profile-'));
    const browser = spawn(this.found.program, [...CHROMIUM_FLAGS, `--user-data-dir=${profile}`, url], { stdio: ['ignore', 'ignore', 'ignore'] });
    const ended = once(browser, 'exit');
    try {
      return await Promise.race([until, ended.then(([code, signal]) => Promise.reject(new Error(`the browser ended: ${code} ${signal}`)))]);
    } finally {
      browser.kill('SIGKILL');
      await ended;
    }
  }

  end(): void {
    this.found.end();
  }
}
