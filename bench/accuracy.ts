/**
 * What exact arithmetic costs in accuracy: float models of models/accuracy are imported as a user would import them,
 * and compared with float32 (PyTorch, models/training/accuracy_models.py) on text that nothing was chosen on.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GREEDY, loadModel, type ExactModel } from '../exact';
import { importModel } from '../exact/import/importModel';
import { calibrationTokens, openSource } from '../exact/import/source';
import { WasmRunner } from '../exact/wasm/runner';

const MODELS = join(__dirname, '..', 'models', 'accuracy');
const CONTEXT = 256;
/** Logits have 16 fraction bits. */
const LOGIT_UNIT = 1 / 65536;

export interface AccuracyRow {
  model: string;
  predictions: number;
  floatPerplexity: number;
  /** Perplexity of the exact model over that of float32. */
  perplexityRatio: number;
  /** Share of positions where both find the same token most likely. */
  top1Agreement: number;
}

export const ACCURACY_MODELS = readdirSync(MODELS).sort();

export async function measureAccuracy(name: string, windows = Infinity): Promise<AccuracyRow> {
  const folder = join(MODELS, name);
  const temporary = mkdtempSync(join(tmpdir(), 'cocoon-accuracy-'));
  try {
    const out = join(temporary, 'model.cocoon');
    const source = await openSource(folder);
    try {
      await importModel({ ...source, context: CONTEXT, calibration: calibrationTokens(source, CONTEXT), out });
    } finally {
      source.weights.close();
    }
    return { model: name, ...await evaluate(loadModel(out), readEvaluation(folder), windows) };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

interface Evaluation {
  /** Tokens that are read from an empty context each time. */
  window: number;
  tokens: number[];
  /** -ln p of the next token in float32, summed per window. */
  floatLoss: number[];
  floatBest: number[];
}

function readEvaluation(folder: string): Evaluation {
  const { window, tokens, floatLoss, floatBest } = JSON.parse(readFileSync(join(folder, 'evaluation.json'), 'utf8')) as
    { window: number; tokens: string; floatLoss: number[]; floatBest: string };
  const words = (text: string) => {
    const bytes = Buffer.from(text, 'base64');
    return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i));
  };
  return { window, tokens: words(tokens), floatLoss, floatBest: words(floatBest) };
}

async function evaluate(model: ExactModel, { window, tokens, floatLoss, floatBest }: Evaluation, windows: number) {
  const runner = new WasmRunner(model, {
    threads: 1, columns: 1, cachePositions: window, stepsAhead: 1, keepLayers: true,
  });
  const draw = { sampling: GREEDY, random: new Uint8Array(16) };
  const used = Math.min(windows, floatLoss.length);
  let loss = 0;
  let agreed = 0;
  try {
    for (let first = 0; first < used * window; first += window) {
      for (let t = 0; t < window; t++) {
        const token = tokens[first + t];
        const step = await runner.step([{ t, cacheBase: 0, token, draw }], 0);
        const { logits, max: [, best] } = step.position(token).head!;
        if (best === floatBest[first + t]) agreed++;
        if (t + 1 < window) loss += surprise(logits, tokens[first + t + 1]);
      }
    }
  } finally {
    await runner.close();
  }
  const predictions = used * (window - 1);
  const float = floatLoss.slice(0, used).reduce((a, b) => a + b);
  return {
    predictions, floatPerplexity: Math.exp(float / predictions),
    perplexityRatio: Math.exp((loss - float) / predictions), top1Agreement: agreed / (used * window),
  };
}

/** -ln of the probability that logits give a token. */
function surprise(logits: Int32Array, token: number): number {
  let most = logits[0];
  for (const z of logits) most = Math.max(most, z);
  let sum = 0;
  for (const z of logits) sum += Math.exp((z - most) * LOGIT_UNIT);
  return Math.log(sum) - (logits[token] - most) * LOGIT_UNIT;
}
