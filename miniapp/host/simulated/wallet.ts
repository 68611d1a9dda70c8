/** A SIMULATED wallet for the devnet: it answers over a real bridge, signs with a real wallet contract, and does what it is told about its requests. */
import { randomBytes } from 'node:crypto';
import { Address, beginCell, Cell, external, internal, loadStateInit, SendMode, storeMessage, storeStateInit } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { TonClient, WalletContractV4, WalletContractV5R1 } from '@ton/ton';
import { WalletSession } from './session';

/**
 * - `pays`: signs, sends, answers
 * - `rejects`: its user says no
 * - `isSilent`: nobody looks at it
 * - `sendsTwice`: two payments, one answer
 * - `answersLate`: signs and sends at once, and answers after `lateMillis`
 * - `losesItsAnswer`: signs and sends, and never answers
 */
export type WalletManner = 'pays' | 'rejects' | 'isSilent' | 'sendsTwice' | 'answersLate' | 'losesItsAnswer';

export interface WalletOptions {
  /** JSON-RPC of a toncenter v2. */
  endpoint: string;
  networkId: number;
  bridgeUrl: string;
  kind?: 'v4' | 'v5r1';
  /** 32 bytes; random unless given. */
  seed?: Uint8Array;
  /** What it says its network is, where that is not the truth. */
  saysNetwork?: string;
  /** Whether it looks at the manifest of whoever connects, as wallets do. */
  checksManifest?: boolean;
  log?: (line: string) => void;
}

/** A transaction that it was asked for, as its user would see it. */
export interface SeenRequest {
  id: string;
  manner: WalletManner;
  network: string;
  from: string;
  validUntil: number;
  messages: readonly RequestedMessage[];
  outcome: 'waits' | 'sent' | 'rejected' | 'refused';
}

export interface RequestedMessage {
  address: string;
  amount: string;
  payload?: string;
  stateInit?: string;
}

const POLL_MILLIS = 100;
const USER_REJECTS = 300;
const BAD_REQUEST = 1;
const MANIFEST_NOT_FOUND = 2;

export class SimulatedWallet {
  readonly requests: SeenRequest[] = [];
  /** What it does with the next requests, and with the next connection if it is `rejects` or `isSilent`. */
  manner: WalletManner = 'pays';
  lateMillis = 1_000;
  private readonly client: TonClient;
  private readonly contract: WalletContractV4 | WalletContractV5R1;
  private readonly keys: { publicKey: Buffer; secretKey: Buffer };
  private readonly sessions = new Map<string, WalletSession>();
  private nextEvent = 1;
  /** Requests go one after another: each has the wallet's next number. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: WalletOptions) {
    this.client = new TonClient({ endpoint: options.endpoint });
    this.keys = keyPairFromSeed(Buffer.from(options.seed ?? randomBytes(32)));
    const { publicKey } = this.keys;
    this.contract = options.kind === 'v4' ? WalletContractV4.create({ workchain: 0, publicKey }) : WalletContractV5R1.create({ publicKey, walletId: { networkGlobalId: options.networkId } });
  }

  get address(): Address {
    return this.contract.address;
  }

  /** Connects whoever made a universal link: tc: or http(s), with v, id and r; a start parameter of Telegram too. */
  async open(link: string): Promise<void> {
    const parameters = parametersOf(link);
    const [client, request] = [parameters.get('id') ?? '', parameters.get('r')];
    if (parameters.get('v') !== '2' || !/^[0-9a-f]{64}$/.test(client) || request === null) throw new Error('this is no link of TON Connect');
    if (this.sessions.has(client)) return;
    const { manifestUrl } = JSON.parse(request) as { manifestUrl: string };
    const session = new WalletSession(this.options.bridgeUrl, client, (message) => this.receive(session, message));
    this.sessions.set(client, session);
    this.log(`connect: ${manifestUrl}`);
    if (this.manner === 'isSilent') return;
    const code = this.manner === 'rejects' ? USER_REJECTS : (await this.readsManifest(manifestUrl)) ? null : MANIFEST_NOT_FOUND;
    const answer = code === null ? { event: 'connect', payload: this.connection() } : { event: 'connect_error', payload: { code, message: 'no' } };
    await session.send({ id: this.nextEvent++, ...answer }, answer.event);
  }

  /** Its user ends all connections. */
  async disconnect(): Promise<void> {
    for (const session of this.sessions.values()) await session.send({ event: 'disconnect', id: this.nextEvent++, payload: {} }, 'disconnect').catch(() => undefined);
    this.close();
  }

  close(): void {
    for (const session of this.sessions.values()) session.close();
    this.sessions.clear();
  }

  private connection() {
    const { address, init } = this.contract;
    const walletStateInit = beginCell().store(storeStateInit(init)).endCell().toBoc().toString('base64');
    const account = { name: 'ton_addr', address: address.toRawString(), network: this.network, walletStateInit, publicKey: this.keys.publicKey.toString('hex') };
    const device = { platform: 'linux', appName: 'simulated', appVersion: '1', maxProtocolVersion: 2, features: ['SendTransaction', { name: 'SendTransaction', maxMessages: 4 }] };
    return { items: [account], device };
  }

