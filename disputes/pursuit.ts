/** The challenger's side of a case: the first difference, down to the one step that the chain computes again. */
import type { Cell } from '@ton/core';
import type { ExactModel, ModelProver } from '../exact';
import type { ExactConfig } from '../exact/config';
import { JobInputError } from '../exact/errors';
import { commitAddressAt, innerAddressAt, leafIndex, treeLevels, type LeafAddress, type Tree } from '../exact/leafAddress';
import { roundLevels } from '../exact/proof';
import { commit, equalBytes, labelSalt } from '../protocol';
import {
  CASE_MOVE_VALUE, CASE_PROOF_VALUE, CASE_TURNS, type CaseMove, type CaseState, type CaseSubject, packChooseChild, packEndTurn, packProveAtOnce, packProveContradiction, packProveReceipt,
  packProveStep, TURN_SECONDS,
} from '../wrappers';
import { type Delivery, receiptAccusations } from './accusations';
import { checkProof, type CheckName, type ReceiptCheckName } from './checkTree';
import { DisputeError } from './errors';
import { bytesOf, chainOf, leafCells } from './evidenceCells';
import { findHeld, type FoundStep, type HeldTrace } from './heldTrace';
import { caseSubject, type Challenged, modelRoots } from './opening';
import { hashOfLeaf } from './positionEvidence';
import { encodeReceiptFacts } from './receiptFacts';
import { firstProof, type FoundProof, type Judge, KnownCommits, refute } from './refute';
import { type Replay, replayed } from './replay';
import { RevealedNodes, RevealedTree } from './revealedTree';
import { decodeJob, encodeStep } from './step';

/** A message to the case. */
export interface Move {
  /** For people. */
  what: string;
  body: Cell;
  /** nanoTON to send with it; what is not used returns. */
  value: bigint;
  /** Of a proof: the check that the chain runs. */
  check?: CheckName | ReceiptCheckName;
}

/** What the worker has shown so far. */
interface Revealed {
  commit: RevealedNodes;
  inner: RevealedNodes;
  leaf: Cell | null;
}

/** What the moves of a case revealed, oldest first. */
function revealedBy(config: ExactConfig, moves: readonly CaseMove[]): Revealed {
  const revealed: Revealed = { commit: new RevealedNodes(), inner: new RevealedNodes(), leaf: null };
  let tree: Tree = 'commit';
  let at = { depth: 0, index: 0 };
  let levels = 0;
  for (const move of moves) {
    if (move.kind === 'leaf') revealed.leaf = move.leaf;
    else if (move.kind === 'choice') at = { depth: at.depth + levels, index: at.index * 2 ** levels + move.child };
    else {
      if (move.kind === 'position') [tree, at] = ['inner', { depth: 0, index: 0 }];
      levels = roundLevels(config, tree, at.depth);
      revealed[tree].reveal(at, move.children.slice(0, 2 ** levels));
    }
  }
  return revealed;
}

/** Of a receipt with more tokens than its model has room for, or none, nothing can be computed. */
function noSuchJob(error: unknown): null {
  if (error instanceof JobInputError) return null;
  throw error;
}

/** Seconds for which moves of this side wait for what the worker says, and never into the second half of a turn. */
const ASK_SECONDS = 1_800;
/** A proof at once that the case did not take, so many times, is no proof: then the descents decide. */
const MOST_TRIES = 2;

/** What is proven in a leaf: whose trees it stands in is known from what was shown. */
interface Disputed {
  t: number;
  index: number;
  bytes: Buffer;
  commit: RevealedNodes;
  inner: RevealedNodes;
  step: Cell;
}

export class Pursuit {
  readonly subject: CaseSubject;
  private readonly prover: Replay;
  /** What came of asking the worker. */
  private asked: { until: number; work: Promise<void>; isOver: boolean; move: Move | null; tries: number } | null = null;
  /** What the receipt says wrongly by itself, once `isWrong` has found it. */
  private lie: FoundProof<ReceiptCheckName> | null = null;

  /**
   * @param judge runs a check here before the chain does
   * @param prover what this side computes, if it is made already
   * @param held what the worker says when it is asked without the chain; what it does not say, or says wrongly, costs nothing
   */
  constructor(
    private readonly model: ExactModel, private readonly parts: ModelProver, private readonly answer: Challenged, private readonly judge: Judge, prover?: Replay,
    private readonly held?: HeldTrace,
  ) {
    this.subject = caseSubject(answer, modelRoots(model, parts));
    this.prover = prover ?? replayed(model, this.subject, answer.payload.request.promptTokens);
  }

