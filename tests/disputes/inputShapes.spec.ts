/** InputCheck and NormCheck at d = 4096, where a row of the embedding has two pieces, and at the largest width. */
import { describe, expect, it } from '@jest/globals';
import { inputEvidence } from '../../disputes/checks/input';
import { normElements, normEvidence } from '../../disputes/checks/norm';
import { encodeStep } from '../../disputes/step';
import { GREEDY, type ExactConfig } from '../../exact';
import { leafIndex, type LeafAddress } from '../../exact/leafAddress';
import { requantize } from '../../exact/reference/arithmetic';
import { normalize } from '../../exact/reference/norm';
import { SparseModel, SparseTrace } from '../../bench/slashing/sparseTrees';
import { checkOf } from './checks';
import { randomOf } from './mutations';

const SHAPE = { formatVersion: 2, semantics: 2, layers: 32, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 8192, flags: 0, epsTerm: 1000 };
const TOKEN = 100_001;
const T = 70;
const [MULTIPLIER, SHIFT] = [40_001, 20];
const zeros = Buffer.alloc(32);

const stepOf = (config: ExactConfig, tree: SparseTrace, address: LeafAddress, bytes: Uint8Array, rowsRoot: Uint8Array = zeros) =>
  encodeStep({
    config, rowsRoot, tablesRoot: zeros, positionRoot: tree.root, traceRoot: zeros, index: leafIndex(config, 'inner', address), leaf: bytes, t: T,
    job: { promptTokens: T + 1, outputTokens: 1, requestRoot: zeros, sampling: GREEDY },
  });
const at = (group: number, slot: string, leaf = 0): LeafAddress => ({ block: T >> 5, position: T % 32, group, slot, leaf });
const words = (values: ArrayLike<number>): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (let i = 0; i < values.length; i++) bytes.writeInt32BE(values[i] | 0, 4 * i);
  return bytes;
};

describe('the beginning of a position of a large model', () => {
  for (const dim of [4096, 8192]) {
    it(`is an element of its token's row, whichever piece has it: d = ${dim}`, async () => {
      const config: ExactConfig = { ...SHAPE, dim };
      const random = randomOf(dim);
      const check = await checkOf('InputCheck');
      const weights = Int8Array.from({ length: dim }, () => random(255) - 127);
      const padded = Buffer.alloc(Math.ceil(dim / 120) * 120, 128);
      weights.forEach((weight, i) => (padded[i] = weight + 128));
      for (let word = 0; word < padded.length; word += 30) padded.subarray(word, word + 30).reverse();
      const header = Buffer.alloc(11);
      header.writeUInt16BE(MULTIPLIER, 4);
      header[6] = SHIFT;
      const pieces = Array.from({ length: Math.ceil(padded.length / 3600) }, (_, i) => padded.subarray(3600 * i, 3600 * i + 3600));
      const model = new SparseModel(config, pieces.map((piece, leaf) => ({
        address: { part: 'row', matrix: 'embedding', row: TOKEN, leaf }, bytes: leaf === 0 ? Buffer.concat([header, piece]) : piece,
      })));
      const h = Int32Array.from(weights, (weight) => requantize(weight, MULTIPLIER, SHIFT - 16));
      for (const number of [0, 3599, 3600, 3629, 3630, dim - 1]) {
        const [leaf, element] = [Math.floor(number / 256), number % 256];
        const bytes = words(h.subarray(256 * leaf, 256 * leaf + 256));
        for (const isLie of [false, true]) {
          if (isLie) bytes[4 * element + 3] ^= 1;
          const tree = SparseTrace.of(config, 'inner', new Map([[leafIndex(config, 'inner', at(0, 'token')), words([TOKEN])], [leafIndex(config, 'inner', at(0, 'h', leaf)), bytes]]));
          const evidence = inputEvidence({ config, model, tree, commit: { leaf: () => ({ bytes: null, path: [] }) }, request: null as never, t: T }, at(0, 'h', leaf), element);
          expect(await check(stepOf(config, tree, at(0, 'h', leaf), bytes, model.rowsRoot), evidence)).toMatchObject({ isWrong: isLie });
        }
      }
    });

    it(`has norms and rows as the reference computes them: d = ${dim}`, async () => {
      const config: ExactConfig = { ...SHAPE, dim };
      const random = randomOf(dim + 1);
      const check = await checkOf('NormCheck');
      const h = Int32Array.from({ length: dim }, () => random(2 ** 31) - 2 ** 30);
      const { x, words: scalars } = normalize(h, config.epsTerm);
      const norm = words(scalars);
      const row = Buffer.alloc(Math.ceil(dim / 120) * 120, 128);
      x.values.forEach((value, i) => (row[i] = value + 128));
      const leaves = new Map<number, Uint8Array>([[leafIndex(config, 'inner', at(5, 'norm2')), norm]]);
      for (let leaf = 0; leaf * 256 < dim; leaf++) leaves.set(leafIndex(config, 'inner', at(5, 'h1', leaf)), words(h.subarray(256 * leaf, 256 * leaf + 256)));
      for (let leaf = 0; leaf * 3600 < row.length; leaf++) leaves.set(leafIndex(config, 'inner', at(5, 'x2', leaf)), row.subarray(3600 * leaf, 3600 * leaf + 3600));
      const tree = SparseTrace.of(config, 'inner', leaves);
      const { inv } = normElements(config);
      let most = 0;
      for (let element = 0; element <= inv; element++) {
        const said = await check(stepOf(config, tree, at(5, 'norm2'), norm), normEvidence(config, tree, at(5, 'norm2'), element, scalars[1]));
        expect({ element, isWrong: said.isWrong }).toEqual({ element, isWrong: false });
        most = Math.max(most, said.gas);
      }
      for (const number of [0, 3599, 3600, dim - 1]) {
        const leaf = Math.floor(number / 3600);
        const bytes = Buffer.from(row.subarray(3600 * leaf, 3600 * leaf + 3600));
        const address = at(5, 'x2', leaf);
        expect(await check(stepOf(config, tree, address, bytes), normEvidence(config, tree, address, number % 3600))).toMatchObject({ isWrong: false });
        bytes[number % 3600] ^= 1;
        expect(await check(stepOf(config, tree, address, bytes), normEvidence(config, tree, address, number % 3600))).toMatchObject({ isWrong: true });
      }
      expect(most).toBeLessThan(120_000);
      console.log(`NormCheck at d = ${dim}: at most ${most} gas`);
    });
  }
});
