/** Compares a run of any back end with its vector, position by position. */
import assert from 'node:assert/strict';
import type { ExactConfig, ExactModel, Generation } from '../../exact';
import { PositionLayout } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';
import { committed, type PositionTensors } from '../../exact/tensors';
import { TraceHasher, leafHash } from '../../exact/trace';
import { hex, samplingOf, type RunVector } from './support';

export const jobOf = (run: RunVector) => ({
  promptTokens: run.prompt, maxTokens: run.maxTokens, stopTokens: run.stop, sampling: samplingOf(run.sampling),
});

export class RunCheck {
  private readonly layout: PositionLayout;
  private readonly hasher: TraceHasher;
  private readonly roots: string[] = [];

  private readonly config: ExactConfig;

  constructor(model: ExactModel, private readonly run: RunVector) {
    const { config } = model;
    this.config = config;
    this.layout = new PositionLayout(model);
    this.hasher = new TraceHasher(config);
  }

  /** For the observer of an engine. */
  readonly observe = (tensors: PositionTensors): void => {
    const t = this.roots.length;
    const groups = this.layout.position(tensors);
    this.hasher.position(committed(tensors));
    this.roots.push(hex(new PositionTree(this.config, groups).root));
    const hashes = this.run.leafHashes?.[t];
    const bytes = this.run.leaves?.[t];
    groups.forEach((group, g) => {
      for (const { slot, leaves } of group) {
        const where = `run ${this.run.name}, position ${t}, group ${g}, slot ${slot}`;
        const base64 = leaves.map((leaf) => leaf && Buffer.from(leaf).toString('base64'));
        if (bytes) assert.deepEqual(base64, bytes[g][slot], where);
        if (hashes) assert.deepEqual(leaves.map((leaf) => leaf && hex(leafHash(leaf))), hashes[g][slot], where);
      }
    });
  };

  /** What the engine returned, and the roots of all positions heard. */
  finish(result: Generation): void {
    const { name, outputs, finish, blockRoots, traceRoot, positionRoots, prompt } = this.run;
    assert.deepEqual(result.tokens, outputs, name);
    assert.equal(result.finishReason, finish, name);
    assert.deepEqual(result.blockRoots.map(hex), blockRoots, name);
    assert.equal(hex(result.traceRoot), traceRoot, name);
    assert.equal(hex(this.hasher.traceRoot()), traceRoot, `${name}: from the tensors that were observed`);
    assert.deepEqual(this.roots.slice(-positionRoots.length), positionRoots, name);
    assert.equal(this.roots.length, prompt.length + outputs.length - 1, name);
  }
}
