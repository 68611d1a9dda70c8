import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { UpstreamKind } from '../../worker/upstream/open';
import { ConfigurationError, UsageError } from '../errors';
import { DEFAULT_APIS, NETWORKS, SETTINGS, SETTING_NAMES, flagOf, variableOf } from './settings';
import type { NetworkName, SettingName } from './settings';

export type Source = 'flag' | 'environment' | 'file' | 'default';
type Value = string | number | undefined;

/** Every setting with the place that it came from. */
export type Resolved = Record<SettingName, { value: Value; source: Source }>;

/** Typed view of the settings that commands use. Amounts stay decimal TON strings until they are used. */
export interface Settings {
  network: NetworkName;
  networkId: number;
  api: string;
  apiKey?: string;
  dataFolder: string;
  passphraseFile?: string;
  model?: string;
  backend: 'auto' | 'webgpu' | 'wasm' | 'reference';
  engine: 'exact' | 'upstream';
  upstreamUrl?: string;
  upstreamKind: UpstreamKind;
  upstreamModel?: string;
  workerUrl?: string;
  host: string;
  port: number;
  payout?: string;
  registry?: string;
  stake?: string;
  tier: 'bonded' | 'attested';
  minPrice: string;
  maxCoverage: string;
  maxTokens: number;
  promptPrice: string;
  outputPrice: string;
  tokenLimit: number;
  minSeconds: number;
  queue: number;
  parallel: number;
  channelParallel: number;
  channelRate: number;
  senderRate: number;
  showTraces: 'on' | 'off';
  drainSeconds: number;
  metricsHost: string;
  metricsPort?: number;
  operatorToken?: string;
  tlsCert?: string;
  tlsKey?: string;
  logLevel: string;
  logFile?: string;
}

export interface Inputs {
  /** Values of command-line flags by setting name; `undefined` means not given. */
  flags: Partial<Record<SettingName, unknown>>;
  /** Path of --config, or undefined for `<data folder>/config.json`, which may be missing. */
  configFile?: string;
  env: NodeJS.ProcessEnv;
}

/**
 * Applies the precedence flags > environment > file > defaults and checks every value.
 * @throws UsageError `usage.flag`; ConfigurationError `config.environment`, `config.file`, `config.unknown`
 */
export function resolveSettings(inputs: Inputs): Resolved {
  const early = (name: SettingName): Value => pick(name, inputs, {})?.value;
  const folder = (early('dataFolder') as string | undefined) ?? (SETTINGS.dataFolder.default as string);
  const file = readConfigFile(inputs.configFile ?? inputs.env.COCOON_CONFIG ?? join(folder, 'config.json'), inputs);
  const resolved = {} as Resolved;
  for (const name of SETTING_NAMES) {
    resolved[name] = pick(name, inputs, file) ?? { value: SETTINGS[name].default as Value, source: 'default' };
  }
  if (resolved.api.value === undefined) {
    resolved.api = { value: DEFAULT_APIS[resolved.network.value as NetworkName], source: 'default' };
  }
  return resolved;
}

/** The typed view of {@link resolveSettings}. */
export function toSettings(resolved: Resolved): Settings {
  const values = Object.fromEntries(SETTING_NAMES.map((name) => [name, resolved[name].value]));
  return { ...values, networkId: NETWORKS[resolved.network.value as NetworkName] } as unknown as Settings;
}

function pick(
  name: SettingName,
  inputs: Inputs,
  file: Record<string, unknown>,
): { value: Value; source: Source } | undefined {
  if (inputs.flags[name] !== undefined) {
    return { value: check(name, inputs.flags[name], 'flag', flagOf(name)), source: 'flag' };
  }
  const variable = inputs.env[variableOf(name)];
  if (variable !== undefined && variable !== '') {
    return { value: check(name, variable, 'environment', variableOf(name)), source: 'environment' };
  }
  if (file[name] !== undefined) return { value: check(name, file[name], 'file', `"${name}"`), source: 'file' };
  return undefined;
}

function check(name: SettingName, value: unknown, source: Source, label: string): Value {
  const parsed = (SETTINGS[name].schema as z.ZodType).safeParse(value);
  if (parsed.success) return parsed.data as Value;
  const details = {
    expected: parsed.error.issues[0].message.replace(/^expected /, ''),
    received: 'secret' in SETTINGS[name] ? 'a value that is not shown' : JSON.stringify(value),
  };
  if (source === 'flag') throw new UsageError('usage.flag', `${label} has a value that cannot be used`, details);
  const code = source === 'environment' ? 'config.environment' : 'config.file';
  throw new ConfigurationError(code, `${label} in the ${source} has a value that cannot be used`, details);
}

function readConfigFile(path: string, inputs: Inputs): Record<string, unknown> {
  const asked = inputs.configFile !== undefined || inputs.env.COCOON_CONFIG !== undefined;
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    if (!asked && (cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigurationError('config.file', 'cannot read the configuration file', { received: path, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (cause) {
    throw new ConfigurationError('config.file', 'the configuration file is not JSON', { received: path, cause });
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(json);
  if (!parsed.success || Array.isArray(json)) {
    throw new ConfigurationError('config.file', 'the configuration file is not a JSON object', { received: path });
  }
  const unknown = Object.keys(parsed.data).filter((name) => !(name in SETTINGS));
  if (unknown.length > 0) {
    throw new ConfigurationError('config.unknown', 'the configuration file has unknown settings', {
      expected: SETTING_NAMES.join(', '),
      received: `${unknown.join(', ')} in ${path}`,
    });
  }
  return parsed.data;
}

/**
 * The passphrase of the key files: COCOON_PASSPHRASE, or the first line of the passphrase file, or undefined.
 * There is no flag for it, because arguments are visible to other users of the machine.
 */
export function readPassphrase(settings: Settings, env: NodeJS.ProcessEnv): string | undefined {
  if (env.COCOON_PASSPHRASE !== undefined && env.COCOON_PASSPHRASE !== '') return env.COCOON_PASSPHRASE;
  if (settings.passphraseFile === undefined) return undefined;
  try {
    const line = readFileSync(settings.passphraseFile, 'utf8').split(/\r?\n/)[0];
    if (line !== '') return line;
  } catch (cause) {
    throw new ConfigurationError('config.passphrase-file', 'cannot read the passphrase file', {
      received: settings.passphraseFile,
      cause,
    });
  }
  throw new ConfigurationError('config.passphrase-file', 'the passphrase file is empty', {
    received: settings.passphraseFile,
  });
}
