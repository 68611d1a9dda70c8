// Writes contracts/lib/codes.tact: hash and depth of the code of contracts that others recognise without carrying it. A pinned
// code may pin others, so it compiles until nothing changes.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cell } from '@ton/core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = path.join(root, 'contracts', 'lib', 'codes.tact');
const PINNED = { COLLATERAL: 'Collateral', ATTESTED_KEY: 'AttestedKey' };
const ROUNDS = 4;

for (let round = 0; ; round++) {
  execFileSync(process.execPath, [path.join(root, 'scripts', 'build', 'build.mjs')], { cwd: root, stdio: 'inherit' });
  const lines = Object.entries(PINNED).flatMap(([constant, name]) => {
    const code = Cell.fromBoc(fs.readFileSync(path.join(root, 'build', 'Suite', `Suite_${name}.code.boc`)))[0];
    return [
      `const ${constant}_CODE_HASH: Int = 0x${code.hash().toString('hex')};`, `const ${constant}_CODE_DEPTH: Int = ${code.depth()};`,
    ];
  });
  const [comment] = fs.readFileSync(target, 'utf8').split('\n');
  const text = [comment, ...lines, ''].join('\n');
  if (fs.readFileSync(target, 'utf8') === text) break;
  if (round === ROUNDS) throw new Error('the pinned codes do not settle: two contracts pin each other');
  fs.writeFileSync(target, text);
}
