/** What whoever hosts the page writes down, and what becomes of it: /config.json and the manifest of TON Connect. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Address } from '@ton/core';
import { z } from 'zod';
import type { PageConfig } from '../src/types';
import { HostError } from './errors';

/** Ids of the networks, TON's configuration parameter 19; the devnet is ours and simulated. */
const NETWORK_IDS = { mainnet: -239, testnet: -3, devnet: 2026 } as const;

/** Nothing that would end a directive of a policy, or an attribute. */
const PLAIN_URL = /^https?:\/\/[\w.:[\]-]+(\/[\w.~/-]*)?$/;
const origin = z.string().refine((text) => PLAIN_URL.test(text) && URL.canParse(text) && new URL(text).origin === text, 'expected scheme, host and port alone, such as https://app.example');
const url = z.string().regex(PLAIN_URL, 'expected an http or https URL without query').refine((text) => URL.canParse(text), 'expected a URL');
const text = z.string().min(1).max(200);

const schema = z.strictObject({
  /** Where users reach the page. */
  origin,
  /** As wallets show it. */
  name: text.default('Open Cocoon'),
  network: z.enum(['mainnet', 'testnet', 'devnet']),
  /** AttestationRegistry, any form of its address. */
  registry: z.string().refine(isAddress, 'expected the address of a registry in the basechain'),
  relay: origin,
  apis: z.tuple([z.strictObject({ name: text, url }), z.strictObject({ name: text, url })]),
  /** Model files, or cards, relative to the configuration; without `file` the shipped one. */
  models: z.array(z.strictObject({ file: text.optional() })).min(1).max(20),
  quoteRoot: z.enum(['intel', 'simulated']).default('intel'),
  wallets: z.array(z.strictObject({ id: text, name: text, bridgeUrl: url, universalLink: z.string().regex(/^(https?|tc):\/\/\S*$/, 'expected a link of a wallet') })).min(1).max(20),
  returnUrl: z.string().regex(/^https:\/\/t\.me\/\S+$/, 'expected a t.me link').optional(),
  /** nanoTON. */
  deposit: z.string().regex(/^\d{1,19}$/, 'expected nanoTON, decimal'),
  /** docs/miniapp.md says what Telegram's rules leave open. */
  payInTelegram: z.boolean().default(true),
  termsUrl: url.optional(),
  privacyUrl: url.optional(),
});

export type HostConfig = z.infer<typeof schema>;
export type HostConfigInput = z.input<typeof schema>;

/** @throws HostError `config.page.unreadable`, `config.page.json`, `config.page.field` */
export function readHostConfig(file: string): HostConfig {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new HostError('config.page.json', 'the page\'s configuration is not JSON', { received: cause.message.slice(0, 120), cause });
    throw new HostError('config.page.unreadable', 'the page\'s configuration cannot be read', { received: `${file} (${(cause as NodeJS.ErrnoException).code})`, cause });
  }
  const config = parseHostConfig(json);
  return { ...config, models: config.models.map(({ file: model }) => ({ file: model && resolve(dirname(file), model) })) };
}

/** @throws HostError `config.page.field`, which names the first wrong one */
export function parseHostConfig(json: unknown): HostConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw wrong(path.join('.') || 'document', message);
  }
  const config = parsed.data;
  const [first, second] = config.apis;
  if (new URL(first.url).host === new URL(second.url).host) throw wrong('apis', 'expected two servers: one that lies has to be found out by the other');
  // A simulated root proves nothing about hardware, so no network with real money takes it.
  if (config.quoteRoot === 'simulated' && config.network !== 'devnet') throw wrong('quoteRoot', 'expected intel outside of a devnet');
  if (config.network !== 'devnet') requireTls(config);
  return config;
}

/** A browser refuses plain HTTP in a page that came by TLS, and nothing else keeps answers as they are on the way. */
function requireTls({ origin: own, relay, apis, wallets }: HostConfig): void {
  const places: [string, string][] = [['origin', own], ['relay', relay], ...apis.map(({ url: api }): [string, string] => ['apis', api]), ...wallets.map(({ bridgeUrl }): [string, string] => ['wallets', bridgeUrl])];
  const plain = places.find(([, place]) => !place.startsWith('https:'));
  if (plain !== undefined) throw wrong(plain[0], 'expected https outside of a devnet');
}

/** /config.json. @param models what of it each model file gave */
export function pageConfigOf(config: HostConfig, models: PageConfig['models']): PageConfig {
  const { network, relay, apis, quoteRoot, wallets, returnUrl, deposit, payInTelegram } = config;
  return {
    network, networkId: NETWORK_IDS[network], registry: Address.parse(config.registry).hash.toString('hex'), relay, apis, models, quoteRoot,
    manifestUrl: `${config.origin}/tonconnect-manifest.json`, wallets, ...(returnUrl !== undefined && { returnUrl }), deposit, payInTelegram,
  };
}

/** /tonconnect-manifest.json: wallets fetch it, show it and hold requests against it. */
export function walletManifestOf({ origin: own, name, termsUrl, privacyUrl }: HostConfig): object {
  return {
    url: own, name, iconUrl: `${own}/icon.png`,
    ...(termsUrl !== undefined && { termsOfUseUrl: termsUrl }), ...(privacyUrl !== undefined && { privacyPolicyUrl: privacyUrl }),
  };
}

function isAddress(address: string): boolean {
  try {
    return Address.parse(address).workChain === 0;
  } catch {
    return false;
  }
}

const wrong = (field: string, expected: string): HostError =>
  new HostError('config.page.field', `the page's configuration is wrong: ${field}`, { expected: expected.replace(/^expected /, '') });
