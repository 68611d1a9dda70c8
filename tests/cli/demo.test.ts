import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TINY_MODEL } from '../support/marketplace';

interface DemoResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `cocoon demo` as a user does, with a temporary directory of its own. */
async function demo(args: string[], temporary: string): Promise<DemoResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'demo', ...args], {
    cwd: join(__dirname, '../..'),
    env: {
      ...process.env,
      TMPDIR: temporary,
      COCOON_GPU: 'native',
      COCOON_API: 'http://127.0.0.1:9',
      COCOON_NETWORK: 'mainnet',
    },
  });
  const result: DemoResult = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (result.stdout += String(data)));
  child.stderr.on('data', (data: Buffer) => (result.stderr += String(data)));
  result.status = await new Promise((resolve) => child.on('close', resolve));
  return result;
}

test('the demo pays for one answer in separate processes, prints it all as the last line, and leaves nothing behind', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'cocoon-demo-test-'));
  try {
    const prompt = 'Guten Tag, 世界 🙂';
    const { status, stdout, stderr } = await demo(
      ['--json', '--prompt', prompt, '--model', TINY_MODEL, '--max-tokens', '4'],
      temporary,
    );
    assert.equal(status, 0, stderr);
    const result = JSON.parse(stdout.trim().split('\n').pop()!) as Record<string, unknown>;
    assert.equal(result.prompt, prompt);
    assert.equal(typeof result.answer, 'string');
    for (const name of ['modelRoot', 'receiptHash']) assert.match(result[name] as string, /^[0-9a-f]{64}$/, name);
    assert.match(result.jobAddress as string, /^0:[0-9a-f]{64}$/);
    for (const name of ['paidNano', 'feesNano', 'refundNano', 'slashedNano'])
      assert.equal(typeof result[name], 'number', name);
    assert.equal(result.paidNano, 50_000_000);
    assert.equal(result.slashedNano, 0);
    assert.ok(
      (result.feesNano as number) > 5_000_000 && (result.feesNano as number) <= 14_000_000,
      `fees ${String(result.feesNano)}`,
    );
    assert.equal(result.rerunEqual, true);
    for (const name of ['backend', 'adapter', 'rerunBackend']) assert.ok((result[name] as string).length > 3, name);
    assert.match(stderr, /simulated chain/);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('open-cocoon-demo')),
      [],
    );
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});
