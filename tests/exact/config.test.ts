/** The 32-byte config, the op table it implies and the trees' depths. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModelConfigError } from '../../exact';
import { decodeConfig, encodeConfig, type ExactConfig } from '../../exact/config';
import { MAX_LEAF_BYTES } from '../../exact/constants';
import { embeddingSlots, headSlots, layerSlots, traceDepths, type Slot } from '../../exact/opTable';
import { hex, readVectors } from './support';

const vectors = readVectors<{
  accepted: {
    config: string;
    groupDepth: number;
    tokenDepth: number;
    blockDepth: number;
    slots: [string, number][][];
  }[];
  refused: { config: string; field: string }[];
}>('config');
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('accepted configs give the slots and depths of the vectors, and survive a round trip', () => {
  for (const { config: bytes, groupDepth, tokenDepth, blockDepth, slots } of vectors.accepted) {
    const config = decodeConfig(fromHex(bytes));
    assert.equal(hex(encodeConfig(config)), bytes);
    const tables: Slot[][] = [embeddingSlots(config), layerSlots(config), headSlots(config)];
    assert.deepEqual(tables.map((group) => group.map(({ name, leaves }) => [name, leaves])), slots);
    const total = groupDepth + tokenDepth + 5 + blockDepth;
    assert.deepEqual(traceDepths(config), { group: groupDepth, token: tokenDepth, block: blockDepth, total });
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

test('no accepted config has a leaf above 4,096 bytes or a trace deeper than 30', () => {
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
  });
  let accepted = 0;
  fc.assert(
    fc.property(configs, ({ groups, ...shape }) => {
      const heads = shape.kvHeads * groups;
      const config: ExactConfig = { formatVersion: 1, semantics: 1, ...shape, heads, flags: 0, epsTerm: 1 };
      try {
        encodeConfig(config);
      } catch (error) {
        return assert.ok(error instanceof ModelConfigError);
      }
      accepted++;
      assert.ok(traceDepths(config).total <= 30);
      for (const slot of [...embeddingSlots(config), ...layerSlots(config), ...headSlots(config)]) {
        assert.ok(slot.leaves >= 1 && leafBytes(slot) <= MAX_LEAF_BYTES, `${slot.name}: ${leafBytes(slot)} bytes`);
      }
    }),
    { numRuns: 500, seed: 20261124 },
  );
  assert.ok(accepted > 50, `only ${accepted} configs were accepted`);
});

/** Longest leaf of a slot; padded rows count whole cells, rows of heads their exponent. */
function leafBytes(slot: Slot): number {
  const padded = Math.ceil(Math.min(slot.elements, slot.perLeaf) / 120) * 120;
  if (slot.layout === 'row') return padded;
  if (slot.layout === 'headRow' || slot.layout === 'headKeyRow') return padded + 1;
  return slot.perLeaf * slot.elementBytes;
}
