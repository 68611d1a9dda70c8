/**
 * Proofs from trees that nobody has stored: the job runs again, and of the commit tree one
 * block of 32 positions is held at a time, of the position trees one (docs/exact-arithmetic.md section 10). What stays
 * is 32 bytes a block; a position tree needs V of all earlier positions.
 */
import { BlockTrace, blockOfNode, commitNode } from './blockTrace';
import { weightsPerPosition } from './config';
import { TRACE_BLOCK } from './constants';
import type { Engine, Job } from './engine';
import { BackendUnavailableError, GenerationAbortedError, ProofError } from './errors';
import { leafIndex, positionOf, slotAt, treeLevels, type LeafAddress, type Tree } from './leafAddress';
import type { JobShape } from './leafShape';
import type { ExactModel } from './modelFile';
import { PositionLayout } from './positionLayout';
import { PositionTree } from './positionTree';
import { checkInnerNode, roundLevels, type LeafProof, type NodeAddress } from './proof';
import { createReferenceEngine } from './reference/engine';
import { committed, type PositionObserver, type PositionTensors } from './tensors';

/** What a complete run leaves behind. */
interface Outcome {
  tokens: number[];
  traceRoot: Uint8Array;
  blockRoots: Uint8Array[];
}

/** What a run is for besides its outcome. */
interface Wanted {
  /** commit leaves of these blocks, one after the other; the last one stays */
  blocks?: { first: number; last: number; each?: (trace: BlockTrace) => void };
  /** the position tree of t */
  t?: number;
}

/**
 * Proves leaves and opens nodes of one job's trees. Calls are served one after the other; one that needs another block
 * or position than the last runs the job again up to there, so ask block by block, position by position.
 */
export class TraceProver {
  private outcome?: Outcome;
  private trace?: BlockTrace;
  private inner?: { t: number; tree: PositionTree };
  private last: Promise<unknown> = Promise.resolve();
  /** Runs of the job so far. */
  runs = 0;

  /**
   * @param job its onToken is heard in every run
   * @param answer the answer's tokens; without it the model's own answer is proven
   */
  constructor(private readonly model: ExactModel, private readonly job: Job, private readonly answer?: number[]) {}

  /** Positions whose commit leaves are in memory: at most 32. */
  get heldPositions(): number {
    return this.trace?.length ?? 0;
  }

  /** Tokens and roots. @throws ProofError `verification.proof.answer`; errors of the engine */
  result(): Promise<Outcome> {
    return this.inTurn(() => this.known());
  }

  /** What a verifier needs to know about the job. */
  async shape(): Promise<JobShape> {
    const { tokens } = await this.result();
    const { promptTokens, sampling } = this.job;
    return {
      promptTokens: promptTokens.length,
      outputTokens: tokens.length,
      t: sampling.t,
      topK: sampling.topK,
    };
  }

  /** The position tree of t, whole. @throws ProofError `input.position` */
  positionTree(t: number): Promise<PositionTree> {
    return this.inTurn(() => this.tree(t));
  }

  /** positionRoot(t): what the worker signs when a dispute has found t. @throws ProofError `input.position` */
  positionRoot(t: number): Promise<Uint8Array> {
    return this.inTurn(async () => (await this.tree(t)).root);
  }

  /** @throws ProofError `input.leaf.<field>` for an address that the tree has not; as `result` */
  leaf(tree: Tree, address: LeafAddress): Promise<LeafProof> {
    return this.inTurn(async () => {
      const { config } = this.model;
      const index = leafIndex(config, tree, address, 'input.leaf');
      const levels = treeLevels(config, tree);
      const { first } = slotAt(config, tree, address);
      const trace = tree === 'commit' ? await this.load(address.block) : undefined;
      const inner = tree === 'inner' ? await this.tree(positionOf(address)) : undefined;
      const bytes = inner
        ? inner.leaf(address.group, first + address.leaf)
        : trace?.leaf(address.position, first + address.leaf) ?? null;
      const path = Array.from({ length: levels }, (_, level) => {
        const at = { depth: levels - level, index: Math.floor(index / 2 ** level) ^ 1 };
        return inner ? inner.node(at) : this.commitNode(trace, at);
      });
      return { address: { ...address }, bytes, path };
    });
  }

  /**
   * The nodes of the commit tree five levels below a node, left to right.
   * @throws ProofError `input.node.depth`, `.index`; as `result`
   */
  children(at: NodeAddress): Promise<Uint8Array[]> {
    return this.inTurn(async () => {
      const { config } = this.model;
      checkInnerNode(config, 'commit', at, 'input.node');
      const nodes = this.below('commit', at);
      const [first, last] = [nodes[0], nodes[nodes.length - 1]].map((node) => blockOfNode(config, node));
      if (first === undefined || last === undefined) await this.known();
      else if (first < last) return this.ofBlocks(nodes, first, last);
      const trace = first === undefined ? undefined : await this.load(first);
      return nodes.map((node) => this.commitNode(trace, node));
    });
  }

