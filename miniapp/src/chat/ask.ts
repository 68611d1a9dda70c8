/** A conversation with one worker over one channel: questions one after another, each piece of an answer checked before it is paid. */
import { encodePayload, isExact, MAX_SEALED_BYTES, SEMANTICS } from '../../../protocol';
import { fromHex } from '../chain';
import { PageError, problemOf } from '../pageError';
import type { Estimate, HeldAnswer, Offer, PageConfig, PageTokenizer, Purse, SignedVoucher } from '../types';
import { Connection, type Parties, type SocketMaker, type Times, TIMES } from './connection';
import { chatError } from './errors';
import { estimateOf, firstOf, Order, type Question } from './order';

export interface ConversationOptions {
  config: Pick<PageConfig, 'relay'>;
  offer: Offer;
  purse: Purse;
  tokenizer: PageTokenizer;
  modelName: string;
  /** Unix seconds. */
  now?: () => number;
  WebSocket?: SocketMaker;
  times?: Partial<Times>;
}

export interface Listening {
  /** A piece came, or what became of the answer changed. */
  onProgress?: (held: HeldAnswer) => void;
  /** Gives the answer up: what came by then is paid. */
  signal?: AbortSignal;
}

/** Tokens of an answer unless somebody asks for another number, as the gateway has it. */
const DEFAULT_TOKENS = 1_024;
/** What seals a request takes beside its payload, and padding. */
const MOST_PAYLOAD_BYTES = MAX_SEALED_BYTES - 256;
/** What a channel's path at a relay looks like: anything else could name another host. */
const CHANNEL_PATH = /^\/[\w-][\w/-]*$/;

/** After these nothing is wrong with what came: the same request may go on. */
const CUTS: ReadonlySet<string> = new Set(['chat.connectionLost', 'chat.stalled', 'chat.busy', 'chat.unpaid']);
/** The worker's signed word on this request: it delivered what came, and no more. */
const REFUSED: ReadonlySet<string> = new Set(['chat.busy', 'chat.unpaid', 'chat.refused', 'chat.exhausted', 'chat.unsupported', 'chat.tooLong', 'chat.engineFailed']);

/** What a prompt costs at most under an offer, before there is a channel. @throws PageError as `Conversation.ask` does before anything is sent */
export const estimateFor = (offer: Offer, tokenizer: PageTokenizer, prompt: string): Estimate => estimateOf(questionOf(offer, tokenizer, '', prompt));

function questionOf(offer: Offer, tokenizer: PageTokenizer, modelName: string, prompt: string, maxTokens = DEFAULT_TOKENS): Question {
  const promptTokens = tokenizer.encode(prompt);
  if (promptTokens.length === 0) throw chatError('chat.emptyPrompt');
  const room = offer.contextTokens - promptTokens.length + 1;
  if (room < 1) throw chatError('chat.promptTooLong', { most: String(offer.contextTokens) });
  return { offer, modelName, prompt, promptTokens, maxTokens: Math.max(1, Math.min(maxTokens, offer.maxTokens, room)) };
}

export class Conversation {
  private connection: Connection | null = null;
  private isBusy = false;
  /** The newest request; it can go on while it is neither whole nor refuted. */
  private order: Order | null = null;
  /** What the worker's key signed and does not hold: it is asked nothing more. */
  private distrust: PageError | null = null;
  private readonly parties: Parties;
  private readonly now: () => number;

  /** @throws PageError `chat.unexpected` for a path of a channel that is none, `chat.notExact` where no stake stands for the answers */
  constructor(private readonly options: ConversationOptions) {
    const { config, offer, purse, tokenizer, now = () => Math.floor(Date.now() / 1000), WebSocket: Socket = globalThis.WebSocket as unknown as SocketMaker, times } = options;
    if (!CHANNEL_PATH.test(offer.channelPath)) throw chatError('chat.unexpected', { received: offer.channelPath });
    if (offer.tier !== 'attested' && !isExact(tokenizer.semantics ?? SEMANTICS)) throw chatError('chat.notExact');
    this.now = now;
    this.parties = {
      url: `${config.relay.replace(/^http/, 'ws')}${offer.channelPath}`, networkId: purse.terms.networkId, channel: fromHex(purse.address),
      workerKey: fromHex(offer.workerKey), sealingKey: fromHex(offer.sealingKey), sign: (hash) => purse.sign(hash), Socket, times: { ...TIMES, ...times },
    };
  }

  /** What a prompt and so many tokens cost at most. @throws PageError as `ask` does before anything is sent */
  estimate(prompt: string, maxTokens?: number): Estimate {
    return estimateOf(this.question(prompt, maxTokens));
  }

  /**
   * Resolves with what came of it, whole or not; the promise is rejected where nothing was asked.
   * @throws PageError `chat.emptyPrompt`, `chat.promptTooLong`, `chat.specialText`, `chat.promptRefused`, `chat.running`, `chat.badAnswer` after such an answer;
   * what greeting a worker and the purse throw
   */
  ask(prompt: string, options: Listening & { maxTokens?: number } = {}): Promise<HeldAnswer> {
    return this.alone(async () => {
      if (this.distrust !== null) throw this.distrust;
      const question = this.question(prompt, options.maxTokens);
      const { purse, tokenizer } = this.options;
      const known = this.connection;
      const connection = await this.connected(options.signal);
      const { seq, voucher } = await purse.begin(firstOf(question), estimateOf(question).most);
      const order = new Order(question, purse.terms, purse.address, seq, tokenizer, this.now());
      this.order = order;
      await this.run(order, connection, voucher, options);
      // A connection that was gone without this page's knowing: nothing came, and nothing is paid twice.
      const isStale = connection === known && order.held.problem?.code === 'chat.connectionLost' && order.held.file === null;
      if (isStale) await this.again(order, options).catch(() => undefined);
      return shown(order, options);
    });
  }

