/** Layers as sums: every output is a bias plus weights times outputs of the layer before, whatever kind the layer is. */
import { outputShape, type CircuitModel, type Layer, type Requantise, type Shape } from './model';

export interface Row {
  /** Which values of the layer before are summed. */
  inputs: Int32Array;
  /** The weight of each, as a place in the layer's `weights`. */
  weights: Int32Array;
  /** A place in the layer's `biases`. */
  bias: number;
}

export interface SummedLayer {
  weights: Int32Array;
  biases: Int32Array;
  rows: Row[];
  requantise?: Requantise;
}

export function sumsOf(model: CircuitModel): SummedLayer[] {
  let shape: Shape = model.input;
  return model.layers.map((layer, index) => {
    const rows = layer.kind === 'dense' ? denseRows(layer.weights.length, layer.weights[0].length) : convolutionRows(layer, shape, outputShape(layer, shape, index));
    shape = outputShape(layer, shape, index);
    const weights = Int32Array.from((layer.weights as unknown[]).flat(3) as number[]);
    return { weights, biases: Int32Array.from(layer.bias), rows, requantise: layer.requantise };
  });
}

function denseRows(outputs: number, inputs: number): Row[] {
  const all = Int32Array.from({ length: inputs }, (_, i) => i);
  return Array.from({ length: outputs }, (_, bias) => ({ inputs: all, weights: all.map((i) => bias * inputs + i), bias }));
}

/** Outputs in the order [height][width][channels]; what lies in the padding is left out. */
function convolutionRows(layer: Extract<Layer, { kind: 'conv2d' }>, input: Shape, output: Shape): Row[] {
  const [kernelHeight, kernelWidth] = [layer.weights[0].length, layer.weights[0][0].length];
  const rows: Row[] = [];
  for (let y = 0; y < output.height; y++) for (let x = 0; x < output.width; x++) for (let bias = 0; bias < output.channels; bias++) {
    const inputs: number[] = [];
    const weights: number[] = [];
    for (let j = 0; j < kernelHeight; j++) for (let i = 0; i < kernelWidth; i++) {
      const [fromY, fromX] = [y * layer.stride + j - layer.padding, x * layer.stride + i - layer.padding];
      if (fromY < 0 || fromY >= input.height || fromX < 0 || fromX >= input.width) continue;
      for (let channel = 0; channel < input.channels; channel++) {
        inputs.push((fromY * input.width + fromX) * input.channels + channel);
        weights.push(((bias * kernelHeight + j) * kernelWidth + i) * input.channels + channel);
      }
    }
    rows.push({ inputs: Int32Array.from(inputs), weights: Int32Array.from(weights), bias });
  }
  return rows;
}
