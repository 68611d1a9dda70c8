import { after, test } from 'node:test';
import { createReferenceEngine, loadModel } from '../../exact';
import { createWasmEngine } from '../../exact/wasm';
import { expectLeaving, expectPieces, expectRest, type WatchedEngine, watchSteps } from './promptPieces';
import { modelPath } from './support';

const model = loadModel(modelPath('grouped'));
const engines: WatchedEngine[] = [];
after(() => Promise.all(engines.map(({ engine }) => engine.close())));

function reference(): WatchedEngine {
  let positions = 0;
  return { engine: createReferenceEngine(model, () => positions++), computed: () => positions };
}

function wasm(columns: number): WatchedEngine {
  const engine = createWasmEngine(model, { threads: 1, columns, cachePositions: 64 });
  const watched = watchSteps(engine);
  engines.push(watched);
  return watched;
}

test('the reference reads a prompt in pieces, each with leave, and answers with the bits of a whole one', () => expectPieces(model, reference()));

for (const columns of [1, 2, 16]) {
  test(`wasm reads a prompt in pieces, each with leave, and answers with the bits of a whole one (${columns} columns)`, () =>
    expectPieces(model, wasm(columns)));
}

test('a job that rests in wasm holds up nobody, gives its cache after a while, and goes on with the same bits', { timeout: 20_000 }, () =>
  expectRest(model, wasm(1)));

test('a job that rests in wasm ends at once when its caller gives up, its leave is denied, or the engine closes', { timeout: 20_000 }, () =>
  expectLeaving(model, wasm(4)));
