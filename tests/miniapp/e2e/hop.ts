/** Whoever stands in front of a server: passes everything on, keeps the messages of its channels, and lies on demand. In front of a relay it is a relay that lies, in front of a worker a worker. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { WebSocket } from 'ws';
import { type ChannelFrame, decodeFrame } from '../../../protocol';
import { listen } from '../../../worker/http/listen';
import { honest, meddlingHop, type Meddling, type Way } from '../../gateway/meddlingHop';

/** What becomes of the answer to a GET; null: 404. */
export type Said = (path: string, body: Buffer) => Buffer | null;
const unchanged: Said = (_, body) => body;

export class Hop {
  /** What becomes of each message of a channel. */
  meddle: Meddling = honest;
  said: Said = unchanged;
  /** Messages as they came here, before anything became of them. */
  readonly frames: { way: Way; frame: ChannelFrame }[] = [];
  url = '';
  private readonly server: Server;
  private endSockets: () => void = () => undefined;

  private constructor(private readonly target: string) {
    this.server = createServer(async (request, response) => {
      try {
        const reply = await fetch(new URL(request.url!, target), { method: request.method, headers: originOf(request) });
        const headers = Object.fromEntries(Array.from(reply.headers as unknown as Iterable<[string, string]>).filter(([name]) => /^(content-type|cache-control|vary|access-control-.*)$/.test(name)));
        const body = this.said(request.url!, Buffer.from(await reply.arrayBuffer()));
        response.writeHead(body === null ? 404 : reply.status, headers).end(body ?? undefined);
      } catch {
        response.destroy();
      }
    });
  }

  /** @param target an origin, http */
  static async open(target: string): Promise<Hop> {
    const hop = new Hop(target);
    hop.url = `http://${(await listen(hop.server, '127.0.0.1', 0)).authority}`;
    const connect = (request: IncomingMessage): WebSocket => new WebSocket(`${target.replace(/^http/, 'ws')}${request.url}`, { headers: originOf(request) });
    hop.endSockets = meddlingHop(hop.server, connect, (way, frame, index) => {
      hop.frames.push({ way, frame: decodeFrame(frame) });
      return hop.meddle(way, frame, index);
    });
    return hop;
  }

  /** Of one kind, in order. */
  framesOf<Kind extends ChannelFrame['kind']>(kind: Kind): Extract<ChannelFrame, { kind: Kind }>[] {
    return this.frames.map(({ frame }) => frame).filter((frame): frame is Extract<ChannelFrame, { kind: Kind }> => frame.kind === kind);
  }

  reset(): void {
    Object.assign(this, { meddle: honest, said: unchanged });
    this.frames.length = 0;
  }

  close(): void {
    this.endSockets();
    this.server.close();
    this.server.closeAllConnections();
  }
}

const originOf = ({ headers: { origin } }: IncomingMessage): Record<string, string> => (origin === undefined ? {} : { origin });
