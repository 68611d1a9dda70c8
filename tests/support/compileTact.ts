import fs from 'node:fs';
import path from 'node:path';
import { Cell } from '@ton/core';
import { build, createVirtualFileSystem, Logger, LogLevel, stdLibFiles } from '@tact-lang/compiler';

const root = path.join(__dirname, '../..');

/** Compiles a Tact file of the repository in memory, for contracts that only tests need. Returns code by contract name. */
export async function compileTact(file: string): Promise<Record<string, Cell>> {
  const written: Record<string, Buffer> = {};
  const onDisk = (name: string) => path.join(root, name.replace(/^\/repo\//, ''));
  const project = {
    root: '/repo/',
    resolve: (...parts: string[]) => path.posix.join('/repo/', ...parts),
    exists: (name: string) => name in written || fs.existsSync(onDisk(name)),
    readFile: (name: string) => written[name] ?? fs.readFileSync(onDisk(name)),
    writeFile: (name: string, content: Buffer | string) => void (written[name] = Buffer.from(content as string)),
  };
  const result = await build({
    config: { name: 'test', path: `./${file}`, output: './output', mode: 'full', options: { external: true } },
    project,
    stdlib: createVirtualFileSystem('@stdlib/', stdLibFiles),
    logger: new Logger(LogLevel.NONE),
  });
  if (!result.ok) throw new Error(`${file} does not compile: ${result.error.map(({ message }) => message).join('; ')}`);
  const codes: Record<string, Cell> = {};
  for (const name of Object.keys(written)) {
    const match = /test_(\w+)\.code\.boc$/.exec(name);
    if (match) codes[match[1]] = Cell.fromBoc(written[name])[0];
  }
  return codes;
}
