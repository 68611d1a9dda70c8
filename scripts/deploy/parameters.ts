import { readFileSync } from 'node:fs';
import { Address } from '@ton/core';
import { z } from 'zod';
import { ConfigurationError } from '../../cli/errors';

const text = z.string().min(1);
const address = text.transform((value, context) => {
  try {
    const parsed = Address.parse(value);
    if (parsed.workChain === 0) return parsed;
  } catch {
    // Said below.
  }
  context.addIssue({ code: 'custom' });
  return z.NEVER;
});
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform((value) => Buffer.from(value, 'hex'));
const hashes = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value),
  z.array(hash),
);
const ton = z
  .union([z.number().transform(String), z.string()])
  .pipe(z.string().regex(/^\d{1,9}(\.\d{1,9})?$/))
  .transform((value) => {
    const [whole, fraction = ''] = value.split('.');
    return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  });
const whole = (minimum: number, maximum: number) =>
  z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.number().int().min(minimum).max(maximum));

const TOKEN = whole(0, 2 ** 21 - 1);
const AN_ADDRESS = 'a TON address of the basechain';
const A_HASH = '64 hex digits';
const AN_AMOUNT = 'an amount in TON with at most 9 decimals, such as 1.5';
const A_TOKEN = 'a whole number from 0 to 2097151';

/** Every parameter of the deployment scripts: how it is checked, and what an error says that it should be. */
const PARAMETERS = {
  registry: { schema: address, expected: AN_ADDRESS },
  governor: { schema: address, expected: AN_ADDRESS },
  guardian: { schema: address, expected: AN_ADDRESS },
  builders: { schema: hashes, expected: 'public keys of 64 hex digits, separated by commas or in a JSON array' },
  threshold: { schema: whole(0, 16), expected: 'a whole number from 0 to 16' },
  rent: { schema: ton, expected: AN_AMOUNT },
  amount: { schema: ton, expected: AN_AMOUNT },
  days: { schema: whole(1, 3650), expected: 'a whole number from 1 to 3650' },
  claim: { schema: text, expected: 'path of a claim that `cocoon provider keys claim --json` printed' },
  workerFolder: { schema: text, expected: 'data folder of the worker' },
  endpoint: { schema: text, expected: 'an http or https URL' },
  provider: { schema: address, expected: AN_ADDRESS },
  payout: { schema: address, expected: AN_ADDRESS },
  workerKey: { schema: hash, expected: A_HASH },
  price: { schema: ton, expected: AN_AMOUNT },
  modelRoot: { schema: hash, expected: A_HASH },
  stopToken: { schema: TOKEN, expected: A_TOKEN },
  maxTokens: { schema: whole(1, 1256), expected: 'a whole number from 1 to 1256' },
  winningToken: { schema: TOKEN, expected: A_TOKEN },
  fund: { schema: ton, expected: AN_AMOUNT },
  stake: { schema: address, expected: AN_ADDRESS },
  bounty: { schema: address, expected: AN_ADDRESS },
  verificationKey: { schema: text, expected: 'path of the record of a verification key' },
  shard: { schema: whole(0, 255), expected: 'a whole number from 0 to 255' },
  verifier: { schema: address, expected: AN_ADDRESS },
} as const;

export type ParameterName = keyof typeof PARAMETERS;
export type Parameters = { [Name in ParameterName]?: z.output<(typeof PARAMETERS)[Name]['schema']> };
export const PARAMETER_NAMES = Object.keys(PARAMETERS) as ParameterName[];

/** `workerKey` -> `COCOON_WORKER_KEY`. */
export const parameterVariable = (name: ParameterName): string =>
  `COCOON_${name.replace(/[A-Z]/g, (capital) => `_${capital}`).toUpperCase()}`;

/**
 * Environment first, then the JSON file that COCOON_PARAMETERS names; one file may serve all scripts.
 * @throws ConfigurationError `config.parameter`, `config.parameters-file`, `config.unknown`
 */
export function readParameters(env: NodeJS.ProcessEnv): Parameters {
  const file = readFile(env.COCOON_PARAMETERS);
  const values: Partial<Record<ParameterName, unknown>> = {};
  for (const name of PARAMETER_NAMES) {
    const fromEnvironment = env[parameterVariable(name)];
    const isSet = fromEnvironment !== undefined && fromEnvironment !== '';
    const value = isSet ? fromEnvironment : file[name];
    if (value === undefined) continue;
    const parsed = PARAMETERS[name].schema.safeParse(value);
    if (!parsed.success) {
      const where = isSet ? parameterVariable(name) : `"${name}" in ${env.COCOON_PARAMETERS}`;
      throw new ConfigurationError('config.parameter', `${where} has a value that cannot be used`, {
        expected: PARAMETERS[name].expected,
        received: JSON.stringify(value).slice(0, 100),
      });
    }
    values[name] = parsed.data;
  }
  return values as Parameters;
}

function readFile(path: string | undefined): Record<string, unknown> {
  if (path === undefined || path === '') return {};
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new ConfigurationError('config.parameters-file', 'cannot read the parameters of the deployment', {
      expected: 'a JSON object in the file that COCOON_PARAMETERS names',
      received: path,
      cause,
    });
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(json);
  const unknown = parsed.success ? Object.keys(parsed.data).filter((name) => !(name in PARAMETERS)) : ['no object'];
  if (parsed.success && unknown.length === 0) return parsed.data;
  throw new ConfigurationError('config.unknown', 'the file has parameters that no script knows', {
    expected: PARAMETER_NAMES.join(', '),
    received: `${unknown.join(', ')} in ${path}`,
  });
}

/** @throws ConfigurationError `config.parameter` that names all that are missing */
export function required<Name extends ParameterName>(
  parameters: Parameters,
  names: readonly Name[],
  hint?: string,
): { [N in Name]: NonNullable<Parameters[N]> } {
  const missing = names.filter((name) => parameters[name] === undefined);
  if (missing.length === 0) return parameters as { [N in Name]: NonNullable<Parameters[N]> };
  throw new ConfigurationError('config.parameter', `not set: ${missing.map(parameterVariable).join(', ')}`, {
    expected: missing.map((name) => `${name}: ${PARAMETERS[name].expected}`).join('; '),
    hint: hint ?? 'set them in the environment, or by these names in the JSON file that COCOON_PARAMETERS names',
  });
}
