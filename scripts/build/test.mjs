// The whole suite: contracts build, checks, contract tests in jest, everything else in node:test. Stops at the first failure.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (pkg, file) => path.join(root, 'node_modules', pkg, file);

function run(title, args, env = {}) {
  const started = Date.now();
  console.log(`\n== ${title}`);
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  console.log(`== ${title}: ${result.status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const nodeTests = fs
  .readdirSync(path.join(root, 'tests'), { recursive: true })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => path.join('tests', file))
  .sort();

run('build the contracts', ['scripts/build/build.mjs']);
run('types', [bin('typescript', 'bin/tsc'), '--noEmit']);
run('Tact format', [bin('@tact-lang/compiler', 'bin/tact-fmt.js'), '--check', 'contracts']);
run('Tact analysis (Misti)', [bin('@nowarp/misti', 'bin/misti'), '-m', 'low', 'tact.config.json']);
run('contracts', [bin('jest', 'bin/jest.js')]);
run('protocol, engine, devnet, worker, CLI', ['--import', 'tsx', '--test', ...nodeTests]);
