/** One client and one worker that talk through a relay. */
import type { WebSocket } from 'ws';
import { TokenBucket } from './limits';

export interface PipeLimits {
  /** Bytes that wait for one side's reader before the other side is not read any more. */
  waitingBytes: number;
  /** A side that reads nothing for so long is cut, and so is one that answers no ping. */
  stallMillis: number;
  pingMillis: number;
  /** Without a message in either direction. */
  idleMillis: number;
  /** What a client may send: bytes at once, and per second for good; more is read later. */
  burstBytes: number;
  bytesPerSecond: number;
}

/** RFC 6455 7.4.1 and the IANA registry. */
export const CloseCode = { goingAway: 1_001, notBinary: 1_003, tryLater: 1_013, badGateway: 1_014 } as const;
/** A message costs its sender this much more, so that empty ones are no way around the rate. */
const MESSAGE_BYTES = 64;

/**
 * Passes binary messages both ways, each as it came and in order. Nothing is opened, kept or logged. A slow reader slows its writer
 * down and is cut in the end, so that at most `waitingBytes`, one message and one read of a socket wait in each direction.
 */
export class RelayPipe {
  private readonly directions: Direction[];
  private readonly timers: NodeJS.Timeout[] = [];
  private lastMessage: number;
  private isOver = false;
  private open = 2;

  /**
   * @param client a connection that is open
   * @param worker one that is being made: nothing is read of the client until it is there
   * @param ended is called once, when both are gone
   */
  constructor(
    private readonly client: WebSocket,
    private readonly worker: WebSocket,
    limits: PipeLimits,
    private readonly ended: () => void,
    now: () => number = () => performance.now(),
  ) {
    this.lastMessage = now();
    const passed = (): void => void (this.lastMessage = now());
    const bucket = new TokenBucket({ capacity: limits.burstBytes, perSecond: limits.bytesPerSecond }, now);
    const up = new Direction(client, worker, limits, passed, () => this.cut(), bucket);
    const down = new Direction(worker, client, limits, passed, () => this.cut());
    this.directions = [up, down];
    up.hold('connecting');
    worker.on('open', () => up.release('connecting'));
    this.watch(client, worker, CloseCode.goingAway);
    this.watch(worker, client, CloseCode.badGateway);
    this.timers.push(setInterval(() => {
      if (now() - this.lastMessage > limits.idleMillis) return this.end(CloseCode.goingAway, 'idle');
      for (const direction of this.directions) direction.ping();
    }, limits.pingMillis));
  }

  /** Ends both connections, after what was passed on already. */
  end(code: number, reason: string): void {
    if (this.isOver) return;
    this.over();
    for (const socket of [this.client, this.worker]) close(socket, code, reason);
  }

  private watch(socket: WebSocket, other: WebSocket, codeWhenLost: number): void {
    socket.on('error', () => socket.terminate());
    socket.on('close', (code: number, reason: Buffer) => {
      this.over();
      if (--this.open === 0) this.ended();
      // 1005 and 1006 say that there was no code, and cannot be sent.
      if (code === 1_005) close(other, 1_000, '');
      else if (code === 1_006) close(other, codeWhenLost, socket === this.worker ? 'the worker is gone or cannot be reached' : 'the client is gone');
      else close(other, code, reason);
    });
  }

  /** Ends both at once. */
  cut(): void {
    this.over();
    this.client.terminate();
    this.worker.terminate();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const timer of this.timers) clearInterval(timer);
    for (const direction of this.directions) direction.stop();
  }
}

/** Messages of one side on their way to the other. */
class Direction {
  private waiting = 0;
  private isAlive = true;
  private readonly holds = new Set<string>();
  private stalled: NodeJS.Timeout | undefined;
  private throttled: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: WebSocket,
    private readonly to: WebSocket,
    private readonly limits: PipeLimits,
    passed: () => void,
    private readonly cut: () => void,
    private readonly bucket?: TokenBucket,
  ) {
    from.on('pong', () => (this.isAlive = true));
    from.on('message', (data: Buffer, isBinary: boolean) => {
      this.isAlive = true;
      passed();
      if (!isBinary) return from.close(CloseCode.notBinary, 'frames are binary');
      this.pass(data);
    });
  }

  /** Reads nothing more of this side for now. */
  hold(why: string): void {
    this.holds.add(why);
    this.from.pause();
  }

  release(why: string): void {
    if (!this.holds.delete(why) || this.holds.size > 0) return;
    // What came while nothing was read says that it lives.
    this.isAlive = true;
    this.from.resume();
  }

  /** Asks for a sign of life; one that is not read now cannot give any. */
  ping(): void {
    if (this.holds.size > 0 || this.from.readyState !== this.from.OPEN) return;
    if (!this.isAlive) return this.cut();
    this.isAlive = false;
    this.from.ping();
  }

  stop(): void {
    clearTimeout(this.stalled);
    clearTimeout(this.throttled);
    // A close handshake is read as well.
    this.holds.clear();
    this.from.resume();
  }

  private pass(data: Buffer): void {
    if (this.to.readyState !== this.to.OPEN) return;
    const cost = data.length + MESSAGE_BYTES;
    this.waiting += cost;
    this.to.send(data, { binary: true }, () => {
      this.waiting -= cost;
      if (this.waiting > this.limits.waitingBytes / 2) return;
      clearTimeout(this.stalled);
      this.stalled = undefined;
      this.release('slow');
    });
    if (this.waiting > this.limits.waitingBytes) {
      this.hold('slow');
      this.stalled ??= setTimeout(this.cut, this.limits.stallMillis);
    }
    const millis = this.bucket?.take(cost) ?? 0;
    if (millis > 0) {
      this.hold('rate');
      clearTimeout(this.throttled);
      this.throttled = setTimeout(() => this.release('rate'), millis);
    }
  }
}

/** After what waits to be sent; ws ends one that does not answer within 30 s. */
function close(socket: WebSocket, code: number, reason: string | Buffer): void {
  if (socket.readyState === socket.CONNECTING) socket.terminate();
  else socket.close(code, reason);
}
