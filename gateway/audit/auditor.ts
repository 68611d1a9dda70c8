import { type Ed25519, equalBytes, isSignedFault, portableEd25519, receiptOf, SEMANTICS, TermsFlag, Tier, toHex } from '../../protocol';
import type { Logger } from '../../worker/log';
import type { DeliveredAnswer } from '../channel/delivered';
import type { AuditRecord, AuditStore, DrawnAnswer } from './auditStore';
import { AuditQueue } from './auditQueue';
import { agree, compareAnswer, type ComputedParts, type Difference } from './compare';
import {
  type Evidence, openEvidence, partsOfRun, referenceOf, rejectedPiece, runOf, type WrongAnswer, wrongAnswer,
} from './evidence';
import type { Recomputer } from './recompute';
import type { Sampler } from './sampler';
import { conflicting, verifyEvidence } from './verifyEvidence';

export interface AuditorOptions {
  store: AuditStore;
  sampler: Sampler;
  /** Of the model that is here; answers of another cannot be computed again. */
  modelRoot: Uint8Array;
  /** Opens what computes drawn answers again; asked once, when the first one is drawn. */
  first: () => Promise<Recomputer>;
  /** Opens what gives the second opinion on a difference, closed after it: an engine on this machine, whatever the first is. */
  confirm: (first: string) => Promise<Recomputer>;
  log: Logger;
  /** Hears whose answers were wrong, once the evidence is kept: nothing more should be bought there. Basechain hash. */
  onDifference?: (stake: Uint8Array) => void;
  /** Whether answers are under way, before which audits step back for a while. */
  isBusy?: () => boolean;
  /** Unix seconds. */
  now?: () => number;
  ed25519?: Ed25519;
  /** Most drawn answers that wait. */
  capacity?: number;
  /** For how long an audit steps back at most. */
  patienceMillis?: number;
}

/** Drawn answers hold their prompt and sealed pieces in memory. */
const CAPACITY = 32;
const PATIENCE_MILLIS = 30_000;

/**
 * Computes a share of the answers again, and every doubtful one, and keeps evidence of those that were wrong. Which ones is drawn after the last word to the worker, and
 * told to nobody but the owner of this machine. Nothing here makes an answer wait or fail.
 */
export class Auditor {
  private readonly queue: AuditQueue;
  private readonly now: () => number;
  private readonly ed25519: Ed25519;
  private opened: Promise<Recomputer> | null = null;
  private readonly ended = new AbortController();
  /** Stakes in hex. */
  private readonly accused = new Set<string>();

  /** Takes up the differences that were seen and not confirmed before the last end. */
  constructor(private readonly options: AuditorOptions) {
    const { capacity = CAPACITY, patienceMillis = PATIENCE_MILLIS, isBusy = () => false } = options;
    this.now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.ed25519 = options.ed25519 ?? portableEd25519;
    this.queue = new AuditQueue({ capacity, patienceMillis, isBusy });
    for (const suspicion of options.store.evidence.suspicions()) this.later(drawnIn(suspicion), () => this.confirm(suspicion), true);
  }

  /** The observer of back ends that buy answers. Returns at once. */
  readonly heard = (answer: DeliveredAnswer): void => {
    try {
      if (answer.rejected !== undefined && this.accuse(answer)) return;
      const { sampler } = this.options;
      if (!this.isAuditable(answer) || !(answer.isDoubtful ? sampler.takesDoubtful : sampler.isDrawn())) return;
      const drawn = drawnOf(answer);
      this.options.store.note(drawn, 'pending', this.now());
      this.later(drawn, () => this.audit(answer));
    } catch (error) {
      this.options.log.warn({ reference: referenceOf(answer.request), code: codeOf(error) }, 'an answer could not be audited');
    }
  };

  /** How a provider's answers did so far. @param stake basechain hash */
  record(stake: Uint8Array): AuditRecord {
    return this.options.store.record(stake);
  }

  /** Whether there is no evidence against a provider, neither in the data folder nor found since the start. */
  isTrusted(stake: Uint8Array): boolean {
    return !this.accused.has(toHex(stake)) && this.options.store.evidence.count(toHex(stake)) === 0;
  }

  /** Resolves when nothing waits. */
  idle(): Promise<void> {
    return this.queue.idle();
  }

  /** Finishes what was drawn, for so long; what is left is dropped, and counted. */
  async close(waitMillis = 5_000): Promise<void> {
    const timer = setTimeout(() => this.ended.abort(), waitMillis);
    for (const drawn of await this.queue.close(this.ended.signal)) this.giveUp(drawn, 'dropped');
    clearTimeout(timer);
    await (await this.opened?.catch(() => null))?.close();
    await this.options.store.durable();
  }

  private later(drawn: DrawnAnswer, work: () => Promise<void>, isKept = false): void {
    const tried = (): Promise<void> =>
      work().catch((error: unknown) => {
        if (this.ended.signal.aborted) return this.giveUp(drawn, 'dropped');
        this.giveUp(drawn, 'failed');
        this.options.log.warn({ reference: drawn.reference, code: codeOf(error) }, 'an answer could not be computed again');
      });
    const pushedOut = this.queue.add(drawn, tried, isKept);
    if (pushedOut !== undefined) this.giveUp(pushedOut, 'dropped');
  }

