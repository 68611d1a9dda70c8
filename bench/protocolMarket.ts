/** A worker with an echo engine and clients with a channel each, over loopback sockets, in one process. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Address, type Cell } from '@ton/core';
import type { Generation, Job } from '../exact';
import { GREEDY } from '../exact';
import { ChannelBackend } from '../gateway/channel/channelBackend';
import { ClientStore } from '../gateway/channel/clientStore';
import { Tier } from '../protocol';
import { packChannel, PaymentChannel, readNetworkPrices } from '../wrappers';
import { ChannelDesk } from '../worker/channels/desk';
import { CHANNEL_PATH, ChannelEndpoint } from '../worker/channels/endpoint';
import { ChannelStore } from '../worker/channels/store/channelStore';
import { type LoadedEngine, openModel } from '../worker/engine';
import { nodeEd25519 } from '../worker/jobs/answer';
import { loadClaimKey, loadWorkerKeys } from '../worker/keys/workerKeys';
import { createLogger } from '../worker/log';
import { Admission } from '../worker/operation/admission';

const NETWORK = 2026;
const DAY = 86_400;
/** What is measured is the protocol, not how much of it one client may have. */
const UNBOUNDED = { parallel: 1_024, waiting: 1_024, perChannel: 1_024, channelRate: 0, senderRate: 0 };
const PRICE = 1_000_000n;
const account = (byte: number): Address => new Address(0, Buffer.alloc(32, byte));
const now = (): number => Math.floor(Date.now() / 1000);

/** Tokens without arithmetic, one each `millisPerToken`. */
function echoEngine(millisPerToken: number): LoadedEngine {
  const generate = async (job: Job): Promise<Generation> => {
    const started = performance.now();
    const tokens: number[] = [];
    while (tokens.length < job.maxTokens) {
      const wait = started + millisPerToken * (tokens.length + 1) - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      tokens.push(5 + tokens.length);
      job.onToken?.(tokens.length + 4);
    }
    return { tokens, finishReason: 'length', traceRoot: new Uint8Array(32).fill(1), blockRoots: [], millis: performance.now() - started };
  };
  return { backend: 'reference', adapter: 'ECHO: computes nothing', givesLogits: false, generate, close: async () => undefined };
}

/** Clients that can ask, and what ends all of it. */
export interface ProtocolMarket {
  clients: number;
  /** One request by one of the clients, to its end. */
  ask(client: number, maxTokens: number): Promise<void>;
  /** The same answer from the bare engine. */
  bare(maxTokens: number): Promise<void>;
  close(): Promise<void>;
}

/** @param config the network's configuration, for prices */
export async function openProtocolMarket(clients: number, millisPerToken: number, config: Cell): Promise<ProtocolMarket> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-protocol-bench-'));
  const model = openModel();
  const keys = loadWorkerKeys(folder);
  const claimKey = loadClaimKey(folder).publicKey;
  const store = ChannelStore.open(folder, { networkId: NETWORK, workerKey: Buffer.from(keys.signingPublic).toString('hex') }, now());
  const engine = echoEngine(millisPerToken);
  const seeds = Array.from({ length: clients }, (_, index) => new Uint8Array(32).fill(index + 1));
  const terms = seeds.map((seed, index) => ({
    networkId: NETWORK, client: account(1), clientKey: nodeEd25519.publicKey(seed), stake: account(3), payout: account(2), claimKey,
    closeDelay: DAY, expiry: now() + 30 * DAY + index,
  }));
  const channels = await Promise.all(terms.map((each) => PaymentChannel.fromTerms(each)));
  const data = new Map(channels.map(({ address }, index) => [address.toRawString(), packChannel(terms[index])]));
  const prices = readNetworkPrices(config);
  const chain = {
    getAccount: async (address: Address) => ({
      state: 'active' as const, balance: 10n ** 15n, code: channels[0].init!.code, data: data.get(address.toRawString()) ?? null, apiTime: now(),
    }),
    networkPrices: async () => prices,
  };
  const policy = { networkId: NETWORK, stake: new Uint8Array(account(3).hash), payout: account(2), claimKeys: [claimKey], minCloseDelay: DAY };
  const server: Server = createServer();
  const endpoint = new ChannelEndpoint(server, {
    desk: new ChannelDesk({ chain, store, policy, now, viewSeconds: 60 }), policy, store, keys, engine, model, now, admission: new Admission(UNBOUNDED),
    serving: { workerKey: keys.signingPublic, tier: Tier.bonded, promptPrice: PRICE, outputPrice: PRICE, maxTokens: 256, maxSeconds: 3_600 },
    log: createLogger('error'), draining: new AbortController().signal,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`;
  const { config: shape, tokenizer, modelRoot } = model.model;
  const card = { id: model.name, createdSeconds: 0, ownedBy: 'bench', modelRoot, tokenizer, contextTokens: shape.context, vocabularySize: shape.vocab };
  const clientStore = ClientStore.open(join(folder, 'client', 'channels.db'));
  const backends = channels.map(({ address }, index) => new ChannelBackend(card, {
    networkId: NETWORK, channel: new Uint8Array(address.hash), url, workerKey: keys.signingPublic, sealingKey: keys.sealingPublic,
    sign: (hash) => nodeEd25519.sign(hash, seeds[index]), ed25519: nodeEd25519, client: new Uint8Array(account(1).hash), stake: new Uint8Array(account(3).hash),
    tier: Tier.bonded, imageHash: new Uint8Array(32), promptPrice: PRICE, outputPrice: PRICE, budget: 10n ** 14n,
  }, clientStore));
  const asked = (maxTokens: number) => ({
    model: card.id, promptTokens: [1, 2, 3], maxTokens, stopTokens: [], sampling: GREEDY, abort: new AbortController().signal,
    enough: new AbortController().signal,
  });
  return {
    clients,
    async ask(client, maxTokens) {
      for await (const event of backends[client % clients].complete(asked(maxTokens))) if (event.kind === 'end') return;
      throw new Error('the answer has no end');
    },
    async bare(maxTokens) {
      await engine.generate(asked(maxTokens));
    },
    async close() {
      for (const backend of backends) await backend.close();
      endpoint.close();
      server.close();
      clientStore.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
