/** The worker's side of a case: what is asked of it, shown from the same computation made again. */
import type { Cell } from '@ton/core';
import type { ExactModel } from '../exact';
import { innerAddressAt, treeLevels } from '../exact/leafAddress';
import type { NodeAddress } from '../exact/proof';
import { commit, equalBytes, type InferenceRequest, labelSalt, requestRoot, toHex } from '../protocol';
import {
  CASE_TURNS, type CaseState, type CaseSubject, type ModelRoots, packShowChildren, packShowLeaf, packShowPosition, packShowTrace, positionHash,
} from '../wrappers';
import { DisputeError } from './errors';
import { chainOf, leafCells } from './evidenceCells';
import type { HeldTrace } from './heldTrace';
import { type Replay, replayed } from './replay';
import { decodeJob } from './step';

/** What a worker keeps of a request for as long as its answer can be challenged. */
export interface KeptRequest {
  request: InferenceRequest;
  /** 32 bytes. */
  commitSalt: Uint8Array;
}

export interface DefenceOptions {
  model: ExactModel;
  kept: KeptRequest;
  subject: Omit<CaseSubject, keyof ModelRoots>;
  /** By the worker's key, over the statement about a position. */
  sign: (hash: Uint8Array, position: { t: number; positionRoot: Uint8Array }) => Uint8Array;
}

const ROOT: NodeAddress = { depth: 0, index: 0 };

/**
 * Answers for one receipt, on chain or to whoever asks. Nothing is kept between moves but the computation: each follows from what the chain shows, so another machine, or this
 * one after a restart, goes on where the case stands.
 */
export class Defence implements HeldTrace {
  private readonly prover: Replay;

  /**
   * @param prover the computation, if it is not the model's own
   * @throws DisputeError `dispute.other-request` when this is not the request of the receipt
   */
  constructor(private readonly options: DefenceOptions, prover?: Replay) {
    const { model, kept, subject } = options;
    const expected = decodeJob(subject.job).requestRoot;
    if (!equalBytes(requestRoot(kept.request), expected)) {
      throw new DisputeError('dispute.other-request', 'the request that was kept is not the one of the case', {
        expected: toHex(expected), received: toHex(requestRoot(kept.request)),
      });
    }
    this.prover = prover ?? replayed(model, subject, kept.request.promptTokens);
  }

  /**
   * The body of the next move, null when it is not this side's turn.
   * @throws DisputeError `dispute.other-trace` when the receipt commits to something else than this computation
   */
  async move(state: CaseState): Promise<Cell | null> {
    switch (state.turn) {
      case CASE_TURNS.trace:
        return this.showTrace();
      case CASE_TURNS.children:
        return packShowChildren(await this.showChildren(state));
      case CASE_TURNS.position:
        return this.showPosition(state.place!.t);
      case CASE_TURNS.leaf:
        return this.showLeaf(state);
      default:
        return null;
    }
  }

  /** @throws as `move` */
  async traceRoot(): Promise<Uint8Array> {
    const { kept: { commitSalt }, subject } = this.options;
    const { traceRoot } = await this.prover.result();
    if (equalBytes(commit('trace', commitSalt, traceRoot), subject.traceCommit)) return traceRoot;
    throw new DisputeError('dispute.other-trace', 'this computation is not the one to which the receipt commits', {
      received: `trace ${toHex(traceRoot)}`, hint: 'the case is lost unless the engine, or the machine, that answered computes it again',
    });
  }

  children(at: NodeAddress): Promise<Uint8Array[]> {
    return this.prover.children(at);
  }

  innerChildren(t: number, at: NodeAddress): Promise<Uint8Array[]> {
    return this.prover.innerChildren(t, at);
  }

  async position(t: number): Promise<{ positionRoot: Uint8Array; signature: Uint8Array }> {
    const { subject: { networkId, judged: { receipt } }, sign } = this.options;
    const positionRoot = await this.prover.positionRoot(t);
    return { positionRoot, signature: sign(positionHash(networkId, receipt.hash(), t, positionRoot), { t, positionRoot }) };
  }

  async leaf(t: number, index: number): Promise<Uint8Array> {
    const { bytes } = await this.prover.leaf('inner', innerAddressAt(this.options.model.config, t, index));
    if (bytes !== null) return bytes;
    throw new DisputeError('dispute.other-trace', 'this computation has no leaf where the case asks for one');
  }

  private async showTrace(): Promise<Cell> {
    const traceRoot = await this.traceRoot();
    return packShowTrace({ traceRoot, labelSalt: labelSalt('trace', this.options.kept.commitSalt), children: await this.children(ROOT) });
  }

  private showChildren({ index, left, place }: CaseState): Promise<Uint8Array[]> {
    const { config } = this.options.model;
    if (place!.positionRoot === null) return this.children({ depth: treeLevels(config, 'commit') - left, index });
    return this.innerChildren(place!.t, { depth: treeLevels(config, 'inner') - left, index });
  }

  private async showPosition(t: number): Promise<Cell> {
    return packShowPosition({ ...(await this.position(t)), children: await this.innerChildren(t, ROOT) });
  }

  private async showLeaf({ index, place }: CaseState): Promise<Cell> {
    return packShowLeaf(chainOf(leafCells(await this.leaf(place!.t, index))));
  }
}
