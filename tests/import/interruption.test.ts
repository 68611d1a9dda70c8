/** An import that the disk, the user or a signal ends leaves no file, whole or half. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILT_CLI } from '../../cli/processes';
import { importModel, type ImportOptions } from '../../exact/import/importModel';
import { calibrationTokens, openSource } from '../../exact/import/source';
import { hfConfig, randomTensors, temporaryFolder, writeFolder } from './folders';

/** So many positions that the tables alone take several writes. */
const CONTEXT = 32768;

type Clean = Parameters<typeof temporaryFolder>[0];

/** A model's folder, and another for what comes out. */
function folders(t: Clean, changes = {}): { source: string; target: string; out: string } {
  const [source, target] = [temporaryFolder(t), temporaryFolder(t)];
  const config = hfConfig('LlamaForCausalLM', {
    hidden_size: 64, intermediate_size: 64, num_attention_heads: 1, num_key_value_heads: 1, head_dim: 128,
    num_hidden_layers: 1, max_position_embeddings: CONTEXT, ...changes,
  });
  writeFolder(source, config, randomTensors(config, 1));
  return { source, target, out: join(target, 'model.cocoon') };
}

async function run(source: string, out: string, change: Partial<ImportOptions>): Promise<unknown> {
  const opened = await openSource(source);
  try {
    return await importModel({ ...opened, context: CONTEXT, calibration: calibrationTokens(opened, 256).slice(0, 1), out, ...change });
  } finally {
    opened.weights.close();
  }
}

test('a disk that is full, at the first byte or in the middle, is a typed error and leaves nothing', async (t) => {
  const { source, target, out } = folders(t);
  for (const room of [0, 5_000_000]) {
    let written = 0;
    const writeBytes: ImportOptions['writeBytes'] = (descriptor, bytes, from, count) => {
      if (written + count > room) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      written += count;
      return writeSync(descriptor, bytes, from, count);
    };
    await assert.rejects(run(source, out, { writeBytes }), { code: 'storage.full', message: /free some space/ });
    assert.equal(written > 0, room > 0);
    assert.deepEqual(readdirSync(target), []);
  }
});

test('an import that is stopped while it calibrates or writes leaves nothing', async (t) => {
  const { source, target, out } = folders(t);
  for (const step of ['calibrate', 'write'] as const) {
    const stop = new AbortController();
    const progress: ImportOptions['progress'] = (at) => { if (at === step) stop.abort(); };
    await assert.rejects(run(source, out, { signal: stop.signal, progress }), { code: 'engine.aborted' });
    assert.deepEqual(readdirSync(target), []);
  }
});

test('a process that hears SIGINT in the middle of an import says so and leaves nothing', async (t) => {
  const { source, target, out } = folders(t, { num_hidden_layers: 10, vocab_size: 8000 });
  const child = spawn(process.execPath, [BUILT_CLI, 'model', 'import', source, '--out', out, '--context', '256', '--json'],
    { env: { ...process.env, CI: undefined } });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.includes('calibrated')) child.kill('SIGINT');
  });
  const [status] = (await once(child, 'close')) as [number];
  assert.notEqual(status, 0);
  assert.match(said, /"code":"interrupted"/);
  assert.deepEqual(readdirSync(target), []);
});
