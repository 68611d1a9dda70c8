import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gpuChoice, openDevice } from '../../exact/webgpu/adapter';
import { WebGpuUnavailableError } from '../../exact/webgpu/errors';
import { swiftShaderArchive, unpackSwiftShader } from '../../exact/webgpu/swiftShader';
import { readTar } from '../../exact/webgpu/ustar';
import { gpuTest } from './gpuTest';

const run = promisify(execFile);
const root = path.resolve(__dirname, '..', '..');

gpuTest('an adapter is found and says what it is', async () => {
  const { device, adapter } = await openDevice();
  assert.ok(adapter.device.length > 0);
  assert.equal(typeof adapter.isSoftware, 'boolean');
  assert.ok(device.limits.maxStorageBufferBindingSize >= 128 * 1024 * 1024);
  device.destroy();
});

gpuTest('a device still works after garbage collection, and the process exits by itself', async () => {
  const script = `const { openDevice } = require(${JSON.stringify(path.join(root, 'exact/webgpu/adapter.ts'))});
    openDevice().then(async ({ device }) => {
      for (let i = 0; i < 5; i++) { global.gc(); device.queue.submit([]); await device.queue.onSubmittedWorkDone(); }
      device.destroy(); console.log('done');
    });`;
  const { stdout } = await run(process.execPath, ['--expose-gc', '--import', 'tsx', '-e', script], { cwd: root });
  assert.equal(stdout.trim(), 'done');
});

test('COCOON_GPU accepts auto, native and swiftshader and refuses anything else by name', () => {
  assert.equal(gpuChoice(''), 'auto');
  assert.equal(gpuChoice('native'), 'native');
  assert.equal(gpuChoice('swiftshader'), 'swiftshader');
  assert.throws(() => gpuChoice('cuda'), (error) => error instanceof WebGpuUnavailableError
    && /cuda/.test(error.message));
});

const archive = swiftShaderArchive();

test('four processes that unpack SwiftShader at once all get one complete folder', { skip: !archive }, async () => {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'cocoon-unpack-'));
  try {
    const module = JSON.stringify(path.join(root, 'exact/webgpu/swiftShader.ts'));
    const script = `const { unpackSwiftShader } = require(${module});
      console.log(unpackSwiftShader(${JSON.stringify(archive)}, [${JSON.stringify(cache)}]));`;
    const runs = await Promise.all(Array.from({ length: 4 }, () =>
      run(process.execPath, ['--import', 'tsx', '-e', script], { cwd: root })));
    const folders = new Set(runs.map(({ stdout }) => stdout.trim()));
    assert.equal(folders.size, 1);
    assert.deepEqual(fs.readdirSync(cache), [path.basename([...folders][0])]);
    assert.equal(fs.readdirSync([...folders][0]).length, 3);
  } finally {
    fs.rmSync(cache, { recursive: true, force: true });
  }
});

test('SwiftShader is unpacked to the second place when the first cannot be written', { skip: !archive }, () => {
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'cocoon-unpack-'));
  try {
    const file = path.join(cache, 'a-file');
    fs.writeFileSync(file, '');
    const folder = unpackSwiftShader(archive!, [path.join(file, 'below'), path.join(cache, 'second')]);
    assert.equal(path.dirname(folder), path.join(cache, 'second'));
    fs.chmodSync(folder, 0o777);
    assert.throws(() => unpackSwiftShader(archive!, [path.join(cache, 'second')]),
      'a folder others can write to is not used');
  } finally {
    fs.rmSync(cache, { recursive: true, force: true });
  }
});

test('a tar archive with a wrong checksum or a missing end is refused', () => {
  const header = Buffer.alloc(512);
  header.write('name', 0);
  header.write('00000000003\0', 124);
  header.write('0', 156);
  let checksum = 8 * 0x20;
  for (const byte of header) checksum += byte;
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  const good = Buffer.concat([header, Buffer.from('abc'.padEnd(512, '\0')), Buffer.alloc(1024)]);
  assert.deepEqual(readTar(good).map((f) => [f.name, Buffer.from(f.bytes).toString()]), [['name', 'abc']]);
  const bad = Buffer.from(good);
  bad[0] = 0x4e;
  assert.throws(() => readTar(bad), /checksum/);
  assert.throws(() => readTar(good.subarray(0, 514)), /ends inside/);
});
