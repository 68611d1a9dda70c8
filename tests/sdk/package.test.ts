/** The package that dApps install, as it is packed: what its entries load, weigh and declare. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import ts from 'typescript';
import { PACKAGE, PackedSdk, ROOT } from './packed';
import { snippetsOf, typeErrors } from './snippets';

type Conditions = Record<'import' | 'require', { types: string; default: string }>;
interface Manifest {
  version: string;
  exports: Record<string, Conditions | string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}
const jsonOf = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const TON = ['@ton/core', '@ton/crypto'];
const CLIENT = ['.', './client', './zk'];
const CONTRACTS = ['./contracts', './contracts/zk'];

/** A file of declarations or modules with all of the package that it refers to. */
function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
    if (!fileName.startsWith('.')) continue;
    const named = join(dirname(file), fileName);
    reached(/\.d\.c?ts$/.test(file) ? named.replace(/\.js$/, '.d.ts').replace(/\.cjs$/, '.d.cts') : named, seen);
  }
  return seen;
}

const bundles = new Map<string, string>();
async function bundled(entry: string): Promise<string> {
  const known = bundles.get(entry);
  if (known !== undefined) return known;
  const { outputFiles } = await build({
    entryPoints: [join(PACKAGE, entry)], bundle: true, minify: true, format: 'esm', platform: 'browser', target: 'es2022', external: ['@ton/core'], write: false,
    legalComments: 'none', logLevel: 'error',
  });
  bundles.set(entry, outputFiles[0].text);
  return outputFiles[0].text;
}

