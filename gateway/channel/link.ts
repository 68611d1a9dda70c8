import { WebSocket } from 'ws';
import {
  type ChannelFrame, type ChannelRequest, decodeFrame, type Ed25519, encodeFrame, helloHash, type PieceFrame,
  refusalHash, type RefusalFrame, RefusalReason, RequestSealer, SESSION_REQUESTS, type SignedAmount, voucherHash, type Welcome,
} from '../../protocol';
import { GatewayError } from '../errors';

/** Whom a client talks to, and in whose name. */
export interface LinkParties {
  networkId: number;
  /** Basechain hash of the channel. */
  channel: Uint8Array;
  /** ws: or wss: URL of the worker's channel endpoint. */
  url: string;
  /** From the worker's key record on chain. */
  workerKey: Uint8Array;
  sealingKey: Uint8Array;
  /** The channel's, of Ed25519: of vouchers and sessions. */
  clientKey: Uint8Array;
  /** Signs with it. */
  sign: (hash: Uint8Array) => Uint8Array;
  ed25519: Ed25519;
}

/** A piece as it came: what its receipt says, its signature and the sealed bytes. */
export type ReceivedPiece = PieceFrame;

/** What a running request hears. */
export interface RequestListener {
  piece(piece: ReceivedPiece): void;
  /** Nothing more comes: the worker refused, or the connection is gone. */
  failed(error: GatewayError): void;
}

const HELLO_MILLIS = 10_000;
/** Requests that were given up and are still heard. */
const MAX_GIVEN_UP = 64;
const REASONS = new Map<number, string>(Object.entries(RefusalReason).map(([name, value]) => [value, name]));

/** One connection to a worker about one channel. Requests run over it side by side, each under its number. */
export class ChannelLink {
  private readonly listeners = new Map<number, RequestListener>();
  private readonly givenUp = new Set<number>();
  private isOpen = true;
  private welcomed: () => void = () => undefined;

  private constructor(
    private readonly socket: WebSocket,
    private readonly parties: LinkParties,
    private sealer: RequestSealer,
    /** The newest: where the worker says it stands, by its word alone, but for the voucher in it. */
    public welcome: Welcome,
  ) {
    socket.on('message', (data: Buffer) => this.receive(new Uint8Array(data.buffer, data.byteOffset, data.length)));
    socket.on('close', (code: number, reason: Buffer) => this.lost(`connection closed (${code}${reason.length > 0 ? `, ${reason}` : ''})`));
    if (socket.readyState !== socket.OPEN) this.lost('closed in the greeting');
  }

  /** Connects and opens a session for requests from `firstSeq` on. @throws GatewayError */
  static async open(parties: LinkParties, firstSeq: number): Promise<ChannelLink> {
    const { url } = parties;
    const { sealer, hello } = await openSession(parties, firstSeq);
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: HELLO_MILLIS });
    const answer = await firstFrame(socket, hello, url);
    if (answer.kind !== 'welcome') {
      socket.terminate();
      throw answer.kind === 'refusal' ? refusalError(answer, parties) : unexpected(answer.kind, url);
    }
    return new ChannelLink(socket, parties, sealer, answer);
  }

  /** Whether a request of this number can still be asked over this link. */
  carries(seq: number): boolean {
    const { firstSeq } = this.sealer.binding;
    return this.isOpen && seq >= firstSeq && seq < firstSeq + SESSION_REQUESTS;
  }

  /**
   * Begins the next session over the same connection, for requests from `firstSeq` on.
   * @returns requests that the worker knew to be given up when it answered: nothing more comes of them
   * @throws GatewayError
   */
  async renew(firstSeq: number): Promise<readonly number[]> {
    const { sealer, hello } = await openSession(this.parties, firstSeq);
    const silent = [...this.givenUp];
    await new Promise<void>((resolve, reject) => {
      const late = (): void => this.socket.terminate();
      const timer = setTimeout(late, HELLO_MILLIS);
      this.welcomed = () => {
        clearTimeout(timer);
        if (this.isOpen) resolve();
        else reject(lostError('closed in the greeting'));
      };
      if (!this.isOpen) return this.welcomed();
      this.socket.send(hello);
    });
    this.sealer = sealer;
    return silent;
  }

  /** nanoTON of the voucher that the worker shows, if the client's key signed it; else 0. */
  get shownVoucher(): bigint {
    const { networkId, channel, clientKey, ed25519 } = this.parties;
    const { amount, final, signature } = this.welcome.voucher;
    return ed25519.verify(voucherHash({ networkId, channel, final, amount }), signature, clientKey) ? amount : 0n;
  }

  get isLost(): boolean {
    return !this.isOpen;
  }

  /** What is sent from now on leaves. @throws GatewayError `gateway.connection-lost` */
  requireOpen(): void {
    if (!this.isOpen) throw lostError('closed before the request');
  }

  /** Over a link that is open. @param payload of the request, encoded */
  ask(request: ChannelRequest, payload: Uint8Array, amount: bigint, listener: RequestListener): void {
    const { seq, termsHash } = request;
    const sealed = this.sealer.seal(seq, payload, termsHash);
    this.listeners.set(seq, listener);
    this.send({ kind: 'request', seq, termsHash, voucher: this.voucher(amount, false), sealed });
  }

  pay(amount: bigint): void {
    this.send({ kind: 'payment', ...this.voucher(amount, false) });
  }

  /** Asks the worker to close the channel: it may claim this and no more. */
  payLast(amount: bigint): void {
    this.send({ kind: 'payment', ...this.voucher(amount, true) });
  }

  /** No more of this request; the listener hears nothing more. */
  leave(seq: number, isOver: boolean): void {
    if (this.listeners.delete(seq) && !isOver) this.send({ kind: 'cancel', seq });
    this.givenUp.delete(seq);
  }

  /** Gives a request up; its listener hears what was on its way. */
  giveUp(seq: number): void {
    if (!this.listeners.has(seq)) return;
    this.send({ kind: 'cancel', seq });
    this.givenUp.add(seq);
    if (this.givenUp.size > MAX_GIVEN_UP) {
      const [oldest] = this.givenUp;
      this.listeners.get(oldest)?.failed(lostError('given up long ago'));
      this.leave(oldest, true);
    }
  }

  close(): void {
    this.socket.close();
    this.lost('closed here');
  }

  private voucher(amount: bigint, final: boolean): SignedAmount {
    const { networkId, channel, sign } = this.parties;
    return { amount, final, signature: sign(voucherHash({ networkId, channel, final, amount })) };
  }

  private send(frame: ChannelFrame): void {
    if (this.isOpen) this.socket.send(encodeFrame(frame));
  }

  private receive(bytes: Uint8Array): void {
    let frame: ChannelFrame;
    try {
      frame = decodeFrame(bytes);
      if (frame.kind !== 'piece' && frame.kind !== 'refusal' && frame.kind !== 'welcome') throw unexpected(frame.kind, this.parties.url);
    } catch (error) {
      this.lost(error instanceof Error ? error.message : String(error));
      return this.socket.terminate();
    }
    if (frame.kind === 'welcome') {
      this.welcome = frame;
      return this.welcomed();
    }
    if (frame.kind === 'piece') return this.listeners.get(frame.seq)?.piece(frame);
    const error = refusalError(frame, this.parties);
    // Number 0 is no request: what the worker refuses concerns the whole channel, and both sides begin anew.
    if (frame.seq === 0) {
      this.socket.close();
      return this.end(error);
    }
    this.listeners.get(frame.seq)?.failed(error);
    this.leave(frame.seq, true);
  }

  private lost(reason: string): void {
    this.end(lostError(reason));
  }

  private end(error: GatewayError): void {
    this.isOpen = false;
    this.welcomed();
    for (const listener of [...this.listeners.values()]) listener.failed(error);
    this.listeners.clear();
    this.givenUp.clear();
  }
}

