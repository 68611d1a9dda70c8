import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createProgram } from '../../cli/main';
import { resolveSettings, toSettings, type Settings } from '../../cli/config/resolve';
import { SETTING_NAMES, SETTINGS, variableOf } from '../../cli/config/settings';
import { selfSigned } from '../support/certificate';
import { Marketplace, TINY_MODEL } from '../support/marketplace';
import { cocoon, codeOf } from '../support/cocoon';

const root = join(__dirname, '../..');
const deployed = (name: string): string => readFileSync(join(root, 'deploy', name), 'utf8').replace(/\\\n\s*/g, ' ');

/** Settings of a command line of `cocoon worker`, as the program itself reads it. */
function workerSettings(args: readonly string[]): Settings {
  assert.equal(args[0], 'worker');
  const command = createProgram().commands.find((each) => each.name() === 'worker')!;
  const { unknown, operands } = command.parseOptions(args.slice(1));
  assert.deepEqual([unknown, operands], [[], []]);
  return toSettings(resolveSettings({ flags: command.opts(), env: { COCOON_DATA_FOLDER: '/nowhere' } }));
}

describe('files for running a worker', () => {
  /** Values of a unit file, by name; a name may come several times. */
  const unit = new Map<string, string[]>();
  for (const line of deployed('cocoon-worker.service').split('\n')) {
    const match = /^([A-Za-z]+)=(.*)$/.exec(line);
    if (match !== null) unit.set(match[1], [...(unit.get(match[1]) ?? []), match[2]]);
  }
  const valueOf = (name: string): string => {
    assert.equal(unit.get(name)?.length, 1, name);
    return unit.get(name)![0];
  };
  /** Instructions of the Dockerfile in order. */
  const image = deployed('Dockerfile').split('\n').filter((line) => /^[A-Z]/.test(line)).map((line) => {
    const [, name, value] = /^([A-Z]+) +(.*)$/.exec(line)!;
    return { name, value };
  });
  const instruction = (name: string): string => image.filter((each) => each.name === name).at(-1)!.value;

  /** What Node is told by `npm run cocoon`. */
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const [, nodeFlags] = /&& node (.*) build\/cli\.cjs$/.exec(scripts.cocoon)!;

  test('the unit starts a worker with options that there are, keeps its data where it may write, and gives a drain its time', () => {
    const [node, flags, program, ...args] = valueOf('ExecStart').trim().split(/\s+/);
    assert.deepEqual([node, flags], ['/usr/bin/node', nodeFlags]);
    assert.equal(program, join(valueOf('WorkingDirectory'), 'build/cli.cjs'));
    const settings = workerSettings(args);
    assert.equal(settings.dataFolder, `%S/${valueOf('StateDirectory')}`);
    const [credential] = valueOf('LoadCredential').split(':');
    assert.equal(settings.passphraseFile, `%d/${credential}`);
    assert.equal(settings.metricsHost, '127.0.0.1');
    // A drain, then a claim under way, clients that do not answer, and what was stopped.
    assert.ok(Number(valueOf('TimeoutStopSec')) >= settings.drainSeconds + 15);
    const expected = { KillSignal: 'SIGTERM', Restart: 'on-failure', DynamicUser: 'yes', ProtectSystem: 'strict', NoNewPrivileges: 'yes', LimitCORE: '0' };
    for (const [name, value] of Object.entries(expected)) assert.equal(valueOf(name), value, name);
    assert.ok(!unit.has('MemoryDenyWriteExecute'), 'V8 and WebAssembly compile at run time');
  });

  test('the sample of settings names settings of a worker only', () => {
    const options = createProgram().commands.find((each) => each.name() === 'worker')!.options.map(({ long }) => long);
    const variables = [...deployed('worker.env').matchAll(/^#?(COCOON_\w+)=(.*)$/gm)];
    assert.ok(variables.length > 8);
    for (const [, variable, value] of variables) {
      const name = SETTING_NAMES.find((each) => variableOf(each) === variable);
      assert.ok(name !== undefined, variable);
      assert.ok('secret' in SETTINGS[name] || options.includes(`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`), variable);
      if (value !== '') resolveSettings({ flags: {}, env: { COCOON_DATA_FOLDER: '/nowhere', [variable]: value } });
    }
  });

  test('the image copies what there is, runs a worker that is no root, and asks it how it is where it tells', () => {
    const copied = image.filter(({ name }) => name === 'COPY').flatMap(({ value }) => value.split(/\s+/).filter((word) => !word.startsWith('--')).slice(0, -1));
    for (const path of copied) {
      const here = path.replace(/^\/build\//, '');
      assert.ok(existsSync(join(root, here)), path);
    }
    for (const file of ['build/cli.cjs', 'build/exact/kernels.wasm', 'build/exact/wasmThread.cjs', 'models/wordnet-3m.cocoon']) {
      assert.ok(copied.some((path) => path.replace(/^\/build\//, '') === file), `${file} is needed at run time`);
    }
    assert.deepEqual(JSON.parse(instruction('ENTRYPOINT')), ['node', nodeFlags, 'build/cli.cjs']);
    const settings = workerSettings(JSON.parse(instruction('CMD')) as string[]);
    assert.match(instruction('HEALTHCHECK'), new RegExp(`http://127\\.0\\.0\\.1:${settings.metricsPort}/healthz`));
    assert.equal(instruction('USER'), 'node');
    assert.equal(instruction('STOPSIGNAL'), 'SIGTERM');
    assert.equal(instruction('EXPOSE'), String(settings.port));
    const [, folder] = /COCOON_DATA_FOLDER=(\S+)/.exec(image.filter(({ name }) => name === 'ENV').map(({ value }) => value).join(' '))!;
    assert.equal(instruction('VOLUME'), folder);
    for (const { name, value } of image.filter(({ name }) => name === 'RUN')) {
      assert.doesNotMatch(value, /curl|wget|apt|git |npm install|npx/, name);
      if (value.includes('npm ci')) assert.match(value, /--ignore-scripts/);
    }
    const ignored = readFileSync(join(root, 'deploy/Dockerfile.dockerignore'), 'utf8').split('\n').filter((line) => line !== '');
    for (const path of copied) assert.ok(!ignored.some((each) => path === each || path.startsWith(`${each}/`)), path);
  });

  test('the docs name the files, and what a worker asks for', () => {
    const page = readFileSync(join(root, 'docs/run-a-provider.md'), 'utf8');
    for (const text of ['deploy/cocoon-worker.service', 'deploy/worker.env', 'deploy/Dockerfile', '/readyz', '--metrics-port', '--tls-cert', '--drain-seconds']) {
      assert.ok(page.includes(text), text);
    }
  });
});

/** What the last stage of the Dockerfile puts into its working directory, but for the packages, as files of a folder. */
function imageIn(folder: string): string[] {
  const last = deployed('Dockerfile').split(/^FROM /m).at(-1)!;
  for (const line of last.split('\n').filter((each) => each.startsWith('COPY '))) {
    const words = line.split(/\s+/).slice(1).filter((word) => !word.startsWith('--'));
    const into = join(folder, words.pop()!);
    mkdirSync(into, { recursive: true });
    for (const path of words) copyFileSync(join(root, path.replace(/^\/build\//, '')), join(into, basename(path)));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return JSON.parse(/^ENTRYPOINT (.*)$/m.exec(last)![1]) as string[];
}

describe('a worker process', () => {
  let market: Marketplace;
  before(async () => (market = await Marketplace.open()));
  after(() => market.close());

  test('runs on what the image holds and nothing else: the shipped model, on the engine that is compiled', async () => {
    const folder = market.newFolder('image');
    mkdirSync(folder);
    const [node, ...command] = imageIn(folder);
    const args = ['worker', '--json', '--api', market.api, '--port', '0', '--backend', 'wasm', '--data-folder', join(folder, 'data')];
    const worker = spawn(node, [...command, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit')])) as [unknown];
    assert.ok(line instanceof Buffer, `it ended with ${String(line)}`);
    const { url } = JSON.parse(String(line).split('\n')[0]) as { url: string };
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    worker.kill('SIGTERM');
    assert.deepEqual(await once(worker, 'exit'), [0, null]);
  });

  test('serves https, tells its operator apart and in the clear, and ends well when nothing runs', async () => {
    const folder = market.newFolder('tls');
    const { cert, key } = await selfSigned(webcrypto as Crypto, 'worker');
    const files = ['--tls-cert', `${folder}.crt`, '--tls-key', `${folder}.key`];
    writeFileSync(files[1], cert);
    writeFileSync(files[3], key);
    const args = ['worker', '--json', '--api', market.api, '--port', '0', '--backend', 'reference', '--model', TINY_MODEL, '--data-folder', folder];
    const worker = market.start('tls', [...args, ...files, '--metrics-port', '0']);
    const { url, metricsUrl } = await worker.next<{ url: string; metricsUrl: string }>();
    assert.match(url, /^https:/);
    const asked = request(`${url}/readyz`, { ca: cert }).end();
    const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    assert.equal(response.statusCode, 200);
    const hidden = request(`${url}/metrics`, { ca: cert }).end();
    const [missing] = (await once(hidden, 'response')) as [{ statusCode: number; resume(): void }];
    missing.resume();
    assert.equal(missing.statusCode, 404, 'metrics are not for everybody');
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
    assert.match(metrics, /^cocoon_worker_ready 1$/m);
    assert.match(metrics, /^cocoon_worker_tls_certificate_end_seconds \d+$/m);
    const [, script] = /"-e", "(.*)"\]/.exec(deployed('Dockerfile'))!;
    const health = (at: string): number | null => spawnSync(process.execPath, ['-e', script.replace('http://127.0.0.1:9464', at)]).status;
    assert.equal(health(metricsUrl), 0);
    const started = performance.now();
    worker.child.kill('SIGTERM');
    assert.equal(await worker.exitCode, 0, worker.errorText);
    assert.ok(performance.now() - started < 2_000, 'nothing runs, so nothing is waited for');
    assert.equal(health(metricsUrl), 1);
  });

  test('does not start with half of what TLS needs, or with files that cannot serve', async () => {
    const run = (...args: string[]) => cocoon(['worker', '--json', '--data-folder', market.newFolder('half'), '--api', market.api, '--backend', 'reference', '--model', TINY_MODEL, '--port', '0', ...args]);
    const half = await run('--tls-cert', 'a.pem');
    assert.deepEqual([half.status, codeOf(half)], [3, 'config.tls-incomplete']);
    const unreadable = await run('--tls-cert', '/none.pem', '--tls-key', '/none.key');
    assert.deepEqual([unreadable.status, codeOf(unreadable)], [3, 'config.tls-unreadable']);
  });
});
