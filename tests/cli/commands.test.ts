import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../cli/main';
import { BUILT_CLI } from '../../cli/processes';
import { MAX_PROMPT_BYTES } from '../../cli/prompt';
import { cocoon as cocoonHere, codeOf, type Run } from '../support/cocoon';

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'cocoon-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the real command line as a process of its own. */
function cocoonProcess(args: string[]): Run {
  const env = { ...process.env, COCOON_DATA_FOLDER: join(folder, 'data') };
  return spawnSync(process.execPath, [BUILT_CLI, ...args], { cwd: root, encoding: 'utf8', env });
}

/** Runs the same in this process, which is faster. */
const cocoon = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Run> =>
  cocoonHere(args, { COCOON_DATA_FOLDER: join(folder, 'data'), ...env });

const model = join(root, 'exact/vectors/grouped.cocoon');

test('exact run prints exactly one JSON document with tokens, text, trace root, backend, adapter and time', () => {
  const run = cocoonProcess([
    'exact',
    'run',
    '--prompt',
    'dog',
    '--backend',
    'reference',
    '--max-tokens',
    '4',
    '--json',
    '--model',
    model,
  ]);
  assert.equal(run.status, 0, run.stderr);
  const result = JSON.parse(run.stdout) as Record<string, unknown>;
  assert.equal(run.stdout.trim().split('\n').length, 1);
  assert.equal((result.tokens as number[]).length <= 4, true);
  assert.match(result.traceRoot as string, /^[0-9a-f]{64}$/);
  assert.equal(result.backend, 'reference');
  for (const name of ['text', 'adapter', 'millis']) assert.ok(name in result, name);
});

test('exact run computes with wasm when asked to, with the trace of the reference', async () => {
  const traces = await Promise.all(['wasm', 'reference'].map(async (backend) => {
    const args = ['--prompt', 'dog', '--backend', backend, '--max-tokens', '4', '--json', '--model', model];
    const result = JSON.parse((await cocoon(['exact', 'run', ...args])).stdout) as Record<string, unknown>;
    assert.equal(result.backend, backend);
    return result.traceRoot;
  }));
  assert.equal(traces[0], traces[1]);
});

test('bad input gives its exit code and a typed error on stderr, nothing on stdout, no stack trace', async () => {
  const notUtf8 = join(folder, 'latin1.txt');
  writeFileSync(notUtf8, Buffer.from([0x63, 0x61, 0x66, 0xe9]));
  const brokenModel = join(folder, 'broken.cocoon');
  writeFileSync(brokenModel, 'not a model');
  const run = (...args: string[]): string[] => ['exact', 'run', '--backend', 'reference', '--json', ...args];
  const table: [string, string[], NodeJS.ProcessEnv, number, string][] = [
    ['no prompt', run(), {}, 2, 'usage.prompt-missing'],
    ['empty prompt', run('--prompt', ''), {}, 2, 'usage.prompt-missing'],
    ['prompt file not UTF-8', run('--prompt-file', notUtf8), {}, 2, 'usage.prompt-utf8'],
    ['prompt too long', run('--prompt', 'é'.repeat(MAX_PROMPT_BYTES / 2 + 1)), {}, 2, 'usage.prompt-too-long'],
    ['unknown option', ['exact', 'run', '--colour', '--json'], {}, 2, 'usage.command-line'],
    ['unknown command', ['fly', '--json'], {}, 2, 'usage.command-line'],
    ['bad number', run('--prompt', 'a', '--max-tokens', 'many'), {}, 2, 'usage.flag'],
    ['bad seed', run('--prompt', 'a', '--seed', '-1'), {}, 2, 'usage.number'],
    ['unknown model', run('--prompt', 'a', '--model', join(folder, 'none.cocoon')), {}, 7, 'engine.model-missing'],
    ['broken model', run('--prompt', 'a', '--model', brokenModel), {}, 7, 'model.magic'],
    ['bad environment', ['config', 'print', '--json'], { COCOON_PORT: 'x' }, 3, 'config.environment'],
    [
      'closed port',
      ['job', 'create', '--prompt', 'a', '--api', 'http://127.0.0.1:9', '--worker-url', 'http://127.0.0.1:9', '--json'],
      {},
      4,
      'network.unreachable',
    ],
    ['not an address', ['job', 'status', 'nowhere', '--json'], {}, 2, 'usage.address'],
    ['unknown job', ['job', 'resume', `0:${'0'.repeat(64)}`, '--json'], {}, 8, 'storage.unknown-job'],
  ];
  for (const [name, args, env, status, code] of table) {
    const result = await cocoon(args, env);
    assert.equal(result.status, status, `${name}: ${result.stderr}`);
    assert.equal(codeOf(result), code, name);
    assert.equal(result.stdout, '', name);
    assert.ok(!/\n\s+at /.test(result.stderr), name);
  }
});

