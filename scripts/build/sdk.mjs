// Makes the package that dApps install, in build/sdk, from protocol/ and wrappers/: a module of the package for each source, as ESM and
// as CommonJS, so that entries share their classes; declarations beside both; one minified file for pages without a bundler; and the
// Tact sources that a consumer's contract imports. Of a generated binding, 500 kB, each wrapper takes in what it uses.
// `npm run build:sdk`; nothing else runs it but its tests.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = path.join(root, 'build', 'sdk');
const unfinished = `${target}.${process.pid}`;
const ENTRIES = ['protocol/index.ts', 'protocol/zk/index.ts', 'wrappers/index.ts', 'wrappers/zk.ts'];
const BINDINGS = 'build/Suite';
const FOLDERS = ['protocol', 'wrappers', BINDINGS, 'sdk', 'contracts'];
const TRAIT = 'contracts/escrow/InferenceConsumer.tact';
const posix = (file) => file.split(path.sep).join('/');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

function write(file, text) {
  const full = path.join(unfinished, file);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, text);
}

/** Digest of all that the package is made of. */
function sourcesDigest() {
  const digest = createHash('sha256');
  const files = FOLDERS.flatMap((folder) => fs.readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, file)));
  const others = ['package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE', 'THIRD_PARTY.md', 'scripts/build/sdk.mjs'];
  for (const file of [...files.filter((name) => /\.(ts|tact|json|md)$/.test(name)).sort(), ...others]) digest.update(file).update(read(file));
  return digest.digest('hex');
}

/** What `specifier` names in a file of ours, without extension, relative to that file as modules of the package write it. */
function relativeModule(from, specifier, isThere) {
  const named = path.posix.join(path.posix.dirname(from), specifier);
  const found = [named, `${named}/index`].find(isThere);
  if (found === undefined) throw new Error(`${from}: ${specifier} is not part of the package`);
  const relative = path.posix.relative(path.posix.dirname(from), found);
  return relative.startsWith('.') ? relative : `./${relative}`;
}

/** Modules that the entries load when they run, as esbuild finds them. */
async function loadedModules() {
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: ENTRIES, outdir: unfinished, bundle: true, packages: 'external', format: 'esm', metafile: true, write: false, logLevel: 'error',
  });
  return Object.keys(metafile.inputs).filter((file) => !file.startsWith(BINDINGS));
}

async function writeModules(modules, format, extension) {
  const known = new Set(modules.map((file) => file.replace(/\.ts$/, '')));
  await build({
    absWorkingDir: root, entryPoints: modules, outbase: root, outdir: path.join(unfinished, 'dist'), outExtension: { '.js': extension },
    bundle: true, packages: 'external', format, platform: 'neutral', target: 'es2022', logLevel: 'error',
    plugins: [{
      name: 'modules stay apart',
      setup({ onResolve }) {
        onResolve({ filter: /^\./ }, ({ importer, kind, path: specifier }) => {
          if (kind === 'entry-point' || specifier.includes(BINDINGS)) return undefined;
          return { path: relativeModule(posix(path.relative(root, importer)), specifier, (name) => known.has(name)) + extension, external: true };
        });
      },
    }],
  });
}

/** Declarations of every source that the entries' types may mention, by name without extension. */
function emitDeclarations() {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(ENTRIES.map((file) => path.join(root, file)), {
    ...options, lib: ['lib.es2022.d.ts'], types: ['node'], skipLibCheck: true, noEmit: false, declaration: true, emitDeclarationOnly: true, noCheck: true, rootDir: root, outDir: root,
  });
  const emitted = new Map();
  for (const source of program.getSourceFiles()) {
    const name = posix(path.relative(root, source.fileName)).replace(/\.ts$/, '');
    if (source.isDeclarationFile) continue;
    if (name.startsWith(BINDINGS)) emitted.set(name, source);
    else program.emit(source, (_, text) => emitted.set(name, text), undefined, true);
  }
  return emitted;
}

/** Of a generated binding the types with these names, and those that they mention. */
function bindingTypes(source, names) {
  const wanted = new Set(names);
  const types = new Map(source.statements.filter(ts.isTypeAliasDeclaration).map((statement) => [statement.name.text, statement.getText(source)]));
  for (const name of wanted) for (const [mentioned] of types.get(name).matchAll(/\b[A-Z]\w*\b/g)) if (types.has(mentioned)) wanted.add(mentioned);
  const imports = source.statements.filter((statement) => ts.isImportDeclaration(statement) && statement.moduleSpecifier.text === '@ton/core');
  return [...imports.map((statement) => statement.getText(source)), ...[...wanted].map((name) => types.get(name)), ''].join('\n');
}

