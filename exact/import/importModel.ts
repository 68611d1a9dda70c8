/** From a float model to one exact model file: calibrate, fold, turn, quantise, write. */
import { setImmediate } from 'node:timers/promises';
import { checkConfig, type ExactConfig } from '../config';
import { FORMAT_VERSION, QK_NORM, SEMANTICS, WIDE_SWIGLU } from '../constants';
import { throwIfAborted } from '../engine';
import { ModelConfigError } from '../errors';
import { matrixShapes } from '../modelFile';
import { LAYER_MATRICES, refuse, type Architecture } from './architecture';
import { calibrate, type LayerRanges } from './calibrate';
import { layerFolds, type Folds } from './folds';
import { embeddingRows, headGains, headRows, layerRows, type PreparedRow } from './prepare';
import { quantiseGains, quantiseRow } from './quantise';
import { Rotation } from './rotation';
import { tablesSection } from './tables';
import type { Weights } from './weights';
import { ModelWriter, type WriteBytes } from './writer';

/** Beyond this on calibration text gate and up get 32 bits; 16 bits hold twice as much. */
const NARROW_LIMIT = 64;
/** Of the turn of the residual; any seed serves. */
const ROTATION_SEED = 1;
/** Rows between two turns of the event loop. */
const ROWS_PER_TURN = 256;

export interface ImportOptions {
  weights: Weights;
  /** tokenizer section of the file */
  tokenizer: Uint8Array;
  /** positions of the exact model */
  context: number;
  /** token ids of the calibration texts, each at most `context` of them */
  calibration: readonly (readonly number[])[];
  /** where the file goes */
  out: string;
  progress?: (step: 'calibrate' | 'write', done: number, all: number) => void;
  signal?: AbortSignal;
  writeBytes?: WriteBytes;
}

export interface ImportReport {
  modelRoot: Uint8Array;
  config: ExactConfig;
  /** largest gate and up (after its fold) seen on calibration text */
  largestGate: number;
  largestUp: number;
}

/** @throws ModelImportError `model.import.<what>`, `storage.<reason>`; GenerationAbortedError. None leaves a file. */
export async function importModel(options: ImportOptions): Promise<ImportReport> {
  const { weights, context, signal, progress } = options;
  const { layers, dim } = weights.architecture;
  exactConfig(weights.architecture, context, 0);
  const rotation = new Rotation(dim, ROTATION_SEED);
  const onLayer = (l: number) => progress?.('calibrate', l + 1, layers);
  const ranges = await calibrate(weights, { sequences: options.calibration, rotation, onLayer, signal });
  const folds = ranges.map((of, l) => layerFolds(weights, l, of));
  const { largestGate, largestUp } = extremes(ranges, folds);
  const wide = largestGate > NARROW_LIMIT || largestUp > NARROW_LIMIT;
  const config = exactConfig(weights.architecture, context, wide ? WIDE_SWIGLU : 0);
  const gains = weights.architecture.headNorms ? folds.flatMap((of, l) => gainLeaves(weights, l, of)) : [];
  const tables = tablesSection(weights.architecture.frequencies, context, gains);
  const head = { config, tokenizer: options.tokenizer, tables };
  const writer = new ModelWriter(options.out, head, options.writeBytes);
  try {
    await writeRows(writer, config, preparedMatrices(weights, folds, rotation), options);
    return { modelRoot: writer.commit(), config, largestGate, largestUp };
  } finally {
    writer.discard();
  }
}

/** The config of the exact model, or `model.import.dimension` naming the field that does not fit. */
export function exactConfig(model: Architecture, context: number, flags: number): ExactConfig {
  const { layers, dim, heads, kvHeads, headDim, ffn, vocab, epsilon, headNorms, maxContext } = model;
  if (context > maxContext) {
    refuse('context', 'the model was not made for so many positions', `at most ${maxContext}`, `${context}`);
  }
  const config = {
    formatVersion: FORMAT_VERSION, semantics: SEMANTICS, layers, dim, heads, kvHeads, headDim, ffn, vocab, context,
    flags: flags | (headNorms ? QK_NORM : 0), epsTerm: Math.floor(dim * epsilon * 2 ** 32),
  };
  try {
    checkConfig(config);
  } catch (error) {
    if (!(error instanceof ModelConfigError)) throw error;
    const { shortMessage, expected, received } = error;
    refuse('dimension', `an exact model cannot have this shape: ${shortMessage}`, expected, received, undefined, error);
  }
  return config;
}

function extremes(ranges: LayerRanges[], folds: Folds[]): { largestGate: number; largestUp: number } {
  const largestGate = ranges.reduce((max, { gate }) => Math.max(max, gate), 0);
  const largestUp = ranges.reduce((max, { up }, l) =>
    up.reduce((most, x, i) => Math.max(most, x / folds[l].up[i]), max), 0);
  return { largestGate, largestUp };
}

function gainLeaves(weights: Weights, layer: number, folds: Folds): Buffer[] {
  const { query, key } = headGains(weights, layer, folds);
  return [
    quantiseGains(query, `layers.${layer}.queryNorm`),
    quantiseGains(key, `layers.${layer}.keyNorm`),
  ];
}

/** All matrices in file order. */
function* preparedMatrices(weights: Weights, folds: Folds[], rotation: Rotation): Generator<Generator<PreparedRow>> {
  yield embeddingRows(weights, rotation);
  for (let l = 0; l < folds.length; l++) {
    for (const matrix of LAYER_MATRICES) yield layerRows(weights, l, matrix, folds[l], rotation);
  }
  yield headRows(weights, rotation);
}

async function writeRows(
  writer: ModelWriter, config: ExactConfig, matrices: Generator<Generator<PreparedRow>>,
  { progress, signal }: Pick<ImportOptions, 'progress' | 'signal'>,
): Promise<void> {
  const shapes = matrixShapes(config);
  let done = 0;
  for (const rows of matrices) {
    const { name, minShift } = shapes[done];
    let row = 0;
    for (const { weights, bias } of rows) {
      writer.row(quantiseRow(weights, bias, { tensor: name, row, minShift }));
      if (++row % ROWS_PER_TURN !== 0) continue;
      await setImmediate();
      throwIfAborted(signal);
    }
    done++;
    progress?.('write', done, shapes.length);
  }
}