  /**
   * Whether there is something to win: a lie that the receipt tells by itself, which one move proves, or another trace than this computation has.
   * @param delivery what came with the receipt
   */
  async isWrong(delivery?: Delivery): Promise<boolean> {
    const { answer, subject, model: { config } } = this;
    const computed = await this.prover.result().catch(noSuchJob);
    const isShared = computed !== null && equalBytes(commit('trace', answer.payload.commitSalt, computed.traceRoot), subject.traceCommit);
    if (delivery === undefined) return !isShared;
    const commits = new KnownCommits(config, this.prover, new RevealedNodes());
    const accusations = receiptAccusations(config, answer, delivery, isShared ? { tokens: computed.tokens, commit: commits } : null);
    this.lie = await firstProof(accusations, commits, encodeReceiptFacts(config, subject.judged.receipt, subject.job), this.judge);
    return this.lie !== null || !isShared;
  }

  /**
   * The next move, null while the worker has time left for its own. Follows from what the chain shows.
   * @param moves all that the case took, oldest first
   * @param now Unix seconds
   * @throws DisputeError `dispute.no-difference`, `dispute.not-refuted`
   */
  async move(state: CaseState, moves: readonly CaseMove[], now: number): Promise<Move | null> {
    if (state.turn === 0) return null;
    if (now >= state.endsAt) {
      const who = state.turn < CASE_TURNS.choose ? 'the worker was silent' : 'this side came too late, and has lost';
      return { what: who, body: packEndTurn(), value: CASE_MOVE_VALUE };
    }
    if (this.lie !== null) {
      const body = packProveReceipt({ ...checkProof(this.lie.check), evidence: this.lie.evidence });
      return { what: `${this.lie.check}: the receipt is a lie by itself`, body, value: CASE_PROOF_VALUE, check: this.lie.check };
    }
    if (state.turn === CASE_TURNS.prove) return this.prove(state, moves);
    const asked = this.ask(now);
    if (asked?.move != null && asked.tries < MOST_TRIES) {
      asked.tries++;
      return asked.move;
    }
    if (state.turn !== CASE_TURNS.choose) return null;
    const isAwaited = asked !== null && !asked.isOver && now < asked.until && state.endsAt - now > TURN_SECONDS / 2;
    return isAwaited ? null : this.choose(state, moves);
  }

  /** Resolves when what the worker says is known, or that it says nothing. */
  async askedAll(): Promise<void> {
    await this.asked?.work;
  }

  /** Asks the worker, once, while the case goes on: it is open, so nothing that the worker learns from it can be used to come first. */
  private ask(now: number): Pursuit['asked'] {
    const { held } = this;
    if (held === undefined || this.asked !== null) return this.asked;
    const asked: NonNullable<Pursuit['asked']> = { until: now + ASK_SECONDS, work: Promise.resolve(), isOver: false, move: null, tries: 0 };
    asked.work = this.atOnce(held)
      .then((move) => (asked.move = move))
      // Whatever it is that the worker does not show, or this machine does not find: the descents do not need it.
      .catch((error: unknown) => held.failed?.(error))
      .then(() => void (asked.isOver = true));
    return (this.asked = asked);
  }

  /** Both descents over what the worker says, and the proof: one move. @returns null where the case must be played */
  private async atOnce(held: HeldTrace): Promise<Move | null> {
    const { model: { config }, answer: { payload: { commitSalt } }, prover, subject } = this;
    const found = await findHeld(config, subject, commitSalt, prover, held);
    if (found === null) return null;
    const { leaf, t } = found;
    const shown = { ...found, labelSalt: labelSalt('trace', commitSalt), leaf: { ...leaf, bytes: chainOf(leafCells(leaf.bytes)) } };
    if (found.isContradiction) {
      return { what: 'the worker signed a position that its trace has not', body: packProveAtOnce({ ...shown, proof: null }), value: CASE_PROOF_VALUE };
    }
    const { address, proof } = await this.refute({ ...found, ...leaf, step: this.stepOf(found) });
    const body = packProveAtOnce({ ...shown, proof: { ...checkProof(proof.check), evidence: proof.evidence } });
    return { what: `${proof.check} computes an element of ${address.slot} again, without a descent: position ${t}, group ${address.group}`, body, value: CASE_PROOF_VALUE, check: proof.check };
  }