/** Writes the declarations that the entries reach, each for both kinds of module. */
function writeDeclarations() {
  const emitted = emitDeclarations();
  const seen = new Set(ENTRIES.map((file) => file.replace(/\.ts$/, '')));
  const bindings = new Map();
  for (const name of seen) {
    if (name.startsWith(BINDINGS)) continue;
    const text = emitted.get(name);
    const imports = ts.preProcessFile(text, true, true).importedFiles.filter(({ fileName }) => fileName.startsWith('.'));
    const modules = imports.map(({ fileName }) => relativeModule(name, fileName, (file) => emitted.has(file)));
    modules.forEach((module, index) => {
      const full = path.posix.join(path.posix.dirname(name), module);
      seen.add(full);
      if (!full.startsWith(BINDINGS)) return;
      const clause = text.slice(text.lastIndexOf('{', imports[index].pos) + 1, text.lastIndexOf('}', imports[index].pos));
      bindings.set(full, [...bindings.get(full) ?? [], ...clause.split(',').map((one) => one.replace(/\btype\b|\bas\b.*/g, '').trim())]);
    });
    for (const [extension, imported] of [['.d.ts', '.js'], ['.d.cts', '.cjs']]) {
      let result = text;
      imports.forEach(({ fileName }, index) => (result = result.replace(`'${fileName}'`, `'${modules[index]}${imported}'`)));
      write(`dist/${name}${extension}`, result);
    }
  }
  for (const [name, names] of bindings) for (const extension of ['.d.ts', '.d.cts']) write(`dist/${name}${extension}`, bindingTypes(emitted.get(name), names));
}

/** The trait for contracts that ask, with what it imports. */
function writeTact() {
  const files = new Set([TRAIT]);
  for (const file of files) {
    const text = read(file);
    for (const [, imported] of text.matchAll(/^import "(\.[^"]+)"/gm)) files.add(`${path.posix.join(path.posix.dirname(file), imported).replace(/\.tact$/, '')}.tact`);
    write(file.replace(/^contracts/, 'tact'), text);
  }
}

/** What a page that takes a browser file from elsewhere pins it to (Subresource Integrity), by name. */
function writeIntegrity() {
  const folder = path.join(unfinished, 'dist', 'browser');
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.js')).sort();
  const digestOf = (name) => `sha384-${createHash('sha384').update(fs.readFileSync(path.join(folder, name))).digest('base64')}`;
  write('dist/browser/integrity.json', `${JSON.stringify(Object.fromEntries(names.map((name) => [name, digestOf(name)])), null, 2)}\n`);
}

/** The manifest of sdk/, with the version and the dependencies' versions of this project. */
function writeManifest() {
  const { version, dependencies } = JSON.parse(read('package.json'));
  const manifest = JSON.parse(read('sdk/manifest.json'));
  const ranges = Object.fromEntries(Object.keys(manifest.dependencies).map((name) => [name, `^${dependencies[name]}`]));
  write('package.json', `${JSON.stringify({ ...manifest, version, dependencies: ranges }, null, 2)}\n`);
  write('README.md', read('sdk/README.md'));
  for (const file of ['LICENSE', 'THIRD_PARTY.md']) write(file, read(file));
}

const stamp = path.join(root, 'build', '.sdk');
const digest = sourcesDigest();
if (!fs.existsSync(target) || !fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== digest) {
  process.on('exit', () => fs.rmSync(unfinished, { recursive: true, force: true }));
  writeManifest();
  writeTact();
  writeDeclarations();
  const modules = await loadedModules();
  await Promise.all([
    writeModules(modules, 'esm', '.js'),
    writeModules(modules, 'cjs', '.cjs'),
    build({
      absWorkingDir: root, entryPoints: { client: 'protocol/index.ts' }, outdir: path.join(unfinished, 'dist', 'browser'), bundle: true, minify: true, format: 'esm',
      platform: 'browser', target: 'es2022', legalComments: 'linked', logLevel: 'error',
    }),
  ]);
  writeIntegrity();
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(unfinished, target);
  fs.writeFileSync(stamp, digest);
}
