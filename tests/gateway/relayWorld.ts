/** A relay in front of a real worker, and a hop behind it that does what a lying relay would. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Address } from '@ton/core';
import pino from 'pino';
import { WebSocket } from 'ws';
import { ChannelBackend } from '../../gateway/channel/channelBackend';
import type { BoughtChannel } from '../../gateway/channel/order';
import { ClientStore } from '../../gateway/channel/clientStore';
import type { AnswerEvent, ModelCard, TokenRequest } from '../../gateway';
import { WorkerDirectory } from '../../gateway/relay/directory';
import { openOutbound } from '../../gateway/relay/outbound';
import { openRelay, type RelaySettings, type RunningRelay } from '../../gateway/relay/server';
import { decodeFrame, dueFor, encodeFrame, toHex, type Welcome } from '../../protocol';
import { CHANNEL_PATH } from '../../worker/channels/endpoint';
import { descriptorHashOf, type Provider } from '../../wrappers/discovery';
import { NOW, PRICES, WorkerWorld } from '../worker/channels/conversationWorld';
import { type Loaded, workerSuite } from '../worker/channels/suite';
import { boughtFrom, cardOf, serve, STAKE } from './bought';
import { honest, meddlingHop, type Meddling, type Way } from './meddlingHop';
import { until } from './support';

export { honest, type Meddling } from './meddlingHop';

/** The worker's welcome says something else. */
export const welcomed = (change: (welcome: Welcome) => Partial<Welcome>): Meddling => (way, frame) => {
  const decoded = way === 'down' ? decodeFrame(frame) : null;
  return [decoded?.kind === 'welcome' ? encodeFrame({ ...decoded, ...change(decoded) }) : frame];
};

/** What the tests of a suite share; worlds that it begins end with it. Call it inside `describe`. */
export function relaySuite(): { loaded: Loaded; ends: (() => unknown)[]; begin: (changes?: Partial<Loaded>, settings?: Partial<RelaySettings>) => Promise<RelayWorld> } {
  const { loaded, ends } = workerSuite();
  const begin = async (changes: Partial<Loaded> = {}, settings: Partial<RelaySettings> = {}): Promise<RelayWorld> => {
    const world = await RelayWorld.open({ ...loaded, ...changes }, settings);
    ends.push(() => world.end());
    return world;
  };
  return { loaded, ends, begin };
}

/** A worker behind a socket, a hop in front of it, a relay in front of that, and a client of the relay. */
export class RelayWorld {
  /** Every message that the relay passed, in both directions. */
  readonly seen: { way: Way; frame: Buffer }[] = [];
  /** What the hop does; may be changed at any time. */
  meddle: Meddling = honest;
  now = NOW;
  provider!: Provider;
  relay!: RunningRelay;
  store!: ClientStore;
  backend!: ChannelBackend;
  card!: ModelCard;
  descriptorText = '';
  private readonly servers: Server[] = [];
  private readonly ends: (() => unknown)[] = [];

  private constructor(readonly world: WorkerWorld) {}

  static async open(loaded: Loaded, settings: Partial<RelaySettings> = {}): Promise<RelayWorld> {
    const self = new RelayWorld(await WorkerWorld.create(loaded.model, loaded.engine));
    await self.start(settings);
    return self;
  }

  /** The name of the worker in the relay's paths. */
  get name(): string {
    return toHex(STAKE);
  }

  get socketUrl(): string {
    return `${this.relay.url.replace(/^http/, 'ws')}/v1/channel/${this.name}`;
  }

  private async start(settings: Partial<RelaySettings>): Promise<void> {
    const { world } = this;
    const worker = await serve(world);
    this.ends.push(worker.stop);
    const hop = await this.listening(createServer((_, response) => response.end(this.descriptorText)));
    this.ends.push(meddlingHop(hop.server, () => new WebSocket(worker.url), (...message) => this.meddle(...message)));
    const workerKey = toHex(world.keys.signingPublic);
    this.descriptorText = `${JSON.stringify({ channels: { path: CHANNEL_PATH }, networkId: 2026, stake: toHex(STAKE), workerKey })}\n`;
    this.provider = providerAt(`http://${hop.authority}`, this.descriptorText, world.keys.signingPublic);
    const outbound = openOutbound(true);
    const directory = new WorkerDirectory({
      networkId: 2026, discover: async () => ({ providers: [this.provider], unreadable: [], complete: true }), outbound, isPrivateAllowed: true,
      now: () => this.now, log: pino({ level: 'silent' }),
    });
    this.relay = await openRelay({
      directory, log: pino({ level: 'silent' }), host: '127.0.0.1', port: 0, settings,
      outbound: { ...outbound, connect: (url, mostBytes) => this.recorded(outbound.connect(url, mostBytes)) },
    });
    this.openClient();
  }

