/** Positions of the golden models with one leaf changed, and the contract's checks as getters. */
import { beforeAll } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Address, Cell, toNano, type TupleItem } from '@ton/core';
import { createShardAccount } from '@ton/sandbox';
import { GREEDY, loadModel, ModelProver, type ExactConfig, type ExactModel, type Job } from '../../exact';
import { TRACE_BLOCK } from '../../exact/constants';
import { createReferenceEngine } from '../../exact/reference/engine';
import { BlockTrace, commitNode } from '../../exact/blockTrace';
import { leafIndex, slotAt, treeLevels, type LeafAddress } from '../../exact/leafAddress';
import { PositionLayout, type GroupLeaves } from '../../exact/positionLayout';
import { PositionTree } from '../../exact/positionTree';
import { committed, type PositionTensors } from '../../exact/tensors';
import type { CommitSource } from '../../disputes/leafSource';
import { encodeStep, type StepJob } from '../../disputes/step';
import { type InferenceRequest, requestRoot } from '../../protocol';
import { createSandbox } from '../support/sandbox';

/** Of every shape that the exact engine has. */
export const GOLDEN_MODELS = ['grouped', 'wide', 'extreme', 'single', 'normed', 'gated'];

const ROOT = join(__dirname, '../..');

/** A model, and every position of one job on it. */
export interface Run {
  model: ExactModel;
  prover: ModelProver;
  rowsRoot: Uint8Array;
  tablesRoot: Uint8Array;
  positions: GroupLeaves[][];
  job: StepJob;
  traceRoot: Uint8Array;
  commit: CommitSource;
}

/** A job as its client commits to it. */
export const requestOf = ({ promptTokens, stopTokens, sampling: { t, topK, topP16, minPX } }: Job): InferenceRequest => ({
  promptTokens: [...promptTokens], stopTokens: [...stopTokens], sampling: { t, topK, topP16, minPX }, nonce: 1n, toolsHash: new Uint8Array(32),
});

/** @param name of a golden model (exact/vectors) */
export async function runOf(name: string, change: Partial<Job> = {}): Promise<Run> {
  const model = loadModel(join(ROOT, `exact/vectors/${name}.cocoon`));
  const prover = new ModelProver(model);
  const layout = new PositionLayout(model);
  const positions: GroupLeaves[][] = [];
  const blocks: BlockTrace[] = [];
  const observe = (tensors: PositionTensors): void => {
    if (positions.length % TRACE_BLOCK === 0) blocks.push(new BlockTrace(model.config, blocks.length));
    blocks[blocks.length - 1].add(committed(tensors));
    positions.push(layout.position(tensors));
  };
  const engine = createReferenceEngine(model, observe);
  const job: Job = { promptTokens: [7, 3, 250, 9, 31], maxTokens: 3, stopTokens: [], sampling: GREEDY, ...change };
  const { tokens, traceRoot, blockRoots } = await engine.generate(job);
  await engine.close();
  const rowsRoot = prover.part({ part: 'config' }).path[0];
  const tablesRoot = prover.part({ part: 'tokenizer' }).path[0];
  const stepJob = { promptTokens: job.promptTokens.length, outputTokens: tokens.length, requestRoot: requestRoot(requestOf(job)), sampling: job.sampling };
  return { model, prover, rowsRoot, tablesRoot, positions, job: stepJob, traceRoot, commit: commitSource(model.config, blocks, blockRoots) };
}

function commitSource(config: ExactConfig, blocks: readonly BlockTrace[], blockRoots: readonly Uint8Array[]): CommitSource {
  const levels = treeLevels(config, 'commit');
  return {
    leaf(address) {
      const index = leafIndex(config, 'commit', address);
      const trace = blocks[address.block];
      const path = Array.from({ length: levels }, (_, level) =>
        commitNode(config, blockRoots, trace, { depth: levels - level, index: Math.floor(index / 2 ** level) ^ 1 }));
      return { bytes: trace.leaf(address.position, slotAt(config, 'commit', address).first + address.leaf), path };
    },
  };
}

