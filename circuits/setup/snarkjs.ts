/** Runs snarkjs, a development tool under the GPL, as a process of its own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './errors';

export const SNARKJS_FILE = join(__dirname, '../../node_modules/snarkjs/build/cli.cjs');

/** Its errors go to its output, among colours. */
const COLOURS = /\u001b\[[0-9;]*m/g;

/**
 * @param input what it reads, so that randomness is not among the arguments, which others on the machine see
 * @returns what it said
 * @throws SetupError `usage.setup.snarkjs`, `verification.setup.snarkjs`
 */
export async function runSnarkjs(args: readonly string[], input = ''): Promise<string> {
  if (!existsSync(SNARKJS_FILE)) throw new SetupError('usage.setup.snarkjs', 'snarkjs is not installed', { hint: 'npm install, with development packages' });
  const child = spawn(process.execPath, [SNARKJS_FILE, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => {}); // whoever does not read may end first
  child.stdin.end(input);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  said = said.replace(COLOURS, '');
  if (code !== 0 || said.includes('[ERROR]')) {
    throw new SetupError('verification.setup.snarkjs', `snarkjs ${args.slice(0, 3).join(' ')} failed`, { received: said.trim().split('\n').slice(-3).join(' ').slice(0, 400) });
  }
  return said;
}
