// Compiles the contracts through Blueprint, and only when their sources changed since the last build.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const stampFile = path.join(root, 'build', '.sources');

function sources() {
  const contracts = ['contracts', 'examples'].flatMap((folder) =>
    fs.readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, file)),
  );
  const tools = ['tact.config.json', 'blueprint.config.ts', 'package-lock.json', 'scripts/build/artefacts.js'];
  return [...contracts.filter((file) => file.endsWith('.tact')).sort(), ...tools];
}

const digest = createHash('sha256');
for (const file of sources()) digest.update(file).update(fs.readFileSync(path.join(root, file)));
const stamp = digest.digest('hex');

if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === stamp) process.exit(0);

const blueprint = path.join(root, 'node_modules', '@ton', 'blueprint', 'dist', 'cli', 'cli.js');
const result = spawnSync(process.execPath, [blueprint, 'build', '--all'], { cwd: root, encoding: 'utf8' });
if (result.status !== 0) {
  process.stderr.write(result.stdout + result.stderr);
  process.exit(result.status ?? 1);
}
fs.writeFileSync(stampFile, stamp);
