import { ChannelBackend } from '../../gateway/channel/channelBackend';
import type { ClientStore } from '../../gateway/channel/clientStore';
import type { LoadedModel } from '../../worker/engine';
import { GREEDY_SAMPLING, Tier } from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { NOW, PRICES } from '../worker/channels/conversationWorld';

/** Hex, but for the URL. */
export interface GatewayParties {
  url: string;
  channel: string;
  workerKey: string;
  sealingKey: string;
  secret: string;
}

export function clientOf({ url, ...keys }: GatewayParties, { modelRoot, tokenizer, config }: LoadedModel['model'], store: ClientStore): ChannelBackend {
  const [channel, workerKey, sealingKey, secret] = [keys.channel, keys.workerKey, keys.sealingKey, keys.secret].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
  const card = { id: 'seeded', createdSeconds: NOW, ownedBy: 'tests', modelRoot, tokenizer, contextTokens: config.context, vocabularySize: config.vocab };
  return new ChannelBackend(card, {
    networkId: 2026, url, channel, workerKey, sealingKey, clientKey: nodeEd25519.publicKey(secret), sign: (hash) => nodeEd25519.sign(hash, secret), ed25519: nodeEd25519,
    client: new Uint8Array(32).fill(1), stake: new Uint8Array(32).fill(3), tier: Tier.bonded, imageHash: new Uint8Array(32), promptPrice: PRICES.promptPrice,
    outputPrice: PRICES.outputPrice, budget: 9n * 10n ** 8n,
  }, store, () => NOW);
}

/** Buys one answer. @param given hears of each piece that the application gets */
export async function askFor(backend: ChannelBackend, maxTokens: number, name: number, given: (receipt: { seq: number; dueNano: string }) => void): Promise<void> {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, name);
  const signals = { abort: AbortSignal.timeout(60_000), enough: new AbortController().signal };
  const asked = { model: 'seeded', promptTokens: [1, 2, 3], maxTokens, stopTokens: [], sampling: { ...GREEDY_SAMPLING, seed }, ...signals };
  for await (const event of backend.complete(asked)) if (event.kind === 'tokens') given(event.receipt as { seq: number; dueNano: string });
}
