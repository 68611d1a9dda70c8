/** A wallet's end of a connection over an HTTP bridge: messages are sealed for one client. */
import { Base64, hexToByteArray, SessionCrypto } from '@tonconnect/protocol';

const TTL_SECONDS = 300;
const AGAIN_MILLIS = 200;

export class WalletSession {
  private readonly crypto = new SessionCrypto();
  private readonly ended = new AbortController();
  private lastEventId = '';

  /** @param client the application's key, hex; @param receive hears its messages */
  constructor(
    private readonly bridgeUrl: string,
    readonly client: string,
    private readonly receive: (message: Record<string, unknown>) => void,
  ) {
    void this.listen();
  }

  get id(): string {
    return this.crypto.sessionId;
  }

  async send(message: object, topic: string): Promise<void> {
    const sealed = this.crypto.encrypt(JSON.stringify(message), hexToByteArray(this.client));
    const parameters = new URLSearchParams({ client_id: this.id, to: this.client, ttl: String(TTL_SECONDS), topic });
    const response = await fetch(`${this.bridgeUrl}/message?${parameters}`, { method: 'POST', body: Base64.encode(sealed), signal: this.ended.signal });
    if (!response.ok) throw new Error(`the bridge said ${response.status}`);
  }

  close(): void {
    this.ended.abort();
  }

  /** As long as the session lasts, over as many connections as it takes. */
  private async listen(): Promise<void> {
    const { signal } = this.ended;
    while (!signal.aborted) {
      try {
        const last = this.lastEventId === '' ? '' : `&last_event_id=${this.lastEventId}`;
        const { body } = await fetch(`${this.bridgeUrl}/events?client_id=${this.id}${last}`, { signal });
        await this.events(body!);
      } catch {
        // The next attempt says more.
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLIS));
    }
  }

  private async events(body: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(part, { stream: true });
      const events = text.split('\n\n');
      text = events.pop()!;
      events.forEach((event) => this.event(event));
    }
  }

  private event(event: string): void {
    const fields = new Map(event.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
    const [id, data] = [fields.get('id'), fields.get('data')];
    if (id !== undefined) this.lastEventId = id;
    if (data === undefined || data === 'heartbeat') return;
    const { from, message } = JSON.parse(data) as { from: string; message: string };
    // Anybody can write to a client of a bridge.
    if (from !== this.client) return;
    this.receive(JSON.parse(this.crypto.decrypt(Base64.decode(message).toUint8Array(), hexToByteArray(from))) as Record<string, unknown>);
  }
}
