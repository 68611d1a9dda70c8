import { z } from 'zod';
import { defaultDataFolder } from '../../worker/dataFolder';

/** Network names and their ids (TON config parameter 19); devnet is ours and simulated. */
export const NETWORKS = { mainnet: -239, testnet: -3, devnet: 2026 } as const;
export type NetworkName = keyof typeof NETWORKS;

/** toncenter v2 endpoints used when none is set. */
export const DEFAULT_APIS: Record<NetworkName, string> = {
  mainnet: 'https://toncenter.com/api/v2/jsonRPC',
  testnet: 'https://testnet.toncenter.com/api/v2/jsonRPC',
  devnet: 'http://127.0.0.1:8571/api/v2/jsonRPC',
};

const url = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });
const port = z.coerce.number({ error: 'expected a port number' }).int().min(0).max(65535);
const coins = z.coerce.string().regex(/^\d{1,12}(\.\d{1,9})?$/, 'expected an amount in TON such as 0.05');
const address = z.string().regex(/^(-?\d+:[0-9a-fA-F]{64}|[A-Za-z0-9_\-/+]{48})$/, 'expected a TON address');
const text = z.string().min(1, 'expected a non-empty text');
const whole = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

/** One setting: its check, default, help text, and whether its value may be shown. */
export interface SettingDefinition {
  schema: z.ZodType;
  default: string | number | undefined;
  help: string;
  /** Shown only as `(set)`. */
  secret?: true;
  /** Placeholder in --help. */
  placeholder: string;
}

