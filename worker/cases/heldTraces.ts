import { Address } from '@ton/core';
import { Defence } from '../../disputes/defence';
import { judgedSubject } from '../../disputes/opening';
import { replayedJob } from '../../disputes/replay';
import { ProofError, TraceProver, type ExactModel } from '../../exact';
import { equalBytes, isExact, receiptHash, type RequestPayload, requestCommitment, termsHash, Tier, toHex } from '../../protocol';
import { RequestError } from '../errors';
import { EngineBusy } from '../operation/engineQueue';
import { nodeEd25519 } from '../keys/ed25519';
import type { WorkerKeys } from '../keys/workerKeys';
import type { Logger } from '../log';
import type { JobStore } from '../store/jobStore';
import { type AskedReceipt, type Question, questionBody, TraceSeal } from './traceQuestions';
import type { RequestVault } from './vault';

/** Runs of a job for whoever asks about its receipt: both descents take one for the outcome, one for each round above a block, one for the block, one for the position. */
const MOST_RUNS = 8;
/** Receipts whose computation is in memory, and those whose runs are counted. */
const MOST_HELD = 4;
const MOST_COUNTED = 10_000;
/** Questions about one receipt: both descents ask a dozen. */
const MOST_QUESTIONS = 128;
/** Questions that wait for the one that is computed. */
const MOST_WAITING = 16;
/** A question is answered within this time, or asked again. */
const ANSWER_MILLIS = 5_000;
const ASK_AGAIN_SECONDS = 1;

export interface HeldTracesOptions {
  store: Pick<JobStore, 'cases'>;
  log: Logger;
  model: ExactModel;
  keys: WorkerKeys;
  vault: RequestVault;
  networkId: number;
  channelRequest?: (channel: Uint8Array, seq: number) => Uint8Array | null;
  /** Runs work when the engine has a place for it: jobs go first. @throws EngineBusy */
  run: <T>(work: () => Promise<T>) => Promise<T>;
  signal: AbortSignal;
  /** Unix seconds. */
  now: () => number;
}

/** The computation of one receipt, made again. */
interface Held {
  prover: TraceProver;
  defence: Defence;
  /** By question; one that failed is not kept. */
  answers: Map<string, Promise<unknown>>;
}

/**
 * Tells whoever may challenge an answer what a case about it would show, for as long as the request is kept. A worker that is right shows what convicts
 * nobody; one that is not is convicted anyway, and pays for no move where it answered.
 */
