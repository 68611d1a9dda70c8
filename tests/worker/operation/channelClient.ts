import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  type ChannelFrame, type ChannelRequest, decodeFrame, encodeFrame, encodePayload, helloHash, type PieceFrame, RequestSealer, termsHash,
} from '../../../protocol';
import { CHANNEL_PATH } from '../../../worker/channels/endpoint';
import type { WorkerWorld } from '../channels/conversationWorld';

/** A client over a real socket that does what it is told. */
export class ChannelClient {
  readonly frames: ChannelFrame[] = [];
  /** Code and reason of the close. */
  readonly closed: Promise<[number, string]>;
  private wake = (): void => undefined;

  private constructor(
    private readonly world: WorkerWorld,
    readonly socket: WebSocket,
    private readonly sealer: RequestSealer,
  ) {
    socket.on('message', (data: Buffer) => {
      this.frames.push(decodeFrame(new Uint8Array(data)));
      this.wake();
    });
    this.closed = once(socket, 'close').then(([code, reason]) => [code as number, String(reason)]);
  }

  /** Connects and opens a session from this number on. */
  static async open(world: WorkerWorld, url: string, firstSeq = 1): Promise<ChannelClient> {
    const binding = { networkId: 2026, channel: world.address, workerKey: world.keys.signingPublic, firstSeq };
    const sealer = await RequestSealer.open(world.keys.sealingPublic, binding);
    const socket = new WebSocket(url.replace(/^http/, 'ws') + CHANNEL_PATH);
    await once(socket, 'open');
    const client = new ChannelClient(world, socket, sealer);
    client.send({ kind: 'hello', ...binding, enc: sealer.enc, signature: world.clientKey.sign(helloHash(binding, sealer.enc)) });
    await client.count(1);
    return client;
  }

  ask(request: ChannelRequest, amount: bigint): void {
    const hash = termsHash(request.terms);
    const sealed = this.sealer.seal(request.seq, encodePayload(request.payload), hash);
    this.send({ kind: 'request', seq: request.seq, termsHash: hash, voucher: this.world.voucher(amount), sealed });
  }

  pay(amount: bigint): void {
    this.send({ kind: 'payment', ...this.world.voucher(amount) });
  }

  /** Waits until so many frames came. @throws when they do not within 10 s */
  async count(frames: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.frames.length} of ${frames} frames came`)), 10_000);
      this.wake = () => {
        if (this.frames.length < frames) return;
        clearTimeout(late);
        resolve();
      };
      this.wake();
    });
  }

  get pieces(): PieceFrame[] {
    return this.frames.filter((frame): frame is PieceFrame => frame.kind === 'piece');
  }

  private send(frame: ChannelFrame): void {
    this.socket.send(encodeFrame(frame));
  }
}
