import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BackendUnavailableError, createEngine, type BackendName, type Generation } from '../../exact';
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

  test('finding 34: left to choose, the worker takes wasm instead, which is tried too, and says why', async () => {
    const tried: string[] = [];
    const engine = await openServingEngine(loaded, 'auto', (_, backend) => {
      tried.push(backend);
      return backend === 'auto' ? device(wrongTrace) : openEngine(loaded, backend);
    });
    assert.deepEqual(tried, ['auto', 'wasm']);
    assert.equal(engine.backend, 'wasm');
    assert.equal(engine.fallbackReason, 'engine.wrong-bits');
    await engine.close();
    await assert.rejects(openServingEngine(loaded, 'auto', () => device(wrongTrace)), wrongBits);
    const right = await openServingEngine(loaded, 'auto', () => device((result) => result));
    assert.equal(right.backend, 'webgpu');
    assert.equal(right.fallbackReason, undefined);
  });
});

describe('an engine that is left to choose', () => {
  const without = (...missing: BackendName[]): typeof createEngine => async (model, backend, options) => {
    if (missing.includes(backend)) throw new BackendUnavailableError(`engine.${backend}.test`, 'not on this machine');
    return createEngine(model, backend, options);
  };

  test('takes wasm where there is no WebGPU, else the reference, and says why not WebGPU', async () => {
    for (const [missing, expected] of [[['webgpu'], 'wasm'], [['webgpu', 'wasm'], 'reference']] as const) {
      const engine = await openEngine(loaded, 'auto', without(...missing));
      assert.equal(engine.backend, expected);
      assert.equal(engine.fallbackReason, 'engine.webgpu.test');
      await testEngine(loaded.model, engine);
      await engine.close();
    }
  });

  test('prefers wasm to a CPU that plays GPU, which it takes only when it is named', async () => {
    const asked: unknown[] = [];
    const engine = await openEngine(loaded, 'auto', async (model, backend, options) => {
      asked.push(backend, options);
      throw new BackendUnavailableError('engine.test', 'not on this machine');
    }).catch((error: unknown) => error);
    assert.ok(engine instanceof BackendUnavailableError);
    assert.deepEqual(asked, ['webgpu', { realGpu: true }, 'wasm', { realGpu: true }, 'reference', undefined]);
  });

  test('never takes another back end than the one that was named', async () => {
    await assert.rejects(openEngine(loaded, 'wasm', without('wasm')), { code: 'engine.wasm.test' });
    assert.equal((await openServingEngine(loaded, 'wasm')).backend, 'wasm');
  });
});
