/** One connection to a worker about one channel, through a relay that is believed nothing: docs/channel-protocol.md, as gateway/channel/link.ts speaks it, for one request at a time. */
import {
  type ChannelFrame, decodeFrame, encodeFrame, helloHash, type PieceFrame, portableEd25519, refusalHash, type RefusalFrame, RefusalReason, RequestSealer, SESSION_REQUESTS,
  type Welcome,
} from '../../../protocol';
import { PageError } from '../pageError';
import { type ChatCode, chatError } from './errors';

/** What is used of a browser's WebSocket; `ws` has it too. */
export interface Socket {
  binaryType: string;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: Uint8Array): void;
  close(): void;
}
export type SocketMaker = new (url: string) => Socket;

export interface Times {
  /** To connect and to be greeted, milliseconds. */
  hello: number;
  /** Without a word while a request runs; a worker's own patience is 120 s. */
  quiet: number;
}
export const TIMES: Times = { hello: 10_000, quiet: 120_000 };

/** Whom this page talks to, and in whose name. */
export interface Parties {
  /** ws: or wss: URL. */
  url: string;
  networkId: number;
  channel: Uint8Array;
  workerKey: Uint8Array;
  sealingKey: Uint8Array;
  sign(hash: Uint8Array): Promise<Uint8Array>;
  Socket: SocketMaker;
  times: Times;
}

/** A request as its connection knows it. */
export interface Asked {
  seq: number;
  termsHash: Uint8Array;
}

/** No frame of a worker is longer: a piece has 256 sealed bytes. */
const MOST_FRAME_BYTES = 512;
/** Pieces that may wait to be read; a request that goes on has all that came before sent again. */
const MOST_WAITING = 4_096;

