/** What a client needs to buy from the worker of a test: its port, its model's card, and the channel with it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ModelCard } from '../../gateway';
import type { BoughtChannel } from '../../gateway/channel/order';
import { Tier } from '../../protocol';
import { CHANNEL_PATH, ChannelEndpoint } from '../../worker/channels/endpoint';
import type { ServedModel } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { NOW, PRICES, type WorkerWorld } from '../worker/channels/conversationWorld';

/** The stake that is in the worker's policy and the terms of its channel. */
export const STAKE = new Uint8Array(32).fill(3);

export const cardOf = ({ name, model: { config, tokenizer, modelRoot } }: ServedModel): ModelCard => ({
  id: name, createdSeconds: NOW, ownedBy: 'a provider', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab,
});

/** The worker's channel, bought at its prices with a budget of one TON. */
export const boughtFrom = (world: WorkerWorld, url: string, changes: Partial<BoughtChannel> = {}): BoughtChannel => ({
  networkId: 2026, channel: world.address, url, workerKey: world.keys.signingPublic, sealingKey: world.keys.sealingPublic, clientKey: world.clientKey.publicKey,
  sign: (hash) => world.clientKey.sign(hash), ed25519: nodeEd25519, client: new Uint8Array(32).fill(1), stake: STAKE, tier: Tier.bonded,
  imageHash: new Uint8Array(32), promptPrice: PRICES.promptPrice, outputPrice: PRICES.outputPrice, budget: 10n ** 9n, ...changes,
});

/** The worker behind a real socket, until `stop`, which ends every connection too. */
export async function serve(world: WorkerWorld): Promise<{ url: string; server: Server; endpoint: ChannelEndpoint; stop: () => void }> {
  const server = createServer();
  const endpoint = new ChannelEndpoint(server, world.context);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    endpoint.close();
    server.close();
    server.closeAllConnections();
  };
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${CHANNEL_PATH}`, server, endpoint, stop };
}
