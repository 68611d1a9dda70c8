/** What the worker says of its trace when it is asked over its endpoint. Whoever walks the descents checks every answer. */
import { z } from 'zod';
import type { HeldTrace } from '../../disputes/heldTrace';
import type { NodeAddress } from '../../exact/proof';
import { CocoonError, receiptHash, toHex } from '../../protocol';
import { type Question, TraceSeal } from '../../worker/cases/traceQuestions';
import { sleep } from '../../worker/chain/chainClient';
import { ChainApiError } from '../../worker/errors';
import { WorkerApi, WorkerRefusal } from '../client/workerApi';
import { VerificationError } from '../errors';
import type { Accused } from './accused';

const hash = z.string().regex(/^[0-9a-f]{64}$/).transform((text) => Buffer.from(text, 'hex'));
const hashes = z.array(hash).max(32);
const position = z.strictObject({ positionRoot: hash, signature: z.string().regex(/^[0-9a-f]{128}$/).transform((text) => Buffer.from(text, 'hex')) });
const bytes = z.string().max(8_192).transform((text) => Buffer.from(text, 'base64'));

/** A worker that computes is asked again after so long. */
const AGAIN_MILLIS = 1_000;

export class AskedWorker implements HeldTrace {
  private readonly seal: TraceSeal;
  private api: WorkerApi | null = null;

  /**
   * @param endpoint where it is, once it is asked; null where nobody says
   * @param signal ends waiting for a worker that computes
   */
  constructor(
    private readonly endpoint: () => Promise<string | null>, private readonly accused: Pick<Accused, 'answer' | 'signed'>, private readonly signal: AbortSignal,
    private readonly progress: (line: string) => void = () => undefined,
  ) {
    this.seal = new TraceSeal(accused.answer.payload, receiptHash(accused.answer.receipt));
  }

  failed(error: unknown): void {
    if (this.signal.aborted) return;
    this.progress(`the worker does not show its trace: ${error instanceof CocoonError ? error.message : String(error)}; every move is made on chain`);
  }

  /** @throws ChainApiError `network.worker-unreachable` */
  async traceRoot(): Promise<Uint8Array> {
    const url = await this.endpoint();
    if (url === null) throw new ChainApiError('network.worker-unreachable', 'the stake does not say where its worker is');
    this.progress(`asks the worker at ${url} for its trace`);
    this.api = new WorkerApi(url);
    return this.ask(hash, { ask: 'root' });
  }

  children({ depth, index }: NodeAddress): Promise<Uint8Array[]> {
    return this.ask(hashes, { ask: 'children', depth, index });
  }

  position(t: number): Promise<{ positionRoot: Uint8Array; signature: Uint8Array }> {
    return this.ask(position, { ask: 'position', t });
  }

  innerChildren(t: number, { depth, index }: NodeAddress): Promise<Uint8Array[]> {
    return this.ask(hashes, { ask: 'innerChildren', t, depth, index });
  }

  leaf(t: number, index: number): Promise<Uint8Array> {
    return this.ask(bytes, { ask: 'leaf', t, index });
  }

  /** @throws ChainApiError; VerificationError `verification.trace-answer` for what nobody sealed who may */
  private async ask<T>(schema: z.ZodType<T>, question: Question): Promise<T> {
    const { answer: { terms, receipt }, signed: { signature } } = this.accused;
    const sealed = this.seal.sealQuestion({ terms, receipt, signature }, question);
    const body = { escrow: toHex(receipt.escrow), seq: receipt.seq, receiptHash: toHex(receiptHash(receipt)), question: sealed.toString('base64') };
    const answer = await this.waited(() => this.api!.trace(body));
    try {
      return schema.parse(this.seal.openAnswer(sealed, answer));
    } catch (cause) {
      throw new VerificationError('verification.trace-answer', 'the worker gave an answer about its trace that cannot be read', { received: question.ask, cause });
    }
  }

  private async waited<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof WorkerRefusal) || error.reason !== 'request.computing' || this.signal.aborted) throw error;
      }
      await sleep(AGAIN_MILLIS, this.signal);
    }
  }
}