export class HeldTraces {
  private readonly held = new Map<string, Held>();
  private readonly runs = new Map<string, number>();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly options: HeldTracesOptions) {}

  /**
   * @returns the sealed answer
   * @throws RequestError `request.body`, `.no-trace`, `.not-disputable`, `.other-trace`, `.no-such-node`, `.computing`, `.too-many`; StorageError
   */
  async answer(body: unknown): Promise<{ answer: string }> {
    const parsed = questionBody.safeParse(body);
    if (!parsed.success) {
      throw new RequestError(400, 'request.body', 'the body is not a question about a trace', { expected: '{"escrow": hex, "seq": 0, "receiptHash": hex, "question": base64}' });
    }
    const { seq, question: text } = parsed.data;
    const [escrow, hash, sealed] = [Buffer.from(parsed.data.escrow, 'hex'), Buffer.from(parsed.data.receiptHash, 'hex'), Buffer.from(text, 'base64')];
    const payload = this.payloadOf(escrow, seq);
    const seal = payload && new TraceSeal(payload, hash);
    const asked = seal?.openQuestion(sealed) ?? null;
    // One refusal for all: what was asked for here, and is kept, is nobody else's business.
    if (payload === null || asked === null) {
      throw new RequestError(404, 'request.no-trace', 'there is no trace here for whoever asks', { hint: 'a request is kept for 10 days; a sealed one is shown to whoever has its keys' });
    }
    if (!this.isOurs(asked, payload, { escrow, seq, hash })) {
      throw new RequestError(409, 'request.not-disputable', 'this is not a receipt of this worker about which there could be a case');
    }
    const answer = await this.inTime(this.computed(toHex(hash), asked, payload));
    return { answer: seal!.sealAnswer(sealed, answer).toString('base64') };
  }

  private payloadOf(escrow: Buffer, seq: number): RequestPayload | null {
    const { store, vault, channelRequest } = this.options;
    const kept = seq === 0 ? store.cases.kept(new Address(0, escrow).toRawString()) : null;
    const request = kept ?? channelRequest?.(escrow, seq) ?? null;
    return request && vault.open(request, { escrow, seq });
  }

  /** Whether this worker signed it, about this request, and a stake would open a case about it. */
  private isOurs({ terms, receipt, signature }: AskedReceipt, payload: RequestPayload, { escrow, seq, hash }: { escrow: Buffer; seq: number; hash: Buffer }): boolean {
    const { keys, model, networkId } = this.options;
    return (
      receipt.final && receipt.networkId === networkId && equalBytes(receipt.escrow, escrow) && receipt.seq === seq && equalBytes(receiptHash(receipt), hash) &&
      nodeEd25519.verify(hash, signature, keys.signingPublic) && equalBytes(receipt.termsHash, termsHash(terms)) && equalBytes(terms.workerKey, keys.signingPublic) &&
      equalBytes(terms.requestCommit, requestCommitment(payload)) && equalBytes(terms.modelRoot, model.modelRoot) && terms.tier === Tier.bonded && isExact(terms.semantics)
    );
  }

  private computed(name: string, asked: AskedReceipt & { question: Question }, payload: RequestPayload): Promise<unknown> {
    const held = this.heldOf(name, asked, payload);
    const key = JSON.stringify(asked.question);
    const known = held.answers.get(key);
    if (known !== undefined) return known;
    if (held.answers.size >= MOST_QUESTIONS) throw tooMany();
    if (this.waiting >= MOST_WAITING) throw computing();
    const answer = this.inTurn(() => this.compute(name, held, asked.question));
    held.answers.set(key, answer);
    answer.catch(() => held.answers.delete(key));
    return answer;
  }

  private heldOf(name: string, { terms, receipt }: AskedReceipt, payload: RequestPayload): Held {
    const known = this.held.get(name);
    // The one that was asked for last goes last.
    this.held.delete(name);
    if (known !== undefined) {
      this.held.set(name, known);
      return known;
    }
    const { model, keys, store, signal, now, log } = this.options;
    const subject = judgedSubject({ terms, payload, receipt });
    const prover = new TraceProver(model, { ...replayedJob(subject, payload.request.promptTokens), signal });
    const sign = (hash: Uint8Array, { t, positionRoot }: { t: number; positionRoot: Uint8Array }): Uint8Array => {
      // Durable before anybody sees it.
      if (store.cases.notePosition(name, t, positionRoot, now())) return nodeEd25519.sign(hash, keys.signingSecret);
      throw new RequestError(409, 'request.other-trace', 'this worker signed another root of this position before: it signs no second one');
    };
    log.info({ receipt: name }, 'is asked for the trace of an answer, and computes it again');
    const held: Held = { prover, defence: new Defence({ model, kept: payload, subject, sign }, prover), answers: new Map() };
    this.held.set(name, held);
    if (this.held.size > MOST_HELD) this.held.delete(this.held.keys().next().value!);
    return held;
  }

  /** One question after another, whoever asked. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.waiting++;
    const turn = this.last.then(() => this.options.run(work));
    this.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.waiting--;
    }
  }

  private async compute(name: string, { prover, defence }: Held, question: Question): Promise<unknown> {
    const { runs, options: { log } } = this;
    const before = runs.get(name) ?? 0;
    if (before >= MOST_RUNS) throw tooMany();
    const begun = prover.runs;
    try {
      // What is not the trace of the receipt is shown to nobody.
      const traceRoot = await defence.traceRoot();
      return await answerTo(defence, traceRoot, question);
    } catch (error) {
      if (error instanceof ProofError) throw new RequestError(400, 'request.no-such-node', 'the trace has no such node', { received: JSON.stringify(question) });
      if ((error as { code?: unknown }).code !== 'dispute.other-trace') throw error;
      log.error({ receipt: name }, 'this computation is not the one to which a receipt commits');
      throw new RequestError(409, 'request.other-trace', 'this computation has nothing to show there');
    } finally {
      runs.delete(name);
      runs.set(name, before + prover.runs - begun);
      if (runs.size > MOST_COUNTED) runs.delete(runs.keys().next().value!);
    }
  }

  /** @throws RequestError `request.computing` */
  private async inTime<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout;
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(computing()), ANSWER_MILLIS)));
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (error instanceof EngineBusy) throw computing();
      throw error;
    } finally {
      clearTimeout(timer!);
    }
  }
}

const computing = (): RequestError =>
  new RequestError(503, 'request.computing', 'the trace is being computed', { hint: 'ask again', retryAfter: ASK_AGAIN_SECONDS });

const tooMany = (): RequestError => new RequestError(429, 'request.too-many', 'this receipt was asked about often enough', { hint: 'open a case: there every move is made' });

const hexOf = (hashes: readonly Uint8Array[]): string[] => hashes.map(toHex);

async function answerTo(defence: Defence, traceRoot: Uint8Array, question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'root':
      return toHex(traceRoot);
    case 'children':
      return hexOf(await defence.children(question));
    case 'innerChildren':
      return hexOf(await defence.innerChildren(question.t, question));
    case 'position': {
      const { positionRoot, signature } = await defence.position(question.t);
      return { positionRoot: toHex(positionRoot), signature: toHex(signature) };
    }
    case 'leaf':
      return Buffer.from(await defence.leaf(question.t, question.index)).toString('base64');
  }
}