  /** Whether `resume` can go on with this answer. */
  canResume({ id, problem }: HeldAnswer): boolean {
    const { order } = this;
    return order !== null && order.held.id === id && CUTS.has(problem?.code ?? '') && this.now() < order.expiresAt;
  }

  /**
   * Goes on with an answer that was cut, under its number: what came before comes again and is not paid again.
   * @throws PageError `chat.cannotResume`; what greeting a worker and the purse throw, and then it is as it was
   */
  resume(held: HeldAnswer, options: Listening = {}): Promise<HeldAnswer> {
    const { order } = this;
    if (order === null || !this.canResume(held)) return Promise.reject(chatError('chat.cannotResume'));
    return this.alone(async () => {
      await this.again(order, options);
      return shown(order, options);
    });
  }

  /** The last voucher: the worker closes the channel, and what is left comes back. @throws PageError `chat.running`; what greeting a worker and the purse throw */
  finish(): Promise<void> {
    return this.alone(async () => {
      const { purse } = this.options;
      const connection = await this.connected();
      connection.send({ kind: 'payment', ...(await purse.final()) });
      // The greeting comes behind it: the worker has the voucher, or says why it does not.
      try {
        await connection.greet(purse.nextSeq());
      } catch (error) {
        if (!(error instanceof PageError) || error.code !== 'chat.channelEnding') throw error;
      } finally {
        this.close();
      }
    });
  }

  close(): void {
    this.connection?.close();
    this.connection = null;
  }

  private question(prompt: string, maxTokens?: number): Question {
    const { offer, tokenizer, modelName } = this.options;
    return questionOf(offer, tokenizer, modelName, prompt, maxTokens);
  }

  private async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.isBusy) throw chatError('chat.running');
    this.isBusy = true;
    try {
      return await work();
    } finally {
      this.isBusy = false;
    }
  }

  /** A connection that carries the next number. */
  private async connected(signal?: AbortSignal): Promise<Connection> {
    const { purse } = this.options;
    if (this.connection?.carries(purse.nextSeq())) return this.connection;
    this.close();
    const connection = await this.greeted(purse.nextSeq(), signal);
    // This browser's store was an old copy: the worker knows more requests than fit this session.
    return connection.carries(purse.nextSeq()) ? connection : this.greeted(purse.nextSeq(), signal);
  }

  /** A new connection, whose worker is believed within bounds. */
  private async greeted(firstSeq: number, signal?: AbortSignal): Promise<Connection> {
    this.close();
    const { purse } = this.options;
    const connection = await Connection.open(this.parties, firstSeq, signal);
    try {
      const before = purse.position().owed;
      // What somebody counts who signed what does not hold is no matter: it gets what was vouched for, and no more.
      if (this.distrust === null) await purse.believe(connection.welcome);
      this.order?.believe(purse.position().owed - before);
    } catch (error) {
      connection.close();
      throw error;
    }
    this.connection = connection;
    return connection;
  }

  private async again(order: Order, options: Listening): Promise<void> {
    const connection = await this.greeted(order.request.seq, options.signal);
    const voucher = await this.options.purse.resume(order.ahead, order.mostLeft);
    order.again();
    await this.run(order, connection, voucher, options);
  }

  /** From the request to the end of what comes of it. */
  private async run(order: Order, connection: Connection, voucher: SignedVoucher, options: Listening): Promise<void> {
    const { purse } = this.options;
    const { seq, termsHash, payload } = order.request;
    /** The newest voucher of it that was sent. */
    let left: bigint | null = null;
    shown(order, options);
    try {
      const encoded = encodePayload(payload);
      if (encoded.length > MOST_PAYLOAD_BYTES) throw chatError('chat.promptTooLong', { most: String(order.held.offer.contextTokens) });
      // Given up before the worker heard of it: it costs nothing.
      if (options.signal?.aborted) throw chatError('chat.stopped');
      if (connection.ask({ seq, termsHash }, encoded, voucher)) left = voucher.amount;
      while (order.held.state === 'streaming') {
        const due = order.accept(await connection.next(options.signal), this.now());
        if (due === null) continue;
        const payment = await purse.pay(due.more, due.ahead);
        if (connection.send({ kind: 'payment', ...payment })) left = payment.amount;
        if (order.held.state === 'streaming') shown(order, options);
      }
      connection.over();
      await purse.end(false, left);
    } catch (error) {
      await this.broken(order, connection, error, left);
    }
  }

  /** Nothing more comes, or nothing more is wanted: what came is kept, and what is on its way is paid when the worker is greeted again. */
  private async broken(order: Order, connection: Connection, error: unknown, left: bigint | null): Promise<void> {
    const problem = problemOf(error);
    if (problem.code === 'chat.stopped') connection.send({ kind: 'cancel', seq: order.request.seq });
    this.close();
    if (problem.code === 'chat.badAnswer') this.distrust = error as PageError;
    const isRefused = REFUSED.has(problem.code);
    const isCut = CUTS.has(problem.code) || problem.code === 'chat.stopped' || (isRefused && order.held.file !== null);
    order.held = { ...order.held, state: isCut ? 'incomplete' : 'failed', problem };
    // Where not even that can be noted, the next start finds that it was under way, and so lost.
    await this.options.purse.end(!isRefused && this.distrust === null, left).catch(() => undefined);
  }
}

/** Shows what came of it so far. */
function shown({ held }: Order, { onProgress }: Listening): HeldAnswer {
  onProgress?.(held);
  return held;
}
