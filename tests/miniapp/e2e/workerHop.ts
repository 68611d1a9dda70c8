/** What stands between a relay and a worker: passes everything on, and lies on demand. */
import { createServer, type Server } from 'node:http';
import { listen } from '../../../worker/http/listen';
import { honest, meddlingHop, type Meddling } from '../../gateway/meddlingHop';

export class WorkerHop {
  /** What becomes of each message of a channel. */
  meddle: Meddling = honest;
  /** What becomes of the worker's answer to a GET; null: 404. */
  said: (path: string, body: Buffer) => Buffer | null = (_, body) => body;
  url = '';
  private readonly server: Server;
  private endSockets: () => void = () => undefined;

  private constructor(worker: string) {
    this.server = createServer(async (request, response) => {
      try {
        const reply = await fetch(new URL(request.url!, worker), { method: request.method });
        const body = this.said(request.url!, Buffer.from(await reply.arrayBuffer()));
        response.writeHead(body === null ? 404 : reply.status, { 'content-type': reply.headers.get('content-type') ?? 'application/octet-stream' }).end(body ?? undefined);
      } catch {
        response.destroy();
      }
    });
  }

  static async open(worker: string): Promise<WorkerHop> {
    const hop = new WorkerHop(worker);
    hop.url = `http://${(await listen(hop.server, '127.0.0.1', 0)).authority}`;
    hop.endSockets = meddlingHop(hop.server, `${worker.replace(/^http/, 'ws')}/v1/channel`, (...message) => hop.meddle(...message));
    return hop;
  }

  reset(): void {
    Object.assign(this, { meddle: honest, said: (_: string, body: Buffer) => body });
  }

  close(): void {
    this.endSockets();
    this.server.close();
    this.server.closeAllConnections();
  }
}
