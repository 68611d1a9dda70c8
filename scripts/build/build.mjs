// Compiles the contracts through Blueprint and the WebAssembly kernels through AssemblyScript, each only when its
// sources changed since the last build, and joins the command line and the programs that it starts into a file each.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (...parts) => path.join(root, 'node_modules', ...parts);

/** Files of a folder with this extension, relative to the root, sorted. */
function filesOf(folder, extension) {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .filter((file) => file.endsWith(extension))
    .map((file) => path.join(folder, file))
    .sort();
}

/** Runs a compiler unless the stamp says that `sources` and its arguments are those of the last build. */
function build({ stamp, sources, output, args }) {
  const stampFile = path.join(root, 'build', stamp);
  const digest = createHash('sha256');
  for (const file of sources) digest.update(file).update(fs.readFileSync(path.join(root, file)));
  const wanted = digest.digest('hex');
  const built = output === undefined || fs.existsSync(path.join(root, output));
  if (built && fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === wanted) return;
  fs.mkdirSync(path.dirname(stampFile), { recursive: true });
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) {
    process.stderr.write(result.stdout + result.stderr);
    process.exit(result.status ?? 1);
  }
  fs.writeFileSync(stampFile, wanted);
}

/** Compiles an AssemblyScript folder to build/<target>.wasm. */
function buildWasm(target, folder, entry, options = []) {
  const output = path.join('build', `${target}.wasm`);
  build({
    stamp: path.join(path.dirname(target), `.${path.basename(target)}`),
    sources: [...filesOf(folder, '.ts'), 'package-lock.json', 'scripts/build/build.mjs'],
    output,
    args: [
      bin('assemblyscript', 'bin', 'asc.js'), path.join(folder, entry), '--outFile', output,
      '-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--use', 'abort=',
      ...options,
    ],
  });
}

const shared = ['--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'];
buildWasm('exact/kernels', 'exact/wasm/kernels', 'index.ts', shared);
buildWasm('zk/groth16', 'circuits/groth16/kernels', 'index.ts', shared);
buildWasm('zk/inference', 'circuits/wasm/kernels', 'index.ts');
buildWasm('exact/prototype', 'bench/prototype', 'mv16r4.ts');

build({
  stamp: '.sources',
  sources: [
    ...['contracts', 'examples'].flatMap((folder) => filesOf(folder, '.tact')).sort(),
    'tact.config.json', 'blueprint.config.ts', 'package-lock.json', 'scripts/build/artefacts.js',
  ],
  args: [bin('@ton', 'blueprint', 'dist', 'cli', 'cli.js'), 'build', '--all'],
});

/** Codes of the checks by name: bags of cells in hex. Their bindings are large, and nobody calls them but a case. */
function writeCheckCodes() {
  const names = ['checks', 'receiptChecks'].flatMap((folder) => fs.readdirSync(path.join(root, 'contracts', 'slashing', folder))).map((file) => path.basename(file, '.tact')).sort();
  const codes = Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(root, 'build', 'Suite', `Suite_${name}.code.boc`)).toString('hex')]));
  const text = `${JSON.stringify(codes, null, 1)}\n`;
  const target = path.join(root, 'build', 'Suite', 'checkCodes.json');
  if (!fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== text) fs.writeFileSync(target, text);
}
writeCheckCodes();

const programs = {
  'cli/bin.ts': 'build/cli.cjs',
  'exact/wasm/thread.ts': 'build/exact/wasmThread.cjs',
  'circuits/groth16/thread.ts': 'build/zk/thread.cjs',
  'circuits/groth16/child.ts': 'build/zk/child.cjs',
};
await bundle(root, Object.keys(programs), (entry) => programs[entry]);