/** HPKE to the worker's key, and the signed hello that tells it. */
async function openSession({ networkId, channel, workerKey, sealingKey, sign }: LinkParties, firstSeq: number) {
  const binding = { networkId, channel, workerKey, firstSeq };
  const sealer = await RequestSealer.open(sealingKey, binding);
  const hello = encodeFrame({ kind: 'hello', ...binding, enc: sealer.enc, signature: sign(helloHash(binding, sealer.enc)) });
  return { sealer, hello };
}

async function firstFrame(socket: WebSocket, hello: Uint8Array, url: string): Promise<ChannelFrame> {
  return new Promise((resolve, reject) => {
    const fail = (received: string): void => {
      clearTimeout(timer);
      socket.terminate();
      reject(new GatewayError('gateway.unreachable', 'the worker does not answer', { expected: `a channel endpoint at ${url}`, received }));
    };
    const timer = setTimeout(() => fail('nothing in time'), HELLO_MILLIS);
    socket.once('open', () => socket.send(hello));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', (code: number, reason: Buffer) => fail(`closed (${code}, ${reason})`));
    socket.once('message', (data: Buffer) => {
      clearTimeout(timer);
      socket.removeAllListeners('error').removeAllListeners('close');
      // Whatever comes in the same breath finds somebody who listens.
      socket.on('error', () => socket.terminate());
      try {
        resolve(decodeFrame(new Uint8Array(data)));
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
      }
    });
  });
}

const lostError = (reason: string): GatewayError =>
  new GatewayError('gateway.connection-lost', 'the connection to the worker is gone', { received: reason });

const unexpected = (kind: string, url: string): GatewayError =>
  new GatewayError('gateway.bad-worker', 'the worker says what a worker does not say', { received: kind, expected: `the channel protocol at ${url}` });

/** A worker's refusal as an error; one that it did not sign is no refusal. */
function refusalError({ seq, termsHash: hash, reason, retryAfter, signature }: RefusalFrame, parties: LinkParties): GatewayError {
  const { networkId, channel, workerKey, ed25519 } = parties;
  const refusal = { networkId, termsHash: hash, escrow: channel, seq, reason, retryAfter };
  if (!ed25519.verify(refusalHash(refusal), signature, workerKey)) return unexpected('a refusal that its key did not sign', parties.url);
  const name = REASONS.get(reason) ?? `reason ${reason}`;
  if (reason === RefusalReason.overloaded || reason === RefusalReason.draining) {
    return new GatewayError('gateway.overloaded', 'the worker is busy', { received: name, retryAfterSeconds: retryAfter });
  }
  if (reason === RefusalReason.channelEnding) {
    return new GatewayError('gateway.channel-ending', 'the channel ends, or is not on chain', { hint: 'open another', received: name });
  }
  return new GatewayError('gateway.refused', 'the worker refused the request', { received: name });
}

