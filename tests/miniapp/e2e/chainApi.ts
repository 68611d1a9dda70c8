/** A chain API of some operator in front of a devnet, as honest as it is told to be. */
import { type ApiReply, type ApiRequest, openChainOperator } from '../../../cli/miniapp/chainOperator';

export interface ApiCall {
  /** Method of toncenter, such as getAddressInformation. */
  method: string;
  parameters: Record<string, unknown>;
  /** All of the request as it came. */
  raw: string;
}

/** What becomes of an answer's `result`. */
export type Lie = (call: ApiCall, result: unknown) => unknown;

export class ChainApi {
  readonly calls: ApiCall[] = [];
  /** Changes what is answered; null: it is honest. */
  lie: Lie | null = null;
  /** It takes connections and answers nothing. */
  isSilent = false;
  url = '';
  /** How often it said something old. */
  replayed = 0;
  private readonly remembered = new Map<string, ApiReply>();
  private moment: Map<string, ApiReply> | null = null;
  private isStale = false;
  private end: () => void = () => undefined;

  private constructor(readonly name: string) {}

  /** @param devnet its base URL */
  static async open(name: string, devnet: string): Promise<ChainApi> {
    const api = new ChainApi(name);
    const { url, close } = await openChainOperator(devnet, (request, ask) => api.answer(request, ask));
    return Object.assign(api, { url, end: close });
  }

  /** What it has said so far is what it says later on, where it is asked the same, while it `isStopped`. */
  keepMoment(): void {
    this.moment = new Map(this.remembered);
  }

  stop(isStopped: boolean): void {
    this.isStale = isStopped;
  }

  /** Honest again, with nothing remembered. */
  reset(): void {
    Object.assign(this, { lie: null, isSilent: false, isStale: false, moment: null, replayed: 0 });
    this.remembered.clear();
    this.calls.length = 0;
  }

  close(): void {
    this.end();
  }

  private async answer(request: ApiRequest, ask: () => Promise<ApiReply>): Promise<ApiReply | null> {
    const call = callOf(request);
    this.calls.push(call);
    if (this.isSilent) return null;
    const key = `${request.method} ${request.url} ${request.body}`;
    const old = this.isStale ? this.moment?.get(key) : undefined;
    if (old !== undefined) this.replayed++;
    const reply = old ?? (await ask());
    if (old === undefined && reply.status === 200) this.remembered.set(key, reply);
    const said = JSON.parse(reply.text) as { result?: unknown };
    if (this.lie === null || !('result' in said)) return reply;
    return { status: reply.status, text: JSON.stringify({ ...said, result: this.lie(call, said.result) }) };
  }
}

function callOf({ method, url, headers, body }: ApiRequest): ApiCall {
  const { pathname, searchParams } = new URL(url, 'http://api');
  const sent = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
  const raw = `${method} ${url}\n${JSON.stringify(headers)}\n${body}`;
  const name = pathname.split('/').pop()!;
  if (name === 'jsonRPC') return { method: String(sent.method), parameters: sent.params as Record<string, unknown>, raw };
  return { method: name, parameters: { ...Object.fromEntries(searchParams), ...sent }, raw };
}