  private get network(): string {
    return this.options.saysNetwork ?? String(this.options.networkId);
  }

  private async readsManifest(url: string): Promise<boolean> {
    if (this.options.checksManifest !== true) return true;
    const manifest = await fetch(url).then((response) => response.json(), () => null);
    return typeof manifest?.url === 'string' && typeof manifest?.name === 'string' && typeof manifest?.iconUrl === 'string';
  }

  private receive(session: WalletSession, { method, params, id }: Record<string, unknown>): void {
    const answer = (what: object): Promise<void> => session.send({ id, ...what }, String(method)).catch(() => undefined);
    if (method === 'disconnect') {
      void answer({ result: {} }).then(() => session.close());
      this.sessions.delete(session.client);
    } else if (method === 'sendTransaction') {
      const { valid_until: validUntil, ...asked } = JSON.parse((params as string[])[0]) as Pick<SeenRequest, 'messages' | 'network' | 'from'> & { valid_until: number };
      const request: SeenRequest = { ...asked, validUntil, id: String(id), manner: this.manner, outcome: 'waits' };
      this.requests.push(request);
      this.log(`request ${this.requests.length}: ${request.messages.map(({ address, amount }) => `${amount} nanoTON to ${address}`).join(', ')} (${request.manner})`);
      this.last = this.last.then(() => this.decide(request, answer)).catch((error: unknown) => this.log(String(error)));
    } else void answer({ error: { code: 400, message: 'this wallet does not do that' } });
  }

  private async decide(request: SeenRequest, answer: (what: object) => Promise<void>): Promise<void> {
    const { manner } = request;
    if (manner === 'isSilent') return;
    const wrong = this.faultOf(request);
    if (wrong !== null || manner === 'rejects') {
      request.outcome = wrong === null ? 'rejected' : 'refused';
      return answer({ error: { code: wrong === null ? USER_REJECTS : BAD_REQUEST, message: wrong ?? 'the user said no' } });
    }
    const result = await this.send(request);
    if (manner === 'sendsTwice') await this.send(request);
    request.outcome = 'sent';
    if (manner === 'answersLate') await new Promise((resolve) => setTimeout(resolve, this.lateMillis));
    if (manner !== 'losesItsAnswer') await answer({ result });
  }

  /** What is wrong with a request; null if nothing is. */
  private faultOf({ network, from, validUntil }: SeenRequest): string | null {
    if (network !== this.network) return `network ${network} is not mine`;
    if (!Address.parse(from).equals(this.address)) return `${from} is not mine`;
    return validUntil * 1_000 < Date.now() ? 'too late' : null;
  }

  /** Signs and broadcasts, and waits until the chain has taken it. @returns the external message, base64 */
  private async send({ messages, validUntil }: SeenRequest): Promise<string> {
    const { address, init } = this.contract;
    const isThere = await this.client.isContractDeployed(address);
    const seqno = isThere ? await this.client.open(this.contract).getSeqno() : 0;
    const order = { seqno, secretKey: this.keys.secretKey, sendMode: SendMode.PAY_GAS_SEPARATELY, messages: messages.map(messageOf), timeout: validUntil };
    const body = this.contract instanceof WalletContractV4 ? this.contract.createTransfer(order) : this.contract.createTransfer(order);
    const boc = beginCell().store(storeMessage(external({ to: address, init: isThere ? undefined : init, body }))).endCell().toBoc();
    await this.client.sendFile(boc);
    while (!(await this.client.isContractDeployed(address)) || (await this.client.open(this.contract).getSeqno()) <= seqno) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
    }
    return boc.toString('base64');
  }

  private log(line: string): void {
    this.options.log?.(`SIMULATED wallet: ${line}`);
  }
}

function messageOf({ address, amount, payload, stateInit }: RequestedMessage) {
  const { address: to, isBounceable } = Address.parseFriendly(address);
  const cell = (boc: string): Cell => Cell.fromBase64(boc);
  return internal({
    to, value: BigInt(amount), bounce: isBounceable, ...(payload !== undefined && { body: cell(payload) }),
    ...(stateInit !== undefined && { init: loadStateInit(cell(stateInit).beginParse()) }),
  });
}

/** Parameters of a link; those inside a start parameter of Telegram are escaped. */
function parametersOf(link: string): URLSearchParams {
  const { searchParams } = new URL(link);
  const start = searchParams.get('startapp');
  if (start === null) return searchParams;
  const text = start.replace(/^tonconnect-/, '').replaceAll('--', '%').replaceAll('__', '=').replaceAll('-', '&').replaceAll('%5F', '_').replaceAll('%2D', '-').replaceAll('%2E', '.');
  return new URLSearchParams(text);
}
