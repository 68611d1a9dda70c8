/** The page as its users find their way in it: by roles and by its English words. */
import type { Locator, Page } from 'playwright-core';
import { english } from '../../../miniapp/src/i18n/en';
import type { Visitor } from './browser';

/** A text of the page. */
export const word = (key: keyof typeof english): string => english[key];
/** The same, whatever is put into it. */
export const words = (key: keyof typeof english): RegExp => new RegExp(`^${english[key].split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');

/** What a badge says. */
export const LEVELS = {
  proven: word('ui.levelProven'), testHardware: word('ui.levelTestHardware'), bonded: word('ui.levelBonded'), unknown: word('ui.levelUnknown'), refuted: word('ui.levelRefuted'),
} as const;
export type Level = keyof typeof LEVELS;
const levelOf = (text: string): Level => {
  const found = (Object.keys(LEVELS) as Level[]).find((level) => text.includes(LEVELS[level]));
  if (found === undefined) throw new Error(`no badge says "${text}"`);
  return found;
};

export type Status = 'Holds' | 'False' | 'Unknown';

export interface ShownMessage {
  prompt: string;
  answer: string;
  level: Level;
  /** Of a notice under it. */
  notice: string;
  /** TON, as shown. */
  cost: number;
  tokens: { prompt: number; output: number };
}

export interface ShownChannel {
  phase: string;
  /** TON. */
  deposit: number;
  spent: number;
  refundable: number;
}

/** What the wallet of the tests is called. */
export const WALLET_NAME = 'Simulated wallet';

export class ChatPage {
  constructor(readonly visitor: Visitor) {}

  static async open(visitor: Visitor, url: string): Promise<ChatPage> {
    await visitor.page.goto(url);
    const page = new ChatPage(visitor);
    await page.start();
    return page;
  }

  get page(): Page {
    return this.visitor.page;
  }

  button(name: string | RegExp, within: Page | Locator = this.page): Locator {
    return within.getByRole('button', { name, exact: typeof name === 'string' });
  }

  /** There when the page can be used: until it is tapped, only the page's own host knows of the visit. */
  begin(): Locator {
    return this.button(word('ui.connect'));
  }

  /** There once the page has talked to relay and chain. */
  list(): Locator {
    return this.page.getByRole('heading', { name: word('ui.providers') });
  }

  /** Lets the page talk to relay and chain, and waits for what they say. */
  async start(): Promise<void> {
    const isReady = this.begin().and(this.page.locator(':enabled'));
    await isReady.or(this.page.getByRole('alert')).first().waitFor();
    if (!(await isReady.isVisible())) throw new Error(`the page cannot start: ${await this.problem()}`);
    await this.begin().click();
    await this.providers().first().or(this.prompt()).or(this.page.getByRole('alert')).first().waitFor({ timeout: 30_000 });
  }

  /** The sheet that is open. */
  sheet(): Locator {
    return this.page.getByRole('dialog');
  }

  async closeSheet(): Promise<void> {
    await this.button(word('ui.close'), this.sheet()).first().click();
    await this.sheet().waitFor({ state: 'detached' });
  }

  /** What went wrong on the page as a whole, or ''. */
  async problem(): Promise<string> {
    return (await this.page.getByRole('alert').allTextContents()).join(' ');
  }

  /** No badge anywhere on the screen is green. */
  async greens(): Promise<number> {
    return await this.page.locator('.badge.proven').count() + await this.page.getByText(LEVELS.proven, { exact: true }).count();
  }

  // Providers

  /** Rows of the list, each a button. */
  providers(): Locator {
    return this.page.getByRole('main').getByRole('listitem').getByRole('button');
  }

  provider(tier: 'Attested' | 'Bonded'): Locator {
    return this.providers().filter({ hasText: new RegExp(`${tier} ·`) });
  }

  async levelOfProvider(tier: 'Attested' | 'Bonded'): Promise<Level> {
    return levelOf(await this.provider(tier).innerText());
  }

  /** As after the page was closed. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.start();
  }

  /** From the first screen to where a channel is opened. */
  async choose(tier: 'Attested' | 'Bonded'): Promise<void> {
    await this.provider(tier).click();
    await this.page.getByRole('heading', { name: word('ui.openChannel') }).waitFor();
  }

  /** Claims that the badge on the screen stands for, by their names. Leaves the sheet closed. */
  async claims(badge = this.page.getByRole('button', { name: words('ui.badge') }).first()): Promise<Record<string, { status: Status; reason: string }>> {
    await badge.click();
    const rows = this.sheet().getByRole('listitem');
    await rows.first().waitFor();
    const found: Record<string, { status: Status; reason: string }> = {};
    for (const row of await rows.all()) {
      const [name, status] = [await row.locator('.claim-name span').innerText(), await row.locator('.claim-name b').innerText()];
      found[name] = { status: status as Status, reason: await row.locator('.claim-reason').innerText() };
    }
    await this.closeSheet();
    return found;
  }

  /** Why no channel can be opened with the chosen provider; null: it can. */
  async blockedOpen(): Promise<string | null> {
    const notice = this.page.getByRole('main').getByRole('status').filter({ hasText: word('ui.blocked') });
    return (await notice.count()) === 0 ? null : notice.first().innerText();
  }

  // Wallet and channel

  /** Connects the tests' wallet: a tap opens its link, in a tab of its own. */
  async connect(tap: (button: Locator) => Promise<void> = (button) => button.click()): Promise<void> {
    await tap(this.button(word('ui.connectWallet')).last());
    const [tab] = await Promise.all([this.visitor.context.waitForEvent('page'), tap(this.button(WALLET_NAME, this.sheet()))]);
    await tab.waitForLoadState();
    await tab.close();
    await this.page.bringToFront();
    await this.sheet().getByText(word('ui.walletConnected')).waitFor();
    await tap(this.button(word('ui.close'), this.sheet()).first());
    await this.sheet().waitFor({ state: 'detached' });
  }

  openButton(): Locator {
    return this.button(words('ui.openButton'));
  }

  /** All the way to where one can ask. */
  async openChannel(tier: 'Attested' | 'Bonded' = 'Attested'): Promise<void> {
    await this.choose(tier);
    await this.connect();
    await this.openButton().click();
    await this.prompt().waitFor({ timeout: 30_000 });
    await this.page.getByText(word('ui.phaseOpen'), { exact: true }).waitFor({ timeout: 30_000 });
  }

  async channel(): Promise<ShownChannel> {
    const bar = this.page.getByRole('region', { name: 'Channel' }).or(this.page.locator('section.channel-bar')).first();
    const figure = async (name: string): Promise<number> => numberOf(await bar.locator('dl > div', { hasText: name }).locator('dd').innerText());
    return { phase: await bar.locator('.phase').innerText(), deposit: await figure(word('ui.deposit')), spent: await figure(word('ui.spent')), refundable: await figure(word('ui.refundable')) };
  }

  async closeChannel(): Promise<void> {
    await this.button(word('ui.closeChannel'), this.page.locator('section.channel-bar')).click();
    await this.button(word('ui.closeChannel'), this.sheet()).click();
  }

  /** Until it has ended, or is not shown any more for that. */
  async waitForEnd(millis = 60_000): Promise<void> {
    const bar = this.page.locator('section.channel-bar');
    for (const until = Date.now() + millis; Date.now() < until; await this.page.waitForTimeout(200)) {
      if ((await bar.count()) === 0 || (await bar.locator('.phase').innerText()) === word('ui.phaseEnded')) return;
    }
    throw new Error(`the channel did not end: ${await bar.innerText()}`);
  }

  // Channels without a key

  lostBanner(): Locator {
    return this.page.getByRole('button').filter({ hasText: word('ui.lostBanner') });
  }

  recoverButtons(): Locator {
    return this.button(words('ui.recover'));
  }

  // Chat

  prompt(): Locator {
    return this.page.getByRole('textbox', { name: word('ui.prompt') });
  }

  /** Why nothing can be sent; null: it can. */
  async blockedSend(): Promise<string | null> {
    const notice = this.page.locator('#blocked');
    return (await notice.count()) === 0 ? null : notice.first().innerText();
  }

  messages(): Locator {
    return this.page.locator('ol.messages > li');
  }

  /** Sends and waits for the end, whatever that is. @returns its place among the messages */
  async ask(text: string): Promise<number> {
    const index = await this.send(text);
    await this.ended(index);
    return index;
  }

  /** Sends, and returns once the message is shown. */
  async send(text: string): Promise<number> {
    const index = await this.messages().count();
    await this.prompt().fill(text);
    await this.button(word('ui.send')).click();
    await this.messages().nth(index).waitFor();
    return index;
  }

  async ended(index: number): Promise<void> {
    await this.badgeOf(index).waitFor({ timeout: 30_000 });
  }

  stop(): Promise<void> {
    return this.button(word('ui.stop')).click();
  }

  badgeOf(index: number): Locator {
    return this.messages().nth(index).getByRole('button', { name: words('ui.badge') });
  }

  async message(index: number): Promise<ShownMessage> {
    const item = this.messages().nth(index);
    const textOf = async (locator: Locator): Promise<string> => ((await locator.count()) === 0 ? '' : (await locator.first().textContent())!);
    const [prompt, output] = [...(await textOf(item.locator('.tokens'))).matchAll(/\d+/g)].map(Number);
    return {
      prompt: await textOf(item.locator('.prompt')), answer: await textOf(item.locator('.answer')), level: levelOf((await this.badgeOf(index).getAttribute('aria-label'))!),
      notice: await textOf(item.locator('.notice')), cost: numberOf(await textOf(item.locator('.message-foot > span').first())), tokens: { prompt, output },
    };
  }

  async levels(): Promise<Level[]> {
    const count = await this.messages().count();
    return Promise.all(Array.from({ length: count }, async (_, index) => levelOf((await this.badgeOf(index).getAttribute('aria-label'))!)));
  }

  /** Judges a message again by what the screen shows now. */
  async recheck(index: number): Promise<void> {
    await this.badgeOf(index).click();
    await this.button(word('ui.checkAgain'), this.sheet()).click();
    await this.button(word('ui.checkAgain'), this.sheet()).and(this.page.locator(':enabled')).waitFor();
    await this.closeSheet();
  }

  /** The text of the file that is saved. */
  async saveReceipt(index: number): Promise<string> {
    await this.badgeOf(index).click();
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.button(word('ui.saveReceipt'), this.sheet()).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    await this.closeSheet();
    return String(Buffer.concat(chunks));
  }

  /** Has a receipt file checked, from the first screen. @returns its place among the messages */
  async checkReceipt(text: string): Promise<number> {
    while (!(await this.list().isVisible())) await this.button(word('ui.back')).click();
    await this.page.getByLabel(word('ui.openReceipt')).setInputFiles({ name: 'receipt.json', mimeType: 'application/json', buffer: Buffer.from(text) });
    await this.prompt().waitFor();
    return (await this.messages().count()) - 1;
  }

  /** What a screen reader is told without being asked. */
  async announced(): Promise<string> {
    return (await this.page.locator('body > [role=status]').allTextContents()).join(' ');
  }
}

function numberOf(text: string): number {
  const found = /[\d.,]+/.exec(text.replace(/\s/g, ''));
  return found === null ? Number.NaN : Number(found[0].replace(/,/g, ''));
}