  private openClient(): void {
    const { world } = this;
    this.card = cardOf(world.model);
    this.store = ClientStore.open(join(world.folder, 'client', 'channels.db'));
    this.backend = this.client();
  }

  /** Another client of the same channel and store, as after a restart of its process. */
  client(url = this.socketUrl, changes: Partial<BoughtChannel> = {}): ChannelBackend {
    return new ChannelBackend(this.card, boughtFrom(this.world, url, changes), this.store, () => this.now);
  }

  /** All tokens of a greedy answer. @throws what the back end throws, after 5 s whatever the signal says */
  async ask(maxTokens: number, changes: Partial<TokenRequest> = {}, seen: (event: AnswerEvent) => void = () => undefined, backend = this.backend): Promise<number[]> {
    const tokens: number[] = [];
    const request: TokenRequest = {
      model: this.card.id, promptTokens: this.promptTokens, maxTokens, stopTokens: [], sampling: { t: 0, topK: 0, topP16: 0, minPX: 0, seed: new Uint8Array(32).fill(7) },
      abort: AbortSignal.timeout(5_000), enough: new AbortController().signal, ...changes,
    };
    for await (const event of backend.complete(request)) {
      if (event.kind === 'tokens') tokens.push(...event.tokens);
      seen(event);
    }
    return tokens;
  }

  /** Both sides come to agree on the vouchers, and on what they are for but for so many prompts that were given up. */
  agreed(givenUp = 0n): Promise<void> {
    const { world, store, promptTokens } = this;
    return until(() => {
      const { owed, vouched } = store.position(world.address);
      const { dueNano, voucherNano } = world.store.read.balance(world.address);
      return vouched === voucherNano && vouched >= owed && owed >= dueNano && owed - dueNano <= givenUp * dueFor(PRICES, promptTokens.length, 0);
    });
  }

  get promptTokens(): number[] {
    return this.card.tokenizer.encodePrompt('swiftly');
  }

  async end(): Promise<void> {
    await this.backend.close();
    await this.relay.close();
    for (const end of this.ends.reverse()) end();
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
    this.store.close();
    this.world.end();
  }

  private recorded(socket: WebSocket): WebSocket {
    const send = socket.send.bind(socket) as (data: Buffer, ...rest: unknown[]) => void;
    socket.on('message', (frame: Buffer) => this.seen.push({ way: 'down', frame }));
    return Object.assign(socket, {
      send: (data: Buffer, ...rest: unknown[]) => {
        this.seen.push({ way: 'up', frame: Buffer.from(data) });
        send(data, ...rest);
      },
    });
  }

  private async listening(server: Server): Promise<{ server: Server; authority: string }> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.servers.push(server);
    return { server, authority: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  }
}

/** A provider as discovery finds it. */
export function providerAt(endpoint: string | null, descriptor: string, workerKey: Uint8Array, name: Uint8Array = STAKE): Provider {
  const owner = new Address(0, Buffer.alloc(32, 8));
  const key = {
    workerKey, sealingKey: new Uint8Array(32).fill(4), tier: 0, imageHash: new Uint8Array(32), claims: 0, tcbStatus: 0, revocationEpoch: 0,
    fromUnix: NOW - 100, endUnix: NOW + 100_000, removedAt: 0,
  };
  return {
    owner, stake: new Address(0, Buffer.from(name)), endpoint, descriptorHash: descriptorHashOf(Buffer.from(descriptor)), keys: [key],
    status: {
      networkId: 2026, registry: new Address(0, Buffer.alloc(32, 9)), owner, active: 10n, minimum: 5n, reserved: 1n, thawing: 0n, thawedAt: 0, slashed: 0n, faults: 0,
      openCases: 0, keyCount: 1, descriptorHash: new Uint8Array(32), endpoint, paidUntil: NOW,
    },
  };
}