export class Connection {
  /** Where the worker says it stands, by its word alone. */
  welcome!: Welcome;
  private sealer!: RequestSealer;
  private asked: Asked | null = null;
  private readonly waiting: PieceFrame[] = [];
  private greeted: ((welcome: Welcome) => void) | null = null;
  /** Why nothing more comes. */
  private failure: PageError | null = null;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly parties: Parties,
  ) {
    socket.onmessage = ({ data }: { data: unknown }) => this.receive(data);
    socket.onclose = ({ code }: { code: number }) => this.fail(chatError('chat.connectionLost', { why: String(code) }));
    socket.onerror = () => this.fail(chatError('chat.connectionLost', { why: 'error' }));
  }

  /**
   * Connects and opens a session for requests from `firstSeq` on.
   * @throws PageError `chat.unreachable`, `chat.stopped`, refusals, and what a worker does not say
   */
  static async open(parties: Parties, firstSeq: number, signal?: AbortSignal): Promise<Connection> {
    if (signal?.aborted) throw chatError('chat.stopped');
    const socket = new parties.Socket(parties.url);
    socket.binaryType = 'arraybuffer';
    const connection = new Connection(socket, parties);
    const opened = new Promise<void>((resolve) => (socket.onopen = () => resolve()));
    try {
      await connection.within(opened, signal);
      await connection.greet(firstSeq, signal);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Begins a session; the welcome comes behind all that was on its way. */
  async greet(firstSeq: number, signal?: AbortSignal): Promise<void> {
    const { networkId, channel, workerKey, sealingKey, sign } = this.parties;
    const binding = { networkId, channel, workerKey, firstSeq };
    const sealer = await RequestSealer.open(sealingKey, binding);
    const signature = await sign(helloHash(binding, sealer.enc));
    const welcomed = new Promise<Welcome>((resolve) => (this.greeted = resolve));
    this.send({ kind: 'hello', ...binding, enc: sealer.enc, signature });
    this.welcome = await this.within(welcomed, signal);
    this.sealer = sealer;
  }

  /** Whether a request of this number can be asked over it. */
  carries(seq: number): boolean {
    const { firstSeq } = this.sealer.binding;
    return this.failure === null && seq >= firstSeq && seq < firstSeq + SESSION_REQUESTS;
  }

  /** @param voucher which prepays its first piece. Returns whether it left */
  ask(asked: Asked, payload: Uint8Array, voucher: { amount: bigint; final: boolean; signature: Uint8Array }): boolean {
    this.asked = asked;
    return this.send({ kind: 'request', ...asked, voucher, sealed: this.sealer.seal(asked.seq, payload, asked.termsHash) });
  }

  /** Returns whether it left: nothing does over a connection that is gone. */
  send(frame: ChannelFrame): boolean {
    if (this.failure !== null) return false;
    this.socket.send(encodeFrame(frame));
    return true;
  }

  /** The next piece of the request that runs. @throws PageError, after what had come before it; `chat.stopped` at once */
  async next(signal?: AbortSignal): Promise<PieceFrame> {
    if (this.waiting.length === 0 && !signal?.aborted) {
      await this.within(new Promise<void>((resolve) => (this.wake = resolve)), signal, this.parties.times.quiet, 'chat.stalled');
    }
    if (signal?.aborted) throw chatError('chat.stopped');
    return this.waiting.shift()!;
  }

  /** The request is over: nothing more may come of it. */
  over(): void {
    this.asked = null;
  }

  close(): void {
    this.fail(chatError('chat.connectionLost', { why: 'closed here' }));
  }

  /** What comes, unless the connection fails, the signal aborts or it takes too long. */
  private within<T>(comes: Promise<T>, signal?: AbortSignal, millis = this.parties.times.hello, late: ChatCode = 'chat.unreachable'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (error: unknown): void => {
        done();
        reject(error);
      };
      const stop = (): void => fail(chatError('chat.stopped'));
      const timer = setTimeout(() => fail(chatError(late, { seconds: String(Math.round(millis / 1000)) })), millis);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        this.failed = () => undefined;
      };
      if (this.failure !== null) return fail(this.failure);
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop);
      this.failed = fail;
      comes.then((value) => {
        done();
        resolve(value);
      }, fail);
    });
  }

  private failed: (error: PageError) => void = () => undefined;

  private fail(error: PageError): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.socket.close();
    this.failed(error);
  }

  private receive(data: unknown): void {
    if (this.failure !== null) return;
    try {
      this.handle(data);
    } catch (error) {
      this.fail(error instanceof PageError ? error : unexpected(error instanceof Error ? error.message : String(error)));
    }
  }

  private handle(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) throw unexpected('text');
    if (data.byteLength > MOST_FRAME_BYTES) throw unexpected(`${data.byteLength} bytes`);
    const frame = decodeFrame(new Uint8Array(data));
    if (frame.kind === 'welcome' && this.greeted !== null) {
      this.greeted(frame);
      this.greeted = null;
    } else if (frame.kind === 'piece' && frame.seq === this.asked?.seq && this.waiting.length < MOST_WAITING) {
      this.waiting.push(frame);
      this.wake();
    } else if (frame.kind === 'refusal' && (frame.seq === 0 || frame.seq === this.asked?.seq)) {
      throw this.refusal(frame);
    } else {
      throw unexpected('seq' in frame ? `${frame.kind} ${frame.seq}` : frame.kind);
    }
  }

  /** A worker's refusal as an error; one that it did not sign for this is no refusal. */
  private refusal({ seq, termsHash, reason, retryAfter, signature }: RefusalFrame): PageError {
    const { networkId, channel, workerKey } = this.parties;
    const isThis = seq === 0 || this.asked!.termsHash.every((byte, index) => byte === termsHash[index]);
    if (!isThis || !portableEd25519.verify(refusalHash({ networkId, termsHash, escrow: channel, seq, reason, retryAfter }), signature, workerKey)) return unexpected('refusal');
    const name = Object.entries(RefusalReason).find(([, value]) => value === reason)?.[0] ?? String(reason);
    return chatError(REFUSALS[name] ?? 'chat.refused', { reason: name, seconds: String(retryAfter) });
  }
}

const REFUSALS: Readonly<Record<string, ChatCode>> = {
  channelExhausted: 'chat.exhausted', channelEnding: 'chat.channelEnding', unsupportedTerms: 'chat.unsupported', tooLong: 'chat.tooLong', overloaded: 'chat.busy',
  draining: 'chat.busy', voucherTooLow: 'chat.unpaid', failed: 'chat.engineFailed',
};

const unexpected = (received: string): PageError => chatError('chat.unexpected', { received });
