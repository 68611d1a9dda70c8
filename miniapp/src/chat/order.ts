/** One question and what came of it: the request that is sealed, and the pieces as they are checked. */
import { TokenTextDecoder } from '../../../gateway/text/textDecoder';
import {
  buildChannelRequest, type ChannelRequest, encodeFrame, equalBytes, exportChannelAnswer, FinishReason, firstPiece, dueFor, GREEDY_SAMPLING, isSignedFault, payableBeyond,
  type PieceFault, type PieceFrame, type Prices, receiptOf, SEMANTICS, StreamChecker, Tier, Visibility,
} from '../../../protocol';
import { fromHex } from '../chain';
import type { ChannelTerms, Estimate, HeldAnswer, Offer, PageTokenizer } from '../types';
import { chatError } from './errors';

/** Seconds in which a request may be begun or go on. */
const REQUEST_SECONDS = 600;

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export interface Question {
  offer: Offer;
  modelName: string;
  prompt: string;
  promptTokens: number[];
  maxTokens: number;
}

export const pricesOf = ({ promptPrice, outputPrice }: Offer): Prices => ({ promptPrice, outputPrice, fixedPrice: 0n });

/** nanoTON of the first piece of the prompt, which goes with the request. */
export const firstOf = ({ offer, promptTokens }: Question): bigint => dueFor(pricesOf(offer), firstPiece(promptTokens.length).promptTokens, 0);

export function estimateOf({ offer, promptTokens, maxTokens }: Question): Estimate {
  return { promptTokens: promptTokens.length, most: dueFor(pricesOf(offer), promptTokens.length, maxTokens) };
}

/** What is to be paid for a piece. */
export interface Due {
  /** nanoTON. */
  more: bigint;
  /** Prepaid for the next piece of the prompt, nanoTON. */
  ahead: bigint;
}

export class Order {
  readonly request: ChannelRequest;
  readonly expiresAt: number;
  private readonly checker: StreamChecker;
  private readonly decoder: TokenTextDecoder;
  private readonly pieces: PieceFrame[] = [];
  /** Pieces that came over this connection, those again that came before. */
  private come = 0;
  /** nanoTON of what was accepted. */
  private due = 0n;
  /** nanoTON that the worker was believed for pieces which had not come: paid when they do. */
  private believed = 0n;
  /** When it was last heard of, and from when on a piece may be dated: one that was lost on its way is as old as the loss. Unix seconds. */
  private heardAt: number;
  private since: number | null = null;
  /** What the page shows. */
  held: HeldAnswer;

  /** @param now Unix seconds */
  constructor(question: Question, terms: ChannelTerms, channel: string, seq: number, tokenizer: PageTokenizer, now: number) {
    const { offer, modelName, prompt, promptTokens, maxTokens } = question;
    this.expiresAt = now + REQUEST_SECONDS;
    this.heardAt = now;
    this.request = buildChannelRequest({
      asked: {
        tier: Tier[offer.tier], visibility: Visibility.sealed, flags: 0, semantics: tokenizer.semantics ?? SEMANTICS, salt: random(16), modelRoot: fromHex(offer.modelRoot), maxTokens,
        expiresAt: this.expiresAt, promptPrice: offer.promptPrice, outputPrice: offer.outputPrice, coverage: 0n,
        // A bonded key stands for no image.
        imageHash: offer.tier === 'attested' ? fromHex(offer.imageHash) : new Uint8Array(32),
      },
      request: {
        promptTokens, sampling: GREEDY_SAMPLING, stopTokens: [...new Set(tokenizer.stopTokens)].sort((a, b) => a - b), nonce: new DataView(random(8).buffer).getBigUint64(0),
        toolsHash: new Uint8Array(32),
      },
      responseKey: random(32), commitSalt: random(32),
    }, { networkId: terms.networkId, client: fromHex(terms.client), stake: fromHex(offer.stake), workerKey: fromHex(offer.workerKey), price: 0n }, { channel: fromHex(channel), seq });
    this.checker = new StreamChecker(this.request);
    this.decoder = new TokenTextDecoder(tokenizer);
    this.held = {
      id: `${channel}-${seq}`, at: now, offer, modelName, prompt, answer: '', state: 'streaming', file: null, promptTokens: promptTokens.length, outputTokens: 0, cost: 0n,
      most: estimateOf(question).most,
    };
  }

  /** nanoTON that may still be owed for it. */
  get mostLeft(): bigint {
    return this.held.most - this.due - this.believed;
  }

  /** nanoTON that have to be prepaid before more of the prompt is read. */
  get ahead(): bigint {
    const { terms, payload } = this.request;
    const next = payableBeyond(terms, this.checker.progress, payload.request.promptTokens.length) - this.due - this.believed;
    return next > 0n ? next : 0n;
  }

  /** The worker was believed that so much more was delivered, or begun. */
  believe(nano: bigint): void {
    this.believed += nano;
  }

  /** It is asked again, over another connection. */
  again(): void {
    this.come = 0;
    this.since ??= this.heardAt;
    this.held = { ...this.held, state: 'streaming', problem: undefined };
  }

  /**
   * Checks a piece against all before it. Over one connection each comes once and in its place; over the next one they come again, byte for byte.
   * @param now Unix seconds
   * @returns null for one that was paid
   * @throws PageError `chat.badAnswer` for what the worker signed and does not hold, `chat.badDate`, `chat.tampered` for what it did not sign
   */
  accept(piece: PieceFrame, now: number): Due | null {
    const known = this.pieces[this.come];
    if (known !== undefined) {
      if (!equalBytes(encodeFrame(known), encodeFrame(piece))) throw fault('out-of-order');
      this.come++;
      return null;
    }
    if (piece.index !== this.pieces.length) throw fault('out-of-order');
    const { sealed, signature } = piece;
    const receivedAt = Math.min(now, Math.max(this.since ?? now, piece.issuedAt));
    const checked = this.checker.accept({ receipt: receiptOf(this.request, piece), sealed, signature }, receivedAt);
    if (!checked.ok) throw fault(checked.fault);
    this.heardAt = now;
    this.come++;
    this.pieces.push(piece);
    const delivered = checked.dueNano - this.due;
    const paid = delivered < this.believed ? delivered : this.believed;
    this.due = checked.dueNano;
    this.believed -= paid;
    const text = checked.tokens.map((token) => this.decoder.push(token)).join('');
    const rest = checked.finishReason === undefined ? '' : this.decoder.end();
    this.held = {
      ...this.held,
      answer: this.held.answer + text + rest,
      file: exportChannelAnswer(this.request, this.pieces, this.checker.answer),
      outputTokens: this.checker.progress.outputTokens,
      cost: this.due,
      state: checked.finishReason === undefined ? 'streaming' : 'whole',
    };
    return { more: delivered - paid, ahead: this.ahead };
  }
}

function fault(received: PieceFault): Error {
  if (isSignedFault(received)) return chatError('chat.badAnswer', { received });
  return received === 'bad-date' ? chatError('chat.badDate') : chatError('chat.tampered', { received });
}
