/** What the files of these tests share: a world and a browser for all tests of a `describe`, a visitor for each. Behind COCOON_E2E=1 (`npm run test:e2e`). */
import { after, before, beforeEach } from 'node:test';
import { type PageOptions, TestBrowser, type Visitor } from './browser';
import { ChatPage } from './page';
import { World, type WorldOptions } from './world';

/** Options of `describe`. */
export const E2E = { timeout: 300_000, skip: process.env.COCOON_E2E !== '1' };

/** Whoever can be told what to do when a test has ended. */
interface Ending {
  after(end: () => unknown): void;
}

export interface Suite {
  world: World;
  browser: TestBrowser;
  visitor(t: Ending, options?: PageOptions): Promise<Visitor>;
  /** A visitor who sees the first screen. */
  page(t: Ending, options?: PageOptions): Promise<ChatPage>;
  /** A visitor with an open channel. */
  chat(t: Ending, tier?: 'Attested' | 'Bonded', options?: PageOptions): Promise<ChatPage>;
}

/** Call it inside `describe`. The world is honest again before each test. */
export function e2eSuite(options: WorldOptions = {}): Suite {
  const suite = {} as Suite;
  before(async () => {
    const [world, browser] = await Promise.all([World.open(options), TestBrowser.open()]);
    Object.assign(suite, { world, browser });
  });
  beforeEach(() => suite.world.reset());
  after(async () => {
    await suite.browser?.close();
    await suite.world?.close();
  });
  suite.visitor = async (t, pageOptions) => {
    const visitor = await suite.browser.visitor(pageOptions);
    t.after(() => visitor.close());
    return visitor;
  };
  suite.page = async (t, pageOptions) => ChatPage.open(await suite.visitor(t, pageOptions), suite.world.host.url);
  suite.chat = async (t, tier = 'Attested', pageOptions = {}) => {
    const page = await suite.page(t, pageOptions);
    await page.openChannel(tier);
    return page;
  };
  return suite;
}
