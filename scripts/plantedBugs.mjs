// Plants the contract bugs of tests/mutations one at a time in a temporary copy and expects the contract suites to fail.
//   node scripts/plantedBugs.mjs [part of a name ...]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const patches = path.join(root, 'tests', 'mutations');
const SUITES = ['escrow', 'checkedEscrow', 'staking', 'registry', 'consumer', 'attacks', 'attest', 'collateral', 'channel', 'properties', 'disputes', 'zk/contracts'].map((name) => `tests/${name}`);
// Git metadata, and what the copy makes itself or links.
const NOT_COPIED = new Set(['.git', 'node_modules', 'models', 'dist']);

const wanted = process.argv.slice(2);
const names = fs
  .readdirSync(patches)
  .filter((name) => name.endsWith('.patch') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .sort();
if (names.length === 0) throw new Error(`No planted bug is called like ${wanted.join(', ')}.`);

const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'cocoon-planted-'));
const run = (command, args, input) =>
  spawnSync(command, args, { cwd: copy, encoding: 'utf8', input, maxBuffer: 1 << 28, env: { ...process.env, CI: '1' } });

/** Rebuilds when sources changed, pinned code hashes too: a contract that nobody recognises any more would catch every bug. */
const build = () => run(process.execPath, ['scripts/build/pinCodes.mjs']);

/** Whether a test of these suites fails, and which; `broken` when the suites could not run. */
function suites(folders) {
  const jest = path.join('node_modules', 'jest', 'bin', 'jest.js');
  const args = [jest, '--bail', '--ci', '--passWithNoTests', '--colors=false', ...folders];
  const { status, stderr } = run(process.execPath, args);
  if (status === 0) return { failed: false };
  if (!/^Tests:.* failed/m.test(stderr)) return { failed: false, broken: stderr.slice(-600) };
  return { failed: true, test: /● (?!Console)(.+)/.exec(stderr)?.[1] };
}

/** Path beginnings of the suites that a patch's header names. */
const likely = (patch) => /^# caught by: (.+)$/m.exec(patch)?.[1].split(/\s+/) ?? [];

/** What became of one planted bug. */
function plant(name) {
  const patch = fs.readFileSync(path.join(patches, name), 'utf8');
  const first = likely(patch);
  if (run('git', ['apply', '-'], patch).status !== 0) return { caught: false, note: 'the patch does not apply' };
  try {
    const built = build();
    if (built.status !== 0) return { caught: false, note: `does not compile: ${(built.stdout + built.stderr).slice(-300)}` };
    const rest = SUITES.filter((suite) => !first.includes(suite) && fs.existsSync(path.join(copy, suite)));
    for (const folders of [first, rest]) {
      if (folders.length === 0) continue;
      const { failed, test, broken } = suites(folders);
      if (broken !== undefined) return { caught: false, note: `the suites did not run: ${broken}` };
      if (failed) return { caught: true, note: test };
    }
    return { caught: false, note: 'SURVIVED' };
  } finally {
    run('git', ['apply', '-R', '-'], patch);
  }
}

let bad = 0;
try {
  fs.cpSync(root, copy, { recursive: true, filter: (file) => !NOT_COPIED.has(path.relative(root, file)) });
  for (const linked of ['node_modules', 'models']) {
    if (fs.existsSync(path.join(root, linked))) fs.symlinkSync(path.join(root, linked), path.join(copy, linked));
  }
  if (build().status !== 0) throw new Error('The contracts do not build without a planted bug.');
  // A suite that fails anyway would catch everything.
  const headers = names.flatMap((name) => likely(fs.readFileSync(path.join(patches, name), 'utf8')));
  const clean = suites(wanted.length > 0 ? [...new Set(headers)] : SUITES);
  if (clean.failed || clean.broken) throw new Error(`Suites fail without a planted bug: ${clean.test ?? clean.broken}`);
  for (const name of names) {
    const { caught, note } = plant(name);
    if (!caught) bad++;
    console.log(`${caught ? 'caught  ' : 'NOT     '} ${name.replace('.patch', '').padEnd(40)} ${note}`);
  }
  console.log(`${names.length - bad} of ${names.length} planted bugs are caught`);
} finally {
  fs.rmSync(copy, { recursive: true, force: true });
}
process.exitCode = bad > 0 ? 1 : 0;