  /** What the case gives to a check. */
  private stepOf({ traceRoot, position: { positionRoot }, t, leaf }: FoundStep): Cell {
    const { model: { config }, subject: { rowsRoot, tablesRoot, job } } = this;
    return encodeStep({ config, rowsRoot, tablesRoot, positionRoot, traceRoot, index: leaf.index, leaf: leaf.bytes, t, job: decodeJob(job) });
  }

  private async choose(state: CaseState, moves: readonly CaseMove[]): Promise<Move> {
    const { config } = this.model;
    const place = state.place!;
    const isTrace = place.positionRoot === null;
    const at = { depth: treeLevels(config, isTrace ? 'commit' : 'inner') - state.left, index: state.index };
    const ours = isTrace ? await this.prover.children(at) : await this.prover.innerChildren(place.t, at);
    const first = state.children!.findIndex((theirs, i) => !equalBytes(theirs, ours[i]));
    if (isTrace && first < 0) throw new DisputeError('dispute.no-difference', 'the worker shows what this machine computes');
    if (!isTrace) {
      // Where the trace has another leaf than the position tree, and everything up to it is as it should be, one of the two is a lie.
      const committed = this.committed(state);
      const below = state.left - Math.log2(ours.length);
      if (first < 0 || leafIndex(config, 'inner', committed) < (state.index * ours.length + first) * 2 ** below) return this.contradict(committed, moves);
    }
    return { what: `child ${first} of ${ours.length} is wrong, ${state.left} levels above the leaves`, body: packChooseChild(first), value: CASE_MOVE_VALUE };
  }

  /** The trace's leaf that was found. */
  private committed({ place }: CaseState): LeafAddress {
    return commitAddressAt(this.model.config, place!.commitIndex);
  }

  private async contradict(committed: LeafAddress, moves: readonly CaseMove[]): Promise<Move> {
    const own = await this.prover.leaf('inner', committed);
    const { path } = revealedBy(this.model.config, moves).inner.proof(own, leafIndex(this.model.config, 'inner', committed));
    const body = packProveContradiction({ hash: hashOfLeaf(own.bytes), path });
    return { what: 'the worker signed a position that its trace has not', body, value: CASE_PROOF_VALUE };
  }

  private async prove(state: CaseState, moves: readonly CaseMove[]): Promise<Move> {
    const { config } = this.model;
    const { place, index } = state;
    const { commit, inner, leaf } = revealedBy(config, moves);
    if (leaf === null) throw new DisputeError('dispute.history', 'the API leaves out moves of the case', { hint: 'try again, or use another --api' });
    const { bytes } = await this.prover.leaf('inner', innerAddressAt(config, place!.t, index));
    const { address, proof: { check, evidence } } = await this.refute({ t: place!.t, index, bytes: bytesOf(leaf, bytes!.length), commit, inner, step: state.step! });
    const body = packProveStep({ ...checkProof(check), evidence });
    return { what: `${check} computes an element of ${address.slot} again: position ${place!.t}, group ${address.group}`, body, value: CASE_PROOF_VALUE, check };
  }

  /** @throws DisputeError `dispute.not-refuted` */
  private async refute({ t, index, bytes, commit, inner, step }: Disputed): Promise<{ address: LeafAddress; proof: FoundProof<CheckName> }> {
    const { config } = this.model;
    const address = innerAddressAt(config, t, index);
    const { sampling } = decodeJob(this.subject.job);
    const commits = new KnownCommits(config, this.prover, commit);
    const source = {
      config, model: this.parts, tree: new RevealedTree(await this.prover.positionTree(t), inner), commit: commits, request: this.answer.payload.request, t, sampling,
    };
    const honest = await this.prover.leaf('inner', address);
    const proof = await refute({ source, address, disputed: bytes, honest: Buffer.from(honest.bytes!) }, commits, step, this.judge);
    if (proof !== null) return { address, proof };
    throw new DisputeError('dispute.not-refuted', 'no check shows the leaf to be wrong', {
      received: `position ${t}, group ${address.group}, ${address.slot}, leaf ${address.leaf}`, hint: 'is this machine computing as docs/exact-arithmetic.md says?',
    });
  }
}
