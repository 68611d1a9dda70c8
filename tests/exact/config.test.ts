/** The 32-byte config, the op table it implies and the trees' depths. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModelConfigError } from '../../exact';
import { decodeConfig, encodeConfig, type ExactConfig } from '../../exact/config';
import { MAX_LEAF_BYTES } from '../../exact/constants';
import { embeddingSlots, headSlots, keyLeaves, layerSlots, treeDepths, type Slot } from '../../exact/opTable';
import { hex, readVectors } from './support';

const vectors = readVectors<{
  accepted: {
    config: string;
    commitDepth: number;
    blockDepth: number;
    groupDepth: number;
    tokenDepth: number;
    slots: [string, number][][];
  }[];
  refused: { config: string; field: string }[];
}>('config');
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('accepted configs give the slots and depths of the vectors, and survive a round trip', () => {
  for (const { config: bytes, commitDepth, blockDepth, groupDepth, tokenDepth, slots } of vectors.accepted) {
    const config = decodeConfig(fromHex(bytes));
    assert.equal(hex(encodeConfig(config)), bytes);
    const tables: Slot[][] = [embeddingSlots(config), layerSlots(config), headSlots(config)];
    assert.deepEqual(tables.map((group) => group.map(({ name, leaves }) => [name, leaves])), slots);
    assert.deepEqual(treeDepths(config), {
      commit: commitDepth, block: blockDepth, commitTotal: commitDepth + 5 + blockDepth,
      group: groupDepth, token: tokenDepth, positionTotal: groupDepth + tokenDepth,
    });
  }
});

test('every limit of the config is refused by the name of its field', () => {
  for (const { config, field } of vectors.refused) {
    assert.throws(
      () => decodeConfig(fromHex(config)),
      (error) => error instanceof ModelConfigError && error.code === `model.config.${field}`,
      `${config} should be refused for ${field}`,
    );
  }
  assert.throws(() => decodeConfig(new Uint8Array(31)), { code: 'model.config.length' });
});

test('no accepted config has a leaf above 4,096 bytes or a tree deeper than 30, whose depths are multiples of 3', () => {
  const power = (low: number, high: number) => fc.integer({ min: low, max: high }).map((n) => 2 ** n);
  const configs = fc.record({
    layers: fc.integer({ min: 1, max: 126 }),
    dim: fc.integer({ min: 1, max: 128 }).map((n) => 64 * n),
    kvHeads: power(0, 4),
    groups: power(0, 2),
    headDim: power(4, 7),
    ffn: fc.integer({ min: 1, max: 448 }).map((n) => 64 * n),
    vocab: fc.integer({ min: 256, max: 262144 }),
    context: fc.integer({ min: 1, max: 128 }).map((n) => 256 * n),
    flags: fc.integer({ min: 0, max: 3 }),
  });
  let accepted = 0;
  fc.assert(
    fc.property(configs, ({ groups, ...shape }) => {
      const heads = shape.kvHeads * groups;
      const config: ExactConfig = { formatVersion: 2, semantics: 2, ...shape, heads, epsTerm: 1 };
      try {
        encodeConfig(config);
      } catch (error) {
        return assert.ok(error instanceof ModelConfigError);
      }
      accepted++;
      const { commit, block, commitTotal, group, token, positionTotal } = treeDepths(config);
      assert.ok(commitTotal <= 30 && positionTotal <= 30);
      assert.ok([commit, 5 + block, group, token].every((depth) => depth % 3 === 0));
      assert.ok(2 ** commit >= 2 * config.layers * keyLeaves(config) + 1 && 2 ** block >= config.context / 32);
      for (const slot of [...embeddingSlots(config), ...layerSlots(config), ...headSlots(config)]) {
        const bytes = leafBytes(config, slot);
        assert.ok(slot.leaves >= 1 && bytes <= MAX_LEAF_BYTES, `${slot.name}: ${bytes} bytes`);
      }
    }),
    { numRuns: 500, seed: 20261124 },
  );
  assert.ok(accepted > 50, `only ${accepted} configs were accepted`);
});

/** Longest leaf of a slot; padded rows count whole cells, rows of heads their exponent. */
function leafBytes({ headDim }: ExactConfig, slot: Slot): number {
  const padded = Math.ceil(Math.min(slot.elements, slot.perLeaf) / 120) * 120;
  if (slot.layout === 'row') return padded;
  const heads = slot.perLeaf / headDim;
  if (slot.layout === 'headRow' || slot.layout === 'headKeyRow') return heads * (1 + 120 * Math.ceil(headDim / 120));
  return slot.perLeaf * slot.elementBytes;
}
