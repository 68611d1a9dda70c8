import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { MAX_SEALED_BYTES } from '../../protocol';
import { deadline, holds } from '../operation/wait';
import { ChannelConversation, type ConversationContext } from './conversation';

/** Where a worker talks about channels: a WebSocket beside its other routes. */
export const CHANNEL_PATH = '/v1/channel';

export interface EndpointLimits {
  /** Connections in all; the server bounds those of one sender. */
  connections: number;
  /** Frames that wait while one is handled; until there are fewer no more is read. */
  waitingFrames: number;
  /** Bytes that a slow reader leaves unread before it is cut off. */
  unreadBytes: number;
  /** Time for the first frame, and between two signs of life. */
  helloMillis: number;
  pingMillis: number;
}

export const ENDPOINT_LIMITS: EndpointLimits = {
  connections: 512,
  waitingFrames: 64,
  unreadBytes: 8 * 1024 * 1024,
  helloMillis: 10_000,
  pingMillis: 30_000,
};

/** Fields around the sealed bytes of the longest frame. */
export const FRAME_OVERHEAD_BYTES = 512;
/** RFC 6455 7.4: a code of the application's own; 1003 is registered. */
const CLOSE_PROTOCOL = 4_000;
const CLOSE_NOT_BINARY = 1_003;
const CLOSE_GOING_AWAY = 1_001;
/** Time for the other side to answer a close. */
const CLOSE_MILLIS = 1_000;
const MAX_CLOSE_REASON_BYTES = 123;

/** The connections of a worker that are about channels. */
export class ChannelEndpoint {
  private readonly sockets: WebSocketServer;
  private readonly talks = new Map<WebSocket, { conversation: ChannelConversation; waiting: number }>();

  constructor(
    server: Server,
    private readonly context: ConversationContext,
    private readonly limits: EndpointLimits = ENDPOINT_LIMITS,
  ) {
    this.sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_SEALED_BYTES + FRAME_OVERHEAD_BYTES, perMessageDeflate: false });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => this.upgrade(request, socket, head));
  }

  /** Connections that are open. */
  get size(): number {
    return this.sockets.clients.size;
  }

  /** Whether no frame is being handled and nobody who is connected owes anything. */
  get isQuiet(): boolean {
    return [...this.talks.values()].every(({ conversation, waiting }) => waiting === 0 && !conversation.isOwed);
  }

  /** Takes no further connection, ends those that there are, and resolves when the other sides know, a second later at most. */
  async close(): Promise<void> {
    this.sockets.close();
    for (const [socket, { conversation }] of this.talks) {
      conversation.end();
      socket.close(CLOSE_GOING_AWAY, 'the worker stops');
    }
    const { signal, clear } = deadline(CLOSE_MILLIS);
    await holds(() => this.size === 0, signal);
    clear();
    for (const socket of this.sockets.clients) socket.terminate();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const path = (request.url ?? '').split('?')[0];
    if (path !== CHANNEL_PATH) return refuse(socket, '404 Not Found');
    if (this.size >= this.limits.connections) return refuse(socket, '503 Service Unavailable');
    this.sockets.handleUpgrade(request, socket, head, (client) => {
      this.talk(client, request.socket.remoteAddress ?? '');
    });
  }

  private talk(socket: WebSocket, sender: string): void {
    const { limits } = this;
    const conversation = new ChannelConversation(this.context, {
      sender,
      send: (frame) => {
        socket.send(frame);
        // Chunks leave only as they are paid, so this much unread means a reader that is not there.
        if (socket.bufferedAmount > limits.unreadBytes) socket.terminate();
      },
      close: (code, text) => socket.close(CLOSE_PROTOCOL, closeReason(`${code}: ${text}`)),
    });
    const greeting = setTimeout(() => socket.terminate(), limits.helloMillis);
    let isAlive = true;
    const heartbeat = setInterval(() => {
      if (!isAlive) return socket.terminate();
      isAlive = false;
      socket.ping();
    }, limits.pingMillis);
    const talk = { conversation, waiting: 0 };
    this.talks.set(socket, talk);
    socket.on('pong', () => (isAlive = true));
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      isAlive = true;
      clearTimeout(greeting);
      if (!isBinary) return socket.close(CLOSE_NOT_BINARY, 'frames are binary');
      if (++talk.waiting >= limits.waitingFrames) socket.pause();
      void conversation.receive(new Uint8Array(data.buffer, data.byteOffset, data.length)).finally(() => {
        if (--talk.waiting < limits.waitingFrames && socket.isPaused) socket.resume();
      });
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      clearTimeout(greeting);
      clearInterval(heartbeat);
      this.talks.delete(socket);
      conversation.end();
    });
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** Whole characters that fit a close frame. */
function closeReason(text: string): string {
  let reason = text;
  while (Buffer.byteLength(reason) > MAX_CLOSE_REASON_BYTES) reason = reason.slice(0, -1);
  return reason;
}
