import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { BUILT_CLI } from '../../cli/processes';

describe('cocoon gateway', () => {
  test('demo: an OpenAI client and examples/node are answered over a payment channel on a devnet, until SIGTERM, which leaves nothing behind', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'cocoon-gateway-test-'));
    const child = spawn(process.execPath, [BUILT_CLI, 'gateway', 'demo', '--json', '--backend', 'wasm'], {
      cwd: join(__dirname, '../..'),
      env: { ...process.env, TMPDIR: temporary, COCOON_API: 'http://127.0.0.1:9', COCOON_NETWORK: 'mainnet' },
    });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += String(data)));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const first = await Promise.race([lines.next(), ended.then(() => null)]);
      assert.ok(first !== null && !first.done, stderr);
      const { baseUrl, apiKey, model } = JSON.parse(first.value) as { baseUrl: string; apiKey: string; model: string };
      const client = new OpenAI({ baseURL: baseUrl, apiKey, maxRetries: 0 });
      assert.deepEqual((await client.models.list()).data.map(({ id }) => id), [model]);
      const ask = (seed: number) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'swiftly' }], max_tokens: 40, seed });
      const [answer, again] = [await ask(5), await ask(5)];
      assert.ok(answer.choices[0].message.content!.length > 0);
      assert.equal(answer.choices[0].message.content, again.choices[0].message.content);
      const { cost } = (answer as unknown as { x_cocoon: { cost: string } }).x_cocoon;
      assert.ok(BigInt(cost) > 0n);
      const told = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'swiftly' }], max_tokens: 8, logprobs: true, top_logprobs: 3 });
      assert.ok(told.choices[0].logprobs!.content!.length > 0 && told.choices[0].logprobs!.content!.every(({ top_logprobs: top }) => top.length === 3));
      await assert.rejects(new OpenAI({ baseURL: baseUrl, apiKey: 'wrong', maxRetries: 0 }).models.list(), (error: { status?: number }) => error.status === 401);
      const example = await promisify(execFile)(process.execPath, [join(__dirname, '../../examples/node/ask.mjs'), 'swiftly'], {
        env: { ...process.env, OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey },
      });
      assert.match(example.stdout, /^.+\n(.*\n)*0\.\d+ TON, receipts: 1\n$/);
      child.kill('SIGTERM');
      assert.equal(await ended, 0, stderr);
      assert.deepEqual(readdirSync(temporary).filter((name) => name.startsWith('open-cocoon')), []);
    } finally {
      child.kill('SIGKILL');
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
