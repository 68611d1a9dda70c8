/** The page as its users find their way in it: by roles and names. All of its words that tests need are here. */
import type { Locator, Page } from 'playwright-core';
import type { Visitor } from './browser';

export class ChatPage {
  constructor(readonly visitor: Visitor) {}

  static async open(visitor: Visitor, url: string): Promise<ChatPage> {
    await visitor.page.goto(url);
    const page = new ChatPage(visitor);
    await page.firstScreen().waitFor();
    return page;
  }

  get page(): Page {
    return this.visitor.page;
  }

  /** There when the page can be used. */
  firstScreen(): Locator {
    return this.page.getByRole('main');
  }

  providers(): Locator {
    return this.page.getByRole('main');
  }
}
