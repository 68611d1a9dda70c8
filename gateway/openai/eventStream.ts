/** Server-sent events of one answer, written no faster than they are read. */
import type { ServerResponse } from 'node:http';
import { GatewayError } from '../errors';
import { errorReply } from './errors';

export interface StreamTimes {
  /** A comment keeps proxies from cutting a connection on which nothing was sent for so long. */
  keepAliveMillis: number;
  /** A client that reads nothing for so long is cut. */
  stallMillis: number;
}

export class EventStream {
  private timer: NodeJS.Timeout | undefined;
  private lastWrite = 0;

  constructor(private readonly response: ServerResponse, private readonly times: StreamTimes) {}

  get isOpen(): boolean {
    return this.response.headersSent;
  }

  /** Sends the headers, once; until then an error can still be an HTTP status. */
  open(headers: Record<string, string>): void {
    if (this.isOpen || this.response.destroyed) return;
    this.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no', ...headers,
    });
    this.response.flushHeaders();
    this.lastWrite = performance.now();
    const { keepAliveMillis } = this.times;
    this.timer = setInterval(() => {
      const isQuiet = performance.now() - this.lastWrite >= keepAliveMillis;
      if (isQuiet && !this.response.writableNeedDrain) this.response.write(': keep-alive\n\n');
    }, keepAliveMillis);
    this.response.on('close', () => clearInterval(this.timer));
  }

  /** Resolves when there is room for more. @throws GatewayError `gateway.reader` when the client stalls or is gone */
  async send(event: unknown): Promise<void> {
    await this.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  /** Failure in the middle: clients keep the text so far and throw what this frame says. */
  async fail(error: unknown): Promise<void> {
    await this.send(errorReply(error).body);
    await this.done();
  }

  async done(): Promise<void> {
    await this.write('data: [DONE]\n\n');
    clearInterval(this.timer);
    this.response.end();
  }

  private async write(text: string): Promise<void> {
    const { response } = this;
    if (response.destroyed) throw gone();
    this.lastWrite = performance.now();
    if (!response.write(text)) await this.drained();
  }

  private drained(): Promise<void> {
    const { response, times } = this;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(stalled);
        response.off('drain', onDrain).off('close', onClose);
        settle();
      };
      const onDrain = () => end(resolve);
      const onClose = () => end(() => reject(gone()));
      const stalled = setTimeout(() => {
        end(() => reject(gone()));
        response.destroy();
      }, times.stallMillis);
      response.on('drain', onDrain).on('close', onClose);
    });
  }
}

const gone = () => new GatewayError('gateway.reader', 'the client does not read its answer');
