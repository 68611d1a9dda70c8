// Joins a program's sources into one file: it starts in half the time that translating them one by one takes.
// Packages stay outside. `__dirname` of a source keeps its meaning.
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/** What each file begins with: the folder of the project, which it looks for from where it lies, and a way to load packages late. */
const HEAD = `const __projectRoot = (() => {
  const { existsSync } = require('node:fs');
  const { dirname, join } = require('node:path');
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
})();
const __late = (load) => {
  let loaded;
  return new Proxy({}, { get: (_, name) => (loaded ??= load())[name] });
};`;

/** Packages that take 0.1 s to load each, and that most runs never use: they are loaded when something of them is asked for. */
const LATE = /(?<== )require\("(?:@noble\/curves\/bls12-381|@ton\/sandbox|@ton\/ton|@peculiar\/x509|prom-client)"\)(?=;)/g;

/**
 * @param {string} root folder of the project
 * @param {string[]} entries sources, relative to it; each is read once, however many of them need it
 * @param {(entry: string) => string} outputOf where an entry's file goes, relative to it
 * @param {string[]} shared entries that the others load from their own files, whose place is fixed then
 */
export async function bundle(root, entries, outputOf, shared = []) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => ({ in: entry, out: outputOf(entry).replace(/\.cjs$/, '') })),
    outdir: root,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    banner: { js: HEAD },
    write: false,
    logLevel: 'error',
    plugins: [sharedFiles(root, shared, outputOf), sourceFolders(root)],
  });
  for (const { path: file, text } of outputFiles) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // Whoever starts meanwhile sees the old file or the new one, whole.
    const temporary = `${file}.${process.pid}`;
    fs.writeFileSync(temporary, text.replace(LATE, '__late(() => $&)'));
    fs.renameSync(temporary, file);
  }
}

/** Leaves shared entries outside of what imports them. */
const sharedFiles = (root, shared, outputOf) => ({
  name: 'shared-files',
  setup({ onResolve }) {
    const outputs = new Map(shared.map((entry) => [path.join(root, entry), path.join(root, outputOf(entry))]));
    if (outputs.size > 0) onResolve({ filter: /^\./ }, ({ path: name, resolveDir }) => {
      const output = outputs.get(`${path.join(resolveDir, name)}.ts`);
      return output === undefined ? undefined : { path: output, external: true };
    });
  },
});

/** Gives each source that asks for it the folder it lies in. */
const sourceFolders = (root) => ({
  name: 'source-folders',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8');
      if (!source.includes('__dirname')) return undefined;
      const relative = path.relative(root, path.dirname(file)).split(path.sep).join('/');
      const name = '__sourceFolder';
      const contents = `const ${name} = require('node:path').join(__projectRoot, ${JSON.stringify(relative)});\n${
        source.replace(/\b__dirname\b/g, name)}`;
      return { contents, loader: 'ts' };
    });
  },
});
