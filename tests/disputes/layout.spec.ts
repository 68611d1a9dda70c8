/** Places, depths and lengths: what a case computes from a config is what the engine's op table says. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Address, Cell, toNano } from '@ton/core';
import { type Blockchain, createShardAccount } from '@ton/sandbox';
import fc from 'fast-check';
import { encodeLayout, encodeStep } from '../../disputes/step';
import { checkConfig, encodeConfig, type ExactConfig } from '../../exact/config';
import { innerAddressAt, placedSlots } from '../../exact/leafAddress';
import { leafShape } from '../../exact/leafShape';
import { treeDepths } from '../../exact/opTable';
import { createSandbox } from '../support/sandbox';

const dims = fc.record({
  formatVersion: fc.constant(2), semantics: fc.constant(2), layers: fc.integer({ min: 1, max: 126 }), dim: fc.integer({ min: 1, max: 128 }).map((n) => 64 * n),
  kvHeads: fc.integer({ min: 1, max: 16 }), perKv: fc.integer({ min: 1, max: 8 }), headDim: fc.constantFrom(16, 32, 64, 128), ffn: fc.integer({ min: 1, max: 448 }).map((n) => 64 * n),
  vocab: fc.integer({ min: 256, max: 262_144 }), context: fc.integer({ min: 1, max: 128 }).map((n) => 256 * n), flags: fc.integer({ min: 0, max: 3 }), epsTerm: fc.integer({ min: 1, max: 100_000 }),
});
const configs: fc.Arbitrary<ExactConfig> = dims
  .map(({ perKv, ...rest }): ExactConfig => ({ ...rest, heads: perKv * rest.kvHeads }))
  .filter((config) => {
    try {
      checkConfig(config);
      return true;
    } catch {
      return false;
    }
  });

const zeros = new Uint8Array(32);
const word = (config: ExactConfig): bigint => BigInt(`0x${Buffer.from(encodeConfig(config)).toString('hex')}`);

describe('what follows from the config of a model', () => {
  let get: (name: string, args: Parameters<Blockchain['runGetMethod']>[2]) => ReturnType<Blockchain['runGetMethod']>;
  beforeAll(async () => {
    const code = Cell.fromBoc(readFileSync(join(__dirname, '../../build/Suite/Suite_ModelLayout.code.boc')))[0];
    const blockchain = await createSandbox();
    const address = new Address(0, Buffer.alloc(32, 1));
    await blockchain.setShardAccount(address, createShardAccount({ address, code, data: Cell.EMPTY, balance: toNano(1) }));
    get = (name, args) => blockchain.runGetMethod(address, name, args);
  });

  it('is computed by the contract as by the engine: places of slots and matrices, and the depths of all trees', async () => {
    await fc.assert(fc.asyncProperty(configs, async (config) => {
      const { stackReader } = await get('layout', [{ type: 'int', value: word(config) }]);
      expect(stackReader.readCell().equals(encodeLayout(config))).toBe(true);
    }), { numRuns: 150, seed: 7 });
  });

  it('says what can stand at every leaf: its one length, or padding', async () => {
    const cases = fc.record({
      config: configs, at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), slot: fc.nat(), promptTokens: fc.integer({ min: 1, max: 200 }),
      outputTokens: fc.integer({ min: 1, max: 100 }), t: fc.integer({ min: 0, max: 320 }), temperature: fc.constantFrom(0, 94_548), topK: fc.constantFrom(0, 1, 40, 256),
    });
    await fc.assert(fc.asyncProperty(cases, async ({ config, at, slot, t, temperature, topK, ...counts }) => {
      fc.pre(counts.promptTokens + counts.outputTokens - 1 <= config.context && t < config.context);
      const { group: groupDepth } = treeDepths(config);
      // Slots of one leaf are as likely as those of thousands.
      const group = Math.floor(at * (config.layers + 3));
      const slots = placedSlots(config, 'inner', group);
      const { first, leaves } = slots[slot % slots.length];
      const index = group * 2 ** groupDepth + first + Math.floor(((at * 1_000_003) % 1) * leaves);
      const job = { ...counts, requestRoot: zeros, sampling: { t: temperature, topK: temperature === 0 ? 0 : topK, topP16: 0, minPX: 0, seed: zeros } };
      const step = encodeStep({ config, rowsRoot: zeros, tablesRoot: zeros, positionRoot: zeros, traceRoot: zeros, index, leaf: zeros, t, job });
      const { stackReader } = await get('leafBytes', [{ type: 'cell', cell: step }]);
      const shape = leafShape(config, 'inner', innerAddressAt(config, t, index), { ...counts, t: job.sampling.t, topK: job.sampling.topK });
      expect(stackReader.readNumber()).toBe(shape.lengths === undefined ? -1 : shape.lengths.from);
    }), { numRuns: 400, seed: 7 });
  });
});
