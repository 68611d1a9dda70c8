import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Generation } from '../../exact';
import { type LoadedEngine, openEngine, openModel, openServingEngine } from '../../worker/engine';
import { EngineUnavailableError } from '../../worker/errors';
import { testEngine } from '../../worker/selfTest';

const loaded = openModel(join(__dirname, '../../exact/vectors/grouped.cocoon'));

/** The reference under another name, with its result changed on the way out. */
async function device(change: (result: Generation) => Generation): Promise<LoadedEngine> {
  const reference = await openEngine(loaded, 'reference');
  return {
    ...reference,
    backend: 'webgpu',
    adapter: 'a device of this test',
    generate: async (job) => change(await reference.generate(job)),
  };
}

const flipped = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte, index) => (index === 0 ? byte ^ 1 : byte));
const wrongTrace = (result: Generation): Generation => ({ ...result, traceRoot: flipped(result.traceRoot) });
const wrongToken = (result: Generation): Generation => ({ ...result, tokens: [...result.tokens.slice(0, -1), 0] });
const wrongBits = (error: unknown): boolean =>
  error instanceof EngineUnavailableError && error.code === 'engine.wrong-bits' && /a device of this test/.test(error.message);

describe('a worker before it serves', () => {
  test('finding 34: a device with other tokens or another trace than the reference never serves', async () => {
    await testEngine(loaded.model, await device((result) => result));
    for (const change of [wrongTrace, wrongToken]) {
      await assert.rejects(testEngine(loaded.model, await device(change)), wrongBits);
      await assert.rejects(openServingEngine(loaded, 'webgpu', () => device(change)), wrongBits);
    }
  });

  test('finding 34: left to choose, the worker takes the reference instead and says why', async () => {
    const engine = await openServingEngine(loaded, 'auto', (_, backend) =>
      backend === 'auto' ? device(wrongTrace) : openEngine(loaded, backend),
    );
    assert.equal(engine.backend, 'reference');
    assert.equal(engine.fallbackReason, 'engine.wrong-bits');
    const right = await openServingEngine(loaded, 'auto', () => device((result) => result));
    assert.equal(right.backend, 'webgpu');
    assert.equal(right.fallbackReason, undefined);
  });
});
