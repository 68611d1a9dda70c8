/** The page's configuration, from its own origin. Nothing else of the page starts without it. */
import type { PageConfig } from '../types';
import { PageError } from '../pageError';

const HEX = /^[0-9a-f]{64}$/;
const ORIGIN = /^https?:\/\/[^/?#@\s]+$/;
const URL_TEXT = /^https?:\/\/[^?#@\s]+$/;

type Json = Record<string, unknown>;

/** Reads /config.json. @throws PageError `app.noConfig` */
export async function loadConfig(fetcher: typeof fetch = fetch): Promise<PageConfig> {
  let json: unknown;
  try {
    const response = await fetcher('/config.json', { cache: 'no-store', credentials: 'omit' });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    json = await response.json();
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error));
  }
  return parseConfig(json);
}

/** @throws PageError `app.noConfig`, which names the field */
export function parseConfig(json: unknown): PageConfig {
  const config = objectOf(json, 'config.json');
  demand(config, 'network', (value) => value === 'mainnet' || value === 'testnet' || value === 'devnet');
  demand(config, 'networkId', Number.isInteger);
  demand(config, 'registry', isText(HEX));
  demand(config, 'relay', isText(ORIGIN));
  demand(config, 'quoteRoot', (value) => value === 'intel' || value === 'simulated');
  demand(config, 'payInTelegram', (value) => typeof value === 'boolean');
  demand(config, 'manifestUrl', isText(URL_TEXT));
  demand(config, 'deposit', isText(/^\d{1,19}$/));
  if (config.returnUrl !== undefined) demand(config, 'returnUrl', isText(/^https:\/\/t\.me\/\S+$/));
  const apis = listOf(config, 'apis', { name: isText(/./), url: isText(URL_TEXT) });
  if (apis.length !== 2 || apis[0].url === apis[1].url) throw fault('apis');
  listOf(config, 'models', { root: isText(HEX), name: isText(/./), tokenizer: isText(/^\/[\w./-]+$/) });
  listOf(config, 'wallets', { id: isText(/./), name: isText(/./), bridgeUrl: isText(URL_TEXT), universalLink: isText(/^(https?|tc):\/\/\S*$/) });
  // A simulated root proves nothing about hardware, so no network with real money takes it.
  if (config.quoteRoot === 'simulated' && config.network !== 'devnet') throw fault('quoteRoot');
  return config as unknown as PageConfig;
}

function objectOf(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fault(name);
  return value as Json;
}

function demand(from: Json, name: string, isFine: (value: unknown) => boolean): void {
  if (!isFine(from[name])) throw fault(name);
}

function listOf(from: Json, name: string, fields: Record<string, (value: unknown) => boolean>): Json[] {
  const list = from[name];
  if (!Array.isArray(list)) throw fault(name);
  for (const item of list) for (const [field, isFine] of Object.entries(fields)) demand(objectOf(item, name), field, isFine);
  return list as Json[];
}

const isText = (pattern: RegExp) => (value: unknown): boolean => typeof value === 'string' && pattern.test(value);

const fault = (what: string): PageError => new PageError('app.noConfig', { key: 'app.noConfig', params: { what } });
