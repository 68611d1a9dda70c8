/** A hop between a relay and a worker that does what whoever is on the way could do. */
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';

export type Way = 'up' | 'down';
/** What becomes of one message on its way: the messages that are passed on instead; null ends both connections. */
export type Meddling = (way: Way, frame: Uint8Array, index: number) => Uint8Array[] | null;
export const honest: Meddling = (_, frame) => [frame];

/** Passes the messages of each connection on as `meddle` says. @param connect to whom. Returns what ends all of them. */
export function meddlingHop(server: Server, connect: (request: IncomingMessage) => WebSocket, meddle: Meddling): () => void {
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (client, request) => {
    const worker = connect(request);
    const open = once(worker, 'open');
    open.catch(() => undefined);
    const both = (act: (socket: WebSocket) => void): void => [client, worker].forEach(act);
    both((socket) => socket.on('error', () => undefined).on('close', () => both((other) => other.terminate())));
    const pass = (way: Way, from: WebSocket, to: WebSocket): void => {
      let index = 0;
      from.on('message', async (frame: RawData) => {
        const place = index++;
        await open;
        const passed = meddle(way, new Uint8Array(frame as Buffer), place);
        if (passed === null) both((socket) => socket.terminate());
        else for (const each of passed) to.send(each);
      });
    };
    pass('up', client, worker);
    pass('down', worker, client);
  });
  return () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  };
}
