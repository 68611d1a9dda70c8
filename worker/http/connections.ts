import type { Server } from 'node:net';
import { LOOPBACK, senderKey } from './sender';

/** Most connections at a time, WebSockets included; further ones are closed at once. */
export const MAX_CONNECTIONS = 640;
/** Most of them that one sender holds. */
export const MAX_CONNECTIONS_PER_SENDER = 64;

/**
 * Bounds connections before anything is read from them, TLS handshakes included. Senders on this machine count in total only.
 */
export function boundConnections(server: Server, total = MAX_CONNECTIONS, perSender = MAX_CONNECTIONS_PER_SENDER): void {
  const held = new Map<string, number>();
  server.maxConnections = total;
  server.on('connection', (socket) => {
    const key = senderKey(socket.remoteAddress ?? '');
    if (key === LOOPBACK) return;
    const count = held.get(key) ?? 0;
    if (count >= perSender) return void socket.destroy();
    held.set(key, count + 1);
    socket.once('close', () => {
      const left = held.get(key)! - 1;
      if (left > 0) held.set(key, left);
      else held.delete(key);
    });
  });
}
