import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readPassphrase, resolveSettings, toSettings } from '../../cli/config/resolve';
import { SETTING_NAMES, SETTINGS, flagOf, variableOf } from '../../cli/config/settings';
import { EXIT_CODES, exitCodeOf } from '../../cli/exitCodes';
import { errorToJson, formatError, formatTon, toJson } from '../../cli/output';
import fc from 'fast-check';
import { MAX_PROMPT_BYTES, readPrompt } from '../../cli/prompt';
import { parseTon } from '../../cli/numbers';
import { CocoonError } from '../../protocol/errors';

const folder = mkdtempSync(join(tmpdir(), 'cocoon-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (content: string): string => {
  const path = join(folder, `config-${Math.random()}.json`);
  writeFileSync(path, content);
  return path;
};
const hasCode = (code: string) => (error: unknown) => (error as { code: string }).code === code;
const exit = (code: string): number => exitCodeOf(new CocoonError(code, 'x'));
const base = { COCOON_DATA_FOLDER: folder };

test('flags win over the environment, that over the file, that over the defaults', () => {
  const configFile = file(JSON.stringify({ port: 1, host: '::1', queue: 7, backend: 'webgpu' }));
  const env = { ...base, COCOON_PORT: '2', COCOON_HOST: '127.0.0.2' };
  const resolved = resolveSettings({ flags: { port: '3' }, env, configFile });
  assert.deepEqual(resolved.port, { value: 3, source: 'flag' });
  assert.deepEqual(resolved.host, { value: '127.0.0.2', source: 'environment' });
  assert.deepEqual(resolved.queue, { value: 7, source: 'file' });
  assert.deepEqual(resolved.minSeconds, { value: 30, source: 'default' });
});

test('the API follows the network unless it is set', () => {
  const api = (flags: object, env: object = {}): string =>
    toSettings(resolveSettings({ flags, env: { ...base, ...env } })).api;
  assert.match(api({}), /^http:\/\/127\.0\.0\.1:/);
  assert.match(api({ network: 'testnet' }), /testnet\.toncenter/);
  assert.equal(api({ network: 'testnet' }, { COCOON_API: 'https://example.com' }), 'https://example.com');
  assert.equal(toSettings(resolveSettings({ flags: { network: 'mainnet' }, env: base })).networkId, -239);
});

test('every bad value names its place, and a bad secret is not repeated', () => {
  const resolve =
    (flags: object, env: object = {}, configFile?: string) =>
    () =>
      resolveSettings({ flags, env: { ...base, ...env }, configFile });
  assert.throws(resolve({ network: 'morsenet' }), hasCode('usage.flag'));
  assert.throws(resolve({ port: '65536' }), hasCode('usage.flag'));
  assert.throws(resolve({ payout: 'nobody' }), hasCode('usage.flag'));
  assert.throws(resolve({}, { COCOON_API: 'ftp://example.com' }), hasCode('config.environment'));
  assert.throws(resolve({}, {}, file('{"minPrice": "a lot"}')), hasCode('config.file'));
  assert.throws(resolve({}, {}, file('{"prot": 1}')), hasCode('config.unknown'));
  assert.throws(resolve({}, {}, file('[]')), hasCode('config.file'));
  assert.throws(resolve({}, {}, file('{')), hasCode('config.file'));
  assert.throws(resolve({}, {}, join(folder, 'missing.json')), hasCode('config.file'));
  assert.throws(resolve({}, {}, file('{"apiKey": 12345}')), (error: Error) => !error.message.includes('12345'));
});

test('the passphrase comes from the environment or a file, never empty', () => {
  const settings = (path?: string) => toSettings(resolveSettings({ flags: { passphraseFile: path }, env: base }));
  assert.equal(readPassphrase(settings(), {}), undefined);
  assert.equal(readPassphrase(settings(), { COCOON_PASSPHRASE: 'a' }), 'a');
  assert.equal(readPassphrase(settings(file('b\nsecond line')), {}), 'b');
  assert.throws(() => readPassphrase(settings(file('\n')), {}), hasCode('config.passphrase-file'));
  assert.throws(() => readPassphrase(settings(join(folder, 'none')), {}), hasCode('config.passphrase-file'));
});

test('docs/cli.md lists exactly the exit codes and all settings', () => {
  const page = readFileSync(join(__dirname, '../../docs/cli.md'), 'utf8');
  const documented = Object.fromEntries(
    [...page.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map((row) => [row[2], Number(row[1])]),
  );
  assert.deepEqual(documented, EXIT_CODES);
  for (const name of SETTING_NAMES) {
    assert.ok(page.includes(variableOf(name)), name);
    if (!('secret' in SETTINGS[name])) assert.ok(page.includes(flagOf(name)), name);
  }
});

test('the exit code follows from the code of the error; what is not typed is a defect', () => {
  assert.deepEqual(
    [
      'usage.flag',
      'config.file',
      'network.unreachable',
      'chain.low-balance',
      'verification.rerun',
      'model.rows.sum',
      'storage.full',
    ].map(exit),
    [2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(exitCodeOf(new TypeError('x')), 70);
});

test('every error code that our sources throw has an exit code of its own kind', () => {
  const root = join(__dirname, '../..');
  const sources = ['protocol', 'wrappers', 'devnet', 'exact', 'circuits', 'worker', 'cli'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(root, folder, name)),
  );
  const codes = new Set(
    sources.flatMap((path) =>
      [
        ...readFileSync(path, 'utf8').matchAll(
          /Error\(\s*(?:\d+,\s*)?'([A-Z][A-Z_]+|[a-z][a-z0-9]*\.[a-z][A-Za-z0-9.-]*)'/g,
        ),
      ].map((match) => match[1]),
    ),
  );
  assert.ok(codes.size > 60, `${codes.size} codes found`);
  const unmapped = [...codes].filter((code) => exit(code) === EXIT_CODES.internal && !code.startsWith('internal.'));
  assert.deepEqual(unmapped, [], 'add them to cli/exitCodes.ts');
});

test('an error says what was expected, what came and what to do, without a stack trace', () => {
  const error = new CocoonError('usage.flag', 'bad port', {
    expected: '1 to 65535',
    received: '0',
    hint: 'choose another',
  });
  const text = formatError(error);
  for (const part of ['usage.flag', 'bad port', '1 to 65535', '0', 'choose another'])
    assert.ok(text.includes(part), part);
  assert.ok(!/\n\s+at /.test(text));
  assert.deepEqual(errorToJson(error, 2), {
    error: {
      code: 'usage.flag',
      message: 'bad port',
      expected: '1 to 65535',
      received: '0',
      hint: 'choose another',
      exitCode: 2,
    },
  });
});

test('a prompt is any UTF-8 text up to its limit in bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: MAX_PROMPT_BYTES }), (text) => {
      const fits = Buffer.byteLength(text) <= MAX_PROMPT_BYTES;
      if (fits) assert.equal(readPrompt({ prompt: text }), text);
      else assert.throws(() => readPrompt({ prompt: text }), hasCode('usage.prompt-too-long'));
    }),
    { seed: 20261128 },
  );
  assert.throws(() => readPrompt({ prompt: 'a\uD800b' }), hasCode('usage.prompt-utf8'));
  assert.throws(() => readPrompt({ prompt: 'a', promptFile: 'b' }), hasCode('usage.prompt-missing'));
});

test('amounts keep all their digits', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 10n ** 18n - 1n),
      (nano) => parseTon('--price', formatTon(nano).replace(' TON', '')) === nano,
    ),
    { seed: 20261128 },
  );
  for (const text of ['', '1e3', '-1', '0.0000000001', '1,5', 'TON'])
    assert.throws(() => parseTon('--price', text), hasCode('usage.amount'));
  assert.equal(formatTon(12_500_000n), '0.0125 TON');
  assert.equal(formatTon(-1n), '-0.000000001 TON');
  assert.equal(formatTon(2_000_000_000n), '2 TON');
  assert.equal(toJson({ a: 5n, b: 2n ** 70n }), '{"a":5,"b":"1180591620717411303424"}');
});
