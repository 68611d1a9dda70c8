import { createHash } from 'node:crypto';
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

/** Code of a contract for tests. Compiling takes seconds: it is kept under build/ for as long as no source changes. */
export async function probeCode(file: string, name: string): Promise<Cell> {
  const contracts = fs.readdirSync(path.join(root, 'contracts'), { recursive: true }).map(String);
  const sources = contracts.filter((source) => source.endsWith('.tact')).map((source) => path.join('contracts', source));
  const digest = createHash('sha256');
  for (const source of [file, ...sources.sort()]) digest.update(fs.readFileSync(path.join(root, source)));
  const kept = path.join(root, 'build', 'probes', `${name}-${digest.digest('hex')}.boc`);
  if (fs.existsSync(kept)) return Cell.fromBoc(fs.readFileSync(kept))[0];
  const { [name]: code } = await compileTact(file);
  fs.mkdirSync(path.dirname(kept), { recursive: true });
  fs.writeFileSync(`${kept}.${process.pid}`, code.toBoc());
  fs.renameSync(`${kept}.${process.pid}`, kept);
  return code;
}
