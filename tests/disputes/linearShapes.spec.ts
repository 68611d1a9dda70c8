/** LinearCheck where a row has several leaves, each a further one of a run: of two and of three. */
import { describe, expect, it } from '@jest/globals';
import { beginCell, type Cell } from '@ton/core';
import { SparseModel, SparseTrace } from '../../bench/slashing/sparseTrees';
import { linearEvidence } from '../../disputes/checks/linear';
import { chainOf } from '../../disputes/evidenceCells';
import { encodeStep } from '../../disputes/step';
import { GREEDY, type ExactConfig } from '../../exact';
import { leafIndex, type LeafAddress } from '../../exact/leafAddress';
import { bigEndian, modelRowLeaves, segments, rowBytes } from '../../exact/leafLayout';
import { linear } from '../../exact/reference/linear';
import { normalize } from '../../exact/reference/norm';
import { STEP_ERRORS } from '../../wrappers';
import { checkOf } from './checks';
import { randomOf } from './mutations';

const SHAPE = { formatVersion: 2, semantics: 2, layers: 32, heads: 32, kvHeads: 8, headDim: 128, ffn: 14336, vocab: 128256, context: 8192, flags: 0, epsTerm: 1000 };
const T = 70;
const ROW = 300;
const zeros = Buffer.alloc(32);

const at = (slot: string, leaf = 0): LeafAddress => ({ block: T >> 5, position: T % 32, group: 1, slot, leaf });

/** The cells of a chain, and a chain with one of them bent. */
function cellsOf(chain: Cell): Buffer[] {
  const slice = chain.beginParse();
  const bytes = slice.loadBuffer(slice.remainingBits / 8);
  return slice.remainingRefs === 0 ? [] : [bytes, ...cellsOf(slice.loadRef())];
}
const bent = (chain: Cell, cell: Uint8Array): Cell => {
  const cells = cellsOf(chain);
  const found = cells.findIndex((bytes) => bytes.equals(cell));
  if (found < 0) throw new Error('no such cell');
  return chainOf(cells.map((bytes, i) => (i === found ? Buffer.from(bytes).fill(bytes[0] ^ 1, 0, 1) : bytes)));
};

describe('a row of several leaves', () => {
  for (const dim of [4096, 8192]) {
    it(`is multiplied leaf by leaf, and none of them can be another: d = ${dim}`, async () => {
      const config: ExactConfig = { ...SHAPE, dim };
      const random = randomOf(dim);
      const check = await checkOf('LinearCheck');
      const weights = Int8Array.from({ length: dim }, () => random(255) - 127);
      const header = Buffer.alloc(11);
      header.writeInt32BE(weights.reduce((sum, w) => sum + w, 0));
      header.writeUInt16BE(50_001, 4);
      header[6] = 24;
      const rows = modelRowLeaves(header, weights);
      const model = new SparseModel(config, rows.map((bytes, leaf) => ({ address: { part: 'row', matrix: 'layers.0.query', row: ROW, leaf }, bytes })));
      const { x, words } = normalize(Int32Array.from({ length: dim }, () => random(2 ** 30) - 2 ** 29), config.epsTerm);
      const [y] = linear({ name: 'query', rows: 1, columns: dim, weights, multipliers: Uint16Array.of(50_001), shifts: Uint8Array.of(24) }, x, 16);
      const q = Buffer.alloc(1024);
      const element = ROW % 256;
      q.writeInt32BE(y, 4 * element);
      const xs = segments(rowBytes(x.values, false));
      const known: [LeafAddress, Uint8Array][] = [[at('norm1'), bigEndian(words)], ...xs.map((bytes, leaf): [LeafAddress, Uint8Array] => [at('x1', leaf), bytes]), [at('q', 1), q]];
      const judged = async (change: (evidence: Cell) => Cell = (evidence) => evidence) => {
        const tree = SparseTrace.of(config, 'inner', new Map(known.map(([address, bytes]) => [leafIndex(config, 'inner', address), bytes])));
        const step = encodeStep({
          config, rowsRoot: model.rowsRoot, tablesRoot: zeros, positionRoot: tree.root, traceRoot: zeros, index: leafIndex(config, 'inner', at('q', 1)), leaf: q, t: T,
          job: { promptTokens: T + 1, outputTokens: 1, requestRoot: zeros, sampling: GREEDY },
        });
        return check(step, change(linearEvidence(config, model, tree, at('q', 1), element)));
      };
      const withRefs = (evidence: Cell, rowChain: Cell, values: Cell): Cell => beginCell().storeBits(evidence.bits).storeRef(rowChain).storeRef(values).endCell();
      expect(Math.abs(y)).toBeGreaterThan(1000);
      expect(await judged()).toMatchObject({ isWrong: false });
      for (let leaf = 0; leaf < xs.length; leaf++) {
        const offset = leaf === 0 ? 11 : 0;
        expect((await judged((evidence) => withRefs(evidence, bent(evidence.refs[0], rows[leaf].subarray(offset, offset + 120)), evidence.refs[1]))).exitCode)
          .toBe(leaf === 0 ? STEP_ERRORS.otherRow : STEP_ERRORS.otherLeaf);
        expect((await judged((evidence) => withRefs(evidence, evidence.refs[0], bent(evidence.refs[1], xs[leaf].subarray(0, 120))))).exitCode).toBe(STEP_ERRORS.otherLeaf);
      }
      q.writeInt32BE(y + 1, 4 * element);
      expect(await judged()).toMatchObject({ isWrong: true });
    });
  }
});
