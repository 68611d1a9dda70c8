import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Address } from '@ton/core';
import { Blockchain } from '@ton/sandbox';
import type { Generation, Job } from '../../exact';
import { Tier } from '../../protocol';
import { packChannel, readNetworkPrices } from '../../wrappers';
import { RequestVault } from '../../worker/cases';
import { ChannelDesk } from '../../worker/channels/desk';
import { CHANNEL_PATH, ChannelEndpoint } from '../../worker/channels/endpoint';
import { ChannelStore } from '../../worker/channels/store/channelStore';
import { type LoadedEngine, openModel } from '../../worker/engine';
import { createLogger } from '../../worker/log';
import { Admission } from '../../worker/operation/admission';
import { accountOf, BENCH_NETWORK, BENCH_PRICE, BENCH_STAKE, benchWorld, CLOSE_DELAY, unixNow } from './world';

/** Tokens without arithmetic, one each `millisPerToken`. */
export function echoEngine(millisPerToken: number): LoadedEngine {
  const generate = async (job: Job): Promise<Generation> => {
    const started = performance.now();
    const tokens: number[] = [];
    while (tokens.length < job.maxTokens) {
      const wait = started + millisPerToken * (tokens.length + 1) - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      tokens.push(FIRST_TOKEN + tokens.length);
      job.onToken?.(tokens.at(-1)!);
    }
    return { tokens, finishReason: 'length', traceRoot: new Uint8Array(32).fill(1), blockRoots: [], millis: performance.now() - started };
  };
  return { backend: 'reference', adapter: 'ECHO: computes nothing', givesLogits: false, generate, close: async () => undefined };
}

/** What is measured is the protocol, not how much of it one client may have. */
const UNBOUNDED = { parallel: 1_024, waiting: 1_024, perChannel: 1_024, channelRate: 0, senderRate: 0 };

/** Letters of the shipped model; none of its stop tokens is behind it. */
const FIRST_TOKEN = 100;

/** A worker with a real endpoint and store, and an engine that echoes; the chain shows a full channel for each client. Returns its URL and what ends it. */
export async function startEchoWorker(folder: string, clients: number, millisPerToken: number): Promise<{ url: string; stop(): void }> {
  const model = openModel();
  const { keys, channels } = await benchWorld(folder, clients);
  const store = ChannelStore.open(folder, { networkId: BENCH_NETWORK, workerKey: Buffer.from(keys.signingPublic).toString('hex') }, unixNow());
  const data = new Map(channels.map(({ address, terms }) => [address.toRawString(), packChannel(terms)]));
  const { config } = await Blockchain.create({ config: 'slim' });
  const prices = readNetworkPrices(config);
  const chain = {
    getAccount: async (address: Address) => ({
      state: 'active' as const, balance: 10n ** 15n, code: channels[0].code, data: data.get(address.toRawString()) ?? null, apiTime: unixNow(),
    }),
    networkPrices: async () => prices,
  };
  const policy = {
    networkId: BENCH_NETWORK, stake: new Uint8Array(accountOf(BENCH_STAKE).hash), payout: accountOf(2), claimKeys: [channels[0].terms.claimKey], minCloseDelay: CLOSE_DELAY,
  };
  const server = createServer();
  const endpoint = new ChannelEndpoint(server, {
    desk: new ChannelDesk({ chain, store, policy, now: unixNow, viewSeconds: 60 }), policy, store, keys, vault: new RequestVault(keys.signingSecret), engine: echoEngine(millisPerToken), model, now: unixNow, admission: new Admission(UNBOUNDED),
    serving: { workerKey: keys.signingPublic, tier: Tier.bonded, promptPrice: BENCH_PRICE, outputPrice: BENCH_PRICE, maxTokens: 256, maxSeconds: 3_600 },
    log: createLogger('error'), draining: new AbortController().signal,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`,
    stop() {
      endpoint.close();
      server.close();
      store.close();
    },
  };
}