  /** A difference that was seen stays pending, and is taken up at the next start. */
  private giveUp(drawn: DrawnAnswer, state: 'dropped' | 'failed'): void {
    const { store } = this.options;
    if (store.evidence.holds(drawn) === undefined) store.note(drawn, state, this.now());
  }

  /** Bonded answers of this semantics and model; nothing else can be shown to be wrong by computing (attacks 9, 26). */
  private isAuditable({ request: { terms }, tokens }: DeliveredAnswer): boolean {
    return terms.tier === Tier.bonded && (terms.flags & TermsFlag.chainEntropy) === 0 && this.isComputable(terms) && tokens.length > 0;
  }

  private isComputable({ semantics, modelRoot }: DeliveredAnswer['request']['terms']): boolean {
    return semantics === SEMANTICS && equalBytes(modelRoot, this.options.modelRoot);
  }

  /** Keeps a rejected piece that the worker signed, and that contradicts what it stands for or another piece. No computation is needed. */
  private accuse(answer: DeliveredAnswer): boolean {
    const { fault } = answer.rejected!;
    const evidence = rejectedPiece(answer, this.now(), isSignedFault(fault) ? 'signed-fault' : 'two-receipts');
    if (evidence.kind === 'two-receipts' && conflicting(openEvidence(evidence), this.ed25519) === undefined) return false;
    this.options.store.note(drawnOf(answer), 'fault', this.now());
    void this.keep(evidence);
    return true;
  }

  private async audit(answer: DeliveredAnswer): Promise<void> {
    const { store, log } = this.options;
    await store.durable().catch((error: unknown) => log.warn({ code: codeOf(error) }, 'audits cannot be counted on disk'));
    const first = await this.first();
    const { request, asked, tokens } = answer;
    const run = await first.compute({ request, asked, count: tokens.length }, this.ended.signal);
    const found = difference(answer, run);
    if (found === null) return store.note(drawnOf(answer), 'clean', this.now());
    const suspicion = wrongAnswer(answer, this.now(), found, runOf(first.name, run));
    try {
      // From here on nothing that was seen is lost.
      store.evidence.suspect(suspicion);
    } catch (error) {
      log.error({ reference: suspicion.reference, code: codeOf(error) }, 'a difference cannot be kept on disk');
    }
    await this.confirm(suspicion);
  }

  /** Computes a second time, elsewhere: two runs that agree accuse, nothing less does (attacks 34). */
  private async confirm(suspicion: WrongAnswer): Promise<void> {
    const { store, log } = this.options;
    const { reference, computed: [seen] } = suspicion;
    const { request, pieces } = openEvidence(suspicion);
    // Seen before a restart with another model, which says nothing about it: it waits for a gateway that has its own.
    if (!this.isComputable(request.terms)) return;
    const engine = await this.options.confirm(seen.by);
    let run: ComputedParts;
    try {
      run = await engine.compute({ request, count: pieces[pieces.length - 1].receipt.outputTokens }, this.ended.signal);
    } finally {
      await engine.close();
    }
    if (agree(run, partsOfRun(seen))) {
      if (await this.keep({ ...suspicion, computed: [seen, runOf(engine.name, run)] })) store.note(drawnIn(suspicion), 'different', this.now());
      return;
    }
    store.evidence.dismiss(suspicion);
    store.note(drawnIn(suspicion), 'undecided', this.now());
    log.error(
      { reference, runs: [seen.by, engine.name] },
      'one request was computed twice with two results: this machine, or the second provider, makes mistakes; the audited answer is not judged',
    );
  }

  /** Checks evidence as anybody would, keeps it, and says whose it is. Answers whether it is on disk. */
  private async keep(evidence: Evidence): Promise<boolean> {
    const { store, log, onDifference } = this.options;
    const { reference, stake, kind } = evidence;
    try {
      const { fault } = await verifyEvidence(evidence, { ed25519: this.ed25519 });
      this.accused.add(stake);
      try {
        const path = store.evidence.keep(evidence);
        log.error({ reference, stake, kind, fault, evidence: path }, 'a provider signed a wrong answer: the evidence is kept, and nothing more is bought there');
      } finally {
        onDifference?.(new Uint8Array(Buffer.from(stake, 'hex')));
      }
      return true;
    } catch (error) {
      log.error({ reference, stake, kind, code: codeOf(error) }, 'evidence could not be kept');
      return false;
    }
  }

  /** What audits; one that could not be opened is tried again with the next answer. */
  private async first(): Promise<Recomputer> {
    this.opened ??= this.options.first();
    try {
      return await this.opened;
    } catch (error) {
      this.opened = null;
      throw error;
    }
  }
}

function difference({ request: { payload }, tokens, pieces, request }: DeliveredAnswer, run: ComputedParts): Difference | null {
  const { finishReason, responseCommit, traceCommit } = receiptOf(request, pieces[pieces.length - 1]);
  const { commitSalt, request: { promptTokens } } = payload;
  return compareAnswer({ tokens, finishReason, responseCommit, traceCommit }, run, { promptTokens: promptTokens.length, commitSalt });
}

const drawnOf = ({ request }: DeliveredAnswer): DrawnAnswer => ({ reference: referenceOf(request), stake: request.terms.stake });
const drawnIn = ({ reference, stake }: Evidence): DrawnAnswer => ({ reference, stake: new Uint8Array(Buffer.from(stake, 'hex')) });
const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? 'internal');