/** All settings. Flag: kebab-case; environment: COCOON_ + upper snake case; file: the name as it is here. */
export const SETTINGS = {
  network: {
    schema: z.enum(['mainnet', 'testnet', 'devnet'], { error: 'expected mainnet, testnet or devnet' }),
    default: 'devnet',
    help: 'network',
    placeholder: 'name',
  },
  api: { schema: url, default: undefined, help: 'toncenter v2 endpoint', placeholder: 'url' },
  apiKey: { schema: text, default: undefined, help: 'API key of the endpoint', secret: true, placeholder: 'key' },
  dataFolder: { schema: text, default: defaultDataFolder(), help: 'keys, store and jobs', placeholder: 'folder' },
  passphraseFile: {
    schema: text,
    default: undefined,
    help: 'file with the passphrase of the keys',
    placeholder: 'file',
  },
  model: {
    schema: text,
    default: undefined,
    help: 'model file (.cocoon); the shipped one when unset',
    placeholder: 'file',
  },
  backend: {
    schema: z.enum(['auto', 'webgpu', 'wasm', 'reference'], { error: 'expected auto, webgpu, wasm or reference' }),
    default: 'auto',
    help: 'engine: auto takes webgpu on a real GPU, else wasm, else reference',
    placeholder: 'name',
  },
  engine: {
    schema: z.enum(['exact', 'upstream'], { error: 'expected exact or upstream' }),
    default: 'exact',
    help: 'exact, or upstream: a server of this machine computes, for the attested tier; --model is a model card',
    placeholder: 'name',
  },
  upstreamUrl: { schema: text, default: undefined, help: 'where the server listens: http://127.0.0.1:PORT or unix:/PATH', placeholder: 'url' },
  upstreamKind: {
    schema: z.enum(['vllm', 'sglang', 'llamacpp', 'openai'], { error: 'expected vllm, sglang, llamacpp or openai' }),
    default: 'openai',
    help: 'kind of the server; openai gives text, which is tokenised again',
    placeholder: 'kind',
  },
  upstreamModel: { schema: text, default: undefined, help: "the server's name of the model; the card's when unset", placeholder: 'name' },
  workerUrl: {
    schema: url,
    default: undefined,
    help: 'endpoint of the worker; without it one is chosen from the chain',
    placeholder: 'url',
  },
  host: { schema: text, default: '127.0.0.1', help: 'address to listen on', placeholder: 'address' },
  port: { schema: port, default: 8572, help: 'port to listen on, 0 picks a free one', placeholder: 'port' },
  payout: { schema: address, default: undefined, help: 'wallet that is paid', placeholder: 'address' },
  registry: {
    schema: address,
    default: undefined,
    help: 'AttestationRegistry whose providers count; the devnet knows its own',
    placeholder: 'address',
  },
  stake: { schema: address, default: undefined, help: 'provider stake named in the terms', placeholder: 'address' },
  tier: {
    schema: z.enum(['bonded', 'attested'], { error: 'expected bonded or attested' }),
    default: 'bonded',
    help: 'tier of the worker key, for life: bonded, or attested by a quote of its trust domain',
    placeholder: 'tier',
  },
  minPrice: { schema: coins, default: '0.01', help: 'lowest price of a job in TON', placeholder: 'TON' },
  promptPrice: { schema: coins, default: '0.02', help: 'price of a million prompt tokens over a channel, in TON', placeholder: 'TON' },
  outputPrice: { schema: coins, default: '0.1', help: 'price of a million answer tokens over a channel, in TON', placeholder: 'TON' },
  maxCoverage: {
    schema: coins,
    default: '1',
    help: 'most TON of the stake that stand behind one accepted job',
    placeholder: 'TON',
  },
  maxTokens: { schema: whole(1, 4096), default: 32, help: 'most tokens of an answer', placeholder: 'n' },
  tokenLimit: {
    schema: whole(1, 4096),
    default: 256,
    help: 'most tokens of an answer that the worker takes',
    placeholder: 'n',
  },
  minSeconds: { schema: whole(1, 3600), default: 30, help: 'least time to a deadline to take a job', placeholder: 's' },
  queue: { schema: whole(1, 10000), default: 64, help: 'most jobs, and most requests over channels, that wait for the engine', placeholder: 'n' },
  parallel: { schema: whole(1, 1024), default: 16, help: 'most generations at a time: what the engine serves side by side', placeholder: 'n' },
  channelParallel: { schema: whole(1, 1024), default: 16, help: 'most requests of one channel that run or wait', placeholder: 'n' },
  channelRate: { schema: whole(0, 100000), default: 100, help: 'requests a second of one channel, 0 for no limit', placeholder: 'n' },
  senderRate: { schema: whole(0, 100000), default: 100, help: 'requests a second of one IP address, 0 for no limit', placeholder: 'n' },
  showTraces: {
    schema: z.enum(['on', 'off'], { error: 'expected on or off' }),
    default: 'on',
    help: 'show whoever may challenge an answer what a case would show: saves the fees of moves',
    placeholder: 'on|off',
  },
  drainSeconds: { schema: whole(0, 3600), default: 30, help: 'time for what runs to finish after SIGTERM', placeholder: 's' },
  metricsHost: { schema: text, default: '127.0.0.1', help: 'address of the metrics', placeholder: 'address' },
  metricsPort: { schema: port, default: undefined, help: "port of the provider's page, /metrics, /healthz and /readyz for the operator; none when unset", placeholder: 'port' },
  operatorToken: {
    schema: z.string().regex(/^[\x21-\x7e]{16,200}$/, 'expected 16 characters or more, without spaces'),
    default: undefined,
    help: "asked of whoever reads the provider's page; needed where --metrics-host is no loopback",
    secret: true,
    placeholder: 'token',
  },
  tlsCert: { schema: text, default: undefined, help: 'certificate (PEM, with its chain) to serve https and wss with', placeholder: 'file' },
  tlsKey: { schema: text, default: undefined, help: 'its private key (PEM)', placeholder: 'file' },
  logLevel: {
    schema: z.enum(['silent', 'error', 'warn', 'info', 'debug'], {
      error: 'expected silent, error, warn, info or debug',
    }),
    default: 'info',
    help: 'log level',
    placeholder: 'level',
  },
  logFile: { schema: text, default: undefined, help: 'log file instead of stderr', placeholder: 'file' },
} as const satisfies Record<string, SettingDefinition>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** `minPrice` -> `--min-price`. */
export const flagOf = (name: SettingName): string => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
/** `minPrice` -> `COCOON_MIN_PRICE`. */
export const variableOf = (name: SettingName): string =>
  `COCOON_${name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()}`;