  /** Nodes that lie in several blocks, in one run. */
  private async ofBlocks(nodes: NodeAddress[], first: number, last: number): Promise<Uint8Array[]> {
    const hashes = new Map<NodeAddress, Uint8Array>();
    const each = (trace: BlockTrace): void => {
      const own = nodes.filter((node) => blockOfNode(this.model.config, node) === trace.block);
      own.forEach((node) => hashes.set(node, this.commitNode(trace, node)));
    };
    const known = this.outcome ? this.outcome.blockRoots.length - 1 : last;
    if (first <= known) await this.run({ blocks: { first, last: Math.min(last, known), each } });
    return nodes.map((node) => hashes.get(node) ?? this.commitNode(undefined, node));
  }

  /** The same of the position tree of t. @throws also ProofError `input.position` */
  innerChildren(t: number, at: NodeAddress): Promise<Uint8Array[]> {
    return this.inTurn(async () => {
      checkInnerNode(this.model.config, 'inner', at, 'input.node');
      const tree = await this.tree(t);
      return this.below('inner', at).map((node) => tree.node(node));
    });
  }

  private below(tree: Tree, at: NodeAddress): NodeAddress[] {
    const levels = roundLevels(this.model.config, tree, at.depth);
    return Array.from({ length: 2 ** levels }, (_, i) => (
      { depth: at.depth + levels, index: at.index * 2 ** levels + i }
    ));
  }

  /** @param trace of the node's block; without one the roots of the blocks must be known, or it has no positions */
  private commitNode(trace: BlockTrace | undefined, at: NodeAddress): Uint8Array {
    return commitNode(this.model.config, this.outcome?.blockRoots ?? [], trace, at);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async known(): Promise<Outcome> {
    if (this.outcome === undefined) await this.run({});
    if (this.outcome === undefined) throw new RangeError('a complete run ended early');
    return this.outcome;
  }

  /** The commit leaves of a block, or undefined for one without positions. */
  private async load(block: number): Promise<BlockTrace | undefined> {
    if (this.outcome && block >= this.outcome.blockRoots.length) return undefined;
    if (this.trace?.block !== block) await this.run({ blocks: { first: block, last: block } });
    return this.trace;
  }

  /** The position tree of t; of padding only where the trace has no such position. */
  private async tree(t: number): Promise<PositionTree> {
    const { context } = this.model.config;
    if (!Number.isInteger(t) || t < 0) {
      throw new ProofError('input.position', 'there is no such position', {
        expected: `0..${context - 1}`,
        received: String(t),
      });
    }
    const positions = this.outcome && this.job.promptTokens.length + this.outcome.tokens.length - 1;
    if (this.inner?.t !== t && (positions === undefined || t < positions)) await this.run({ t });
    return this.inner?.t === t ? this.inner.tree : new PositionTree(this.model.config, []);
  }

  /** Runs the job and holds what is wanted; stops after it when the outcome is already known. */
  private async run({ blocks, t }: Wanted): Promise<void> {
    this.runs++;
    const { config } = this.model;
    const { signal } = this.job;
    const enough = new AbortController();
    if (blocks) this.trace = undefined;
    if (t !== undefined) this.inner = undefined;
    const layout = t === undefined ? undefined : new PositionLayout(this.model);
    const end = blocks ? TRACE_BLOCK * (blocks.last + 1) : (t ?? 0) + 1;
    let position = 0;
    const observe = (tensors: PositionTensors): void => {
      const block = Math.floor(position / TRACE_BLOCK);
      if (blocks && block >= blocks.first && block <= blocks.last) {
        if (this.trace?.block !== block) {
          if (this.trace) blocks.each?.(this.trace);
          this.trace = new BlockTrace(config, block);
        }
        this.trace.add(committed(tensors));
      }
      if (t === position && layout) this.inner = { t, tree: new PositionTree(config, layout.position(tensors)) };
      else if (position < (t ?? 0)) layout?.pass(tensors);
      position++;
      if (this.outcome && position === end) enough.abort();
    };
    const finish = (): void => {
      if (this.trace) blocks?.each?.(this.trace);
    };
    const engine = await observedEngine(this.model, observe);
    try {
      const result = await engine.generate({
        ...this.job,
        signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
      });
      this.checkAnswer(result.tokens);
      this.outcome ??= result;
      finish();
    } catch (error) {
      if (error instanceof GenerationAbortedError && enough.signal.aborted) return finish();
      this.trace = undefined;
      this.inner = undefined;
      throw error;
    } finally {
      await engine.close();
    }
  }

  private checkAnswer(tokens: number[]): void {
    const { answer } = this;
    if (answer === undefined) return;
    const same = tokens.findIndex((token, i) => token !== answer[i]);
    if (same === -1 && tokens.length === answer.length) return;
    throw new ProofError('verification.proof.answer', 'the model gives another answer to this job', {
      expected: `the ${tokens.length} tokens of the model`,
      received: same === -1 ? `${answer.length} tokens` : `another token ${same}`,
      hint: 'check model, prompt, sampling and stop tokens',
    });
  }
}

/** Below, the reference computes sooner than a thread of wasm starts. */
const SMALL_WEIGHTS = 1e6;

async function observedEngine(model: ExactModel, observe: PositionObserver): Promise<Engine> {
  if (weightsPerPosition(model.config) < SMALL_WEIGHTS) return createReferenceEngine(model, observe);
  try {
    return (await import('./wasm/index')).createWasmEngine(model, { observe });
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error;
    return createReferenceEngine(model, observe);
  }
}