test(
  'an argument that is not UTF-8 is refused, U+FFFD written rightly is not',
  { skip: process.platform !== 'linux' },
  () => {
    const command = (bytes: string): Run =>
      spawnSync(
        'sh',
        [
          '-c',
          `exec "$0" build/cli.cjs exact run --json --model "$1" --backend reference --max-tokens 1 --prompt "$(printf '${bytes}')"`,
          process.execPath,
          model,
        ],
        {
          cwd: root,
          encoding: 'utf8',
        },
      );
    const refused = command('caf\\351');
    assert.equal(refused.status, 2);
    assert.equal(codeOf(refused), 'usage.prompt-utf8');
    assert.equal(command('\\357\\277\\275').status, 0);
  },
);

test('a user without --json sees the error in words; --debug adds the stack', async () => {
  const plain = await cocoon(['exact', 'run']);
  assert.equal(plain.status, 2);
  assert.match(plain.stderr, /usage\.prompt-missing.*\n.*expected: --prompt/s);
  assert.match((await cocoon(['exact', 'run', '--debug'])).stderr, /\n\s+at /);
});

test('every command has --help and --json, and the help of the demo states the limit of the prompt', () => {
  const program = createProgram();
  assert.deepEqual(
    program.commands.map((command) => command.name()),
    ['demo', 'devnet', 'worker', 'provider', 'job', 'gateway', 'miniapp', 'receipt', 'challenge', 'watchtower', 'exact', 'model', 'zk', 'attest', 'bench', 'config'],
  );
  const leavesOf = (command: Command): Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
  const leaves = leavesOf(program);
  assert.ok(leaves.length > 20, `${leaves.length} commands`);
  for (const command of leaves) {
    const help = command.helpInformation();
    assert.ok(help.includes('--json'), command.name());
    assert.ok(command.description().length > 10, command.name());
  }
  assert.ok(program.commands[0].helpInformation().includes(`${MAX_PROMPT_BYTES} bytes`));
});

test('a gateway is a relay or buys: options of the other kind are refused by name, and so is a deposit that buys nothing', async () => {
  for (const [args, code] of [
    [['--relay', '--deposit', '1'], 'usage.command-line'],
    [['--relay', '--tier', 'bonded'], 'usage.command-line'],
    [['--relay', '--audit-rate', '1'], 'usage.command-line'],
    [['--deposit', '0.001'], 'usage.deposit'],
    [['--origin', 'https://app.example'], 'usage.relay'],
    [['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'], 'usage.relay'],
  ] as const) {
    const refused = await cocoon(['gateway', '--json', ...args]);
    assert.deepEqual([refused.status, codeOf(refused)], [2, code], args.join(' '));
  }
});

test('config print shows where each value came from and never a secret', async () => {
  const run = await cocoon(['config', 'print', '--json', '--port', '1234'], {
    COCOON_API_KEY: 'very-secret',
    COCOON_QUEUE: '9',
    COCOON_PASSPHRASE: 'hush-hush',
  });
  const shown = JSON.parse(run.stdout) as Record<string, { value: unknown; source: string }>;
  assert.deepEqual(shown.port, { value: 1234, source: 'flag' });
  assert.deepEqual(shown.queue, { value: 9, source: 'environment' });
  assert.deepEqual(shown.apiKey, { value: '(set)', source: 'environment' });
  assert.ok(!/very-secret|hush-hush/.test(run.stdout + run.stderr));
});