describe('the package for dApps', { timeout: 120_000 }, () => {
  let packed: PackedSdk;
  let manifest: Manifest;
  let dependencies: string[];
  const conditions = (entry: string): Conditions => manifest.exports[entry] as Conditions;
  before(() => {
    packed = new PackedSdk();
    manifest = jsonOf<Manifest>(join(PACKAGE, 'package.json'));
    dependencies = Object.keys(manifest.dependencies);
  });
  after(() => packed?.end());

  test('has the version of this project, ranges that its lock file fits, and what its README and docs name', () => {
    const own = jsonOf<{ version: string; dependencies: Record<string, string> }>(join(ROOT, 'package.json'));
    assert.equal(manifest.version, own.version);
    for (const [name, range] of Object.entries(manifest.dependencies)) assert.equal(range, `^${own.dependencies[name]}`);
    assert.deepEqual(Object.keys(manifest.exports), [...CLIENT, ...CONTRACTS, './package.json']);
    for (const file of ['LICENSE', 'README.md', 'THIRD_PARTY.md', 'dist/browser/client.js', 'tact/escrow/InferenceConsumer.tact']) assert.ok(existsSync(join(PACKAGE, file)), file);
  });

  test('names the digest that a page pins its one file to, and no other', () => {
    const digest = createHash('sha384').update(readFileSync(join(PACKAGE, 'dist/browser/client.js'))).digest('base64');
    assert.deepEqual(jsonOf(join(PACKAGE, 'dist/browser/integrity.json')), { 'client.js': `sha384-${digest}` });
  });

  test('holds every Tact source that the trait for consumers imports, and no other', () => {
    const folder = join(PACKAGE, 'tact');
    const seen = new Set([join(folder, 'escrow/InferenceConsumer.tact')]);
    for (const file of seen) {
      for (const [, imported] of readFileSync(file, 'utf8').matchAll(/^import "([^"@][^"]*)"/gm)) seen.add(`${join(dirname(file), imported).replace(/\.tact$/, '')}.tact`);
    }
    const held = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.tact')).map((name) => join(folder, name));
    assert.deepEqual([...seen].sort(), held.sort());
  });

  test('publint has nothing to say, not even a suggestion', async () => {
    const { publint } = (await import('publint' as string)) as { publint(options: object): Promise<{ messages: unknown[] }> };
    const tarball = new Uint8Array(readFileSync(packed.tarball)).buffer;
    assert.deepEqual((await publint({ pkgDir: 'package', pack: { tarball }, strict: true })).messages, []);
  });

  test('are the types wrong? They are not, for any entry and way to resolve it', async () => {
    interface Problem { kind: string; entrypoint?: string; resolutionKind?: string }
    const attw = (await import('@arethetypeswrong/core' as string)) as {
      createPackageFromTarballData(data: Uint8Array): unknown;
      checkPackage(pkg: unknown, options?: object): Promise<{ types: unknown; problems: Problem[]; entrypoints: object }>;
    };
    const { types, problems, entrypoints } = await attw.checkPackage(attw.createPackageFromTarballData(new Uint8Array(readFileSync(packed.tarball))));
    assert.ok(types);
    assert.deepEqual(Object.keys(entrypoints), Object.keys(manifest.exports));
    assert.deepEqual(problems, []);
  });

  test('no entry but those of contracts mentions @ton or Buffer, in its modules, declarations and what it is bundled with', async () => {
    for (const entry of CLIENT) {
      for (const file of Object.values(conditions(entry)).flatMap(({ types, default: module }) => [types, module]).flatMap((name) => [...reached(join(PACKAGE, name))])) {
        assert.doesNotMatch(readFileSync(file, 'utf8'), /@ton\/|\bBuffer\b/, file);
      }
      assert.doesNotMatch(await bundled(conditions(entry).import.default), /@ton\/|\bBuffer\b/, entry);
    }
    assert.match(readFileSync(join(PACKAGE, conditions('./contracts').import.default.replace('index', 'JobEscrow')), 'utf8'), /@ton\/core/);
  });

  test('each entry, minified and gzipped with what it needs but @ton/core, keeps to its limit in sdk/sizes.json, which is no more than 5% above', async () => {
    const limits = jsonOf<Record<string, number>>(join(ROOT, 'sdk/sizes.json'));
    assert.deepEqual(Object.keys(limits), [...CLIENT.slice(1), ...CONTRACTS]);
    for (const [entry, limit] of Object.entries(limits)) {
      const size = gzipSync(await bundled(conditions(entry).import.default), { level: 9 }).length;
      assert.ok(size <= limit && size > limit * 0.95, `${entry}: ${size} bytes, limit ${limit}`);
    }
  });

  test('the examples of docs/sdk.md compile as ES modules and in CommonJS, those of the client without any types but its own', () => {
    const snippets = snippetsOf('sdk.md');
    const entries = snippets.flatMap((text) => [...text.matchAll(/from '(open-cocoon[^']*)'/g)].map(([, from]) => from.replace('open-cocoon', '.')));
    assert.deepEqual([...new Set(entries)].sort(), [...CLIENT, ...CONTRACTS].sort());
    const project = packed.project('examples', [...dependencies, ...TON, '@types/node', 'undici-types']);
    const files = (isClient: boolean, extension: string): string[] => snippets.filter((text) => !text.includes('/contracts') === isClient).map((text, index) => {
      const file = join(project, `${isClient ? 'client' : 'contracts'}${index}.${extension}`);
      writeFileSync(file, text);
      return file;
    });
    const wrong = join(project, 'wrong.mts');
    writeFileSync(wrong, "import { toHex } from 'open-cocoon';\ntoHex('text');\n");
    const [error, ...others] = typeErrors([wrong, ...files(true, 'mts'), ...files(true, 'cts')]);
    assert.match(error, /wrong\.mts: .*'string' is not assignable to parameter of type 'Uint8Array/);
    assert.deepEqual(others, []);
    assert.deepEqual(typeErrors([...files(false, 'mts'), ...files(false, 'cts')], { types: ['node'], skipLibCheck: true }), []);
  });

  test('import and require work from an empty project, without @ton/core and Buffer for the client, which seals and opens', () => {
    const project = packed.project('client', dependencies);
    const body = `
      const { RequestSealer, RequestOpener, sealingPublicKey, ProtocolError, decodeFrame } = client;
      if (client !== main) throw new Error('two clients');
      const secret = new Uint8Array(32).fill(5), zero = new Uint8Array(32);
      const binding = { networkId: 1, channel: zero, workerKey: zero, firstSeq: 1 };
      try { decodeFrame(new Uint8Array(3)); throw new Error('decoded'); } catch (error) { if (!(error instanceof ProtocolError)) throw error; }
      try { zk.parseG1('a point', zero); throw new Error('parsed'); } catch (error) { if (!(error instanceof ProtocolError)) throw error; }
      (async () => {
        const sealer = await RequestSealer.open(await sealingPublicKey(secret), binding);
        const opener = await RequestOpener.accept(sealer.enc, secret, binding);
        const opened = opener.open(1, sealer.seal(1, new Uint8Array([1, 2, 3]), zero), zero);
        console.log(JSON.stringify([[...opened.subarray(0, 3)], typeof Buffer]));
      })();`;
    const names = { main: 'open-cocoon', client: 'open-cocoon/client', zk: 'open-cocoon/zk' };
    const esm = `delete globalThis.Buffer;${Object.entries(names).map(([name, from]) => `const ${name} = await import('${from}');`).join('')}${body}`;
    const cjs = `delete globalThis.Buffer;${Object.entries(names).map(([name, from]) => `const ${name} = require('${from}');`).join('')}${body}`;
    for (const [kind, program] of [['module', esm], ['commonjs', cjs]]) {
      const said = execFileSync(process.execPath, [`--input-type=${kind}`, '-e', program], { cwd: project, encoding: 'utf8' });
      assert.deepEqual(JSON.parse(said), [[1, 2, 3], 'undefined'], kind);
    }
    const refused = `import('open-cocoon/contracts').then(() => console.log('loaded'), (error) => console.log(error.code))`;
    assert.equal(execFileSync(process.execPath, ['-e', refused], { cwd: project, encoding: 'utf8' }).trim(), 'ERR_MODULE_NOT_FOUND');
  });

  test('import and require work from an empty project with the peer @ton/core for contracts, which throw the client\'s errors', () => {
    const project = packed.project('contracts', [...dependencies, ...TON]);
    const body = `
      (async () => {
        const code = await contracts.jobEscrowCode();
        const thrown = [() => contracts.parseCreateJob(core.Cell.EMPTY), () => client.decodeFrame(new Uint8Array(3))].map((call) => {
          try { call(); } catch (error) { return error instanceof client.CocoonError && error.code; }
        });
        const history = { getTransactions: async () => [], provider: () => null };
        const found = await contracts.discoverProviders(history, { networkId: 1, registry: core.Address.parse('0:' + '1'.repeat(64)) });
        console.log(JSON.stringify([code.hash().toString('hex') === contracts.CODE_HASHES.JobEscrow, typeof zk.ZkJobEscrow, ...thrown, found.complete, found.providers.length]));
      })();`;
    const names = { contracts: 'open-cocoon/contracts', zk: 'open-cocoon/contracts/zk', client: 'open-cocoon', core: '@ton/core' };
    const esm = `${Object.entries(names).map(([name, from]) => `import * as ${name} from '${from}';`).join('')}${body}`;
    const cjs = `${Object.entries(names).map(([name, from]) => `const ${name} = require('${from}');`).join('')}${body}`;
    for (const [kind, program] of [['module', esm], ['commonjs', cjs]]) {
      const said = execFileSync(process.execPath, [`--input-type=${kind}`, '-e', program], { cwd: project, encoding: 'utf8' });
      assert.deepEqual(JSON.parse(said), [true, 'function', 'NOT_A_CREATE_JOB', 'UNKNOWN_VERSION', false, 0], kind);
    }
  });
});
