/** Keys, store, locks and TON Connect where they are used: in a browser. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { type BrowserContext, chromium, type Browser, type Page } from 'playwright-core';
import { portableEd25519, voucherHash } from '../../../protocol';
import { CHROMIUM_FLAGS, findChromium, type FoundChromium } from '../../support/chromium';
import { ADDRESS, NOW, recordWith } from '../channel/world';
import { MANIFEST, until, WalletWorld } from '../wallet/world';
import type * as channel from '../../../miniapp/src/channel';
import type * as wallet from '../../../miniapp/src/wallet';

declare const parts: typeof channel & typeof wallet;

describe('the parts of a wallet and its channels in Chromium', { timeout: 120_000, skip: process.env.COCOON_E2E !== '1' }, () => {
  const world = WalletWorld.shared();
  let found: FoundChromium;
  let browser: Browser;
  let server: http.Server;
  let origin = '';

  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [join(__dirname, 'browserParts.ts')], bundle: true, format: 'esm', splitting: true, outdir: '/', target: 'es2022', platform: 'browser', write: false,
    });
    const scripts = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
    server = http.createServer((request, response) => {
      const script = scripts.get(request.url ?? '');
      const policy = `default-src 'none'; script-src 'self'; connect-src 'self' ${new URL(world.server.bridgeUrl).origin}; require-trusted-types-for 'script'`;
      response.writeHead(200, { 'content-type': script === undefined ? 'text/html' : 'text/javascript', 'content-security-policy': policy });
      response.end(script ?? '<!doctype html><title>parts</title><script type="module" src="/browserParts.js"></script>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    found = await findChromium();
    browser = await chromium.launch({ executablePath: found.program, args: CHROMIUM_FLAGS });
  });
  after(async () => {
    await browser?.close();
    found?.end();
    server?.close();
  });

  /** One tab, and what breaks its policy. */
  async function tab(context: BrowserContext): Promise<{ page: Page; violations: string[] }> {
    const page = await context.newPage();
    const violations: string[] = [];
    page.on('console', (message) => void (/content security policy|trusted/i.test(message.text()) && violations.push(message.text())));
    await page.goto(origin, { waitUntil: 'load' });
    await page.waitForFunction('globalThis.parts !== undefined');
    return { page, violations };
  }

  test('a key survives a reload, signs, and cannot be taken out', async () => {
    const context = await browser.newContext();
    const { page } = await tab(context);
    const publicKey = await page.evaluate(async () => (await parts.createKey(await parts.openDatabase())).publicKey);
    await page.reload();
    await page.waitForFunction('globalThis.parts !== undefined');
    const { signature, extracted } = await page.evaluate(async (known) => {
      const database = await parts.openDatabase();
      const key = (await parts.loadKey(database, known))!;
      const { privateKey } = (await database.get('keys', known)) as CryptoKeyPair;
      const taken = await Promise.all(['jwk', 'pkcs8'].map((format) => crypto.subtle.exportKey(format as 'pkcs8', privateKey).then(() => format, (error: Error) => error.name)));
      return { signature: [...(await key.sign(new Uint8Array(32).fill(7)))], extracted: taken };
    }, publicKey);
    assert.ok(portableEd25519.verify(new Uint8Array(32).fill(7), Uint8Array.from(signature), Buffer.from(publicKey, 'hex')));
    assert.deepEqual(extracted, ['InvalidAccessError', 'InvalidAccessError']);
    await context.close();
  });

  test('numbers and vouchers are on disk when a request may leave; one tab has the purse, and the next gets it where it stood', async () => {
    const context = await browser.newContext();
    const first = await tab(context);
    const begin = async ({ address, now, first: prepaid }: { address: string; now: number; first: number }) => {
      const database = await parts.openDatabase();
      const store = new parts.ChannelStore(database, parts.webLocks);
      const record = (await store.get(address))!;
      const key = (await parts.loadKey(database, record.terms.clientKey))!;
      try {
        const purse = await parts.ChannelPurse.open(store, address, key, { promptPrice: 1n, outputPrice: 1n }, () => now);
        const { seq, voucher } = await purse.begin(BigInt(prepaid), 1_000n);
        return { seq, amount: String(voucher.amount), signature: [...voucher.signature], clientKey: key.publicKey };
      } catch (error) {
        return { code: (error as { code?: string }).code };
      }
    };
    await first.page.evaluate(async (template) => {
      const database = await parts.openDatabase();
      const { publicKey } = await parts.createKey(database);
      await new parts.ChannelStore(database, parts.webLocks).add({ ...template, terms: { ...template.terms, clientKey: publicKey } });
    }, recordWith(''));
    const asked = await first.page.evaluate(begin, { address: ADDRESS, now: NOW, first: 5 });
    assert.deepEqual([asked.seq, asked.amount], [1, '5']);
    const hash = voucherHash({ networkId: 2026, channel: new Uint8Array(Buffer.from(ADDRESS, 'hex')), final: false, amount: 5n });
    assert.ok(portableEd25519.verify(hash, Uint8Array.from(asked.signature!), Buffer.from(asked.clientKey!, 'hex')));

    const second = await tab(context);
    assert.deepEqual(await second.page.evaluate(begin, { address: ADDRESS, now: NOW, first: 5 }), { code: 'wallet.otherTab' });
    await first.page.close();
    const next = await second.page.evaluate(begin, { address: ADDRESS, now: NOW, first: 1 });
    assert.deepEqual([next.seq, next.amount], [2, '5']);
    await context.close();
  });

  test('what a change throws leaves the record as it was, and two changes at once both count', async () => {
    const context = await browser.newContext();
    const { page } = await tab(context);
    const result = await page.evaluate(async () => {
      const database = await parts.openDatabase();
      await database.update('channels', 'a', () => 1);
      const thrown = await database.update('channels', 'a', () => { throw new Error('no'); }).catch((error: Error) => error.message);
      await Promise.all(Array.from({ length: 20 }, () => database.update('channels', 'a', (known) => (known as number) + 1)));
      const before = await database.all('channels');
      await database.update('channels', 'a', () => undefined);
      return { thrown, before, after: await database.get('channels', 'a') };
    });
    assert.deepEqual([result.thrown, result.before, result.after], ['no', [21], undefined]);
    await context.close();
  });

  test('TON Connect breaks no rule of the policy, and an answer that came while the bridge was away is heard', async () => {
    const context = await browser.newContext();
    const { page, violations } = await tab(context);
    const { server: simulated } = world;
    const elsewhere: string[] = [];
    page.on('request', (request) => void (request.url().startsWith(origin) || elsewhere.push(new URL(request.url()).origin)));
    const link = await page.evaluate(async ({ manifestUrl, bridgeUrl, universalLink, networkId }) => {
      const own = parts.connectWallet({ config: { wallets: [{ id: 'a', name: 'A', bridgeUrl, universalLink }], manifestUrl, networkId } });
      Object.assign(globalThis, { own });
      await own.preload();
      return own.connect('a');
    }, { manifestUrl: MANIFEST, bridgeUrl: simulated.bridgeUrl, universalLink: simulated.universalLink, networkId: world.devnet.networkId });
    await until(() => simulated.bridge.clients.length > 0, 'the page listens', 10_000);
    await simulated.wallet.open(link);
    await page.waitForFunction(() => (globalThis as unknown as { own: wallet.PageWallet }).own.account() !== null);
    Object.assign(simulated.wallet, { manner: 'answersLate', lateMillis: 500 });
    const before = simulated.wallet.requests.length;
    const sent = page.evaluate(({ address, validUntil }) => {
      const { own } = globalThis as unknown as { own: wallet.PageWallet };
      return own.send([{ address, amount: 1n }], validUntil);
    }, { address: simulated.wallet.address.toString({ testOnly: true }), validUntil: Math.floor(Date.now() / 1_000) + 300 });
    await until(() => simulated.wallet.requests.length > before, 'the wallet is asked', 10_000);
    simulated.bridge.cut();
    assert.match(await sent, /^te6cc/);
    assert.deepEqual([violations, [...new Set(elsewhere)], simulated.wallet.requests.length], [[], [new URL(simulated.bridgeUrl).origin], before + 1]);
    await context.close();
  });
});
