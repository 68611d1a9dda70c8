/** A model file from a model: for tests that need files which the vectors have not. */
import { encodeConfig, hasHeadNorm } from '../../exact/config';
import { MAGIC } from '../../exact/constants';
import { bigEndian } from '../../exact/leafLayout';
import type { ExactModel, Matrix } from '../../exact/modelFile';
import { ModelProver } from '../../exact/modelProof';
import { node, sha256 } from '../../exact/merkle';

const u32 = (value: number): Buffer => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);

/** The bytes of a file as section 3 orders them; its root is where the proof of its config leads. */
export function writeModel(model: ExactModel): Uint8Array {
  const { config, tokenizer, tables, embedding, layers, head } = model;
  const { headDim, context } = config;
  const half = headDim / 2;
  const rope = Array.from({ length: context }, (_, t) => [tables.cos, tables.sin].map((table) =>
    bigEndian(table, t * half, (t + 1) * half))).flat();
  const gains = (hasHeadNorm(config) ? tables.gains ?? [] : []).flatMap(({ q, k }) => [q, k]).flatMap((of) =>
    [Buffer.of(of.shift), bigEndian(of.gains)]);
  const matrices = [
    embedding,
    ...layers.flatMap((m) => [m.query, m.key, m.value, m.output, m.gate, m.up, m.down]),
    head,
  ];
  const { path } = new ModelProver(model).part({ part: 'config' });
  return Buffer.concat([
    MAGIC, encodeConfig(config), u32(tokenizer.section.length), tokenizer.section,
    bigEndian(tables.exp), bigEndian(tables.sigmoid),
    ...Array.from(tables.sampling, (value) => u32(value).subarray(1)),
    ...rope, ...gains, ...matrices.flatMap(rows),
    path.reduce((at, sibling) => node(at, sibling), sha256(encodeConfig(config))),
  ]);
}

function rows({ weights, columns, multipliers, shifts, biases, rows: count }: Matrix): Uint8Array[] {
  return Array.from({ length: count }, (_, row) => {
    const values = weights.subarray(row * columns, (row + 1) * columns);
    const sum = values.reduce((total, w) => total + w, 0);
    const scale = [multipliers[row] >> 8, multipliers[row], shifts[row]];
    return Buffer.concat([u32(sum), Buffer.from(scale), u32(biases?.[row] ?? 0), Buffer.from(values)]);
  });
}
