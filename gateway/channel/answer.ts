import {
  type ChannelRequest, isSignedFault, MAX_STREAM_SKEW_SECONDS, payableBeyond, type PieceFault, type PieceFrame, receiptOf, StreamChecker, toHex,
} from '../../protocol';
import type { TokenRequest } from '../backend';
import { GatewayError } from '../errors';
import type { DeliveredAnswer } from './delivered';
import type { LinkParties, RequestListener } from './link';

/** What a reader gets of a piece that was checked and paid. */
export interface ReadPiece {
  tokens: readonly number[];
  finishReason?: number;
  /** Stands for the answer up to here, as JSON. */
  receipt: object;
}

/** Whose fault a piece is that was not accepted; nothing of it is paid. */
function faultError(fault: PieceFault): GatewayError {
  if (isSignedFault(fault)) {
    return new GatewayError('gateway.bad-answer', 'the worker sent what its receipt does not stand for', { received: fault });
  }
  if (fault === 'bad-date') {
    return new GatewayError('gateway.bad-date', 'the receipt is dated too far from now', {
      expected: `within ${MAX_STREAM_SKEW_SECONDS} s`, hint: "compare this machine's clock with another one; if it is right, the worker's is wrong",
    });
  }
  return new GatewayError('gateway.tampered', 'something came that the worker did not sign', {
    received: fault, hint: 'whoever is between here and the worker changes what it passes on',
  });
}

/** Whether a worker is why nothing more comes, rather than whoever reads or this machine. */
const isWorkers = (reason: unknown): boolean => reason instanceof GatewayError && /^gateway\.(?!reader$)/.test(reason.code);

/**
 * An answer on its way. Pieces are checked and paid as they come, whether somebody reads or not: over one channel, whoever reads
 * slowly or leaves must not hold up the others.
 */
export class Answer implements RequestListener {
  private readonly checker: StreamChecker;
  private readonly ready: ReadPiece[] = [];
  private wake: () => void = () => undefined;
  /** Pieces that were accepted and whose vouchers are on their way to the disk: they are read before a failure is heard. */
  private paying = 0;
  /** A piece is read after all before it, even if it is paid sooner: the voucher of a last one may wait. */
  private inOrder: Promise<void> = Promise.resolve();
  /** nanoTON of what was accepted. */
  due = 0n;
  isOver = false;
  /** This machine computed other tokens. */
  isContradicted = false;
  failure: Error | null = null;
  /** Pieces that came after it was given up. */
  late = 0;
  /** The newest receipt that was accepted, as JSON. */
  receipt: object | undefined;
  /** Accepted, as they came. */
  readonly pieces: PieceFrame[] = [];
  rejected: DeliveredAnswer['rejected'];

  /**
   * @param reader signals of whoever reads it
   * @param now Unix seconds
   * @param pay for a piece that costs so much more; resolves when the voucher is sent
   * @param onFailure nothing more comes
   */
  constructor(
    readonly request: ChannelRequest,
    private readonly reader: Pick<TokenRequest, 'abort' | 'enough'>,
    { ed25519 }: LinkParties,
    private readonly now: () => number,
    private readonly pay: (answer: Answer, moreNano: bigint) => Promise<void>,
    private readonly onFailure: (answer: Answer) => void,
  ) {
    this.checker = new StreamChecker(request, ed25519);
    for (const signal of [reader.abort, reader.enough]) signal.addEventListener('abort', this.look);
  }

  /** Wakes whoever reads. */
  private readonly look = (): void => this.wake();

  /** Lets go of the reader's signals. */
  unlink(): void {
    for (const signal of [this.reader.abort, this.reader.enough]) signal.removeEventListener('abort', this.look);
  }

  get tokens(): number {
    return this.checker.progress.outputTokens;
  }

  /** Price of the next piece of the prompt, which is paid before it is read; 0 when the prompt was read. */
  get ahead(): bigint {
    const { terms, payload } = this.request;
    return payableBeyond(terms, this.checker.progress, payload.request.promptTokens.length) - this.due;
  }

  delivered({ abort: _, enough: __, ...asked }: TokenRequest): DeliveredAnswer {
    const { request, checker, pieces, rejected } = this;
    const isBrokenOff = !this.isOver && isWorkers(this.failure ?? this.reader.abort.reason);
    const isDoubtful = isBrokenOff || this.isContradicted;
    // As it is now: of one that was given up more may come.
    return { request, asked, tokens: [...checker.answer], pieces: [...pieces], ...(isDoubtful && { isDoubtful }), ...(rejected && { rejected }) };
  }

  piece(piece: PieceFrame): void {
    if (this.failure !== null) return;
    let checked: ReadPiece & { more: bigint };
    try {
      checked = this.accept(piece);
    } catch (error) {
      return this.failed(error as Error);
    }
    this.paying++;
    this.inOrder = Promise.all([this.inOrder, this.pay(this, checked.more)]).then(() => void this.ready.push(checked));
    this.inOrder.catch((error: Error) => this.failed(error)).finally(() => {
      this.paying--;
      this.wake();
    });
  }

  failed(error: Error): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.onFailure(this);
    this.wake();
  }

  /** The next piece; null when what came is enough. @throws GatewayError, or the abort's reason */
  async next(): Promise<ReadPiece | null> {
    const { abort, enough } = this.reader;
    for (;;) {
      abort.throwIfAborted();
      if (enough.aborted) return null;
      const piece = this.ready.shift();
      if (piece !== undefined) return piece;
      if (this.failure !== null && this.paying === 0) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Checks a piece against all before it. @throws GatewayError `gateway.bad-answer`, `gateway.bad-date`, `gateway.tampered` */
  private accept(piece: PieceFrame): ReadPiece & { more: bigint } {
    const receipt = receiptOf(this.request, piece);
    const { sealed, signature } = piece;
    const checked = this.checker.accept({ receipt, sealed, signature }, this.now());
    if (!checked.ok) {
      this.rejected = { piece, fault: checked.fault };
      throw faultError(checked.fault);
    }
    // A piece that came before may come again.
    if (piece.index === this.pieces.length) this.pieces.push(piece);
    const more = checked.dueNano - this.due;
    this.due = checked.dueNano;
    this.isOver = checked.finishReason !== undefined;
    const shown: Record<string, unknown> = {};
    for (const name of Object.keys(receipt) as (keyof typeof receipt)[]) {
      const value = receipt[name];
      shown[name] = value instanceof Uint8Array ? toHex(value) : typeof value === 'bigint' ? String(value) : value;
    }
    shown.signature = toHex(signature);
    this.receipt = shown;
    return { tokens: checked.tokens, more, receipt: shown, ...(checked.finishReason !== undefined && { finishReason: checked.finishReason }) };
  }
}
