/** The golden vectors on TVM: whatever leaf of them is called wrong, the contract's check computes it again and says that it is right. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { KnownCommits } from '../../disputes/refute';
import { refutationsOf } from '../../disputes/refutations';
import { RevealedNodes } from '../../disputes/revealedTree';
import { encodeStep } from '../../disputes/step';
import { innerAddressAt, leafIndex } from '../../exact/leafAddress';
import { GOLDEN_MODELS, requestOf, type Run, runOf } from './checks';
import { hex } from './game';
import { randomOf } from './mutations';
import { sharedJudge } from './parties';
import { StoredRun } from './storedRun';

interface Vector {
  name: string;
  prompt: number[];
  sampling: { t: number; topK: number; topP16: number; minPX: number; seed: string };
  maxTokens: number;
  stop: number[];
  traceRoot: string;
}

const vectorsOf = (name: string): Vector[] => (JSON.parse(readFileSync(join(__dirname, `../../exact/vectors/${name}.json`), 'utf8')) as { runs: Vector[] }).runs;

/** Of each mode of sampling the shortest run. */
function chosen(runs: Vector[]): Vector[] {
  const modes = new Map<string, Vector>();
  for (const run of [...runs].sort((a, b) => a.prompt.length - b.prompt.length)) {
    const mode = run.sampling.t === 0 ? 'greedy' : run.sampling.topK > 0 ? 'top' : 'full';
    if (!modes.has(mode)) modes.set(mode, run);
  }
  return [...modes.values()];
}

/** What the checks say of every leaf of the last position, each accused of one byte. */
async function verdicts(run: Run, job: Parameters<typeof requestOf>[0], random: (limit: number) => number): Promise<Map<string, boolean[]>> {
  const { model: { config }, prover, rowsRoot, tablesRoot } = run;
  const [judge, trees, t] = [await sharedJudge(), new StoredRun(run), run.positions.length - 1];
  const [tree, positionRoot, commit] = [await trees.positionTree(t), await trees.positionRoot(t), new KnownCommits(config, trees, new RevealedNodes())];
  const { traceRoot } = await trees.result();
  const source = { config, model: prover, tree, commit, request: requestOf(job), t, sampling: run.job.sampling };
  const said = new Map<string, boolean[]>();
  for (const [group, slots] of run.positions[t].entries()) {
    for (const { slot, leaves } of slots) {
      for (const [leaf, bytes] of leaves.entries()) {
        if (bytes === null) continue;
        const address = { block: t >> 5, position: t % 32, group, slot, leaf };
        const index = leafIndex(config, 'inner', address);
        expect(innerAddressAt(config, t, index)).toEqual(address);
        const disputed = Buffer.from(bytes);
        const honest = Buffer.from(bytes);
        honest[random(honest.length)] ^= 1;
        const [{ check, evidence }] = refutationsOf({ source, address, disputed, honest });
        const step = encodeStep({ config, rowsRoot, tablesRoot, positionRoot, traceRoot, index, leaf: bytes, t, job: run.job });
        const verdict = await judge(check, step, (await commit.build(evidence))!);
        said.set(slot, [...(said.get(slot) ?? []), verdict === false]);
      }
    }
  }
  return said;
}

describe('a golden vector on TVM', () => {
  const seen = new Set<string>();
  it.each([...GOLDEN_MODELS, 'tall'])('has its trace, and no leaf of its last position is wrong: %s', async (name) => {
    const random = randomOf(53);
    for (const { prompt, sampling, maxTokens, stop, traceRoot } of chosen(vectorsOf(name))) {
      const job = { promptTokens: prompt, maxTokens, stopTokens: stop, sampling: { ...sampling, seed: Buffer.from(sampling.seed, 'hex') } };
      const run = await runOf(name, job);
      expect(hex(run.traceRoot)).toBe(traceRoot);
      for (const [slot, areRight] of await verdicts(run, job, random)) {
        seen.add(slot);
        expect([slot, areRight.every(Boolean)]).toEqual([slot, true]);
      }
    }
  });

  it('was tried in every slot of the op table', () => expect(seen.size).toBe(38));
});
