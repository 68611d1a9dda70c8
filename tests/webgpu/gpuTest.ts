import { after, test } from 'node:test';
import { openDevice } from '../../exact/webgpu/adapter';

/**
 * Declares a test that needs a WebGPU adapter. On linux x64 one is always there (SwiftShader comes with the development
 * dependencies), so a missing adapter fails the suite; elsewhere, or with COCOON_NO_WEBGPU=1, the tests are skipped.
 * The number of GPU tests that ran is printed at the end of each file.
 */
let ran = 0;
let skipped = 0;
let available: Promise<boolean> | undefined;

const mustRun = process.platform === 'linux' && process.arch === 'x64';

async function adapterExists(): Promise<boolean> {
  if (process.env.COCOON_NO_WEBGPU === '1') return false;
  try {
    (await openDevice()).device.destroy();
    return true;
  } catch (error) {
    if (mustRun) throw error;
    return false;
  }
}

export function gpuTest(name: string, body: () => Promise<void>): void {
  test(name, async (t) => {
    available ??= adapterExists();
    if (!(await available)) {
      skipped++;
      t.skip('no WebGPU adapter');
      return;
    }
    await body();
    ran++;
  });
}

after(() => console.log(`GPU tests run: ${ran}, skipped: ${skipped}`));
