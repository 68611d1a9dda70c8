// The whole suite: contracts build, checks, contract tests in jest, everything else in node:test. Stops at the first failure.
// `node scripts/build/test.mjs node` runs the last part alone.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (pkg, file) => path.join(root, 'node_modules', pkg, file);
const cores = String(os.availableParallelism());

/** Runs a program of this project; its output follows its title in one piece when `quiet`. */
function run(title, args, { quiet = false } = {}) {
  const started = Date.now();
  if (!quiet) console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: quiet ? 'pipe' : 'inherit' });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => {
      if (quiet && code !== 0) console.log(`\n== ${title}\n${output}`);
      console.log(`== ${title}: ${code === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
      if (code !== 0) process.exit(code ?? 1);
      resolve();
    });
  });
}

// Tests in a browser are `npm run test:e2e`: loading them to skip them takes a second each.
const isSkipped = (file) => file.startsWith(path.join('miniapp', 'e2e')) && process.env.COCOON_E2E !== '1';
const nodeTests = fs
  .readdirSync(path.join(root, 'tests'), { recursive: true })
  .filter((file) => file.endsWith('.test.ts') && !isSkipped(file))
  .map((file) => path.join('tests', file))
  .sort();
const built = (test) => path.join('build', test.replace(/\.ts$/, '.cjs'));

await run('build the contracts', ['scripts/build/build.mjs'], { quiet: true });
await run('build the page', [bin('vite', 'bin/vite.js'), 'build', '-c', 'miniapp/vite.config.mjs', '--logLevel', 'warn'], { quiet: true });
const isNodeOnly = process.argv[2] === 'node';
if (!isNodeOnly) await Promise.all([
  run('types', [bin('typescript', 'bin/tsc'), '--noEmit'], { quiet: true }),
  run('Tact format', [bin('@tact-lang/compiler', 'bin/tact-fmt.js'), '--check', 'contracts', 'examples'], { quiet: true }),
  run('Tact analysis (Misti)', [bin('@nowarp/misti', 'bin/misti'), '-m', 'low', '-dd', 'TransitiveImport', 'tact.config.json'], { quiet: true }),
]);
if (!isNodeOnly) await run('contracts', [bin('jest', 'bin/jest.js'), `--maxWorkers=${cores}`]);
fs.rmSync(path.join(root, 'build', 'tests'), { recursive: true, force: true });
// Half of what the tests would hold otherwise, each a copy.
const bindings = fs.readdirSync(path.join(root, 'build', 'Suite')).filter((file) => file.endsWith('.ts')).map((file) => path.join('build', 'Suite', file));
const outputOf = (file) => (bindings.includes(file) ? path.join('build', 'tests', 'bindings', `${path.basename(file, '.ts')}.cjs`) : built(file));
await bundle(root, [...nodeTests, ...bindings], outputOf, bindings);
// One more than cores: many tests wait for processes and timers.
await run('protocol, engine, devnet, worker, CLI', ['--test', `--test-concurrency=${Number(cores) + 1}`, ...nodeTests.map(built)]);
