/**
 * Proofs from a trace that nobody has stored: the job runs again on the reference back end, and of its trace one block
 * of 32 positions is held at a time (docs/exact-arithmetic.md section 10). What stays is 32 bytes a block.
 */
import { BlockTrace, blockOfNode, nodeHash } from './blockTrace';
import { TRACE_BLOCK } from './constants';
import type { Job } from './engine';
import { GenerationAbortedError, ProofError } from './errors';
import { leafIndex, slotAt, type LeafAddress } from './leafAddress';
import type { JobShape } from './leafShape';
import type { ExactModel } from './modelFile';
import { traceDepths } from './opTable';
import { checkInnerNode, roundLevels, type LeafProof, type NodeAddress } from './proof';
import { createReferenceEngine } from './reference/engine';

/** What a complete run leaves behind. */
interface Outcome {
  tokens: number[];
  traceRoot: Uint8Array;
  blockRoots: Uint8Array[];
}

/**
 * Proves leaves and opens nodes of one job's trace. Calls are served one after the other; one that needs another block
 * than the last runs the job again up to that block, so ask block by block.
 */
export class TraceProver {
  private outcome?: Outcome;
  private trace?: BlockTrace;
  private last: Promise<unknown> = Promise.resolve();
  /** Runs of the job so far. */
  runs = 0;

  /**
   * @param job its onToken is heard in every run
   * @param answer the answer's tokens; without it the model's own answer is proven
   */
  constructor(private readonly model: ExactModel, private readonly job: Job, private readonly answer?: number[]) {}

  /** Positions whose trace is in memory: at most 32. */
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

  /** @throws ProofError `input.leaf.<field>` for an address that the tree has not; as `result` */
  leaf(address: LeafAddress): Promise<LeafProof> {
    return this.inTurn(async () => {
      const index = leafIndex(this.model.config, address, 'input.leaf');
      const { first } = slotAt(this.model.config, address);
      const trace = await this.load(address.block);
      const { total } = traceDepths(this.model.config);
      const path = Array.from({ length: total }, (_, level) => {
        const sibling = Math.floor(index / 2 ** level) ^ 1;
        return this.hash(trace, { depth: total - level, index: sibling });
      });
      const bytes = trace?.leaf(address.position, address.group, first + address.leaf) ?? null;
      return { address: { ...address }, bytes, path };
    });
  }

  /** The nodes five levels below a node, left to right. @throws ProofError `input.node.depth`, `.index`; as `result` */
  children(at: NodeAddress): Promise<Uint8Array[]> {
    return this.inTurn(async () => {
      const { config } = this.model;
      checkInnerNode(config, at, 'input.node');
      const levels = roundLevels(config, at.depth);
      const depth = at.depth + levels;
      const out: Uint8Array[] = [];
      for (let child = 0; child < 2 ** levels; child++) {
        const node = { depth, index: at.index * 2 ** levels + child };
        const block = blockOfNode(config, node);
        if (block === undefined) await this.known();
        out.push(this.hash(block === undefined ? undefined : await this.load(block), node));
      }
      return out;
    });
  }

  private hash(trace: BlockTrace | undefined, at: NodeAddress): Uint8Array {
    if (this.outcome === undefined) throw new RangeError('hashes are asked for before the job has run');
    return nodeHash(this.model.config, this.outcome.blockRoots, trace, at);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async known(): Promise<Outcome> {
    this.outcome ??= await this.run(undefined);
    if (this.outcome === undefined) throw new RangeError('a complete run ended early');
    return this.outcome;
  }

  /** The trace of a block, or undefined for one without positions. */
  private async load(block: number): Promise<BlockTrace | undefined> {
    if (this.outcome && block >= this.outcome.blockRoots.length) return undefined;
    if (this.trace?.block !== block) {
      const outcome = await this.run(block);
      this.outcome ??= outcome;
    }
    return this.heldPositions === 0 ? undefined : this.trace;
  }

  /** Runs the job and holds one block; stops after it when the rest is already known. */
  private async run(block: number | undefined): Promise<Outcome | undefined> {
    this.runs++;
    const { signal } = this.job;
    const enough = new AbortController();
    const trace = block === undefined ? undefined : new BlockTrace(this.model.config, block);
    this.trace = trace ?? this.trace;
    let t = 0;
    const engine = createReferenceEngine(this.model, (tensors) => {
      if (trace !== undefined && Math.floor(t / TRACE_BLOCK) === trace.block) trace.add(tensors);
      t++;
      if (trace !== undefined && this.outcome && t === TRACE_BLOCK * (trace.block + 1)) enough.abort();
    });
    try {
      const result = await engine.generate({
        ...this.job,
        signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
      });
      this.checkAnswer(result.tokens);
      return result;
    } catch (error) {
      if (error instanceof GenerationAbortedError && enough.signal.aborted) return undefined;
      this.trace = undefined;
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