/** A position as a worker shows it: the honest one, but for the leaf in dispute. */
export interface Disputed {
  run: Run;
  t: number;
  address: LeafAddress;
  tree: PositionTree;
  /** As the worker has it. */
  bytes: Buffer;
  step: Cell;
}

/**
 * @param change of the leaf's bytes; none leaves them honest
 * @param inputs changes of other leaves of the group, by slot and leaf
 */
export function disputed(
  run: Run, t: number, group: number, slot: string, leaf: number, change: (bytes: Buffer) => void = () => undefined,
  inputs: { slot: string; leaf: number; change: (bytes: Buffer) => void }[] = [],
): Disputed {
  const { config } = run.model;
  const groups = run.positions[t].map((slots) => slots.map(({ slot: name, leaves }) => ({ slot: name, leaves: [...leaves] })));
  const changed = (one: { slot: string; leaf: number; change: (bytes: Buffer) => void }): Buffer => {
    const { leaves } = groups[group].find(({ slot: name }) => name === one.slot)!;
    const copy = Buffer.from(leaves[one.leaf]!);
    one.change(copy);
    leaves[one.leaf] = copy;
    return copy;
  };
  inputs.forEach(changed);
  const bytes = changed({ slot, leaf, change });
  const tree = new PositionTree(config, groups);
  const address: LeafAddress = { block: t >> 5, position: t % 32, group, slot, leaf };
  const step = encodeStep({
    config, rowsRoot: run.rowsRoot, tablesRoot: run.tablesRoot, positionRoot: tree.root,
    traceRoot: run.traceRoot, index: leafIndex(config, 'inner', address), leaf: bytes, t,
    job: run.job,
  });
  return { run, t, address, tree, bytes, step };
}

/** What a check said: a verdict, or the exit code with which it threw. */
export interface Verdict {
  isWrong?: boolean;
  exitCode?: number;
  gas: number;
}

/** One check, deployed alone. @param method isWrong of steps, isLie of receipts */
export async function checkOf(name: string, method = 'isWrong'): Promise<(step: Cell, evidence: Cell) => Promise<Verdict>> {
  const code = Cell.fromBoc(readFileSync(join(ROOT, `build/Checks/Checks_${name}.code.boc`)))[0];
  const blockchain = await createSandbox();
  const address = new Address(0, Buffer.alloc(32, 1));
  await blockchain.setShardAccount(address, createShardAccount({ address, code, data: Cell.EMPTY, balance: toNano(1) }));
  return async (step, evidence) => {
    const args: TupleItem[] = [{ type: 'cell', cell: step }, { type: 'cell', cell: evidence }];
    try {
      const result = await blockchain.runGetMethod(address, method, args);
      return { isWrong: result.stackReader.readBoolean(), gas: Number(result.gasUsed) };
    } catch (error) {
      const { exitCode, gasUsed } = error as { exitCode?: number; gasUsed?: bigint };
      if (exitCode === undefined) throw error;
      return { exitCode, gas: Number(gasUsed ?? 0n) };
    }
  };
}

/** A check with the evidence of its spec, deployed before the tests. */
export interface Judge<Shown extends unknown[]> {
  check: Awaited<ReturnType<typeof checkOf>>;
  /** What it says of a leaf; undefined where it threw. */
  verdict(at: Disputed, ...shown: Shown): Promise<boolean | undefined>;
  /** Of the dearest verdict so far. */
  gas: number;
}

export function judgeOf<Shown extends unknown[]>(name: string, evidenceOf: (at: Disputed, ...shown: Shown) => Cell): Judge<Shown> {
  let check: Judge<Shown>['check'];
  beforeAll(async () => {
    check = await checkOf(name);
  });
  const judge: Judge<Shown> = {
    gas: 0,
    check: (step, evidence) => check(step, evidence),
    async verdict(at, ...shown) {
      const said = await check(at.step, evidenceOf(at, ...shown));
      judge.gas = Math.max(judge.gas, said.gas);
      return said.isWrong;
    },
  };
  return judge;
}
